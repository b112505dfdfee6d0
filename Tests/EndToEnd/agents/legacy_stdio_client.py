"""Calls a server with the stdio client of mcp 1.x, by the command in its arguments, and prints what it answered."""

import asyncio
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(command, *arguments):
    async with stdio_client(StdioServerParameters(command=command, args=arguments)) as (read, write):
        async with ClientSession(read, write) as session:
            await session.initialize()
            result = await session.call_tool("echo", {"text": "from 1.x"})
            print(result.content[0].text, flush=True)


asyncio.run(main(*sys.argv[1:]))
