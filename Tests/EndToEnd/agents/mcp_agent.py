"""An MCP server to call through a gateway: all eras on one port, made with the official SDK.

Prints `READY PORT` when it listens. Every notable event is appended to the file of `--events` as one JSON line, so that
a test can see what reached the agent and not only what came back.
"""

import argparse
import asyncio
import json
import socket
import time

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from starlette.applications import Starlette

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--events", required=True)
parser.add_argument("--certificate", help="a PEM file with key and certificate: serve HTTPS")
options = parser.parse_args()


def record(event, **fields):
    with open(options.events, "a") as log:
        log.write(json.dumps({"event": event, "time": time.time(), **fields}) + "\n")


agent = MCPServer("postern-test-agent")


@agent.tool()
async def echo(text: str) -> str:
    """Answers at once with what it was given."""
    record("echo", text=text[:80])
    return text


@agent.tool()
async def who(context: Context) -> str:
    """Answers with the request headers as the agent saw them."""
    return json.dumps(dict(context.headers or {}))


@agent.tool()
async def progress(steps: int, interval: float, context: Context) -> str:
    """Reports progress `steps` times, `interval` seconds apart, and stamps each report with the time it was sent."""
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


def application():
    """Streamable HTTP of both eras at /mcp and the transport of 2024-11-05 at /sse, in one application."""
    streamable = agent.streamable_http_app()
    legacy = agent.sse_app()
    return Starlette(routes=[*streamable.routes, *legacy.routes], lifespan=streamable.router.lifespan_context)


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    listener.listen(256)
    server = uvicorn.Server(uvicorn.Config(application(), log_level="warning", timeout_graceful_shutdown=1,
                                           ssl_certfile=options.certificate))
    print("READY", listener.getsockname()[1], flush=True)
    await server.serve(sockets=[listener])


asyncio.run(main())
