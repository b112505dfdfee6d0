"""What monitors and programs read: metrics that Prometheus' own tool accepts, the access log, and an API that holds to
its description."""

import json
import shutil
import subprocess
import time

import httpx
import pytest
import schemathesis
from openapi_spec_validator import validate
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from processes import Program, free_port
from raw import RawAgent, RawClient, headers
from test_local import NOBODY, needs_root, wait_until
from world import Hub, World


def token(node):
    return (node.state / "control.token").read_text().strip()


def base(node):
    return f"http://{node.ready['control']}"


def read(node, path, **headers):
    fields = {"authorization": f"Bearer {token(node)}", **headers}
    return httpx.get(base(node) + path, headers=fields, timeout=20)


def samples(node):
    """The numbers of `/metrics` by name and labels, parsed as OpenMetrics."""
    answer = read(node, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return [(sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(answer.text) for sample in family.samples]


def total(numbers, name, **labels):
    return sum(value for key, own, value in numbers if key == name and labels.items() <= own.items())


def call(port, path="/"):
    with RawClient(port) as client:
        client.send(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path.encode())
        return client.rest()[0]


def accesses(node):
    lines = node.program.log.read_text().splitlines()
    return [json.loads(line)["access"] for line in lines if line.startswith('{"time"') and line.endswith("}")]


def test_requests_are_counted_on_both_sides_and_told_to_the_access_log(own):
    for node in (own.a, own.b):
        node.config["log"]["access"] = True
        node.write_config()
    wait_until(lambda: all("read again" in node.program.log.read_text() for node in (own.a, own.b)), "the reload")
    for _ in range(3):
        assert b"200 OK" in call(own.ports["raw"], "/secret/place?token=hush")
    labels = {"service": "raw", "status": "2xx"}
    for node in (own.a, own.b):
        wait_until(lambda: total(samples(node), "postern_requests_total", **labels) == 3, "three requests")
    for node, direction in ((own.a, "reached"), (own.b, "exposed")):
        numbers, labels = samples(node), {"direction": direction, "service": "raw"}
        assert total(numbers, "postern_requests_total", status="2xx", **labels) == 3
        assert total(numbers, "postern_requests_in_flight", **labels) == 0
        assert total(numbers, "postern_request_duration_seconds_count", **labels) == 3
        assert total(numbers, "postern_first_byte_seconds_count", **labels) == 3
        assert total(numbers, "postern_request_duration_seconds_bucket", le="+Inf", **labels) == 3
        assert total(numbers, "postern_request_bytes_total", **labels) > 100
        assert total(numbers, "postern_response_bytes_total", **labels) > 100
        assert total(numbers, "postern_peers", path="direct") == 1
        assert total(numbers, "postern_audit_entries_total") > 0
        wait_until(lambda: len(accesses(node)) == 3, "three lines in the access log")
        assert "hush" not in node.program.log.read_text()
        entries = accesses(node)
        assert entries[0].items() >= {
            "direction": direction, "service": "raw", "method": "GET", "path": "/secret/place", "status": 200,
            "error": None}.items()
        assert entries[0]["durationMs"] >= entries[0]["firstByteMs"] > 0
    traffic = next(entry for entry in read(own.b, "/api/v1/traffic").json() if entry["service"] == "raw")
    assert traffic["requests"] == 3 and sum(minute["requests"] for minute in traffic["minutes"]) == 3
    assert len(traffic["minutes"]) == 60 and any(minute["p95Ms"] for minute in traffic["minutes"])


def test_errors_of_ours_are_counted_by_code(own):
    own.raw.close()
    assert b"upstream-refused" in call(own.ports["raw"])
    for node, direction in ((own.a, "reached"), (own.b, "exposed")):
        wait_until(lambda: total(samples(node), "postern_requests_total", direction=direction, status="5xx") == 1, "5xx")
    assert total(samples(own.b), "postern_request_errors_total", service="raw", code="upstream-refused") == 1
    assert total(samples(own.b), "postern_requests_in_flight") == 0


def test_a_running_stream_is_listed_and_can_be_cut(own):
    own.raw.handler = lambda connection: connection.read_request() and time.sleep(30)
    with RawClient(own.ports["raw"]) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        wait_until(lambda: any(entry["inFlight"] for entry in read(own.a, "/api/v1/streams").json()), "the stream")
        stream = next(entry for entry in read(own.a, "/api/v1/streams").json() if entry["inFlight"])
        assert stream["service"] == "raw" and stream["direction"] == "reached" and stream["bytesIn"] > 0
        header = {"authorization": f"Bearer {token(own.a)}"}
        cut = httpx.post(base(own.a) + "/api/v1/streams/cut", json={"id": stream["id"]}, headers=header)
        assert cut.json() == {"id": stream["id"]}
        assert client.rest() == (b"", "reset")
    again = httpx.post(base(own.a) + "/api/v1/streams/cut", json={"id": stream["id"]}, headers=header)
    assert again.status_code == 404 and again.json()["error"]["code"] == "no-such-stream"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_has_nothing_to_say(world):
    text = read(world.b, "/metrics").text
    run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_the_description_is_valid_and_errors_are_problems(world):
    answer = read(world.b, "/api/v1/openapi.json")
    validate(answer.json())
    missing = httpx.get(base(world.b) + "/api/v1/services?peer=nobody", headers={"authorization": "Bearer wrong"})
    assert missing.status_code == 401 and missing.headers["content-type"] == "application/problem+json"
    problem = read(world.b, "/api/v1/services?peer=nobody-at-all")
    assert problem.headers["content-type"] == "application/problem+json"
    document = problem.json()
    assert document["status"] == problem.status_code == 404
    assert document["title"] == document["error"]["code"] == "unknown-peer"
    assert document["detail"] == document["error"]["message"]


def test_no_input_makes_the_api_fail(own):
    """Schemathesis: what the description allows, and what it does not, never ends in a 5xx; a bounded number."""
    header = {"authorization": f"Bearer {token(own.b)}"}
    schema = schemathesis.openapi.from_dict(read(own.b, "/api/v1/openapi.json").json())
    count = 0
    with httpx.Client(base_url=base(own.b), headers=header, timeout=20) as client:
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path in ("/api/v1/events", "/api/v1/ping", "/api/v1/services", "/api/v1/join"):
                continue
            for case in examples(operation, 2):
                url = operation.path
                query = {name: value for name, value in (case.query or {}).items()}
                body = case.body if operation.method == "post" else None
                content = json.dumps(body).encode() if isinstance(body, (dict, list, str, int, float)) else b""
                answer = client.request(operation.method, url, params=query, content=content)
                assert answer.status_code < 500, f"{operation.method} {url} {query} {content[:300]}: {answer.text}"
                count += 1
    assert count > 50
    assert read(own.b, "/healthz").status_code == 200


def examples(operation, count):
    """So many cases for an operation, the same in every run."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    cases = []

    @seed(14)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def collect(case):
        cases.append(case)

    collect()
    return cases


def test_the_cookie_of_the_page_is_not_told_to_agents(own):
    """Browsers send the cookies of 127.0.0.1 to each of its ports; the one of the status page stays here."""
    with RawClient(own.ports["raw"]) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                    b"Cookie: theme=dark; postern-control=00ff; lang=en\r\nCookie: postern-control=00ff\r\n\r\n")
        assert b"200 OK" in client.rest()[0]
    head, _ = own.raw.wait_for_connection(1).last
    assert b"postern-control" not in head
    assert headers(head, "cookie") == ["theme=dark; lang=en"]


@needs_root
def test_the_cookie_of_the_page_counts_only_from_the_same_user(world):
    """Who serves on another port of 127.0.0.1 gets the cookie from a browser, and can do nothing with it."""
    entered = httpx.get(world.b.cli("open", "--no-browser")["url"])
    cookie = entered.headers["set-cookie"].split(";")[0]

    def status(path, user, *more):
        run = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Cookie: {cookie}", *more, base(world.b) + path],
            capture_output=True, text=True, timeout=20, user=user, cwd="/")
        return run.stdout

    forged = ["-X", "POST", "-d", "{}", "-H", f"Origin: {base(world.b)}"]
    assert status("/api/v1/status", 0) == "200"
    assert status("/api/v1/status", NOBODY.pw_uid) == "401"
    assert status("/api/v1/contact", NOBODY.pw_uid, *forged) == "401"
    assert status("/api/v1/contact", 0, *forged) == "200"


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian: prometheus) is not installed")
def test_a_real_prometheus_scrapes_a_sidecar_and_a_hub(tmp_path):
    """With the token of the state directory, as README says; what was counted is found by a query."""
    with RawAgent() as agent, World(tmp_path, hub=False) as world:
        hub = Hub(tmp_path)
        (hub.state / "hub.yaml").write_text('control: {listen: "127.0.0.1:0", metrics: open}')
        world.hub = world.add(hub.start())
        for node in (world.a, world.b):
            node.config["hubs"] = [hub.url]
        port = world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        for _ in range(3):
            assert httpx.get(f"http://127.0.0.1:{port}/", timeout=20).status_code == 200
        (tmp_path / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "sidecar", "static_configs": [{"targets": [world.a.ready["control"]]}],
                 "authorization": {"credentials_file": str(world.a.state / "control.token")}},
                {"job_name": "hub", "static_configs": [{"targets": [hub.ready["control"]]}]}]}))
        place = f"127.0.0.1:{free_port()}"
        world.add(Program("prometheus", [
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address={place}"], tmp_path))

        def ask(path, **query):
            try:
                return httpx.get(f"http://{place}/api/v1/{path}", params=query, timeout=5).json()["data"]
            except (httpx.HTTPError, KeyError, ValueError):
                return {}

        def found(query):
            return [float(one["value"][1]) for one in ask("query", query=query).get("result", [])]

        wait_until(lambda: found("up") == [1, 1], "both are scraped", 40)
        wait_until(lambda: found('postern_requests_total{direction="reached",status="2xx"}') == [3], "the calls", 20)
        wait_until(lambda: found("postern_hub_nodes_online") == [2], "the nodes of the hub", 20)
        targets = ask("targets")["activeTargets"]
        assert [target["lastError"] for target in targets] == ["", ""]
