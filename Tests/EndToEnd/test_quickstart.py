"""`Config/quickstart.sh`, as the first thing that a newcomer runs."""

import re
import signal
import subprocess

import pytest

from processes import ROOT, Program

pytestmark = pytest.mark.alone

SCRIPT = ROOT / "Config" / "quickstart.sh"


@pytest.mark.timeout(900)
def test_once_makes_both_calls_and_stops():
    run = subprocess.run([SCRIPT, "--once"], capture_output=True, text=True, timeout=890, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "MCP" in run.stdout and "A2A" in run.stdout


@pytest.mark.timeout(900)
def test_it_keeps_running_and_the_curl_line_works(tmp_path):
    program = Program("quickstart", [SCRIPT], tmp_path)
    try:
        deadline_lines = []
        while not any("curl" in line for line in program.lines):
            assert program.running, program.tail()
            deadline_lines = program.lines[-1:]
            program.process.poll()
            try:
                program.process.wait(0.5)
            except subprocess.TimeoutExpired:
                pass
        output = "\n".join(program.lines)
        curl = re.search(r"curl (?:[^\n]*\\\n)*[^\n]*", output)[0]
        answer = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=30)
        assert answer.returncode == 0 and "jsonrpc" in answer.stdout, f"{curl}: {answer.stdout} {answer.stderr}"
        page = re.search(r"http://127\.0\.0\.1:\d+/?", output.replace(curl, ""))
        assert page, f"no status page in {deadline_lines}"
        assert program.running
        program.signal(signal.SIGINT)
        assert program.process.wait(15) in (0, 130, -signal.SIGINT)
    finally:
        program.stop()
