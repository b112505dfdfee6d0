"""The measuring program runs and says what it measured. Figures are for README and for eyes, not for a gate here."""

import json
import re
import subprocess

import pytest

from processes import PROGRAMS

pytestmark = pytest.mark.alone

BENCH = PROGRAMS / "postern-bench"
NAMES = ["aead", "packet", "stream", "rpc", "relay", "http", "cold", "hub-register", "hub-lookup"]
ONCE = ["idle", "allocations", "instructions"]


def bench(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=80)


def test_what_can_be_measured_is_listed():
    run = bench("list")
    assert run.returncode == 0
    assert all(f"{name} " in run.stdout for name in [*NAMES, *ONCE])
    listed = json.loads(bench("list", "--json").stdout)
    assert {entry["name"] for entry in listed} >= {*NAMES, *ONCE, "noise-vectors"} and all(e["summary"] for e in listed)


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


def test_what_costs_more_than_its_budget_fails_until_the_budget_is_set_anew(tmp_path):
    sealing = next(
        result["what"] for result in json.loads(bench("run", "aead", "--seconds", "1", "--json").stdout)["results"])
    file = tmp_path / "sealing.json"

    def budget(value):
        entry = {"what": sealing, "value": value, "tolerance": 0.5, "slack": 0}
        file.write_text(json.dumps({"bench": "aead", "about": "a test", "budgets": [entry]}))

    def check(*more):
        return bench("budgets", tmp_path, "--seconds", "1", *more)

    budget(0.001)
    run = check()
    assert run.returncode == 1 and "OVER THE BUDGET" in run.stdout
    assert check("--update").returncode == 0
    assert json.loads(file.read_text())["budgets"][0]["value"] > 1
    run = check()
    assert run.returncode == 0 and "BUDGET" not in run.stdout
    budget(1e9)
    run = check()
    assert run.returncode == 0 and "clearly better" in run.stdout


def test_a_budget_of_nothing_that_is_measured_fails(tmp_path):
    entry = {"what": "nonsense", "value": 1, "tolerance": 0, "slack": 0}
    (tmp_path / "a.json").write_text(json.dumps({"bench": "aead", "about": "a test", "budgets": [entry]}))
    run = bench("budgets", tmp_path, "--seconds", "1")
    assert run.returncode == 1 and "nonsense" in run.stderr
