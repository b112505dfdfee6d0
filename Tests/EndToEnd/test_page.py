"""The status page in a real browser: each flow of an operator, live, without a word to anywhere else, at any width."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from raw import RawAgent, RawClient
from world import Sidecar, World

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are not installed")

HOSTILE = "<img src=x onerror=alert(1)>"


class Page:
    """A browser on the page of a sidecar."""

    def __init__(self, node, folder):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--disable-background-networking", "--no-first-run", f"--user-data-dir={folder}/profile"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.node = node
        self.base = f"http://{node.ready['control']}"

    def open(self):
        link = self.node.cli("open", "--no-browser")["url"]
        self.driver.get(link)
        self.wait(lambda: self.text("#live") == "live", "the page is live")
        return link

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, selector="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def wait(self, condition, what, timeout=20):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}; the page says {self.text()[:3000]}"
            time.sleep(0.1)

    def press(self, key):
        """Gives the button the focus and presses Enter, as who uses no mouse does."""
        from selenium.webdriver.common.keys import Keys

        found = f'[data-key^="{key}"]'
        self.wait(lambda: self.run("return !!document.querySelector(arguments[0])", found), f"a button {key}")
        self.run("document.querySelector(arguments[0]).focus()", found)
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)

    def say_yes(self):
        self.wait(lambda: self.run("return document.querySelector('#sure').open"), "a question")
        self.run("document.querySelector('#sure button[value=yes]').click()")

    def look(self, width, scheme, path=None):
        """The page at a width, in light or dark; kept where `path` says."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        time.sleep(0.2)
        if path:
            height = self.run("return document.documentElement.scrollHeight")
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": width, "height": min(height, 4000), "scale": 1}})
            Path(path).write_bytes(base64.b64decode(shot["data"]))


    def scan(self, selector, folder):
        """What a camera reads in that part of the page."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 1280, "height": 1000, "deviceScaleFactor": 2, "mobile": False})
        picture = Path(folder) / "code.png"
        self.driver.find_element("css selector", selector).screenshot(str(picture))
        run = subprocess.run(["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, timeout=20)
        return run.stdout.strip()


@pytest.fixture
def place(tmp_path_factory):
    """`b`, whose page is looked at, offers two services; `a` uses one."""
    folder = tmp_path_factory.mktemp("page")
    with RawAgent() as agent, World(folder) as world:
        world.raw = agent
        world.serve("tools", "http", f"http://127.0.0.1:{agent.port}")
        world.b.expose("planner", 99, "http", "http://127.0.0.1:9", allow=["trusted"])
        world.start()
        world.b.cli("network", "create", "acme")
        for _ in range(40):
            with RawClient(world.ports["tools"]) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                client.rest()
        page = Page(world.b, folder)
        try:
            world.link = page.open()
            world.page = page
            yield world
        finally:
            page.driver.quit()


def stranger(world, name):
    node = world.add(Sidecar(world.folder, name, world.hub.url))
    node.write_config()
    node.start()
    node.cli("trust", "request", world.b.cli("contact")["contact"], "--note", HOSTILE)
    return node


def the_link_is_good_once_and_leaves_no_secret(place):
    page = place.page
    assert page.driver.current_url == page.base + "/"
    assert httpx.get(place.link).status_code == 403
    assert page.run("return document.cookie") == "", "scripts do not see the cookie"
    assert "once=" not in page.run("return JSON.stringify(performance.getEntries().map(entry => entry.name))")


def what_is_there_is_shown(place):
    page = place.page
    assert page.text("h1") == "b"
    page.wait(lambda: "direct" in page.text("#peers"), "the path of the peer")
    for text in ["tools", "planner", "offered"]:
        assert text in page.text("#services")
    page.wait(lambda: re.search(r"40\s+requests", page.text("#services")), "the requests of the last hour")
    labels = page.run("return [...document.querySelectorAll('svg')].map(svg => svg.getAttribute('aria-label'))")
    assert any("40 requests" in label for label in labels) and all(labels)
    assert "acme" in page.text("#networks") and "owner" in page.text("#networks")
    assert "configuration" in page.text("#log") or "serving" in page.text("#log")


def a_request_appears_by_itself_and_is_approved_for_some(place):
    page = place.page
    asker = stranger(place, "asker")
    page.wait(lambda: HOSTILE in page.text("#requests"), "the request, as text")
    assert "1 request waits" in page.text("#attention")
    assert page.run("return document.querySelectorAll('#requests img').length") == 0
    # Only the first service stays chosen.
    page.run("""document.querySelectorAll('#requests input[type=checkbox]').forEach(box => {
        if (box.checked !== (box.value === 'tools')) box.click();
    })""")
    page.press("approve ")
    asker.wait_for_peer(place.b.did, lambda peer: peer["trusted"], "became trusted")
    page.wait(lambda: page.run("return document.querySelector('#requests').hidden"), "the request is gone")
    trusted = {entry["did"]: entry["services"] for entry in place.b.cli("trust", "list")["trusted"]}
    assert trusted[asker.did] == ["tools"]


def a_request_is_rejected(place):
    page = place.page
    asker = stranger(place, "rejected")
    page.press("reject ")
    page.wait(lambda: page.run("return document.querySelector('#requests').hidden"), "the request is gone")
    assert asker.did not in [entry["did"] for entry in place.b.cli("trust", "list")["trusted"]]


def a_running_stream_is_cut(place):
    page = place.page
    place.raw.handler = lambda connection: connection.read_request() and time.sleep(30)
    with RawClient(place.ports["tools"]) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        page.press("cut ")
        page.say_yes()
        page.wait(lambda: "Nothing is open" in page.text("#streams"), "the stream is gone")
    place.raw.handler = RawAgent.serve_ok


def an_invitation_is_made_and_withdrawn(place):
    page = place.page
    page.run("document.querySelector('#invite-for').value = 'tools'")
    page.run("document.querySelector('#invite button').click()")
    page.wait(lambda: "postern:" in page.text("#invitation") or len(page.text("#invitation")) > 100, "the invitation")
    if shutil.which("qrencode") and shutil.which("zbarimg"):
        page.wait(lambda: page.run("return !!document.querySelector('#invitation svg.code')"), "a QR code")
        assert page.scan("#invitation svg.code", place.folder) == page.text("#invitation code")
    page.press("withdraw ")
    page.say_yes()
    page.wait(lambda: "None is open" in page.text("#invitations"), "the invitation is withdrawn")


def the_doctor_looks_and_what_is_broken_needs_attention(place):
    page = place.page
    page.run("document.querySelector('#doctor-look').click()")
    page.wait(lambda: "planner" in page.text("#doctor"), "the doctor's findings", timeout=40)
    first = page.text("#doctor tbody tr")
    assert "broken" in first and "planner" in first and "start" in first, first
    assert "The doctor found" in page.text("#attention")


def the_audit_trail_is_filtered(place):
    page = place.page
    page.run("document.querySelector('#audit-again').click()")
    page.wait(lambda: "trust.give" in page.text("#audit"), "the audit trail")
    page.run("""const box = document.querySelector('#audit-filter'); box.value = 'invitation.revoke';
        box.dispatchEvent(new Event('input'))""")
    text = page.text("#audit")
    assert "invitation.revoke" in text and "trust.give" not in text


# The smallest contrast between a text and what is behind it (WCAG 2.2 §1.4.3).
CONTRAST = """
    const parse = color => color.match(/[\\d.]+/g).map(Number);
    const shine = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92
        : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
    const behind = node => { for (; node; node = node.parentElement) {
        const color = parse(getComputedStyle(node).backgroundColor);
        if (color.length < 4 || color[3] > 0) return color; } return [255, 255, 255]; };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let worst = [99, ''];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.closest('svg, script, .skip'))
            continue;
        const [a, b] = [shine(parse(getComputedStyle(element).color)), shine(behind(element))];
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < worst[0]) worst = [ratio, walker.currentNode.data.trim().slice(0, 60)];
    }
    return worst;
