"""What the suites share: coroutine tests, a world with every real agent, and worlds of one's own."""

import asyncio
import inspect

import pytest

from raw import RawAgent
from world import World, with_real_agents


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs coroutine tests, each on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}))
    return True


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Hub, two sidecars and every real agent, for tests that leave them as they were."""
    with World(tmp_path_factory.mktemp("world")) as world:
        yield with_real_agents(world)


@pytest.fixture(scope="session")
def shared_raw(tmp_path_factory):
    """Hub and two sidecars with a scripted agent behind `raw`, for tests that leave the sidecars as they were."""
    with RawAgent() as agent, World(tmp_path_factory.mktemp("raw")) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        yield world.start()


@pytest.fixture
def raw(shared_raw):
    """The shared world with the scripted agent as new."""
    shared_raw.raw.connections.clear()
    shared_raw.raw.handler = RawAgent.serve_ok
    return shared_raw


@pytest.fixture
def own(tmp_path):
    """A world of one's own with a scripted agent behind `raw`, for tests that kill and revoke."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        yield world.start()
