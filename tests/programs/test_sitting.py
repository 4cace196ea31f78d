"""sudo and su within a login through sshd, beside a logind that says who sits where."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import (
    Connection, Json, Terminal, closed, events, lives_on, only_session, wait_for_active,
)  # fmt: skip
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.logind import Logind
from world.paths import TREE
from world.ssh import Sshd, SshSession

# What a shell's echo shows of it is not what the terminal waits for.
SUDO = "sudo -p 'Pass''word: ' "


def sits(logind: Logind, sshd: Sshd, person: Identity) -> SshSession:
    """Somebody's login through sshd, which logind knows."""
    shell = SshSession(person.username).login(person.password)
    logind.place(Connection(sshd, shell).monitor, person.username)
    return shell


def is_renewed(kratos: Kratos, session: Json) -> bool:
    """Whether it is younger than it was; and that it is the only one there is."""
    (now,) = kratos.active_sessions()
    assert now["id"] == session["id"]
    younger = now["authenticated_at"] > session["authenticated_at"]
    session.update(now)
    return younger


def test_sudo_ten_times(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, logind: Logind, sshd: Sshd
) -> None:
    shell = sits(logind, sshd, alice)
    session = only_session(kratos, alice, "sshd")
    for _ in range(10):
        shell.type(SUDO + "id -un").answer(alice.password).shell()
        assert shell.output.split("\n")[-2].strip() == "root", shell.output[-200:]
        assert is_renewed(kratos, session)
    assert len(kratos.sessions()) == 1
    assert events(journal)[2:] == ["login-granted", "session-renewed"] * 10
    lives_on(kratos, session)
    assert shell.logout().status == 0
    closed(journal, session, "logout")


def test_a_root_shell_outlives_nothing(
    daemon: Daemon, kratos: Kratos, alice: Identity, logind: Logind, sshd: Sshd
) -> None:
    """sudo within sudo's shell is root's; alice's own, back in her shell, renews hers again."""
    shell = sits(logind, sshd, alice)
    session = only_session(kratos, alice, "sshd")
    shell.type(SUDO + "-s").login(alice.password)
    assert shell.run("id -un") == "root"
    shell.type("exit").shell()
    assert is_renewed(kratos, session)
    lives_on(kratos, session)
    shell.logout()


def test_su_to_oneself(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, logind: Logind, sshd: Sshd
) -> None:
    """The session within the session ends, and the one around it does not; sudo within it is the same
    person's in the same place."""
    shell = sits(logind, sshd, alice)
    session = only_session(kratos, alice, "sshd")
    shell.type("su - alice").login(alice.password)
    assert is_renewed(kratos, session)
    assert len(Daemon.lifelines()) == 2
    shell.type(SUDO + "id -un").answer(alice.password).shell()
    assert is_renewed(kratos, session)
    shell.type("exit").shell()
    entry = journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SERVICE="su-l")
    assert entry["KRATOSD_REASON"] == "borrowed"
    lives_on(kratos, session)
    assert len(Daemon.lifelines()) == 1
    shell.logout()


HELPER = "/usr/lib/polkit-1/polkit-agent-helper-1"


def test_polkit(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, logind: Logind, sshd: Sshd
) -> None:
    """What an agent runs for whoever is to show who they are, setuid root, with what it reads after a
    cookie. There is no polkitd here to tell of it."""
    pam.pam_service("polkit-1", (TREE / "etc/pam/sudo").read_text())
    shell = sits(logind, sshd, alice)
    session = only_session(kratos, alice, "sshd")
    for password, event in ("wrong", "login-refused"), (alice.password, "session-renewed"):
        # In capitals, for that is not what the terminal waits for.
        shown = shell.run(f"printf 'cookie\\n%s\\n' '{password}' | {HELPER} alice 2>&1 | tr a-z A-Z")
        assert "PAM_PROMPT_ECHO_OFF PASSWORD: " in shown
        assert journal.wait(KRATOSD_EVENT=event)["KRATOSD_SERVICE"] == "polkit-1"
        assert is_renewed(kratos, session) == (event == "session-renewed")
    assert len(kratos.sessions()) == 1
    shell.logout()


