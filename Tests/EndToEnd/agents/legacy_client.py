"""Calls the test server with the client of mcp 1.x over both of its transports, or those named, and prints `ok` after
each."""

import asyncio
import sys

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client


async def call(read, write):
    async with ClientSession(read, write) as session:
        await session.initialize()
        result = await session.call_tool("echo", {"text": "from 1.x"})
        assert result.content[0].text == "from 1.x"


async def main(base, *paths):
    print("/mcp", flush=True)
    async with streamablehttp_client(base + "/mcp") as (read, write, _):
        await call(read, write)
    print("ok", flush=True)
    if paths and "/sse" not in paths:
        return
    print("/sse", flush=True)
    async with sse_client(base + "/sse") as (read, write):
        await call(read, write)
    print("ok", flush=True)


asyncio.run(main(*sys.argv[1:]))
