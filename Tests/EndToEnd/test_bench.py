"""The measuring program runs and says what it measured. Figures are for README and for eyes, not for a gate here."""

import json
import re
import subprocess

import pytest

from processes import PROGRAMS

BENCH = PROGRAMS / "postern-bench"
NAMES = ["aead", "packet", "stream", "rpc", "http"]


def bench(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=80)


def test_what_can_be_measured_is_listed():
    run = bench("list")
    assert run.returncode == 0
    assert all(name in run.stdout for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_measurement_states_median_and_spread(name):
    run = bench("run", name, "--seconds", "1")
    assert run.returncode == 0, run.stderr
    # median (lowest..highest), n=samples
    figures = re.findall(r"([\d.]+) \S+ \(([\d.]+)\.\.([\d.]+)\), n=(\d+)", run.stdout)
    assert figures, run.stdout
    for median, lowest, highest, samples in figures:
        assert float(lowest) <= float(median) <= float(highest) and int(samples) >= 3


def test_a_measurement_as_json():
    run = bench("run", "aead", "--seconds", "1", "--json")
    assert run.returncode == 0 and "median" in json.dumps(json.loads(run.stdout))


def test_what_is_unknown_is_wrong_usage():
    run = bench("run", "nonsense")
    assert run.returncode != 0 and run.stderr.strip()
