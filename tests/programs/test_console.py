"""login on a terminal of its own, as a getty starts it."""

import subprocess
import time

import pytest
from programs import (
    ROOT_PASSWORD, closed, console, console_login, events, kill, lives_on, name_and_password,
    never_any_session, no_login_id, nothing_left, only_session, refused, wait_for_active,
)  # fmt: skip
from world import processes
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos

WRONG = "Login incorrect"


def test_login_is_the_distributions_own() -> None:
    owner = subprocess.check_output(["dpkg", "-S", "/bin/login"], text=True).partition(":")[0]
    assert owner in ("login", "util-linux")


def test_rule_27_a_login_is_one_session_and_its_id_is_gone(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    shell = console_login("alice", alice.password)
    terminal = shell.run("tty").strip()
    session = only_session(kratos, alice, "login", terminal)
    assert shell.run("id -un") == "alice"
    no_login_id(shell)
    lives_on(kratos, session)
    assert shell.logout().status == 0
    nothing_left(kratos)
    closed(journal, session, "logout")
    assert len(kratos.sessions()) == 1


def test_rule_2_first_alice_wrong_then_bob_right(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
) -> None:
    """login keeps its PAM handle: the second person is another user on the same one."""
    terminal = name_and_password(console(), "alice", "wrong").sees(WRONG)
    refused(journal, "alice", "bad-credentials")
    never_any_session(kratos)

    shell = name_and_password(terminal, "bob", bob.password).shell()
    session = only_session(kratos, bob, "login")
    assert shell.run("id -un") == "bob"
    no_login_id(shell)
    lives_on(kratos, session)
    assert shell.logout().status == 0
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1
    (opened,) = journal.entries(KRATOSD_EVENT="session-opened")
    assert opened["KRATOSD_USER"] == "bob"


def test_rule_2_the_password_of_another(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
) -> None:
    """Each types the password of the other, and root is offered both."""
    terminal = console()
    for name, password in (
        ("alice", bob.password), ("bob", alice.password), ("root", alice.password), ("root", bob.password)
    ):
        name_and_password(terminal, name, password).sees(WRONG)
    terminal.kill()
    refusals = journal.entries(KRATOSD_EVENT="login-refused")
    assert [entry["KRATOSD_USER"] for entry in refusals] == ["alice", "bob"]
    never_any_session(kratos)


def test_first_wrong_then_right(daemon: Daemon, kratos: Kratos, alice: Identity) -> None:
    terminal = name_and_password(console(), "alice", "wrong").sees(WRONG)
    shell = name_and_password(terminal, "alice", alice.password).shell()
    session = only_session(kratos, alice, "login")
    no_login_id(shell)
    lives_on(kratos, session)
    shell.logout()
    nothing_left(kratos)


def test_first_alice_wrong_then_somebody_local(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    terminal = name_and_password(console(), "alice", "wrong").sees(WRONG)
    shell = name_and_password(terminal, "root", ROOT_PASSWORD).shell()
    assert shell.run("id -un") == "root"
    no_login_id(shell)
    shell.logout()
    never_any_session(kratos)
    assert events(journal) == ["login-refused"]


def test_first_somebody_unknown_then_alice(
    daemon: Daemon, kratos: Kratos, alice: Identity
) -> None:
    terminal = name_and_password(console(), "nobody-knows", "wrong").sees(WRONG)
    shell = name_and_password(terminal, "alice", alice.password).shell()
    only_session(kratos, alice, "login")
    shell.logout()
    nothing_left(kratos)


def test_logins_one_after_the_other(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity
) -> None:
    for person in alice, bob, alice:
        shell = console_login(person.username, person.password)
        only_session(kratos, person, "login")
        shell.logout()
        nothing_left(kratos)
    assert len(kratos.sessions()) == 3


def test_two_consoles_at_once(
    daemon: Daemon, kratos: Kratos, alice: Identity
) -> None:
    first = console_login("alice", alice.password)
    session = only_session(kratos, alice, "login")
    second = console_login("alice", alice.password)
    (other,) = [one for one in kratos.active_sessions() if one["id"] != session["id"]]
    first.logout()
    wait_for_active(kratos, 1)
    lives_on(kratos, other)
    second.logout()
    nothing_left(kratos)


def test_login_itself_is_killed(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    """It waits for the shell, and holds the lifeline."""
    shell = console_login("alice", alice.password)
    session = only_session(kratos, alice, "login")
    left = shell.shell_pid()
    assert processes.command_name(shell.pid) == "login" and processes.parent(left) == shell.pid
    kill(shell.pid)
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")
    if processes.alive(left):
        kill(left)


def test_the_shell_is_killed(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    shell = console_login("alice", alice.password)
    session = only_session(kratos, alice, "login")
    kill(shell.shell_pid())
    shell.finish()
    nothing_left(kratos)
    closed(journal, session, "logout")


def test_the_terminal_hangs_up(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    shell = console_login("alice", alice.password)
    session = only_session(kratos, alice, "login")
    shell.child.close(force=False)
    nothing_left(kratos)
    assert journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SESSION=session["id"])


@pytest.mark.parametrize("kratos_too", [True, False])
def test_rule_3_kratosd_is_down(
    daemon: Daemon, kratos: Kratos, alice: Identity, kratos_too: bool
) -> None:
    daemon.kill()
    if kratos_too:
        kratos.kill()
    begun = time.monotonic()
    terminal = console().sees("login: ").type("alice").sees(WRONG)
    assert time.monotonic() - begun < 15
    assert "@testhost" not in terminal.output
    # The same terminal still lets in whom we have no say about.
    shell = name_and_password(terminal, "root", ROOT_PASSWORD).shell()
    shell.logout()
