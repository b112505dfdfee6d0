"""TCP connections over one iroh connection, a stream each, by iroh's Python binding.

    iroh_tunnel.py far ADDRESS PORT AGENT_PORT      prints the endpoint's id, then carries streams to the agent
    iroh_tunnel.py near ADDRESS PORT ID LISTEN_PORT
"""

import asyncio
import ctypes
import sys

import iroh
import iroh.iroh_ffi

ALPN = b"lab/0"
CHUNK = 1 << 16


def write_at_once(self, value):
    """The binding copies its bytes one by one in Python, which would be all that is measured; this copies them together."""
    with self._reserve(len(value)):
        if value:
            start = ctypes.addressof(self.rbuf.data.contents) + self.rbuf.len
            ctypes.memmove(start, bytes(value), len(value))


iroh.iroh_ffi._UniffiRustBufferBuilder.write = write_at_once


async def endpoint(**more):
    return await iroh.Endpoint.bind(iroh.EndpointOptions(
        preset=iroh.preset_minimal(), alpns=[ALPN], relay_mode=iroh.RelayMode.disabled(), **more))


async def to_stream(reader, stream):
    while chunk := await reader.read(CHUNK):
        await stream.write_all(chunk)
    await stream.finish()


async def from_stream(stream, writer):
    while chunk := await stream.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def couple(reader, writer, both):
    """Carries both ways until either breaks."""
    try:
        await asyncio.gather(to_stream(reader, both.send()), from_stream(both.recv(), writer))
    except (OSError, iroh.IrohError):
        writer.close()


async def far(address, port, agent_port):
    node = await endpoint(bind_addr=f"{address}:{port}")
    print(node.id(), flush=True)

    async def serve(connection):
        connection.set_max_concurrent_bi_streams(10_000)
        while True:
            both = await connection.accept_bi()
            asyncio.create_task(couple(*await asyncio.open_connection("127.0.0.1", agent_port), both))

    serving = set()
    while (incoming := await node.accept_next()) is not None:
        serving.add(asyncio.create_task(serve(await (await incoming.accept()).connect())))


async def near(address, port, identifier, listen_port):
    node = await endpoint()
    peer = iroh.EndpointAddr(iroh.EndpointId.from_string(identifier), None, [f"{address}:{port}"])
    connection = await node.connect(peer, ALPN)

    async def accept(reader, writer):
        await couple(reader, writer, await connection.open_bi())

    server = await asyncio.start_server(accept, "127.0.0.1", listen_port, limit=1 << 18)
    await server.serve_forever()


if __name__ == "__main__":
    role, address, port, *rest = sys.argv[1:]
    if role == "far":
        asyncio.run(far(address, int(port), int(rest[0])))
    else:
        asyncio.run(near(address, int(port), rest[0], int(rest[1])))
