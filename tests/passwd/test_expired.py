"""passwordChangeNow in the account document: each way in leads through the change, once."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from calling import Caller, start
from changing import CURRENT, NEW, AGAIN, FIRST, Passwd, takes
from factors import PASSWORD
from logging_in import nothing_left
from programs import console

from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import Sshd, SshSession

DEMAND = "You have to change your password now."
DEMANDED = ("password-expired", DEMAND)
FINE = ("ok", "")

pytestmark = pytest.mark.sanitized


@pytest.fixture(autouse=True)
def _accounts() -> None:
    Path("/etc/nsswitch.conf").write_text(
        "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\nshadow: files systemd\n"
        "gshadow: files systemd\nhosts: files\nservices: files\n"
    )
    Path("/etc/skel/.profile").write_text("PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n")
    subprocess.run(["rm", "-rf", "/home/dora"], check=True)


@pytest.fixture
def daemon(stopped_daemon: Daemon) -> Daemon:
    """One that asks Kratos at each check."""
    stopped_daemon.configure(Access={"FreshSec": "0"})
    start(stopped_daemon)
    return stopped_daemon


@pytest.fixture
def dora(daemon: Daemon, kratos: Kratos) -> Identity:
    """Somebody with an account document, who has to change the password."""
    return kratos.create_identity(
        "dora", PASSWORD, metadata_public={"posix": {"name": "dora", "passwordChangeNow": True}}
    )


def demand(kratos: Kratos, dora: Identity, value: bool) -> None:
    path = "/metadata_public/posix/passwordChangeNow"
    kratos.patch(dora.id, {"op": "replace", "path": path, "value": value})


def lead_through(terminal: SshSession, new: str = NEW, current: str = PASSWORD) -> SshSession:
    """The prompts of a login that leads through the change."""
    for prompt, answer in ((CURRENT, current), (FIRST, new), (AGAIN, new)):
        terminal.child.expect_exact(prompt)
        terminal.child.sendline(answer)
    return terminal


def test_sshd_keyboard_interactive(
    daemon: Daemon, kratos: Kratos, dora: Identity, sshd: Sshd, journal: Journal
) -> None:
    login = SshSession("dora", methods="keyboard-interactive").asked().type(PASSWORD)
    login.child.expect_exact(DEMAND)
    lead_through(login).shell()
    assert takes(kratos, NEW, "dora") and not takes(kratos, PASSWORD, "dora")
    journal.wait(KRATOSD_EVENT="password-changed", KRATOSD_USER="dora", KRATOSD_SERVICE="sshd")
    assert len(kratos.active_sessions()) == 1
    assert login.logout().status == 0
    nothing_left(kratos)
    again = SshSession("dora", methods="keyboard-interactive").login(NEW)
    assert DEMAND not in again.output
    again.logout()
    nothing_left(kratos)


def test_sshd_says_no_without_a_change(
    daemon: Daemon, kratos: Kratos, dora: Identity, sshd: Sshd
) -> None:
    login = SshSession("dora", methods="keyboard-interactive").asked().type(PASSWORD)
    lead_through(login, "abc").child.expect_exact("at least 6 characters")
    for _ in range(2):
        login.child.expect_exact(FIRST)
        login.child.sendline("abc")
        login.child.expect_exact(AGAIN)
        login.child.sendline("abc")
    login.child.expect("Permission denied|closed")
    login.kill()
    nothing_left(kratos)
    assert takes(kratos, PASSWORD, "dora")


def test_login_on_a_console(daemon: Daemon, kratos: Kratos, dora: Identity) -> None:
    terminal = console().sees("login: ").type("dora").answer(PASSWORD)
    terminal.child.expect_exact(DEMAND)
    lead_through(terminal).shell()
    assert takes(kratos, NEW, "dora")
    assert len(kratos.active_sessions()) == 1
    assert terminal.logout().status == 0
    nothing_left(kratos)


def test_a_public_key_leads_to_passwd(
    daemon: Daemon, kratos: Kratos, dora: Identity, sshd: Sshd
) -> None:
    """sshd runs passwd in the place of the shell."""
    sshd.stop()
    sshd.start(AuthorizedKeysFile="/etc/ssh/keys-of-all")
    key = next(Path(sshd_folder()).glob("client_key.pub")).read_text()
    Path("/etc/ssh/keys-of-all").write_text(key)
    login = SshSession("dora", key=True)
    lead_through(login).finish()
    assert "password updated successfully" in login.output
    assert takes(kratos, NEW, "dora")
    nothing_left(kratos)
    login = SshSession("dora", key=True).shell()
    login.logout()


def sshd_folder() -> str:
    from world.ssh import FOLDER

    return str(FOLDER)


class TestWhenItEnds:
    def test_a_change_through_this_host(self, daemon: Daemon, kratos: Kratos, dora: Identity) -> None:
        """Until the document says so no more: then it begins anew. Restarts change nothing."""
        root = Caller()
        assert root.check_account("dora") == DEMANDED
        Passwd_of_dora().current().new().ended()
        assert root.check_account("dora") == FINE
        start(daemon)
        root = Caller()
        assert root.check_account("dora") == FINE
        demand(kratos, dora, False)
        assert root.check_account("dora") == FINE
        demand(kratos, dora, True)
        assert root.check_account("dora") == DEMANDED

    def test_the_administrator(self, daemon: Daemon, kratos: Kratos, dora: Identity) -> None:
        root = Caller()
        assert root.check_account("dora") == DEMANDED
        demand(kratos, dora, False)
        assert root.check_account("dora") == FINE

    def test_an_earlier_change_does_not_count(
        self, daemon: Daemon, kratos: Kratos, dora: Identity
    ) -> None:
        demand(kratos, dora, False)
        root = Caller()
        assert root.check_account("dora") == FINE
        Passwd_of_dora().current().new().ended()
        demand(kratos, dora, True)
        assert root.check_account("dora") == DEMANDED

    def test_a_refused_one_does_not_count(
        self, daemon: Daemon, kratos: Kratos, dora: Identity
    ) -> None:
        passwd = Passwd_of_dora().current().new("abc").asked("at least 6")
        passwd.kill()
        nothing_left(kratos)
        assert Caller().check_account("dora") == DEMANDED

    def test_rule_5_a_denial_comes_first(
        self, daemon: Daemon, kratos: Kratos, dora: Identity
    ) -> None:
        from calling import Refused

        kratos.set_state(dora.id, "inactive")
        with pytest.raises(Refused, match="AccountDisabled"):
            Caller().check_account("dora")

    def test_a_locker_is_not_led_anywhere(
        self, daemon: Daemon, kratos: Kratos, dora: Identity
    ) -> None:
        """It could not change it, and would keep the person out."""
        assert Caller().check_account("dora") == DEMANDED
        pam.pam_service("strict", pam.ONLY_US)
        done = pam.run("strict", "dora", ["authenticate", "acct_mgmt"], [PASSWORD], run_as="dora")
        assert done.status == 0, done.output


def Passwd_of_dora() -> Passwd:
    wait_until(lambda: subprocess.run(["id", "dora"], capture_output=True).returncode == 0, "dora is known")
    return Passwd(user="dora")
