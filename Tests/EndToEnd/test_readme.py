"""What README tells people to type is there: every command, and every option that it is shown with."""

import functools
import re

from processes import ROOT
from world import postern


@functools.cache
def help_of(*words):
    """What `--help` says of a command; None when there is no such command."""
    run = postern(*words, "--help")
    return run.stdout if run.returncode == 0 and f"postern {' '.join(words)}".strip() in run.stdout else None


def shown():
    """The words behind `postern` in README's code, of blocks and of sentences."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("postern ")]
    lines += re.findall(r"`(postern [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return sorted({line.split("#")[0].strip() for line in lines})


def command_of(words):
    """The longest beginning of `words` that is a command."""
    command = ()
    for word in words:
        if not re.fullmatch(r"[a-z-]+", word) or help_of(*command, word) is None:
            break
        command = (*command, word)
    return command


def test_every_command_in_readme_is_there_with_its_options():
    lines = shown()
    assert len(lines) > 40
    for line in lines:
        words = line.split()[1:]
        if not words or words[0].startswith("-"):
            continue
        command = command_of(words)
        assert command, f"README shows `{line}`, and there is no such command"
        # What `invite` and `contact` do by themselves has a page of its own.
        page = help_of(*command) + (help_of(*command, "create") or "")
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", line):
            assert option in page, f"README shows `{line}`"
