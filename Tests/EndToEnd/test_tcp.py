"""gRPC, which is HTTP/2, over the kind `tcp`: bytes as they are."""

import pytest

from checks import grpc


@pytest.fixture
def target(world):
    return f"127.0.0.1:{world.ports['echo']}"


@pytest.mark.smoke
def test_unary_calls(target):
    grpc.unary(target)


def test_a_stream_both_ways(target):
    grpc.bidirectional(target)


def test_a_stream_from_the_server(target):
    grpc.server_stream(target)
