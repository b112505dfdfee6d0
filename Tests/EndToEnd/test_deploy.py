"""What is in `Config` for those who run it: files that their tools take, and that say what is true of the program."""

import json
import os
import re
import shutil
import subprocess
import sys

import httpx
import pytest
import yaml

from processes import POSTERN, ROOT
from test_every_command import leaves
from test_observe import base, token
from world import postern

CONFIG = ROOT / "Config"


def documents(name):
    return [document for document in yaml.safe_load_all((CONFIG / name).read_text()) if document]


@pytest.mark.parametrize("name, key", [("kubernetes/sidecar.yaml", "postern.yaml"), ("kubernetes/hub.yaml", "hub.yaml")])
def test_the_configuration_in_a_manifest_is_one(tmp_path, name, key):
    settings = next(document for document in documents(name) if document["kind"] == "ConfigMap")
    # The example's hub is nobody's.
    text = re.sub(r"hubs:.*", "hubs: []", settings["data"][key])
    (tmp_path / key).write_text(text)
    if key == "postern.yaml":
        run = postern("config", "check", tmp_path / key)
        assert run.returncode == 0, run.stdout + run.stderr
    pod = next(document for document in documents(name) if document["kind"] == "StatefulSet")["spec"]["template"]["spec"]
    for container in pod["containers"] + pod.get("initContainers", []):
        if container["image"] == "postern":
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_every_command_of_the_deployments_exists():
    services = documents("compose.yaml")[0]["services"]
    commands = {services[name]["command"][0] for name in ("hub", "sidecar")}
    for command in commands | {"status", "init"}:
        assert postern(command, "--help").returncode == 0


def packages(script):
    """What a shell script or Containerfile names as packages of Debian, by stage for the latter."""
    text = re.sub(r"(?m)^#.*\n", "", (CONFIG / script).read_text()).removeprefix("FROM ")
    return [set(re.findall(r"[a-z][a-z0-9.+-]+", part)) for part in text.split("\nFROM ")]


def test_the_container_has_the_libraries_to_build_with_and_to_run():
    building, running = packages("Containerfile")
    [wanted] = packages("quickstart.sh")
    assert {name for name in wanted if name.endswith("-dev")} - {"libllhttp-dev"} <= building
    linked = subprocess.run(["ldd", POSTERN], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"=> (/(?:usr/)?lib/\S+)", linked):
        owners = subprocess.run(
            ["dpkg", "-S", path, "/usr" + path], capture_output=True, text=True).stdout.split(":")[0].split("\n")
        # What Debian's slim image has anyway.
        assert owners[0] in running | {"libc6", "libgcc-s1", ""}, path


def test_the_dashboard_asks_for_metrics_that_there_are(world):
    text = httpx.get(base(world.b) + "/metrics", headers={"authorization": f"Bearer {token(world.b)}"}).text
    known = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    dashboard = json.loads((CONFIG / "grafana-dashboard.json").read_text())
    wanted = {name for panel in dashboard["panels"] for target in panel["targets"]
              for name in re.findall(r"postern_\w+", target["expr"])}
    # Of what has labels there is a line only once there was traffic, and errors.
    missing = {re.sub("_bucket$", "", name) for name in wanted} - known
    assert not {name for name in missing if "request" not in name and "first_byte" not in name
                and "response" not in name}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_is_one(tmp_path):
    unit = tmp_path / "postern-hub.service"
    unit.write_text((CONFIG / "systemd/postern-hub.service").read_text().replace("/usr/bin/postern", str(POSTERN))
                    .replace("Documentation=man:postern(1)\n", ""))
    run = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=30)
    assert "postern-hub.service:" not in run.stderr, run.stderr


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_the_package_has_program_unit_and_completions(tmp_path):
    # A small program in the place of ours, which debug symbols make large.
    program = tmp_path / "postern"
    program.write_text(f'#!/bin/sh\nexec "{POSTERN}" "$@"\n')
    program.chmod(0o755)
    run = subprocess.run([CONFIG / "package.sh", tmp_path], capture_output=True, text=True, timeout=60, env={
        **os.environ, "POSTERN_BINARY": str(program), "PATH": without_strip(tmp_path)})
    assert run.returncode == 0, run.stderr
    package = run.stdout.strip()
    listing = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    for path in ["./usr/bin/postern", "systemd/system/postern-hub.service", "completions/postern", "_postern",
                 "postern.fish", "README.md", "man1/postern.1.gz"]:
        assert path in listing
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path / "root"], check=True)
    shown = subprocess.run([tmp_path / "root/usr/bin/postern", "--version"], capture_output=True, text=True, check=True)
    assert f"_{shown.stdout.strip()}_" in package
    assert "complete" in (tmp_path / "root/usr/share/bash-completion/completions/postern").read_text()


def test_the_manual_page_has_every_command(tmp_path):
    dump = subprocess.run([POSTERN, "--experimental-dump-help"], capture_output=True, check=True).stdout
    page = tmp_path / "postern.1"
    page.write_bytes(subprocess.run(
        [sys.executable, CONFIG / "manual.py"], input=dump, capture_output=True, check=True).stdout)
    text = page.read_text().replace("\\-", "-")
    for words, _ in leaves():
        assert f".SS \\fBpostern {words}\\fR" in text or words in ("hub", ""), words
    for mark in (".SH NAME", ".SH COMMANDS", ".SH FILES", '.SH "EXIT STATUS"'):
        assert mark in text
    if shutil.which("man") is None:
        return
    run = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True, text=True, timeout=60,
        env={**os.environ, "MANWIDTH": "100", "MANPAGER": "cat"})
    assert run.returncode == 0 and not run.stderr.strip(), run.stderr
    assert "postern trust approve" in run.stdout and "--only" in run.stdout


def without_strip(folder):
    """A path on which `strip` leaves a script alone."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "strip").write_text("#!/bin/sh\n")
    (tools / "strip").chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"
