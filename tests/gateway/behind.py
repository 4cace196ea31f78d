"""What the tests of kratosd behind the gateway share by name."""

import os
import pwd
from pathlib import Path

from faultserver import FaultServer
from world import pam
from world.daemon import Daemon
from world.gateway import Gateway
from world.kratos import Identity, Kratos
from world.processes import wait_until

SERVICE = "gateway"
CREDENTIALS = Path("/run/world/credentials")
TOKEN = CREDENTIALS / "kratosd.admin-token"
KEY = CREDENTIALS / "kratosd.client-key"
CERTIFICATE = Path("/etc/kratosd/client.pem")
LOGIN = ["authenticate", "acct_mgmt", "open_session", "close_session"]


def give(source: Path | str, to: Path, mode: int = 0o400) -> None:
    """Puts a file in its place at once, readable for kratosd alone."""
    part = to.with_suffix(".part")
    part.write_text(source if isinstance(source, str) else source.read_text())
    owner = pwd.getpwnam("kratosd")
    os.chown(part, owner.pw_uid, owner.pw_gid)
    part.chmod(mode)
    part.rename(to)


def login(person: Identity) -> None:
    assert pam.run(SERVICE, person.username, LOGIN, [person.password]).status == 0


def ends_by_id(kratos: Kratos, person: Identity, timeout: float = 10) -> None:
    wait_until(lambda: not kratos.active_sessions(person.id), "the session is revoked", timeout)


def use_token(daemon: Daemon, gateway: Gateway, url: str) -> None:
    """With no certificate."""
    authority = str(gateway.servers.certificate)
    daemon.configure(Kratos={"AdminURL": url, "CAFile": authority})
    daemon.start(CREDENTIALS_DIRECTORY=str(CREDENTIALS))


def sent(server: FaultServer) -> list[str | None]:
    """What was shown to the admin API, each time that a session was ended there."""
    return [one.header("authorization") for one in server.of("admin-session")]
