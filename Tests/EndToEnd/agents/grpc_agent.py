"""A gRPC server for the `tcp` kind: echoes bytes, one message or a stream. Prints `READY PORT`."""

import argparse
import time
from concurrent import futures

import grpc

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
options = parser.parse_args()


def echo(request, context):
    return request


def echo_stream(requests, context):
    for request in requests:
        yield request


def count(request, context):
    """`N INTERVAL`: N messages, one every INTERVAL seconds, each with the time it was sent."""
    steps, interval = request.decode().split()
    for step in range(int(steps)):
        yield f"{step} {time.time()!r}".encode()
        time.sleep(float(interval))


service = grpc.method_handlers_generic_handler(
    "postern.test.Echo",
    {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "EchoStream": grpc.stream_stream_rpc_method_handler(echo_stream),
        "Count": grpc.unary_stream_rpc_method_handler(count),
    },
)
server = grpc.server(
    futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", 16 << 20)]
)
server.add_generic_rpc_handlers((service,))
port = server.add_insecure_port(f"127.0.0.1:{options.port}")
server.start()
print("READY", port, flush=True)
server.wait_for_termination()
