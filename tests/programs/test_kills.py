"""kill -9 of each process of a login, at each time that differs: the Kratos session ends when the login
does, not before, and never stays behind."""

import time
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from faultserver.faults import Hold
from programs import (
    OPEN_TIMEOUT_SEC, Connection, Terminal, closed, console, descendant, kill, lives_on,
    never_any_session, no_login_id, nothing_left, only_session, su, sudo, title, wait_for_active,
)  # fmt: skip
from world import processes
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.pam import GATE, Gate
from world.processes import wait_until
from world.ssh import Sshd, SshSession

METHODS = ["password", "keyboard-interactive"]

HOLD_ACCOUNT = f"account optional pam_exec.so seteuid quiet {GATE}/account\n"


# Of an open session.


@pytest.mark.parametrize("methods", METHODS)
class TestOpenSession:
    @pytest.fixture
    def login(
        self, daemon: Daemon, alice: Identity, sshd: Sshd, methods: str
    ) -> SshSession:
        return SshSession("alice", methods=methods).login(alice.password)

    def test_sshds_session_child(
        self, login: SshSession, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
    ) -> None:
        """The monitor cleans up."""
        connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
        kill(connection.child)
        nothing_left(kratos)
        closed(journal, session, "logout")
        wait_until(lambda: not processes.alive(connection.monitor), "the monitor has ended")
        assert login.finish().status == 255

    def test_sshds_monitor_alone(
        self, login: SshSession, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
    ) -> None:
        """The shell lives on, and so does its session, until it ends."""
        connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
        kill(connection.monitor)
        lives_on(kratos, session)
        assert processes.alive(connection.child)
        assert login.run("id -un") == "alice"
        no_login_id(login)
        lives_on(kratos, session)
        login.logout()
        nothing_left(kratos)
        closed(journal, session, "lifeline-gone")

    def test_sshds_monitor_and_then_its_child(
        self, login: SshSession, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
    ) -> None:
        """Nobody is left who could clean up, though a shell may be."""
        connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
        kill(connection.monitor)
        lives_on(kratos, session)
        kill(connection.child)
        nothing_left(kratos)
        closed(journal, session, "lifeline-gone")

    def test_the_shell(
        self, login: SshSession, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
    ) -> None:
        connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
        kill(connection.shell)
        login.finish()
        nothing_left(kratos)
        closed(journal, session, "logout")

    def test_all_processes_of_the_login(
        self, login: SshSession, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
    ) -> None:
        connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
        kill(*connection.all())
        nothing_left(kratos)
        closed(journal, session, "lifeline-gone")
        login.finish()

    def test_the_listening_sshd(
        self, login: SshSession, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
    ) -> None:
        """It has nothing to do with the connections that it once took."""
        session = only_session(kratos, alice, "sshd")
        sshd.kill()
        lives_on(kratos, session)
        assert login.run("id -un") == "alice"
        login.logout()
        nothing_left(kratos)
        closed(journal, session, "logout")


# In the midst of authenticate.


def hold_the_answer(proxy: FaultServer) -> Hold:
    """The next password's answer: Kratos gives it, and the proxy keeps it."""
    held = faults.hold(after=True)
    proxy.set("login", held, times=1)
    return held


@pytest.fixture
def proxy(proxied_daemon: tuple[Daemon, FaultServer]) -> FaultServer:
    return proxied_daemon[1]


def killed_while_kratos_holds_the_answer(
    kratos: Kratos, alice: Identity, journal: Journal, held: Hold, service: str, *victims: int
) -> None:
    """Kratos has made a session that nobody waits for: it is revoked when the login's id expires."""
    session = only_session(kratos, alice, service)
    kill(*victims)
    lives_on(kratos, session)
    held.release()
    released = time.monotonic()
    journal.wait(KRATOSD_EVENT="login-granted", KRATOSD_SESSION=session["id"])
    # Kratos may refuse the first try, while it is still busy with what it was asked before.
    nothing_left(kratos, timeout=OPEN_TIMEOUT_SEC + 12)
    closed(journal, session, "never-opened")
    assert time.monotonic() - released >= OPEN_TIMEOUT_SEC - 0.5
    assert len(kratos.sessions()) == 1


