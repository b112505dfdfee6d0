"""An HTTP agent for loads, cheap per connection: `/hold` is never answered, `/big/N` with N zeros, anything else with `ok`.

Prints `READY PORT` when it listens.
"""

import argparse
import asyncio

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--events", required=True)
options = parser.parse_args()


PART = bytes(65536)


async def answer(writer, count):
    """An answer of `count` zeros, of which no more is kept than waits."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count)
    while count > 0:
        writer.write(PART[:count])
        count -= len(PART)
        await writer.drain()


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            if path == b"/hold":
                await reader.read()
                return
            if path.startswith(b"/big/"):
                await answer(writer, int(path[5:]))
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", options.port, backlog=1024)
    print("READY", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
