"""kratosd is stopped and started, or killed, while people are logged in: nobody is thrown out, and what
ends meanwhile is revoked afterwards."""

from collections.abc import Callable

import pytest
from faultserver import FaultServer
from programs import (
    Connection, closed, console, console_login, events, kill, lives_on, no_login_id, nothing_left,
    on_the_bus, only_session, su, wait_for_active,
)  # fmt: skip
from world import processes
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.ssh import Sshd, SshSession

LOGINS: dict[str, Callable[[Identity], SshSession]] = {
    "sshd": lambda person: SshSession("alice").login(person.password),
    "sshd-keyboard-interactive": lambda person: SshSession(
        "alice", methods="keyboard-interactive"
    ).login(person.password),
    "su": lambda person: su("alice").login(person.password),
    "login": lambda person: console_login("alice", person.password),
}

ENDS: dict[str, Callable[[Daemon], object]] = {
    "stopped": lambda daemon: daemon.stop(),
    "killed": lambda daemon: daemon.kill(),
}


def service_of(program: str) -> str:
    return program.partition("-")[0]


def started_again(daemon: Daemon) -> None:
    daemon.start()
    on_the_bus(daemon)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("program", LOGINS)
def test_a_login_outlives_the_daemon(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, program: str, end: str
) -> None:
    login = LOGINS[program](alice)
    session = only_session(kratos, alice, service_of(program))
    for _ in range(2):
        ENDS[end](daemon)
        lives_on(kratos, session)
        started_again(daemon)
        lives_on(kratos, session)
    assert login.run("id -un") == "alice"
    assert login.logout().status == 0
    nothing_left(kratos)
    closed(journal, session, "logout")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("program", LOGINS)
def test_a_login_that_ends_while_it_is_away(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, program: str, end: str
) -> None:
    """close_session cannot tell anybody, and holds nobody up: the next start finds the lifeline gone."""
    login = LOGINS[program](alice)
    session = only_session(kratos, alice, service_of(program))
    ENDS[end](daemon)
    assert login.logout().status == 0
    lives_on(kratos, session)
    daemon.start()
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")


@pytest.mark.parametrize("end", ENDS)
def test_a_login_that_is_killed_while_it_is_away(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, end: str
) -> None:
    login = SshSession("alice").login(alice.password)
    connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
    ENDS[end](daemon)
    kill(*connection.all())
    lives_on(kratos, session)
    daemon.start()
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")


@pytest.mark.parametrize("end", ENDS)
def test_one_ends_and_one_lives_on(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, sshd: Sshd, journal: Journal, end: str
) -> None:
    first = SshSession("alice").login(alice.password)
    session = only_session(kratos, alice, "sshd")
    second = SshSession("bob").login(bob.password)
    (other,) = [one for one in wait_for_active(kratos, 2) if one["id"] != session["id"]]
    ENDS[end](daemon)
    first.logout()
    daemon.start()
    wait_for_active(kratos, 1)
    closed(journal, session, "lifeline-gone")
    lives_on(kratos, other)
    second.logout()
    nothing_left(kratos)


def test_sshds_monitor_is_killed_and_then_the_daemon(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """The shell's own sshd still holds the lifeline, and the new daemon sees that."""
    login = SshSession("alice").login(alice.password)
    connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
    kill(connection.monitor)
    daemon.kill()
    started_again(daemon)
    lives_on(kratos, session)
    assert login.run("id -un") == "alice"
    login.logout()
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")


def test_the_daemon_hangs_while_a_login_ends(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """The logout waits at most as long as the module lets it, and nothing is forgotten."""
    login = SshSession("alice").login(alice.password)
    connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
    daemon.pause()
    assert login.logout().status == 0
    processes.wait_until(lambda: not processes.alive(connection.monitor), "sshd is done", 16)
    daemon.resume()
    nothing_left(kratos)
    journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SESSION=session["id"])


def test_the_bus_is_restarted(
    daemon: Daemon, bus: Bus, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """Open sessions do not depend on it, and the next login finds the daemon there again."""
    first = SshSession("alice").login(alice.password)
    session = only_session(kratos, alice, "sshd")
    bus.stop()
    lives_on(kratos, session)
    first.logout()
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")
    bus.start()
    on_the_bus(daemon)
    second = SshSession("alice").login(alice.password)
    no_login_id(second)
    second.logout()
    nothing_left(kratos)


def test_kratos_is_away_while_a_login_ends(
    proxied_daemon: tuple[Daemon, FaultServer], kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """The logout is quick all the same, and the revocation follows."""
    _, way = proxied_daemon
    login = SshSession("alice").login(alice.password)
    session = only_session(kratos, alice, "sshd")
    way.refuse()
    assert login.logout().status == 0
    closed(journal, session, "logout")
    journal.wait(KRATOSD_EVENT="revocation-postponed", KRATOSD_SESSION=session["id"])
    lives_on(kratos, session)
    way.listen()
    nothing_left(kratos)
    journal.wait(KRATOSD_EVENT="session-revoked", KRATOSD_SESSION=session["id"])
    assert events(journal)[-2:] == ["revocation-postponed", "session-revoked"]


PROMPTS: dict[str, Callable[[], SshSession]] = {
    "sshd": lambda: SshSession("alice").asked(),
    "sshd-keyboard-interactive": lambda: SshSession("alice", methods="keyboard-interactive").asked(),
    "su": lambda: su("alice").asked(),
    "login": lambda: console().sees("login: ").type("alice").asked(),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("program", PROMPTS)
def test_restarted_while_a_person_types(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, program: str, end: str
) -> None:
    """The login is begun again with what was typed, and nobody is asked twice."""
    login = PROMPTS[program]()
    ENDS[end](daemon)
    started_again(daemon)
    login.type(alice.password).shell()
    session = only_session(kratos, alice, service_of(program))
    no_login_id(login)
    lives_on(kratos, session)
    login.logout()
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1
