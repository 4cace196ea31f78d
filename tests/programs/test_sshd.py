"""sshd, by each way in: which of them become sessions in Kratos, and that none is left behind."""

import os
import signal
import time
from pathlib import Path

import pytest
from programs import (
    Connection, client, closed, configure_client, events, holders_of_a_login_id, kill, lives_on,
    never_any_session, no_login_id, nothing_left, only_session, refused, wait_for_active,
)  # fmt: skip
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.paths import LOCAL_USERS, WORLD
from world.processes import wait_until
from world.ssh import Sshd, SshSession

METHODS = ["password", "keyboard-interactive"]
SFTP = "sftp /usr/lib/openssh/sftp-server"
FILES = WORLD / "open"


def restarted(sshd: Sshd, **options: str) -> Sshd:
    sshd.stop()
    sshd.start(**options)
    return sshd


def the_session(kratos: Kratos, person: Identity) -> dict:
    session = only_session(kratos, person, "sshd", "ssh")
    assert session["devices"][0]["ip_address"] == "127.0.0.1"
    return session


@pytest.mark.parametrize("methods", METHODS)
def test_rule_27_a_login_is_one_session_and_its_id_is_gone(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    login = SshSession("alice", methods=methods).asked()
    never_any_session(kratos)
    login.type(alice.password).shell()

    session = the_session(kratos, alice)
    assert login.run("id -un") == "alice"
    no_login_id(login)
    lives_on(kratos, session)

    assert login.logout().status == 0
    nothing_left(kratos)
    closed(journal, session, "logout")
    assert len(kratos.sessions()) == 1


def test_rule_27_this_test_would_see_a_login_id(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """With a profile that has no session line of ours the id stays in PAM's environment, and comes to
    the shell: good for nothing a little later, for what was granted and is not opened is revoked."""
    profile = Path("/etc/pam.d/sshd")
    lines = profile.read_text().splitlines()
    kept = [line for line in lines if not ("pam_kratos" in line and line.startswith("session"))]
    assert len(kept) == len(lines) - 1
    profile.write_text("\n".join(kept) + "\n")

    login = SshSession("alice").login(alice.password)
    assert any(name.startswith("bash[") for name in holders_of_a_login_id())
    session = the_session(kratos, alice)
    nothing_left(kratos)
    closed(journal, session, "never-opened")
    login.logout()


def test_public_key_has_no_kratos_session(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    login = SshSession("alice", key=True).shell()
    no_login_id(login)
    assert login.run("id -un") == "alice"
    assert login.logout().status == 0
    never_any_session(kratos)
    assert events(journal) == []


def test_public_key_and_then_a_password(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd
) -> None:
    """AuthenticationMethods may demand both, and then there is a session."""
    for second in METHODS:
        restarted(sshd, AuthenticationMethods=f"publickey,{second}")
        options = ["-o", "PubkeyAuthentication=yes", "-o", f"PreferredAuthentications=publickey,{second}"]
        login = client("ssh", "-tt", *options, "alice@testhost").login(alice.password)
        the_session(kratos, alice)
        no_login_id(login)
        login.logout()
        nothing_left(kratos)


@pytest.mark.parametrize("order", [METHODS, METHODS[::-1]])
def test_a_password_asked_for_twice(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, order: list[str]
) -> None:
    """AuthenticationMethods may demand both ways of asking: the later login is the one that counts."""
    methods = ",".join(order)
    restarted(sshd, AuthenticationMethods=methods)
    login = client("ssh", "-tt", "-o", f"PreferredAuthentications={methods}", "alice@testhost")
    login.answer(alice.password).login(alice.password)
    wait_for_active(kratos, 1)
    no_login_id(login)
    lives_on(kratos, the_session(kratos, alice))
    login.logout()
    nothing_left(kratos)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_command(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, terminal: bool
) -> None:
    """ssh host command, with a terminal and without one: the session lasts as long as the command."""
    flag = FILES / "go"
    flag.unlink(missing_ok=True)
    command = f"echo begun; until [ -e {flag} ]; do sleep 0.05; done; exit 7"
    run = client("ssh", "-tt" if terminal else "-T", "alice@testhost", command)
    run.answer(alice.password).sees("begun")
    session = the_session(kratos, alice)
    assert holders_of_a_login_id() == []
    flag.touch()
    assert run.finish().status == 7
    nothing_left(kratos)
    closed(journal, session, "logout")


def test_a_forced_command(daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd) -> None:
    restarted(sshd, ForceCommand="env; echo original: $SSH_ORIGINAL_COMMAND")
    run = client("ssh", "-tt", "alice@testhost", "anything").answer(alice.password).finish()
    assert "original: anything" in run.output and "KRATOS" not in run.output
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1


@pytest.mark.parametrize("old_protocol", [False, True])
def test_scp(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, old_protocol: bool
) -> None:
    restarted(sshd, Subsystem=SFTP)
    source, target = FILES / "source", Path("/home/alice/copied")
    source.write_bytes(os.urandom(100_000))
    target.unlink(missing_ok=True)
    copy = client("scp", *(["-O"] if old_protocol else []), str(source), "alice@testhost:copied")
    assert copy.answer(alice.password).finish().status == 0
    assert target.read_bytes() == source.read_bytes()
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1
    assert events(journal).count("session-opened") == 1


@pytest.mark.parametrize("subsystem", [SFTP, "sftp internal-sftp"])
def test_sftp(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, subsystem: str
) -> None:
    restarted(sshd, Subsystem=subsystem)
    transfer = client("sftp", "alice@testhost").answer(alice.password).sees("sftp> ")
    session = the_session(kratos, alice)
    transfer.type("mkdir made").sees("sftp> ")
    assert Path("/home/alice/made").is_dir()
    assert holders_of_a_login_id() == []
    lives_on(kratos, session)
    transfer.type("rmdir made").sees("sftp> ").type("bye")
    assert transfer.finish().status == 0
    nothing_left(kratos)


def test_two_sessions_of_one_person_end_by_themselves(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    first = SshSession("alice").login(alice.password)
    session = the_session(kratos, alice)
    second = SshSession("alice", methods="keyboard-interactive").login(alice.password)
    (other,) = [one for one in kratos.active_sessions() if one["id"] != session["id"]]

    first.logout()
    closed(journal, session, "logout")
    wait_for_active(kratos, 1)
    lives_on(kratos, other)
    assert second.run("id -un") == "alice"
    second.logout()
    nothing_left(kratos)


def test_two_people_at_once(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, sshd: Sshd
) -> None:
    logins = {one.username: SshSession(one.username).login(one.password) for one in (alice, bob)}
    sessions = {one["identity"]["id"]: one for one in kratos.active_sessions()}
    assert set(sessions) == {alice.id, bob.id}
    logins["alice"].logout()
    wait_for_active(kratos, 1)
    lives_on(kratos, sessions[bob.id])
    logins["bob"].logout()
    nothing_left(kratos)


@pytest.mark.parametrize("methods", METHODS)
def test_two_shells_in_one_connection_are_one_session(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, methods: str
) -> None:
    """Sessions that share a connection (ControlMaster) share its login; its end is the connection's."""
    control = FILES / "control"
    control.unlink(missing_ok=True)
    shared = ["-tt", "-o", f"ControlPath={control}", "-o", f"PreferredAuthentications={methods}"]
    first = client("ssh", *shared, "-o", "ControlMaster=yes", "alice@testhost")
    first.login(alice.password)
    session = the_session(kratos, alice)
    second = client("ssh", *shared, "-o", "ControlMaster=no", "alice@testhost").shell()
    no_login_id(second)
    lives_on(kratos, session)

    # The first shell ends; the client stays, because it serves the second.
    first.type("exit")
    lives_on(kratos, session)
    assert second.run("id -un") == "alice"
    second.logout()
    first.finish()
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1


@pytest.mark.parametrize("methods", METHODS)
def test_the_client_is_killed(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    login = SshSession("alice", methods=methods).login(alice.password)
    session = the_session(kratos, alice)
    shell = login.shell_pid()
    login.kill()
    nothing_left(kratos)
    closed(journal, session, "logout")
    wait_until(lambda: not Path(f"/proc/{shell}").exists(), "the shell has hung up")


def test_the_network_is_silent(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal
) -> None:
    """No byte comes any more, and no end of the connection either: sshd notices by itself."""
    restarted(sshd, ClientAliveInterval="1", ClientAliveCountMax="2")
    login = SshSession("alice").login(alice.password)
    session = the_session(kratos, alice)
    os.kill(login.child.pid, signal.SIGSTOP)
    nothing_left(kratos)
    closed(journal, session, "logout")
    os.kill(login.child.pid, signal.SIGKILL)


@pytest.mark.parametrize("methods", METHODS)
def test_the_client_is_killed_at_the_prompt(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, methods: str
) -> None:
    login = SshSession("alice", methods=methods).asked()
    login.kill()
    wait_until(lambda: not sshd.monitors(), "sshd has given up")
    never_any_session(kratos)


@pytest.mark.parametrize("methods", METHODS)
def test_a_background_process_outlives_its_login(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, methods: str
) -> None:
    """What a person leaves running holds no lifeline."""
    login = SshSession("alice", methods=methods).login(alice.password)
    left = int(login.run("(setsid sleep 100 </dev/null >/dev/null 2>&1 & echo $!)"))
    login.logout()
    nothing_left(kratos)
    assert Path(f"/proc/{left}/comm").read_text() == "sleep\n"
    kill(left)


@pytest.mark.parametrize("methods", METHODS)
def test_a_wrong_password(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    SshSession("alice", methods=methods).answer("wrong").refused()
    refused(journal, "alice", "bad-credentials")
    never_any_session(kratos)


@pytest.mark.parametrize("methods", METHODS)
def test_first_wrong_then_right(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    login = SshSession("alice", methods=methods, prompts=2).answer("wrong").login(alice.password)
    refused(journal, "alice", "bad-credentials")
    the_session(kratos, alice)
    no_login_id(login)
    login.logout()
    nothing_left(kratos)


def test_first_wrong_by_one_method_then_right_by_another(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd
) -> None:
    """The order of a client that was told nothing. The other does not work in any profile: a password
    that was wrong stays in the handle, and fails the pam_setcred that follows."""
    login = SshSession("alice", methods="keyboard-interactive,password")
    login.answer("wrong").login(alice.password)
    the_session(kratos, alice)
    no_login_id(login)
    login.logout()
    nothing_left(kratos)


@pytest.mark.parametrize("methods", METHODS)
def test_rule_2_the_password_of_another(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, sshd: Sshd, methods: str
) -> None:
    SshSession("bob", methods=methods).answer(alice.password).refused()
    never_any_session(kratos)


@pytest.mark.parametrize("methods", METHODS)
def test_rule_33_a_session_of_another_identity_is_revoked(
    daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    """local-users says that alice is bob's identity, and the password is that of Kratos's alice."""
    daemon.map("alice", bob.id)
    SshSession("alice", methods=methods).answer(alice.password).refused()
    refused(journal, "alice", "wrong-identity")
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1


@pytest.mark.parametrize("methods", METHODS)
def test_refused_by_another_module_after_we_granted(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    """A login that the account phase ends is never opened: revoked when its id expires."""
    profile = Path("/etc/pam.d/sshd")
    profile.write_text(f"account required pam_deny.so\n{profile.read_text()}")
    login = SshSession("alice", methods=methods).answer(alice.password)
    login.finish()
    assert login.status == 255 and "@testhost" not in login.output
    nothing_left(kratos)
    (session,) = kratos.sessions()
    closed(journal, session, "never-opened")


@pytest.mark.parametrize(
    "line", ["alice not-an-id", "alice - fallbak", "alice - - fallback", "alice -\nalice -"]
)
def test_rule_5_a_key_does_not_help_whom_the_account_phase_refuses(
    daemon: Daemon, kratos: Kratos, sshd: Sshd, line: str
) -> None:
    LOCAL_USERS.write_text(line + "\n")
    login = SshSession("alice", key=True)
    login.finish()
    assert login.status == 255 and "@testhost" not in login.output
    never_any_session(kratos)


def test_rule_6_the_clients_environment_says_nothing(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd
) -> None:
    """A client may set what it likes, where sshd lets it; it is not PAM's environment."""
    restarted(sshd, AcceptEnv="KRATOS_* PAM_* DBUS_*")
    configure_client(
        SetEnv=f"KRATOS_LOGIN_ID={'0' * 32} DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonsense"
    )
    try:
        login = client("ssh", "-tt", "alice@testhost").login(alice.password)
        the_session(kratos, alice)
        login.logout()
        nothing_left(kratos)
        key = ["-o", "PubkeyAuthentication=yes", "-o", "PreferredAuthentications=publickey"]
        login = client("ssh", "-tt", *key, "alice@testhost").shell()
        assert kratos.active_sessions() == []
        login.logout()
    finally:
        configure_client()


def test_login_grace_time(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd
) -> None:
    """sshd ends a connection on which nobody types."""
    restarted(sshd, LoginGraceTime="1")
    SshSession("alice").asked()
    wait_until(lambda: not sshd.monitors(), "sshd has given up")
    never_any_session(kratos)


@pytest.mark.parametrize("methods", METHODS)
def test_rule_3_kratos_is_down(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, journal: Journal, methods: str
) -> None:
    kratos.kill()
    SshSession("alice", methods=methods).answer(alice.password).refused()
    refused(journal, "alice", "kratos-unreachable")


@pytest.mark.parametrize("methods", METHODS)
def test_rule_3_kratosd_is_down(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd, methods: str
) -> None:
    daemon.kill()
    begun = time.monotonic()
    login = SshSession("alice", methods=methods)
    login.finish() if methods != "password" else login.answer(alice.password).finish()
    assert login.status == 255 and "@testhost" not in login.output
    assert time.monotonic() - begun < 15
    never_any_session(kratos)


def test_connection_titles_are_what_the_tests_take_them_for(
    daemon: Daemon, kratos: Kratos, alice: Identity, sshd: Sshd
) -> None:
    login = SshSession("alice").login(alice.password)
    assert len(set(Connection(sshd, login).all())) == 3
    login.logout()
