"""Kratos, its admin API behind the gateway, and in between a server that remembers what got through."""

import os
from collections.abc import Iterator

import pytest
from faultserver import FaultServer
from world.gateway import UPSTREAM, Client, Gateway
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Kratos


@pytest.fixture(scope="module")
def made_gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def upstream(kratos: Kratos) -> Iterator[FaultServer]:
    """What nginx talks to: it remembers every request, and hands it on to Kratos."""
    UPSTREAM.parent.mkdir(mode=0o755, exist_ok=True)
    UPSTREAM.unlink(missing_ok=True)
    with FaultServer(socket=str(UPSTREAM), upstream=(PUBLIC_PORT, ADMIN_PORT)) as server:
        os.chmod(UPSTREAM, 0o666)
        yield server


@pytest.fixture
def gateway(made_gateway: Gateway, upstream: FaultServer) -> Iterator[Gateway]:
    """nginx with the example as it is, running."""
    made_gateway.configure()
    made_gateway.start()
    yield made_gateway
    made_gateway.stop()


@pytest.fixture
def client(gateway: Gateway) -> Client:
    """A host with a certificate."""
    return Client(gateway, gateway.hosts.host("host1"))
