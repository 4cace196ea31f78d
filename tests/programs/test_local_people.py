"""People who are none of ours, with the same profiles: nothing changes for them, whatever becomes of us.
And those of ours who have a fallback."""

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from programs import (
    ROOT_PASSWORD, Terminal, closed, console_login, events, lines_of_the_module, never_any_session,
    nobody_was_asked, no_login_id, nothing_left, only_session, refused, su,
)  # fmt: skip
from world import pam
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.prepare import LOCAL_PASSWORD
from world.ssh import Sshd, SshSession

# sshd, su and login are quick for local people; a wait for us would take 2 s.
AT_MOST_SEC = 2.0

WAYS: dict[str, Callable[[str, str], SshSession]] = {
    "ssh": lambda name, password: SshSession(name).login(password),
    "ssh-keyboard-interactive": lambda name, password: SshSession(
        name, methods="keyboard-interactive"
    ).login(password),
    "ssh-key": lambda name, password: SshSession(name, key=True).shell(),
    "su": lambda name, password: su(name).login(password),
    "su-l": lambda name, password: su(name, "-").login(password),
    "login": console_login,
}

STATES: dict[str, Callable[[Daemon, Bus, Kratos], object]] = {
    "running": lambda daemon, bus, kratos: None,
    "kratosd-stopped": lambda daemon, bus, kratos: daemon.stop(),
    "kratosd-hung": lambda daemon, bus, kratos: daemon.pause(),
    "bus-stopped": lambda daemon, bus, kratos: (daemon.stop(), bus.kill()),
    "bus-hung": lambda daemon, bus, kratos: (daemon.stop(), bus.pause()),
    "kratos-stopped": lambda daemon, bus, kratos: kratos.kill(),
}


@pytest.fixture(autouse=True)
def _permit_root(sshd: Sshd) -> None:
    sshd.stop()
    sshd.start(PermitRootLogin="yes")


def without_us() -> None:
    """Takes our lines out of the profiles."""
    for name in "sshd", "su", "login":
        profile = pam.FOLDER / name
        lines = profile.read_text().splitlines(keepends=True)
        profile.write_text("".join(line for line in lines if "pam_kratos" not in line))


def timed(enter: Callable[[str, str], SshSession], name: str, password: str) -> tuple[SshSession, float]:
    begun = time.monotonic()
    shell = enter(name, password)
    return shell, time.monotonic() - begun


def quickly(enter: Callable[[str, str], SshSession], name: str, password: str) -> SshSession:
    """A login that waits for nobody. One that was slow is measured against a host without us, for it may
    be the machine that is busy."""
    shell, took = timed(enter, name, password)
    if took > AT_MOST_SEC:
        shell.logout()
        without_us()
        yardstick, at_least = timed(enter, name, password)
        yardstick.logout()
        for profile in "sshd", "su", "login":
            pam.pam_service(profile)
        shell, took = timed(enter, name, password)
        assert took < AT_MOST_SEC + at_least
    return shell


@pytest.mark.parametrize("state", STATES)
def test_rule_23_local_people_pay_nothing(
    daemon: Daemon, bus: Bus, kratos: Kratos, alice: Identity, journal: Journal, state: str
) -> None:
    """lokal and root, by every way in, each within the time of a host without us."""
    STATES[state](daemon, bus, kratos)
    for name, password in ("lokal", LOCAL_PASSWORD), ("root", ROOT_PASSWORD):
        for way, enter in WAYS.items():
            shell = quickly(enter, name, password)
            assert shell.run("id -un") == name, way
            no_login_id(shell)
            assert shell.logout().status == 0, way
    nobody_was_asked(journal)


@pytest.mark.parametrize("way", ["ssh", "ssh-keyboard-interactive", "su", "login"])
def test_a_wrong_local_password_is_refused(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, way: str
) -> None:
    """Also when it is the right one of somebody in Kratos."""
    for password in "wrong", alice.password:
        with pytest.raises(AssertionError):
            WAYS[way]("lokal", password)
    nobody_was_asked(journal)
    never_any_session(kratos)


def test_a_local_name_in_kratos_is_no_way_in(
    daemon: Daemon, kratos: Kratos, sshd: Sshd, journal: Journal
) -> None:
    """Identities called lokal and root say nothing about the accounts lokal and root."""
    for name in "lokal", "root":
        identity = kratos.create_identity(name, f"password of {name} in Kratos")
        SshSession(name).answer(identity.password).refused()
    # Not even if somebody lists root.
    daemon.map("root", identity.id)
    SshSession("root").answer(identity.password).refused()
    nobody_was_asked(journal)
    never_any_session(kratos)


