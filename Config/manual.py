#!/usr/bin/env python3
"""Makes the manual page from what the program says of itself.

    postern --experimental-dump-help | Config/manual.py > postern.1

So page, `--help` and completions have one source. `Config/package.sh` installs the page.
"""

import json
import sys

ABOUT = """
A sidecar runs beside an agent: a node of an encrypted overlay network and a local HTTP gateway in one process. MCP and
A2A clients are pointed at 127.0.0.1; their traffic crosses the overlay and reaches the agent behind another sidecar. A
hub introduces and relays, and can neither read nor forge. The key is the identity; nobody is visible before both sides
agree.
"""
# What no command says of itself.
FILES = [
    ("~/.local/state/postern/postern.yaml", "The configuration of a sidecar, which `postern init` makes."),
    ("~/.local/state/postern/identity.key", "The key. Who has it is the node."),
    ("~/.local/state/postern/trust.journal, audit.jsonl", "Whom the node trusts for what, and what was done when."),
    ("~/.local/state/postern/control.sock", "Where commands reach the running sidecar."),
    ("~/.local/state/postern-hub/hub.yaml", "The configuration of a hub, if there is one."),
]
EXIT_STATUS = [
    ("0", "Done."), ("1", "Failed: a line of cause and a line of what to do are on standard error."),
    ("2", "Wrong usage or configuration."), ("3", "No sidecar runs on that state directory."),
]


def roff(text):
    """`text` as roff prints it: hyphens and backslashes as they are, no line taken for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def name(argument):
    """How an argument is written: `--state dir`, `<peer>`."""
    value = argument.get("valueName") or "value"
    if argument["kind"] == "positional":
        return f"\\fI{roff(value)}\\fR"
    names = ", ".join(
        ("-" if one["kind"] == "short" else "--") + one["name"] for one in argument.get("names", []))
    return f"\\fB{roff(names)}\\fR" + (f" \\fI{roff(value)}\\fR" if argument["kind"] == "option" else "")


def visible(arguments):
    """All but what is hidden, and what every command takes."""
    shown = [one for one in arguments or [] if one["shouldDisplay"]]
    return [one for one in shown if (one.get("preferredName") or {}).get("name") not in ("help", "version")]


def command(node, words):
    """The lines about a command, and those below it."""
    here = [*words, node["commandName"]]
    below = [one for one in node.get("subcommands", []) if one["shouldDisplay"] and one["commandName"] != "help"]
    arguments = visible(node.get("arguments"))
    if len(here) > 1:
        positional = [one for one in arguments if one["kind"] == "positional"]
        line = " ".join([f"\\fB{roff(' '.join(here))}\\fR", *(name(one) for one in positional)])
        yield f".SS {line}"
        yield roff(node.get("abstract", ""))
        if node.get("discussion"):
            yield ".PP"
            yield from lines(node["discussion"])
        for one in arguments:
            if one.get("abstract"):
                yield ".TP"
                yield name(one)
                yield roff(one["abstract"])
    for one in below:
        yield from command(one, here)


def lines(text):
    """Paragraphs; what is indented stays as it is."""
    for line in text.split("\n"):
        if not line.strip():
            yield ".PP"
        elif line.startswith(" "):
            yield from (".br", "    " + roff(line.strip()))
        else:
            yield roff(line)


def table(title, rows):
    yield f".SH {title}"
    for left, right in rows:
        yield from (".TP", f"\\fB{roff(left)}\\fR", roff(right))


def page(root):
    yield '.TH POSTERN 1 "" "Postern" "User commands"'
    yield from (".SH NAME", f"postern \\- {roff(root['abstract'].rstrip('.'))}")
    yield from (".SH SYNOPSIS", "\\fBpostern\\fR \\fIcommand\\fR [\\fIoption\\fR ...]", ".SH DESCRIPTION")
    yield roff(ABOUT.strip())
    yield ".PP"
    yield from lines(root["discussion"].split("Exit status:")[0].strip())
    yield ".SH COMMANDS"
    yield from command(root, [])
    yield from table("FILES", FILES)
    yield from table('"EXIT STATUS"', EXIT_STATUS)


def main():
    print("\n".join(page(json.load(sys.stdin)["command"])))


if __name__ == "__main__":
    main()
