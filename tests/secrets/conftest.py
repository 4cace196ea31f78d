"""The fixtures of the tests for secrets. What they share by name is in searching.py, beside this file."""

import json
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Kratos

sys.path.insert(0, str(Path(__file__).parent))

from searching import build_program, start  # noqa: E402

PROXY_PORT = 435
SERVICE = "secrets"


@pytest.fixture(scope="session", autouse=True)
def _program() -> None:
    build_program()


@pytest.fixture(autouse=True)
def _service(_software: None) -> None:
    pam.pam_service(SERVICE, pam.ONLY_US)


@pytest.fixture
def daemon(stopped_daemon: Daemon, journal: Journal) -> Daemon:
    """kratosd, as new, configured for `kratos`, running, and on the bus."""
    start(stopped_daemon, journal)
    return stopped_daemon


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority; its key is beside it, as .key."""
    folder = tmp_path_factory.mktemp("tls")
    for path in [folder, *folder.parents]:
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o755)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        + ["-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", folder / "server.key", "-out", folder / "server.pem"],
        check=True,
        capture_output=True,
    )
    (folder / "server.pem").chmod(0o644)
    return folder / "server.pem"


@dataclass
class Proxy:
    """What lies between kratosd and Kratos, hands everything on, and remembers every token."""

    server: FaultServer
    tokens: list[str] = field(default_factory=list)

    def spy(self, data: bytes) -> bytes:
        token = json.loads(data).get("session_token")
        if token:
            self.tokens.append(token)
        return data


@pytest.fixture
def proxies(
    stopped_daemon: Daemon, kratos: Kratos, journal: Journal, certificate: Path
) -> Iterator[Callable[[str], Proxy]]:
    """Starts a proxy for "http" or "https", and kratosd, which asks it for everything."""

    with ExitStack() as stack:

        def start_with(scheme: str, **environment: str) -> Proxy:
            context = None
            if scheme == "https":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            server = FaultServer(PROXY_PORT, upstream=(PUBLIC_PORT, ADMIN_PORT), tls=context)
            proxy = Proxy(stack.enter_context(server))
            server.set("login", faults.body(proxy.spy))
            urls = {"PublicURL": server.url, "AdminURL": server.url}
            stopped_daemon.configure(Kratos=urls | {"CAFile": str(certificate) if context else None})
            start(stopped_daemon, journal, **environment)
            return proxy

        yield start_with
