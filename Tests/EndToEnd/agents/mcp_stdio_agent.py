"""An MCP server on standard input and output, for either SDK: 2.x speaks both eras, 1.x the one with sessions.

Every notable event is appended to the file of `--events` as one JSON line, as by `mcp_agent.py`.
"""

import argparse
import asyncio
import json
import os
import time

try:
    from mcp.server.mcpserver import Context, MCPServer
except ImportError:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as MCPServer

parser = argparse.ArgumentParser()
parser.add_argument("--events", required=True)
parser.add_argument("--run", help="anything: so that two commands differ")
options = parser.parse_args()


def record(event, **fields):
    with open(options.events, "a") as log:
        log.write(json.dumps({"event": event, "time": time.time(), "pid": os.getpid(), **fields}) + "\n")


agent = MCPServer("postern-stdio-agent")
counts = {"calls": 0}


@agent.tool()
async def echo(text: str) -> str:
    """Answers at once with what it was given."""
    return text


@agent.tool()
async def count() -> str:
    """How often this process was asked so."""
    counts["calls"] += 1
    return f"{os.getpid()} {counts['calls']}"


@agent.tool()
async def environment() -> str:
    """The variables of the process."""
    return json.dumps(dict(os.environ))


@agent.tool()
async def progress(steps: int, interval: float, context: Context) -> str:
    """Reports progress `steps` times, `interval` seconds apart."""
    for step in range(1, steps + 1):
        await context.report_progress(step, steps, repr(time.time()))
        await asyncio.sleep(interval)
    return "done"


@agent.tool()
async def silent(seconds: float, token: str) -> str:
    """Says nothing for a while; tells in the events whether it was left in peace."""
    record("silent-started", token=token)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        record("silent-cancelled", token=token)
        raise
    record("silent-finished", token=token)
    return token


@agent.tool()
async def produce(size: int) -> str:
    """Answers with `size` characters."""
    return "0123456789abcdef" * (size // 16)


@agent.tool()
async def consume(text: str) -> str:
    """Answers with the length of what it was given."""
    return str(len(text))


@agent.tool()
async def crash(status: int) -> str:
    """Ends the process in the middle of the call."""
    os._exit(status)


@agent.tool()
async def ask(context: Context) -> str:
    """Asks the client something, as servers of the era with sessions may."""
    roots = await context.session.list_roots()
    return ",".join(str(root.uri) for root in roots.roots)


record("started")
agent.run("stdio")
