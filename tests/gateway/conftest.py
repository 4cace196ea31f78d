"""Kratos, its admin API behind the gateway, and in between a server that remembers what got through."""

import os
import shutil
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from world import pam
from world.daemon import Daemon
from world.gateway import UPSTREAM, Client, Gateway
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Kratos

sys.path.insert(0, str(Path(__file__).parent))

from behind import CERTIFICATE, CREDENTIALS, SERVICE  # noqa: E402

PROXY_PORT = 435


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


@pytest.fixture(autouse=True)
def _places(_software: None) -> Iterator[None]:
    shutil.rmtree(CREDENTIALS, ignore_errors=True)
    CREDENTIALS.mkdir()
    pam.pam_service(SERVICE, pam.ONLY_US)
    yield
    CERTIFICATE.unlink(missing_ok=True)


@pytest.fixture
def public(stopped_daemon: Daemon) -> Iterator[FaultServer]:
    """Between kratosd and Kratos's public API. A logout by token fails there, so that sessions end by
    their id, over the admin API."""
    with FaultServer(PROXY_PORT, upstream=(PUBLIC_PORT, ADMIN_PORT)) as server:
        server.set("logout", faults.html(403))
        server.set("old-logout", faults.html(403))
        stopped_daemon.configure(Kratos={"PublicURL": server.url})
        yield server


@pytest.fixture
def admin(gateway: Gateway) -> Iterator[FaultServer]:
    """A gateway that wants a token instead, and gets what it does from Kratos."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*gateway.servers.sign("admin", "subjectAltName=DNS:localhost"))
    with FaultServer(tls=context, upstream=(PUBLIC_PORT, ADMIN_PORT)) as server:
        yield server