class TestAuthenticating:
    def test_su(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        held = hold_the_answer(proxy)
        program = su("alice").answer(alice.password)
        held.wait()
        assert processes.command_name(program.pid) == "su"
        killed_while_kratos_holds_the_answer(kratos, alice, journal, held, "su", program.pid)

    def test_sudo(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        held = hold_the_answer(proxy)
        program = sudo("id").answer(alice.password)
        held.wait()
        assert processes.command_name(program.pid) == "sudo"
        killed_while_kratos_holds_the_answer(kratos, alice, journal, held, "sudo", program.pid)

    def test_login(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        held = hold_the_answer(proxy)
        program = console().sees("login: ").type("alice").answer(alice.password)
        held.wait()
        assert processes.command_name(program.pid) == "login"
        killed_while_kratos_holds_the_answer(kratos, alice, journal, held, "login", program.pid)

    def test_sshds_monitor(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal, sshd: Sshd
    ) -> None:
        """With PasswordAuthentication the monitor itself is the PAM program."""
        held = hold_the_answer(proxy)
        client = SshSession("alice").answer(alice.password)
        held.wait()
        (monitor,) = sshd.monitors()
        killed_while_kratos_holds_the_answer(kratos, alice, journal, held, "sshd", monitor)
        assert client.finish().status == 255

    def test_sshds_pam_child(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal, sshd: Sshd
    ) -> None:
        """With keyboard-interactive authentication a child of the monitor is."""
        held = hold_the_answer(proxy)
        client = SshSession("alice", methods="keyboard-interactive").answer(alice.password)
        held.wait()
        (monitor,) = sshd.monitors()
        (child,) = [pid for pid in processes.children(monitor) if title(pid) == "sshd: alice [pam]"]
        killed_while_kratos_holds_the_answer(kratos, alice, journal, held, "sshd", child)
        client.finish()
        assert client.status == 255 and "@testhost" not in client.output

    def test_sshds_monitor_while_its_pam_child_asks(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal, sshd: Sshd
    ) -> None:
        held = hold_the_answer(proxy)
        client = SshSession("alice", methods="keyboard-interactive").answer(alice.password)
        held.wait()
        (monitor,) = sshd.monitors()
        killed_while_kratos_holds_the_answer(kratos, alice, journal, held, "sshd", monitor)
        client.finish()

    def test_before_the_password_is_posted(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """Kratos has not seen it yet: what it makes of it then ends in the same way."""
        held = faults.hold(after=False)
        proxy.set("login", held, times=1)
        program = su("alice").answer(alice.password)
        held.wait()
        never_any_session(kratos)
        kill(program.pid)
        held.release()
        granted = journal.wait(KRATOSD_EVENT="login-granted", KRATOSD_USER="alice")
        nothing_left(kratos, timeout=OPEN_TIMEOUT_SEC + 2)
        closed(journal, {"id": granted["KRATOSD_SESSION"]}, "never-opened")

    def test_a_wrong_password(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        held = hold_the_answer(proxy)
        program = su("alice").answer("wrong")
        held.wait()
        kill(program.pid)
        held.release()
        journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_REASON="bad-credentials")
        never_any_session(kratos)

    def test_at_the_prompt(
        self, proxy: FaultServer, kratos: Kratos, alice: Identity
    ) -> None:
        program = su("alice").asked()
        kill(program.pid)
        never_any_session(kratos)
        # The next one is served as if nothing had been.
        shell = su("alice").login(alice.password)
        only_session(kratos, alice, "su")
        shell.logout()
        nothing_left(kratos)


# Between the phases.


@pytest.fixture
def between(gate: Gate, daemon: Daemon) -> None:
    """su's account phase waits, once we have said yes to it: granted, and not opened."""
    (GATE / "account").write_text(
        f"#!/bin/sh\n: >{GATE}/granted\nwhile [ ! -e {GATE}/open ]; do sleep 0.02; done\n"
    )
    (GATE / "account").chmod(0o755)
    profile = Path("/etc/pam.d/su")
    profile.write_text(profile.read_text() + HOLD_ACCOUNT)


def wait_for_grant(program: Terminal) -> None:
    wait_until(lambda: (GATE / "granted").exists(), "the login is granted", 10)


def test_granted_and_not_yet_opened(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, between: None
) -> None:
    program = su("alice").answer(alice.password)
    wait_for_grant(program)
    session = only_session(kratos, alice, "su")
    kill(program.pid)
    nothing_left(kratos)
    closed(journal, session, "never-opened")


def test_rule_27_an_id_that_has_expired_opens_nothing(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, between: None, gate: Gate
) -> None:
    """Rule 3 too: the session phase then fails, and su with it."""
    program = su("alice").answer(alice.password)
    wait_for_grant(program)
    session = only_session(kratos, alice, "su")
    nothing_left(kratos)
    closed(journal, session, "never-opened")
    gate.open()
    program.finish()
    assert program.status == 1 and "@testhost" not in program.output, program.output


def test_kratosd_is_restarted_between_granted_and_opened(
    daemon: Daemon, kratos: Kratos, alice: Identity, between: None, gate: Gate
) -> None:
    """A login outlives the daemon that granted it."""
    daemon.configure(Sessions={"OpenTimeoutSec": "60s"})
    daemon.restart()
    program = su("alice").answer(alice.password)
    wait_for_grant(program)
    session = only_session(kratos, alice, "su")
    daemon.kill()
    daemon.start()
    lives_on(kratos, session)
    gate.open()
    program.shell()
    lives_on(kratos, session)
    program.logout()
    nothing_left(kratos)


def test_kratosd_is_killed_and_a_grant_dies_meanwhile(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, between: None
) -> None:
    program = su("alice").answer(alice.password)
    wait_for_grant(program)
    session = only_session(kratos, alice, "su")
    daemon.kill()
    kill(program.pid)
    daemon.start()
    nothing_left(kratos)
    closed(journal, session, "never-opened")


@pytest.mark.parametrize("service, victim", [("sshd", "sshd"), ("su", "su"), ("login", "login")])
def test_in_open_session(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, sshd: Sshd, gate: Gate, service, victim
) -> None:
    """Our session is open, and another module's still opens."""
    profile = Path("/etc/pam.d", service)
    profile.write_text(profile.read_text() + f"session optional pam_exec.so seteuid quiet {GATE}/wait\n")
    if service == "sshd":
        program = SshSession("alice").answer(alice.password)
    elif service == "su":
        program = su("alice").answer(alice.password)
    else:
        program = console().sees("login: ").type("alice").answer(alice.password)
    reached = wait_until(lambda: list(GATE.glob("reached.*")), "the session is open", 10)
    pid = int(reached[0].suffix[1:])
    session = only_session(kratos, alice, service)
    assert processes.command_name(pid) == victim
    lives_on(kratos, session)
    kill(pid)
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")
    program.kill() if processes.alive(program.child.pid) else program.finish()


def test_su_within_ssh(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal, sshd: Sshd
) -> None:
    """The connection's processes are killed: bob's session on top of alice's ends as well."""
    login = SshSession("alice").login(alice.password)
    connection, session = Connection(sshd, login), only_session(kratos, alice, "sshd")
    login.type("su bob").login(bob.password)
    (other,) = [one for one in wait_for_active(kratos, 2) if one["id"] != session["id"]]
    inner = descendant(connection.shell, "su")
    kill(inner, *connection.all())
    nothing_left(kratos)
    for one in session, other:
        journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SESSION=one["id"])


