"""Uses every tool of the agent's endpoint with the client of mcp 1.x: over HTTP with a URL and a token, or over stdio
with a command; prints the names as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from checks.tools import walk  # noqa: E402


async def use(read, write, options):
    async with ClientSession(read, write) as session:
        await session.initialize()
        listed = [tool.name for tool in (await session.list_tools()).tools]

        async def call(name, arguments):
            result = await session.call_tool(name, arguments)
            return result.isError, result.structuredContent, result.content[0].text

        used = await walk(call, **options["walk"])
        resources = (await session.list_resources()).resources
        for resource in resources:
            assert json.loads((await session.read_resource(resource.uri)).contents[0].text) is not None
        print(json.dumps({"listed": sorted(listed), "used": sorted(used)}), flush=True)


async def main(options):
    if "url" in options:
        headers = {"Authorization": f"Bearer {options['token']}"}
        async with streamablehttp_client(options["url"], headers=headers) as (read, write, _):
            await use(read, write, options)
    else:
        command, *arguments = options["command"]
        async with stdio_client(StdioServerParameters(command=command, args=arguments)) as (read, write):
            await use(read, write, options)


asyncio.run(main(json.loads(sys.argv[1])))
