"""Second factors through a real sshd, by each way in."""

import re

import pexpect
import pytest
from factors import APP, PASSWORD, Person, note
from logging_in import nothing_left, reason
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos
from world.ssh import SHELL_PROMPT, Sshd, SshSession

APP_ASKED = re.escape(APP)


@pytest.fixture(autouse=True)
def _profile() -> None:
    pam.pam_service("sshd")


def test_keyboard_interactive(
    daemon: Daemon, kratos: Kratos, alice: Person, sshd: Sshd
) -> None:
    """A wrong code is asked for again in the same conversation."""
    alice.add_app()
    login = SshSession("alice", methods="keyboard-interactive").asked().type(PASSWORD)
    login.child.expect(APP_ASKED)
    login.child.sendline("000000")
    login.child.expect("Wrong code. " + APP_ASKED)
    login.child.sendline(alice.app_code)
    login.shell()
    (session,) = kratos.active_sessions()
    assert session["authenticator_assurance_level"] == "aal2"
    assert login.logout().status == 0
    nothing_left(kratos)
    note("sshd, keyboard-interactive: app wrong, then right", "granted")


def test_rule_43_password_authentication_repeats_itself(
    daemon: Daemon, kratos: Kratos, alice: Person, sshd: Sshd, journal: Journal
) -> None:
    alice.add_app()
    login = SshSession("alice", methods="password").asked().type(PASSWORD)
    login.child.expect(["Permission denied", pexpect.EOF])
    assert reason(journal) == "password-repeated"
    nothing_left(kratos)
    note("sshd, PasswordAuthentication, with an app", "refused")


def test_password_authentication_without_a_second_factor(
    daemon: Daemon, kratos: Kratos, alice: Person, sshd: Sshd
) -> None:
    login = SshSession("alice", methods="password").asked().type(PASSWORD).shell()
    assert login.logout().status == 0
    nothing_left(kratos)
    note("sshd, PasswordAuthentication, without a second factor", "granted")


def test_public_key_and_both_factors(
    daemon: Daemon, kratos: Kratos, alice: Person, sshd: Sshd
) -> None:
    """AuthenticationMethods publickey,keyboard-interactive: neither is enough alone."""
    alice.add_app()
    sshd.stop()
    sshd.start(AuthenticationMethods="publickey,keyboard-interactive")
    login = SshSession("alice", methods="keyboard-interactive")
    login.child.expect(["Permission denied", pexpect.EOF])

    login = SshSession("alice", key=True, methods="publickey")
    assert login.child.expect(["Permission denied", SHELL_PROMPT, pexpect.EOF]) != 1

    login = SshSession("alice", key=True)
    # ssh prefers what it is told; after the key it must be allowed to go on.
    login.child.close(force=True)
    argv = [word for word in login.child.args]
    argv = [
        "PreferredAuthentications=publickey,keyboard-interactive"
        if str(word).startswith("PreferredAuthentications=")
        else word
        for word in argv
    ]
    child = pexpect.spawn(argv[0], argv[1:], timeout=20, cwd="/", dimensions=(24, 200))
    child.expect("[Pp]assword: ?")
    child.sendline(PASSWORD)
    child.expect(APP_ASKED)
    child.sendline(alice.app_code)
    child.expect(SHELL_PROMPT)
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()
    nothing_left(kratos)
    note("sshd, AuthenticationMethods publickey,keyboard-interactive", "key, password and app")
