"""An A2A agent (1.0 and 0.3; JSON-RPC, HTTP+JSON and gRPC) to call through a gateway, made with the official SDK.

Its card names the agent's own address. Prints `READY PORT GRPC-PORT`. The headers of every request are appended to the file of `--events`.
"""

import argparse
import asyncio
import copy
import json
import socket
import time
from pathlib import Path

import grpc
import httpx
import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.request_handlers.grpc_handler import GrpcHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import (
    BasePushNotificationSender, InMemoryPushNotificationConfigStore, InMemoryTaskStore, TaskUpdater)
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, a2a_pb2_grpc
from a2a.utils.signing import create_agent_card_signer
from starlette.applications import Starlette

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--events", required=True)
parser.add_argument("--sign", nargs=2, metavar=("ALGORITHM", "FILE"), help="sign the card with the key in this PEM file")
options = parser.parse_args()


class Executor(AgentExecutor):
    """Answers `echo TEXT` at once; `stream N INTERVAL` with N artifacts."""

    async def execute(self, context, event_queue):
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        words = context.get_user_input().split()
        if words[0] == "stream":
            for step in range(int(words[1])):
                await updater.add_artifact([new_text_part(f"{step} {time.time()!r}")], name=f"part {step}")
                await asyncio.sleep(float(words[2]))
        else:
            await updater.add_artifact([new_text_part(" ".join(words[1:]))], name="answer")
        await updater.complete()

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


class Recorder:
    """ASGI middleware: what reached the agent."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
            with open(options.events, "a") as log:
                log.write(json.dumps({"event": "request", "path": scope["path"], "headers": headers}) + "\n")
        await self.app(scope, receive, send)


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    listener.listen(256)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    calls = grpc.aio.server()
    grpc_port = calls.add_insecure_port("127.0.0.1:0")
    card = AgentCard(
        name="postern-test-agent",
        description="Echoes and streams.",
        version="1.0.0",
        supported_interfaces=[
            AgentInterface(url=base + "/rpc", protocol_binding="JSONRPC", protocol_version="1.0"),
            AgentInterface(url=base, protocol_binding="HTTP+JSON", protocol_version="1.0"),
            AgentInterface(url=f"127.0.0.1:{grpc_port}", protocol_binding="GRPC", protocol_version="1.0"),
            AgentInterface(url=base + "/rpc", protocol_binding="JSONRPC", protocol_version="0.3"),
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=True, extended_agent_card=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="echo", name="echo", description="echo", tags=["test"])],
    )
    extended = copy.deepcopy(card)
    extended.name = "postern-test-agent, extended"
    if options.sign:
        algorithm, path = options.sign
        sign = create_agent_card_signer(Path(path).read_text(), {"alg": algorithm, "kid": "test"})
        card, extended = sign(card), sign(extended)
    configs = InMemoryPushNotificationConfigStore()
    handler = DefaultRequestHandler(
        agent_executor=Executor(), task_store=InMemoryTaskStore(), agent_card=card, extended_agent_card=extended,
        push_config_store=configs, push_sender=BasePushNotificationSender(httpx.AsyncClient(), configs))
    a2a_pb2_grpc.add_A2AServiceServicer_to_server(GrpcHandler(handler), calls)
    await calls.start()
    app = Starlette(
        routes=[
            *create_agent_card_routes(card),
            *create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=True),
            *create_rest_routes(handler),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(Recorder(app), log_level="warning", timeout_graceful_shutdown=1))
    print("READY", listener.getsockname()[1], grpc_port, flush=True)
    await server.serve(sockets=[listener])


asyncio.run(main())
