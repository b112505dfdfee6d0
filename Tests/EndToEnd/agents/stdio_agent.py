"""An MCP server on standard input and output, made with the SDK of the era before 2026-07-28."""

from mcp.server.fastmcp import FastMCP

agent = FastMCP("postern-stdio-agent")


@agent.tool()
def echo(text: str) -> str:
    """Answers with what it was given."""
    return text


agent.run()
