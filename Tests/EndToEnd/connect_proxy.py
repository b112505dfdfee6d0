"""An HTTP proxy that does nothing but CONNECT, for whoever gives its password: `connect_proxy.py HOST PORT USER:PASSWORD`."""

import asyncio
import base64
import sys


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(reader, writer, wanted):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *fields = head.split("\r\n")
    print(line, flush=True)
    method, place, _ = line.split(" ")
    if method != "CONNECT" or f"proxy-authorization: basic {wanted}" not in [
            field.replace("Basic", "basic").replace("Proxy-Authorization", "proxy-authorization") for field in fields]:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        return writer.close()
    host, port = place.rsplit(":", 1)
    try:
        upstream = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return writer.close()
    writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
    await asyncio.gather(pipe(reader, upstream[1]), pipe(upstream[0], writer))


async def main(host, port, password):
    wanted = base64.b64encode(password.encode()).decode()
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, wanted), host, int(port))
    print("READY", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