def test_rule_34_su_to_another(
    daemon: Daemon,
    kratos: Kratos,
    alice: Identity,
    bob: Identity,
    journal: Journal,
    logind: Logind,
    sshd: Sshd,
) -> None:
    """bob, within alice's login: neither his su nor his sudo there renews hers, nor anybody's."""
    shell = sits(logind, sshd, alice)
    hers = only_session(kratos, alice, "sshd")
    shell.type("su - bob").login(bob.password)
    assert shell.run("id -un") == "bob"
    (his,) = [one for one in wait_for_active(kratos, 2) if one["identity"]["id"] == bob.id]
    shell.type(SUDO + "id -un").answer(bob.password).shell()
    wait_for_active(kratos, 2)
    lives_on(kratos, hers, his)
    assert not journal.entries(KRATOSD_EVENT="session-renewed")
    shell.type("exit").shell()
    wait_for_active(kratos, 1)
    assert not is_renewed(kratos, hers)
    shell.logout()


def test_rule_34_a_loginuid_is_not_believed(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, logind: Logind, sshd: Sshd
) -> None:
    """A process outside of any login whose audit session is made to look like alice's, where the kernel
    has such a thing."""
    shell = sits(logind, sshd, alice)
    session = only_session(kratos, alice, "sshd")
    uid = int(shell.run("id -u"))
    forge = f"echo {uid} > /proc/self/loginuid 2>/dev/null; exec sudo -p 'Password: ' id -un"
    run = Terminal("sh", "-c", forge, user="alice").answer(alice.password).finish()
    assert run.output.split()[-1] == "root"
    wait_for_active(kratos, 1)
    assert not is_renewed(kratos, session)
    assert not journal.entries(KRATOSD_EVENT="session-renewed")
    shell.logout()


def test_rule_34_what_lingers_of_another_login(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, logind: Logind, sshd: Sshd
) -> None:
    """tmux or nohup, left behind by a login that is over: the next login is not its own."""
    first = sits(logind, sshd, alice)
    run = Path("/home/alice/lingers")
    script = "while [ ! -e ~/go ]; do sleep 0.1; done; exec script -qc \"sudo -S id -un <pw >said\" /dev/null"
    Path("/home/alice/pw").write_text(alice.password + "\n")
    run.write_text(script)
    first.run(f"setsid nohup sh {run} >/dev/null 2>&1 &")
    first.logout()
    wait_for_active(kratos, 0)
    second = sits(logind, sshd, alice)
    session = only_session(kratos, alice, "sshd")
    Path("/home/alice/go").touch()
    granted = journal.wait(KRATOSD_EVENT="login-granted", KRATOSD_SERVICE="sudo")
    assert granted["KRATOSD_SESSION"] != session["id"]
    wait_for_active(kratos, 1)
    assert not is_renewed(kratos, session)
    assert not journal.entries(KRATOSD_EVENT="session-renewed")
    second.logout()


@pytest.fixture(autouse=True)
def _home() -> Iterator[None]:
    yield
    for name in "go", "pw", "said", "lingers":
        Path("/home/alice", name).unlink(missing_ok=True)


def test_the_session_was_revoked(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, logind: Logind, sshd: Sshd
) -> None:
    shell = sits(logind, sshd, alice)
    before = only_session(kratos, alice, "sshd")
    assert kratos.admin("DELETE", f"/admin/sessions/{before['id']}").status == 204
    for _ in range(3):
        shell.type(SUDO + "id -un").answer(alice.password).shell()
    (after,) = wait_for_active(kratos, 1)
    assert after["id"] != before["id"]
    reasons = [one["KRATOSD_REASON"] for one in journal.entries(KRATOSD_EVENT="session-renewed")]
    assert reasons == ["replaced", "renewed", "renewed"]
    shell.logout()
