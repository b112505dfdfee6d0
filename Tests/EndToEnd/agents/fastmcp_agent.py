"""A server made with FastMCP. Prints `READY PORT` when it listens."""

import argparse
import socket

import uvicorn
from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--events")
options = parser.parse_args()

agent = FastMCP("postern-fastmcp-agent")


@agent.tool
async def count(to: int, context: Context) -> int:
    """Counts, and reports every step."""
    for number in range(to):
        await context.report_progress(number + 1, to)
    return to


@agent.resource("notes://{name}")
def note(name: str) -> str:
    return f"a note about {name}"


listener = socket.create_server(("127.0.0.1", options.port))
print("READY", listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(agent.http_app(), log_level="warning")).run(sockets=[listener])
