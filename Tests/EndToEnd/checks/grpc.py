"""gRPC over a plain byte service: checks over `HOST:PORT`."""

import os
import time

import grpc

PREFIX = "/postern.test.Echo/"


def channel(target):
    return grpc.insecure_channel(target, options=[
        ("grpc.max_receive_message_length", 16 << 20), ("grpc.use_local_subchannel_pool", 1)])


def unary(target):
    with channel(target) as open_channel:
        call = open_channel.unary_unary(PREFIX + "Echo")
        for size in (0, 1, 1 << 10, 4 << 20):
            payload = os.urandom(size)
            assert call(payload, timeout=20) == payload


def bidirectional(target, count=200):
    """Each message is answered before the next is sent, so nothing may be held back."""
    with channel(target) as open_channel:
        sent = []

        def messages():
            for index in range(count):
                sent.append(index)
                yield str(index).encode()

        answers = list(open_channel.stream_stream(PREFIX + "EchoStream")(messages(), timeout=30))
    assert answers == [str(index).encode() for index in sent] and len(answers) == count


def server_stream(target, steps=5, interval=0.3):
    lags = []
    with channel(target) as open_channel:
        for answer in open_channel.unary_stream(PREFIX + "Count")(f"{steps} {interval}".encode(), timeout=20):
            lags.append(time.time() - float(answer.decode().split()[1]))
    assert len(lags) == steps
    assert max(lags) < interval, f"messages came late, by {[round(lag, 3) for lag in lags]} s"
