"""Runs one check in a process of its own: `python -m checks '{"check": "mcp.tools", "arguments": {...}}'`.

For checks that have to run somewhere else, in a network namespace; `events` is the path of an agent's events file.
"""

import asyncio
import importlib
import inspect
import json
import sys

from processes import Events


def main():
    order = json.loads(sys.argv[1])
    module, name = order["check"].split(".")
    arguments = order["arguments"]
    if "events" in arguments:
        arguments["events"] = Events(arguments["events"])
    result = getattr(importlib.import_module(f"checks.{module}"), name)(**arguments)
    if inspect.isawaitable(result):
        result = asyncio.run(asyncio.wait_for(result, 90))
    print(json.dumps(result))


main()
