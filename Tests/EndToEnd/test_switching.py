"""A stream whose way changes under it: from the relay to a direct path and back, and routers that forget and move.

Every byte is compared, and the report is printed. By day the short form; POSTERN_TEST_SWITCHING=1 moves 200 MB and soaks
for five minutes. Needs root.
"""

import os
import random
import sys
import time
from pathlib import Path

import pytest

import nats
from test_endurance import Transfer, longest_silence
from test_paths import kinds, start, wait_for

sys.path.append(str(Path(__file__).parent / "agents"))
import sequence  # noqa: E402

pytestmark = [pytest.mark.alone, pytest.mark.skipif(nats.why_not() is not None, reason=str(nats.why_not()))]
KINDS = ["full-cone", "port-restricted", "port-restricted-mapped", "symmetric"]
IS_LONG = os.environ.get("POSTERN_TEST_SWITCHING") == "1"


def check(transfer, patience, longest):
    report = transfer.report(patience)
    silences = [round(length, 2) for _, length in report["silences"]]
    print({"bytes": report["bytes"], "p99": report["p99"], "silences": silences})
    assert report["sha256"] == sequence.sha256(transfer.total)
    assert longest_silence(report) < longest, report


@pytest.mark.timeout(240)
def test_a_transfer_goes_on_from_the_relay_to_a_direct_path_and_back(tmp_path):
    """Relay, direct, both routers restart, relay, direct: every byte in its place, and hardly a silence (3 s: a busy machine)."""
    pace = 8_000_000 if IS_LONG else 2_500_000
    total = 200_000_000 if IS_LONG else 30_000_000
    with nats.Internet("symmetric", "symmetric") as internet, start(tmp_path, internet, nats.HUB) as world:
        transfer = Transfer(world, "down", total, pace=pace)
        stay = total / pace / 8
        for kind, path in (("symmetric", "relay"), ("port-restricted", "direct"), ("symmetric", "relay"),
                           ("port-restricted", "direct")):
            for host in ("a", "b"):
                if internet.kinds[host] != kind:
                    internet.set(host, kind)
            wait_for(lambda: kinds(world) == [path, path], 20)
            time.sleep(stay)
            if path == "direct":
                for host in ("a", "b"):
                    internet.forget(host)
                time.sleep(stay)
        check(transfer, 120, longest=3)


@pytest.mark.timeout(600)
def test_a_stream_outlives_routers_that_change_and_forget_at_random(tmp_path):
    seconds, seed = (300, int(time.time())) if IS_LONG else (12, int(time.time()) // 86_400)
    print("seed", seed)
    draw = random.Random(seed)
    with nats.Internet("port-restricted", "full-cone") as internet, start(tmp_path, internet, nats.HUB) as world:
        pace = 1_000_000
        transfer = Transfer(world, "down", pace * seconds, pace=pace)
        free = [f"203.0.113.{number}" for number in range(100, 250)]
        end = time.monotonic() + seconds
        while time.monotonic() < end - 2:
            host = draw.choice("ab")
            match draw.randrange(4):
                case 0:
                    internet.forget(host)
                case 1:
                    internet.set(host, draw.choice(KINDS))
                case 2:
                    internet.readdress(host, free.pop())
                case 3:
                    kind = internet.kinds[host]
                    internet.set(host, "blackout")
                    time.sleep(draw.uniform(0.2, 1))
                    internet.set(host, kind)
            time.sleep(draw.uniform(0.5, 3))
        check(transfer, 60, longest=6)
