"""The fixtures of the throttle's tests. Kratos is one that bears logins at once, behind a server that
counts what reaches it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer
from world.daemon import Daemon
from world.kratos import Identity, Kratos

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "login")]

from bus_fixtures import caller  # noqa: E402, F401
from guessing import Scene  # noqa: E402

PROXY_PORT = 435
PASSWORD = "correct horse battery staple"


@pytest.fixture
def scene(durable_daemon: Daemon, durable_kratos: Kratos) -> Iterator[Scene]:
    """kratosd, a counting server between it and Kratos, and alice and bob with accounts."""
    upstream = durable_kratos.public_port, durable_kratos.admin_port
    people: dict[str, Identity] = {}
    for name in "alice", "bob":
        people[name] = durable_kratos.create_identity(name, f"{PASSWORD} of {name}")
        durable_daemon.map(name, people[name].id)
    with FaultServer(PROXY_PORT, upstream=upstream) as proxy:
        durable_daemon.configure(Kratos={"PublicURL": proxy.url})
        durable_daemon.restart()
        scene = Scene(durable_daemon, proxy, people)
        yield scene
        scene.end()
