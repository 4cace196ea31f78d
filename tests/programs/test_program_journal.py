"""What the module and the daemon write of real programs' logins: exactly these lines, and none of
anybody who is not ours."""

import pytest
from programs import (
    console, console_login, events, lines_of_the_module, name_and_password, nothing_left, su, sudo,
)  # fmt: skip
from world.daemon import Daemon
from world.journal import Entry, Journal
from world.kratos import Identity, Kratos
from world.paths import LOCAL_USERS
from world.ssh import Sshd, SshSession

WHOLE = ["login-granted", "session-opened", "session-closed", "session-revoked"]
REASONS = ["granted", "opened", "logout", "confirmed"]

MESSAGE_IDS = {
    "login-granted": "0ac0f439a0cf4cb698a55e4de45af8c1",
    "login-refused": "6bac1549ee7c4f688646151c689d49b1",
    "session-opened": "660e31ead95041d8bd8fdcfa4704c9cd",
    "session-closed": "1589ed5748f84fda8c79d9c01a06d29e",
    "session-revoked": "d44a13407bcb4910920f2fd0cad3da02",
    "revocation-postponed": "260946e6a09a4f2a9c4b30c798560235",
}


def told(journal: Journal) -> list[Entry]:
    return [entry for entry in journal.entries() if entry["KRATOSD_EVENT"]]


def check_whole_login(
    journal: Journal, kratos: Kratos, service: str, rhost: str, reasons: list[str] = REASONS
) -> None:
    """Four events of one login, all of the same person, service, remote host and Kratos session."""
    nothing_left(kratos)
    journal.wait(KRATOSD_EVENT="session-revoked")
    (session,) = kratos.sessions()
    entries = told(journal)
    assert [entry["KRATOSD_EVENT"] for entry in entries] == WHOLE
    assert [entry["KRATOSD_REASON"] for entry in entries] == reasons
    for entry in entries:
        assert entry["MESSAGE_ID"] == MESSAGE_IDS[entry["KRATOSD_EVENT"]]
        assert entry["PRIORITY"] == "6"
        assert entry["KRATOSD_USER"] == "alice"
        assert entry["KRATOSD_SERVICE"] == service
        assert entry["KRATOSD_RHOST"] == rhost
        assert entry["KRATOSD_SESSION"] == session["id"]
    assert lines_of_the_module(journal) == []


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_a_login_by_ssh(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    SshSession("alice", methods=methods).login(alice.password).logout()
    check_whole_login(journal, kratos, "sshd", "127.0.0.1")


def test_a_login_by_su(daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal) -> None:
    su("alice").login(alice.password).logout()
    check_whole_login(journal, kratos, "su", "")


def test_a_login_on_a_console(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    console_login("alice", alice.password).logout()
    check_whole_login(journal, kratos, "login", "")


def check_refusal(journal: Journal, service: str, rhost: str, reason: str, line: str) -> None:
    """One event, and one line of the module, by the program itself."""
    (entry,) = told(journal)
    assert entry["KRATOSD_EVENT"] == "login-refused"
    assert entry["MESSAGE_ID"] == MESSAGE_IDS["login-refused"]
    assert entry["PRIORITY"] == "5"
    assert entry["KRATOSD_USER"] == "alice"
    assert (entry["KRATOSD_SERVICE"], entry["KRATOSD_RHOST"]) == (service, rhost)
    assert (entry["KRATOSD_REASON"], entry["KRATOSD_SESSION"]) == (reason, "")
    assert lines_of_the_module(journal) == [line]
    (written,) = journal.entries(MESSAGE=line)
    assert written["SYSLOG_IDENTIFIER"] == service
    # LOG_AUTHPRIV, and a notice: nothing is amiss when somebody mistypes.
    assert (written["SYSLOG_FACILITY"], written["PRIORITY"]) == ("10", "5")


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_a_wrong_password_by_ssh(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    SshSession("alice", methods=methods).answer("wrong").refused()
    line = "pam_kratos(sshd:auth): refused alice: BadCredentials (Wrong password)"
    check_refusal(journal, "sshd", "127.0.0.1", "bad-credentials", line)


def test_a_wrong_password_by_su(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    su("alice").answer("wrong").finish()
    line = "pam_kratos(su:auth): refused alice: BadCredentials (Wrong password)"
    check_refusal(journal, "su", "", "bad-credentials", line)


def test_a_wrong_password_by_sudo(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    program = sudo("id").answer("wrong").asked()
    line = "pam_kratos(sudo:auth): refused alice: BadCredentials (Wrong password)"
    check_refusal(journal, "sudo", "", "bad-credentials", line)
    program.child.sendintr()
    program.finish()


def test_a_wrong_password_on_a_console(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    terminal = name_and_password(console(), "alice", "wrong").sees("Login incorrect")
    line = "pam_kratos(login:auth): refused alice: BadCredentials (Wrong password)"
    check_refusal(journal, "login", "", "bad-credentials", line)
    terminal.kill()


def test_an_empty_password(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    su("alice").answer("").finish()
    line = "pam_kratos(su:auth): refused alice: BadCredentials (Wrong password)"
    check_refusal(journal, "su", "", "empty-password", line)


def test_kratosd_is_away(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    daemon.stop()
    su("alice").finish()
    line = "pam_kratos(su:auth): refused alice: kratosd cannot be reached"
    assert lines_of_the_module(journal) == [line]
    assert journal.wait(MESSAGE=line)["PRIORITY"] == "3"
    assert events(journal) == []


def test_kratosd_is_away_and_a_key_is_right(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    daemon.stop()
    login = SshSession("alice", key=True).finish()
    assert login.status == 255
    assert lines_of_the_module(journal) == [
        "pam_kratos(sshd:account): refused alice: kratosd cannot be reached"
    ]


def test_a_line_that_is_malformed(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    LOCAL_USERS.write_text(f"alice {alice.id} fallbak\n")
    su("alice").finish()
    (line,) = lines_of_the_module(journal)
    assert line.startswith(f"pam_kratos(su:auth): refused alice: {LOCAL_USERS} or /etc/passwd: ")
    assert events(journal) == []


def test_a_public_key_leaves_no_line(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    SshSession("alice", key=True).shell().logout()
    assert (events(journal), lines_of_the_module(journal)) == ([], [])


def test_passwords_are_in_no_line(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """The log level is the highest here."""
    assert daemon.settings["Log"]["Level"] == "debug"
    wrong = "a-canary-that-was-mistyped"
    SshSession("alice").answer(wrong).refused()
    SshSession("alice").login(alice.password).logout()
    nothing_left(kratos)
    for place in journal.text(), daemon.log(), sshd.log():
        assert alice.password not in place and wrong not in place
