"""What an A2A client sees, as checks over the base URL of an agent."""

import time
import uuid

import grpc
import httpx
from a2a.client import ClientConfig, create_client
from a2a.helpers.proto_helpers import get_stream_response_text
from a2a.types import GetExtendedAgentCardRequest, Message, Part, Role, SendMessageRequest

BINDINGS = ["JSONRPC", "HTTP+JSON", "GRPC"]


def message(text):
    return SendMessageRequest(message=Message(
        message_id=uuid.uuid4().hex, role=Role.ROLE_USER, parts=[Part(text=text)]))


async def connect(url, binding, streaming):
    """A client made from the card behind `url`: where it then calls is what the card says."""
    return await create_client(url, ClientConfig(
        streaming=streaming, supported_protocol_bindings=[binding], use_client_preference=True,
        httpx_client=httpx.AsyncClient(timeout=10), grpc_channel_factory=grpc.aio.insecure_channel))


async def card(url):
    async with httpx.AsyncClient(timeout=10) as http:
        answer = await http.get(url + "/.well-known/agent-card.json")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.json()


async def blocking(url, binding):
    word = uuid.uuid4().hex
    async with await connect(url, binding, streaming=False) as client:
        answers = [response async for response in client.send_message(message(f"echo {word}"))]
    assert get_stream_response_text(answers[-1]) == word


async def extended_card(url, binding):
    """The addresses in the extended card, as this binding brings it."""
    async with await connect(url, binding, streaming=False) as client:
        card = await client.get_extended_agent_card(GetExtendedAgentCardRequest())
    assert card.name.endswith("extended")
    return [interface.url for interface in card.supported_interfaces]


async def streaming(url, binding, steps=5, interval=0.3):
    """Each artifact arrives when it was sent."""
    lags = []
    async with await connect(url, binding, streaming=True) as client:
        async for response in client.send_message(message(f"stream {steps} {interval}")):
            if response.HasField("artifact_update"):
                step, sent = get_stream_response_text(response).split()
                assert int(step) == len(lags)
                lags.append(time.time() - float(sent))
    assert len(lags) == steps
    assert max(lags) < interval, f"events came late, by {[round(lag, 3) for lag in lags]} s"
