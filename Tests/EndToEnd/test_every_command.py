"""Every command there is, found by `--help`: how it is described, and what it says where it cannot do its work."""

import json
import os
import pwd
import re
import subprocess

import pytest

from processes import POSTERN
from world import Sidecar, postern

NOBODY = pwd.getpwnam("nobody")
# What each command is given; what is not named here takes nothing.
ARGUMENTS = {
    "services": ["bob"], "ping": ["bob"], "trust request": ["did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"],
    "trust withdraw": ["1"], "trust approve": ["1"], "trust reject": ["1"], "trust set": ["bob", "--for", "tools"],
    "trust revoke": ["bob"], "name": ["bob", "robert"], "invite revoke": ["1"], "join": ["postern-invite:x"],
    "expose": ["mcp", "http://127.0.0.1:9000"], "unexpose": ["tools"], "reach": ["bob:tools"],
    "unreach": ["bob:tools"], "contact revoke": ["1"], "block": ["bob"], "why": ["bob", "tools"],
    "call": ["bob:tools", "tools/list"], "connect": ["bob:tools"], "hub admin ban": ["did:key:x"],
    "hub admin unban": ["did:key:x"], "audit export": ["copy"], "hub backup": ["copy"],
    "identity export": ["copy"], "identity import": ["no-such-archive"], "find": ["travel"], "network create": ["acme"],
    "network show": ["acme"], "network invite": ["acme"], "network join": ["postern-network:x"],
    "network leave": ["acme"], "network add": ["acme", "bob"], "network remove": ["acme", "bob"],
    "network role": ["acme", "bob", "admin"], "network transfer": ["acme", "bob"], "network name": ["acme", "bob", "b"],
    "network group": ["acme", "ops", "bob"], "network policy": ["acme"], "network heal": ["acme"],
    "network authority add": ["acme"], "network authority list": ["acme"],
    "network authority remove": ["acme", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"],
    "network certify": [
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "--authority", "no-such-authority"],
}
# They serve, or work without a sidecar.
SERVES = {"up", "hub", "demo", "mcp", "init", "service install", "service uninstall", "config schema", "config check",
          "version", "doctor", "network certify"}


def leaves(words=()):
    """The words of each command that has no commands below it, and of those that run by themselves; with its help."""
    run = postern(*words, "--help")
    assert run.returncode == 0, (words, run.stderr)
    found = re.search(r"^SUBCOMMANDS:\n(.*?)(\n\n|\Z)", run.stdout, re.M | re.S)
    names = re.findall(r"^  ([a-z-]+)(?: \(default\))?(?:\s|$)", found[1], re.M) if found else []
    if not names or words == ("hub",):
        yield " ".join(words), run.stdout
    for name in names:
        yield from leaves((*words, name))


@pytest.fixture(scope="module")
def commands():
    found = dict(leaves())
    assert len(found) > 50
    return found


def error_of(run):
    """The error in a command's output, after checking its form."""
    error = json.loads(run.stdout)["error"]
    assert set(error) >= {"code", "message", "hint"} and all(error[name] for name in ("code", "message", "hint")), error
    lines = run.stderr.splitlines()
    assert lines[0] == f"error: {error['message']}" and lines[1] == f"hint: {error['hint']}", run.stderr
    return error


def test_every_command_describes_itself(commands):
    for words, text in commands.items():
        assert text.startswith("OVERVIEW: ") and f"USAGE: postern {words}" in text, words
        assert "--help" in text, words
        # A command takes no option of which it says nothing.
        options = re.search(r"^OPTIONS:\n(.*?)(\n\n|\Z)", text, re.M | re.S)
        for line in re.findall(r"^  (?:-\w, )?--.*$", options[1], re.M) if options else []:
            rest = text[text.index(line) + len(line):]
            assert re.search(r"\S\s{2,}\S", line.strip()) or rest.startswith("\n    "), f"{words}: {line}"


def test_every_command_refuses_what_it_does_not_know(commands):
    for words in commands:
        # What all commands take is none of it.
        run = postern(*words.split(), *ARGUMENTS.get(words, []), "--json", "--state", "/nowhere", "--config",
                      "/nowhere", "--no-such-option")
        assert run.returncode == 2 and error_of(run)["code"] == "usage", (words, run.stderr)
        cause = run.stderr.splitlines()[0]
        assert cause.startswith("error: ") and "--no-such-option" in cause, (words, cause)


def test_without_a_sidecar_every_command_says_so(commands, tmp_path):
    nowhere = tmp_path / "nowhere"
    for words in commands:
        if words in SERVES:
            continue
        run = postern(*words.split(), *ARGUMENTS.get(words, []), "--state", nowhere, "--json")
        error = error_of(run)
        if words == "identity import":
            assert (run.returncode, error["code"]) == (1, "archive-unreadable") and not nowhere.exists(), error
        elif words in ("expose", "unexpose", "reach", "unreach", "audit restart", "trust recover") or \
                words.startswith("identity "):
            assert run.returncode == 2 and "postern init" in error["hint"], (words, error)
        elif words.startswith("audit ") or words == "hub backup":
            assert run.returncode == 1 and "--state" in error["hint"], (words, error)
        else:
            assert (run.returncode, error["code"]) == (3, "not-running"), (words, error)
            who = "hub" if words.startswith("hub ") else "sidecar"
            assert error["message"].startswith(f"no {who} runs"), (words, error)
            assert ("postern hub" if who == "hub" else "postern init") in error["hint"], (words, error)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_users_directory_is_called_that_and_not_missing(commands, tmp_path):
    """No command says of files that it may not see that they are not there."""
    sidecar = Sidecar(tmp_path, "a")
    sidecar.write_config()
    for words in commands:
        if words in ("demo", "mcp", "config schema", "version", "init", "network certify"):
            continue
        run = subprocess.run(
            ["setpriv", f"--reuid={NOBODY.pw_uid}", "--clear-groups", POSTERN, *words.split(),
             *ARGUMENTS.get(words, []), "--state", sidecar.state, "--json"],
            capture_output=True, text=True, timeout=20, cwd="/", stdin=subprocess.DEVNULL)
        error = error_of(run)
        assert (run.returncode, error["code"]) == (1, "not-permitted"), (words, run.stdout)
        assert "another user" in error["message"] and "sudo -u" in error["hint"], (words, error)


def test_a_mistyped_argument_is_told_with_what_was_expected(tmp_path):
    whole = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    for arguments, words in (
        (["services", whole[:-3]], "56 characters, and this one has 53"),
        (["services", whole[:-1] + "0"], "mistyped"),
        (["services", "did:web:example.com"], "did:key:z6Mk"),
        (["ping", "b o b"], "an overlay address"),
        (["call", "bob", "tools/list"], "research:tools"),
        (["invite", "--expires", "1w"], "30m or 24h"),
        (["audit", "list", "--since", "yesterday"], "2026-01-31T12:00:00Z"),
        (["ping", "bob", "-c", "many"], "whole number"),
    ):
        run = postern(*arguments, "--state", tmp_path, "--json")
        assert run.returncode == 2 and words in error_of(run)["message"], run.stdout


def test_a_key_or_name_that_is_nearly_a_known_one_is_asked_about(world):
    known = world.b.did
    other = known[:-2] + ("AB" if known[-2:] != "AB" else "BA")
    for arguments in (["services", other], ["trust", "revoke", other], ["ping", other, "-c", "1"]):
        run = postern(*arguments, "--state", world.a.state, "--json")
        assert run.returncode == 1 and f"did you mean {known}?" in error_of(run)["hint"], run.stdout
    name = world.a.peer(known)["name"]
    run = postern("services", name + "x", "--state", world.a.state, "--json")
    assert run.returncode == 1 and f"did you mean {name}?" in error_of(run)["hint"], run.stdout


def test_a_name_that_nobody_has_is_told_by_what_would_give_it(world):
    """A petname has no dot: names with one come from the log of a network."""
    def hint(*arguments):
        run = postern(*arguments, "--state", world.a.state, "--json")
        assert run.returncode == 1, run.stdout
        return error_of(run)["hint"]

    assert "`postern name DID planner`" in hint("services", "planner")
    assert hint("services", "planner.acme") == "no network acme is joined here: see `postern network list`"
    assert "in the place of DID" in hint("services", "DID") and "postern name" not in hint("ping", "DID")


def test_where_a_name_waits_the_hint_fits_it(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    for peer in ("planner", "planner.acme"):
        sidecar.reach(peer, "tools")
    sidecar.write_config()
    checked = postern("config", "check", sidecar.config_file).stdout
    try:
        sidecar.start()
        shown = postern("status", "--state", sidecar.state).stdout
        found = postern("doctor", "--state", sidecar.state).stdout
        reached = sidecar.cli("reach", "other.acme:tools")["hint"]
    finally:
        sidecar.stop()
    for text in (checked, shown, found):
        assert "postern name DID planner`" in text and "postern name DID planner.acme" not in text, text
        assert "`postern network name acme DID planner`" in text and "`postern network list`" in text, text
    assert "`postern network name acme DID other`" in reached, reached


def test_json_of_connect_tells_why_it_could_not_begin(world):
    run = postern("connect", f"{world.b.did}:nothing", "--json", "--state", world.a.state)
    assert run.returncode == 1 and error_of(run)["code"] == "no-such-service"


def test_a_configuration_is_made_and_checked_where_config_says(tmp_path):
    file, state = tmp_path / "here.yaml", tmp_path / "state"
    made = postern("init", "--config", file, "--state", state, "--name", "a", "--json")
    assert made.returncode == 0 and json.loads(made.stdout)["config"] == str(file), made.stderr
    assert file.exists() and not (state / "postern.yaml").exists()
    # A file that is there says where its state is.
    again = postern("init", "--config", file, "--json")
    assert json.loads(again.stdout) == json.loads(made.stdout)
    checked = postern("config", "check", "--config", file, "--json")
    assert checked.returncode == 0 and json.loads(checked.stdout)["file"] == str(file)
    assert postern("config", "check", file, "--config", file).returncode == 2


def test_version_takes_what_all_commands_take(tmp_path):
    run = postern("version", "--state", tmp_path, "--config", tmp_path / "none", "--json")
    assert run.returncode == 0 and json.loads(run.stdout)["version"], run.stderr
