"""The real su and login with a second factor, in German, from a terminal."""

import time

import pytest
from programs import console, never_any_session, nothing_left, only_session, su
from world.daemon import Daemon
from world.kratos import Identity, Kratos, totp_code
from world.locales import GERMAN, install_german

APP = "Code aus Ihrer Authenticator-App: "
CTRL_D = b"\x04"


@pytest.fixture(autouse=True)
def _german() -> None:
    install_german()


@pytest.fixture
def secret(alice: Identity, kratos: Kratos) -> str:
    """Alice's authenticator app."""
    return kratos.set_totp(alice.id)


def fresh(secret: str) -> str:
    """A code that is right for a while."""
    while time.time() % 30 > 25:
        time.sleep(0.2)
    return totp_code(secret)


def in_german(by: str = "bob"):
    return su("alice", by=by, env=GERMAN)


def test_su(daemon: Daemon, kratos: Kratos, alice: Identity, secret: str) -> None:
    terminal = in_german().sees("Passwort: ").type(alice.password).sees(APP)
    terminal.type("000000").sees("Falscher Code. " + APP)
    shell = terminal.type(fresh(secret)).shell()
    only_session(kratos, alice, "su")
    assert shell.run("id -un") == "alice"
    shell.logout()
    nothing_left(kratos)


def test_su_says_when_to_come_again(daemon: Daemon, kratos: Kratos, alice: Identity) -> None:
    """The sentence is kratosd's, and its language the terminal's."""
    daemon.configure(Throttle={"FreeTries": "1"})
    daemon.restart()
    # The third failure makes the next try wait for 8 s, and su's own delay is 3 s at most.
    for _ in range(3):
        in_german().sees("Passwort: ").type("falsch").finish()
    told = in_german().sees("Passwort: ").type("falsch").finish().output
    assert "Zu viele Fehlversuche. Versuchen Sie es in " in told, told
    never_any_session(kratos)


def test_given_up_between_the_steps(
    daemon: Daemon, kratos: Kratos, alice: Identity, secret: str
) -> None:
    """The session that the password made ends with it."""
    terminal = in_german().sees("Passwort: ").type(alice.password).sees(APP)
    (session,) = kratos.active_sessions()
    terminal.child.send(CTRL_D)
    assert terminal.finish().status != 0
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1 and not kratos.session(session["id"])["active"]


def test_login(daemon: Daemon, kratos: Kratos, alice: Identity, secret: str) -> None:
    """On a console, in English as its getty has it; the code is not shown."""
    terminal = console().sees("login: ").type("alice").answer(alice.password)
    code = fresh(secret)
    shell = terminal.sees("Code from your authenticator app: ").type(code).shell()
    assert code not in terminal.output
    only_session(kratos, alice, "login")
    shell.logout()
    nothing_left(kratos)