"""


def it_is_readable_at_any_width(place):
    for width in (360, 1200):
        for scheme in ("light", "dark"):
            it_is_readable(place.page, width, scheme)


def it_is_readable(page, width, scheme):
    page.run("""const box = document.querySelector('#audit-filter'); box.value = '';
        box.dispatchEvent(new Event('input')); window.scrollTo(0, 0)""")
    shots = os.environ.get("POSTERN_SCREENSHOTS")
    page.look(width, scheme, Path(shots) / f"page-{width}-{scheme}.png" if shots else None)
    assert page.run("return document.documentElement.scrollWidth") <= width, "nothing is cut off at the side"
    ratio, text = page.run(CONTRAST)
    assert ratio >= 4.5, f"{text}: {ratio:.2f}"
    for selector in ("button", "input"):
        assert page.run(f"""return [...document.querySelectorAll('{selector}')].every(
            one => one.innerText || one.closest('label') || one.ariaLabel)"""), "everything has a name"
    assert page.run("""const levels = [...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1]);
        return levels[0] === 1 && levels.every((level, at) => !at || level <= levels[at - 1] + 1)""")


def nothing_went_wrong_and_nothing_left_the_origin(place):
    page = place.page
    faults = [entry["message"] for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert faults == []
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    urls = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    foreign = {url for url in urls if not url.startswith((page.base + "/", "data:", "chrome:", "about:"))}
    assert urls and not foreign


def it_says_when_the_sidecar_is_gone(place):
    place.b.stop()
    place.page.wait(lambda: "not connected" in place.page.text("#live"), "the page notices")
    assert "does not answer" in place.page.text("#attention")


@pytest.mark.timeout(180)
def test_an_operator_s_day(place):
    """One browser and one world for all flows, since both take their time to start."""
    for step in [
        the_link_is_good_once_and_leaves_no_secret, what_is_there_is_shown,
        a_request_appears_by_itself_and_is_approved_for_some, a_request_is_rejected, a_running_stream_is_cut,
        an_invitation_is_made_and_withdrawn, the_doctor_looks_and_what_is_broken_needs_attention, the_audit_trail_is_filtered, it_is_readable_at_any_width,
        nothing_went_wrong_and_nothing_left_the_origin, it_says_when_the_sidecar_is_gone,
    ]:
        step(place)
