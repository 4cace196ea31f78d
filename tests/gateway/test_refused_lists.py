"""A gateway that hands out no list of anybody's sessions, however it says so: what was lost waits for the
person, and is found with the person's next token. (rule 32)"""

from collections.abc import Iterator

import pytest
from faultserver import FaultServer, faults
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.processes import wait_until

pytestmark = [pytest.mark.sanitized]

PASSWORD = "correct horse battery staple"
IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PORT = 435

REFUSALS = {
    "403 in HTML": faults.html(403),
    "404 in HTML": faults.html(404),
    "405 in HTML": faults.html(405),
    "400 in HTML": faults.html(400),
    "401 without a body": faults.answer(401),
    "403 in JSON": faults.answer(403, b'{"error":{"code":403,"status":"Forbidden"}}'),
}


@pytest.fixture
def server(stopped_daemon: Daemon) -> Iterator[FaultServer]:
    with FaultServer(PORT) as server:
        server.kratos.add("alice", PASSWORD, IDENTITY)
        urls = {"PublicURL": server.url, "AdminURL": server.url}
        stopped_daemon.configure(Kratos=urls | {"TimeoutSec": "3s"})
        stopped_daemon.map("alice", IDENTITY)
        pam.pam_service("gateway", pam.ONLY_US)
        yield server


def login() -> int:
    operations = ["authenticate", "acct_mgmt", "open_session", "close_session"]
    return pam.run("gateway", "alice", operations, [PASSWORD]).status


def loses_a_session(server: FaultServer) -> None:
    server.set("login", faults.lost_answer(), times=1)
    assert login() != 0
    assert len(server.kratos.active_sessions()) == 1


@pytest.mark.parametrize("name", REFUSALS)
def test_rule_32_it_waits_for_the_next_login(
    server: FaultServer, stopped_daemon: Daemon, journal: Journal, name: str
) -> None:
    stopped_daemon.start()
    server.set("admin-sessions", REFUSALS[name])
    loses_a_session(server)
    told = journal.wait(KRATOSD_EVENT="revocation-postponed", timeout=20)
    assert told["KRATOSD_REASON"] == "waits-for-next-login"
    # One that ends at once may take its token with it before that was of use.
    wait_until(
        lambda: login() == 0 and not server.kratos.active_sessions(), "the lost session is revoked", 30
    )
    assert len(server.of("admin-sessions")) == 1


def test_a_reload_asks_again(
    server: FaultServer, stopped_daemon: Daemon, journal: Journal
) -> None:
    """The gateway may be another by then, or our certificate a good one."""
    stopped_daemon.start()
    server.set("admin-sessions", faults.html(403))
    loses_a_session(server)
    journal.wait(KRATOSD_EVENT="revocation-postponed", timeout=20)
    server.clear()
    stopped_daemon.reload()
    wait_until(lambda: not server.kratos.active_sessions(), "the lost session is revoked", 10)


def test_a_fault_is_no_refusal(
    server: FaultServer, stopped_daemon: Daemon, journal: Journal
) -> None:
    """It is tried again, without anybody's login."""
    stopped_daemon.start()
    server.set("admin-sessions", faults.html(502), times=1)
    loses_a_session(server)
    told = journal.wait(KRATOSD_EVENT="revocation-postponed", timeout=20)
    assert told["KRATOSD_REASON"] == "kratos-error"
    wait_until(lambda: not server.kratos.active_sessions(), "the lost session is revoked", 20)