@pytest.fixture
def alices_local_password() -> Iterator[str]:
    password = "alice's own, on this host"
    subprocess.run(["chpasswd"], input=f"alice:{password}\n", text=True, check=True)
    yield password
    subprocess.run(["usermod", "--password", "*", "alice"], check=True)


@pytest.fixture
def fallback(daemon: Daemon, alice: Identity, alices_local_password: str) -> str:
    """alice may use her local password while Kratos cannot be asked."""
    daemon.map("alice", alice.id, "fallback")
    return alices_local_password


PASSWORD_WAYS = ["ssh", "ssh-keyboard-interactive", "su", "login"]


@pytest.mark.parametrize("way", PASSWORD_WAYS)
def test_rule_36_fallback_with_kratos_there(
    daemon: Daemon, kratos: Kratos, alice: Identity, fallback: str, journal: Journal, way: str
) -> None:
    """Kratos decides: the local password is wrong, and hers of Kratos is a session."""
    with pytest.raises(AssertionError):
        WAYS[way]("alice", fallback)
    refused(journal, "alice", "bad-credentials")
    never_any_session(kratos)
    shell = WAYS[way]("alice", alice.password)
    only_session(kratos, alice, "sshd" if way.startswith("ssh") else way)
    shell.logout()
    nothing_left(kratos)


@pytest.mark.parametrize("state", ["kratosd-stopped", "bus-stopped"])
@pytest.mark.parametrize("way", PASSWORD_WAYS)
def test_fallback_with_kratosd_away(
    daemon: Daemon, bus: Bus, kratos: Kratos, fallback: str, journal: Journal, way: str, state: str
) -> None:
    STATES[state](daemon, bus, kratos)
    shell = WAYS[way]("alice", fallback)
    assert shell.run("id -un") == "alice"
    no_login_id(shell)
    assert shell.logout().status == 0
    assert lines_of_the_module(journal)
    assert all("no verdict on alice" in line for line in lines_of_the_module(journal))


def test_fallback_with_kratos_away(
    daemon: Daemon, kratos: Kratos, fallback: str, journal: Journal, sshd: Sshd
) -> None:
    """She is asked once, and what she typed goes to the local password file."""
    kratos.kill()
    shell = SshSession("alice", methods="keyboard-interactive").login(fallback)
    no_login_id(shell)
    shell.logout()
    # Of the password, and of the account, of which nothing is known here.
    assert events(journal) == ["login-refused", "login-refused"]
    reasons = [entry["KRATOSD_REASON"] for entry in journal.entries() if entry["KRATOSD_REASON"]]
    assert reasons == ["kratos-unreachable", "too-stale"]


def test_fallback_that_ends_while_she_is_logged_in(
    daemon: Daemon, kratos: Kratos, alice: Identity, fallback: str, journal: Journal, sshd: Sshd
) -> None:
    """A login without a Kratos session has none to close, when kratosd is back."""
    daemon.stop()
    shell = SshSession("alice").login(fallback)
    daemon.start()
    shell.logout()
    never_any_session(kratos)
    assert events(journal) == []


def test_away_without_fallback(
    daemon: Daemon, kratos: Kratos, alice: Identity, alices_local_password: str, sshd: Sshd
) -> None:
    """Rule 36: nobody else's local password helps them."""
    daemon.stop()
    for methods in "password", "keyboard-interactive":
        login = SshSession("alice", methods=methods)
        login.finish() if methods != "password" else login.answer(alices_local_password).finish()
        assert login.status == 255 and "@testhost" not in login.output
    terminal = Terminal("/bin/login", "alice").sees("Login incorrect")
    terminal.kill()
    never_any_session(kratos)


def test_unlisted_from_now_on(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """A line that is removed while the person is logged in: the session ends as it ought to."""
    login = SshSession("alice").login(alice.password)
    session = only_session(kratos, alice, "sshd")
    daemon.unmap("alice")
    login.logout()
    nothing_left(kratos)
    closed(journal, session, "logout")
    SshSession("alice").answer(alice.password).refused()
    assert len(kratos.sessions()) == 1
