"""An MCP server that wants a token, made with the official SDK. Prints `READY PORT`."""

import argparse
import asyncio
import socket

import uvicorn
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--events", required=True)
options = parser.parse_args()


class OneToken:
    """Knows the token `good` and no other."""

    async def verify_token(self, token):
        return AccessToken(token=token, client_id="test", scopes=["tools"]) if token == "good" else None


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    listener.listen(256)
    port = listener.getsockname()[1]
    agent = MCPServer(
        "postern-test-agent", token_verifier=OneToken(),
        auth=AuthSettings(
            issuer_url="https://as.example.com", resource_server_url=f"http://127.0.0.1:{port}/mcp",
            required_scopes=["tools"], validate_token_resource=False))

    @agent.tool()
    async def echo(text: str) -> str:
        """Answers at once with what it was given."""
        return text

    app = agent.streamable_http_app()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    print("READY", port, flush=True)
    await server.serve(sockets=[listener])


asyncio.run(main())
