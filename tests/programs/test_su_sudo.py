"""su and sudo: whose password opens what, and that whatever it left at Kratos ends in time."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import (
    ROOT_PASSWORD, closed, descendant, events, kill, lines_of_the_module, lives_on, never_any_session,
    no_login_id, nobody_was_asked, nothing_left, only_session, refused, su, sudo, wait_for_active,
)  # fmt: skip
from world import processes
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.prepare import LOCAL_PASSWORD
from world.ssh import Sshd, SshSession

# The options of su, and the PAM service that each makes it use.
SU = [((), "su"), (("-",), "su-l")]
SUDOERS = Path("/etc/sudoers")
REFUSED = "Authentication failure"


class TestSu:
    @pytest.mark.parametrize("options, service", SU)
    def test_rule_27_a_session_of_the_one_who_is_become(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, options, service: str
    ) -> None:
        shell = su("alice", *options).login(alice.password)
        session = only_session(kratos, alice, service)
        assert shell.run("id -un") == "alice"
        no_login_id(shell)
        lives_on(kratos, session)
        assert shell.logout().status == 0
        nothing_left(kratos)
        closed(journal, session, "logout")
        assert len(kratos.sessions()) == 1

    def test_a_command(self, daemon: Daemon, kratos: Kratos, alice: Identity) -> None:
        run = su("alice", "-c", "id -un; echo KRATOS=$(env | grep -c ^KRATOS_)").answer(alice.password)
        assert run.finish().status == 0
        assert run.output.split()[-2:] == ["alice", "KRATOS=0"]
        nothing_left(kratos)
        assert len(kratos.sessions()) == 1

    @pytest.mark.parametrize("options, service", SU)
    @pytest.mark.parametrize("running", [True, False])
    def test_root_becomes_anyone_and_nobody_is_asked(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, options, service, running
    ) -> None:
        if not running:
            daemon.stop()
        begun = time.monotonic()
        shell = su("alice", *options, by="root").shell()
        assert shell.run("id -un") == "alice"
        no_login_id(shell)
        assert shell.logout().status == 0
        assert time.monotonic() - begun < 5
        never_any_session(kratos)
        nobody_was_asked(journal)

    def test_rule_2_the_password_of_another(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
    ) -> None:
        """bob may type his own password, or carol's: it is alice's that counts."""
        run = su("alice").answer(bob.password).finish()
        assert (run.status, REFUSED in run.output) == (1, True), run.output
        refused(journal, "alice", "bad-credentials")
        never_any_session(kratos)

    @pytest.mark.parametrize("password_of", ["alice", "bob"])
    def test_rule_2_nobody_becomes_root_with_it(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal, password_of
    ) -> None:
        password = (alice if password_of == "alice" else bob).password
        run = su("root", by="alice").answer(password).finish()
        assert (run.status, REFUSED in run.output) == (1, True), run.output
        never_any_session(kratos)
        nobody_was_asked(journal)

    def test_rule_2_root_and_alice_one_after_the_other(
        self, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        """su within su: bob becomes alice, who becomes root, who becomes alice again: one session."""
        shell = su("alice").login(alice.password)
        session = only_session(kratos, alice, "su")
        shell.type("su").login(ROOT_PASSWORD)
        shell.type("su - alice").shell()
        assert shell.run("id -un") == "alice"
        no_login_id(shell)
        lives_on(kratos, session)
        for _ in range(2):
            shell.type("exit").shell()
        lives_on(kratos, session)
        shell.logout()
        nothing_left(kratos)

    def test_two_sessions_one_in_the_other(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity
    ) -> None:
        shell = su("alice", by="bob").login(alice.password)
        session = only_session(kratos, alice, "su")
        shell.type("su bob").login(bob.password)
        assert {one["identity"]["id"] for one in kratos.active_sessions()} == {alice.id, bob.id}
        no_login_id(shell)
        shell.type("exit").shell()
        wait_for_active(kratos, 1)
        lives_on(kratos, session)
        shell.logout()
        nothing_left(kratos)

    def test_rule_6_the_environment_says_nothing(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """su has the environment of whoever runs it."""
        nonsense = {
            "KRATOS_LOGIN_ID": "0" * 32,
            "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonsense",
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonsense",
            "http_proxy": "http://127.0.0.1:9",
            "RUNTIME_DIRECTORY": "/nonsense",
        }
        shell = su("alice", env=nonsense).login(alice.password)
        session = only_session(kratos, alice, "su")
        shell.logout()
        nothing_left(kratos)
        closed(journal, session, "logout")
        su("alice", by="root", env=nonsense).shell().logout()
        assert events(journal).count("session-opened") == 1

    def test_rule_36_an_old_local_password_does_not_count(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, old_password: str
    ) -> None:
        for stop in False, True:
            if stop:
                daemon.stop()
            run = su("alice").answer(old_password) if not stop else su("alice")
            run.finish()
            assert run.status == 1 and "@testhost" not in run.output, run.output
        never_any_session(kratos)

    def test_rule_3_kratosd_is_down(
        self, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        daemon.kill()
        run = su("alice").finish()
        assert run.status == 1 and "@testhost" not in run.output, run.output
        never_any_session(kratos)

    def test_the_shell_is_killed(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """su, its parent, lives and closes the session."""
        program = su("alice").login(alice.password)
        session = only_session(kratos, alice, "su")
        victim = program.shell_pid()
        assert processes.parent(victim) == program.pid
        kill(victim)
        program.finish()
        nothing_left(kratos)
        closed(journal, session, "logout")

    def test_su_itself_is_killed(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """It alone holds the lifeline."""
        program = su("alice").login(alice.password)
        session = only_session(kratos, alice, "su")
        shell = program.shell_pid()
        assert processes.command_name(program.pid) == "su"
        kill(program.pid)
        nothing_left(kratos)
        closed(journal, session, "lifeline-gone")
        if processes.alive(shell):
            kill(shell)

    def test_it_is_interrupted_at_the_prompt(
        self, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        program = su("alice").asked()
        program.child.sendintr()
        program.finish()
        never_any_session(kratos)


@pytest.fixture
def old_password(daemon: Daemon) -> Iterator[str]:
    """alice has a password in /etc/shadow, from the days before Kratos."""
    password = "from the days before"
    subprocess.run(["chpasswd"], input=f"alice:{password}\n", text=True, check=True)
    yield password
    subprocess.run(["usermod", "--password", "*", "alice"], check=True)


@pytest.fixture(autouse=True)
def _sudoers() -> Iterator[None]:
    before = SUDOERS.read_text()
    yield
    SUDOERS.write_text(before)


@pytest.fixture
def target_password() -> None:
    """sudo asks for the password of the one as whom the command is to run, as on some distributions."""
    SUDOERS.write_text(f"Defaults targetpw\n{SUDOERS.read_text()}")


class TestSudo:
    def test_alice_authenticates_and_root_is_opened(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """alice's login has nothing to open: it is cancelled at once, not when its id expires."""
        program = sudo("-s").login(alice.password)
        granted = journal.wait(KRATOSD_EVENT="login-granted", KRATOSD_USER="alice")
        assert granted["KRATOSD_SERVICE"] == "sudo"
        assert program.run("id -un") == "root"
        nothing_left(kratos, timeout=1.0)
        (session,) = kratos.sessions()
        closed(journal, session, "cancelled")
        journal.wait(KRATOSD_EVENT="session-revoked", KRATOSD_SESSION=session["id"])
        no_login_id(program)
        assert program.logout().status == 0
        assert events(journal) == ["login-granted", "session-closed", "session-revoked"]
        assert lines_of_the_module(journal) == []

    def test_rule_36_a_login_shell_takes_no_local_password_either(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """sudo -i is a PAM service of its own."""
        subprocess.run(["chpasswd"], input="alice:an old one\n", text=True, check=True)
        program = sudo("-i", "id", "-u").answer("an old one")
        journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_SERVICE="sudo-i")
        program.kill()
        run = sudo("-i", "id", "-u").answer(alice.password).finish()
        assert run.output.split()[-1] == "0"
        nothing_left(kratos)
        subprocess.run(["usermod", "--password", "*", "alice"], check=True)

    def test_a_command_as_another_person(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
    ) -> None:
        """Rule 2: a verdict on alice opens no session of bob's, though he is ours too."""
        run = sudo("-u", "bob", "sh", "-c", "id -un; env | grep -c ^KRATOS_").answer(alice.password)
        run.finish()
        assert run.output.split()[-2:] == ["bob", "0"]
        nothing_left(kratos)
        assert [one["identity"]["id"] for one in kratos.sessions()] == [alice.id]
        assert "session-opened" not in events(journal)

    def test_nobody_is_asked_who_stays_the_same(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """sudo asks alice for nothing then, and a session without a login opens quietly."""
        shell = sudo("-u", "alice", "bash").shell()
        no_login_id(shell)
        assert shell.logout().status == 0
        never_any_session(kratos)
        nobody_was_asked(journal)

    def test_the_target_authenticates(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, target_password: None
    ) -> None:
        """Whose password it was is whose session it is: it is opened, and lasts as long as the command."""
        program = sudo("-u", "alice", "bash", by="bob").login(alice.password)
        session = only_session(kratos, alice, "sudo")
        no_login_id(program)
        lives_on(kratos, session)
        assert program.logout().status == 0
        nothing_left(kratos)
        closed(journal, session, "logout")

    def test_rule_2_the_passwords_of_others(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
    ) -> None:
        """sudo asks for alice's: neither bob's nor root's is any good."""
        program = sudo("id", "-un").answer(bob.password).answer(ROOT_PASSWORD).answer("wrong")
        assert program.finish().status == 1
        assert "3 incorrect password attempts" in program.output
        assert len(journal.entries(KRATOSD_REASON="bad-credentials")) == 3
        never_any_session(kratos)

    def test_first_wrong_then_right(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        program = sudo("id", "-un").answer("wrong").answer(alice.password).finish()
        assert program.status == 0 and program.output.split()[-1] == "root"
        refused(journal, "alice", "bad-credentials")
        nothing_left(kratos)
        assert len(kratos.sessions()) == 1

    def test_only_validated(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """sudo -v opens nothing: what it left is revoked when the login's id expires."""
        assert sudo("-v").answer(alice.password).finish().status == 0
        (session,) = kratos.sessions()
        nothing_left(kratos)
        closed(journal, session, "never-opened")

    def test_within_a_session_of_her_own(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, sshd: Sshd
    ) -> None:
        """What sudo's login leaves ends, and the login in which she sits lives on."""
        shell = SshSession("alice").login(alice.password)
        session = only_session(kratos, alice, "sshd")
        # The echo of this must not look like the prompt.
        shell.type("sudo -p 'Pass''word: ' -s").login(alice.password)
        assert shell.run("id -un") == "root"
        no_login_id(shell)
        journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SERVICE="sudo", KRATOSD_REASON="cancelled")
        wait_for_active(kratos, 1)
        lives_on(kratos, session)
        shell.type("exit").shell()
        lives_on(kratos, session)
        shell.logout()
        nothing_left(kratos)

    @pytest.mark.parametrize("state", ["running", "stopped", "hung"])
    def test_rule_23_somebody_unlisted_is_left_alone(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, state: str
    ) -> None:
        put_into(daemon, state)
        begun = time.monotonic()
        program = sudo("id", "-un", by="lokal").answer(LOCAL_PASSWORD).finish()
        assert program.status == 0 and program.output.split()[-1] == "root", program.output
        assert time.monotonic() - begun < 5
        bad = sudo("id", "-un", by="lokal").answer("wrong").asked()
        bad.child.sendintr()
        assert bad.finish().status == 1
        nobody_was_asked(journal)
        never_any_session(kratos)

    def test_root_is_asked_for_nothing(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        for arguments in (), ("-u", "alice"):
            program = sudo(*arguments, "id", "-un", by="root").finish()
            assert program.status == 0
        never_any_session(kratos)
        nobody_was_asked(journal)

    def test_rule_36_an_old_local_password_does_not_count(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, old_password: str
    ) -> None:
        program = sudo("id", "-un")
        for _ in range(3):
            program.answer(old_password)
        assert program.finish().status == 1
        daemon.stop()
        program = sudo("id", "-un").finish()
        assert program.status == 1, program.output
        never_any_session(kratos)

    def test_rule_3_kratosd_is_down(
        self, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        daemon.kill()
        program = sudo("touch", "/run/world/open/done").finish()
        assert program.status == 1, program.output
        assert not os.path.exists("/run/world/open/done")
        never_any_session(kratos)

    def test_rule_5_whom_the_account_phase_refuses(
        self, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        """Also where sudo asks for no password."""
        with SUDOERS.open("a") as file:
            file.write("alice ALL=(ALL:ALL) NOPASSWD: ALL\n")
        allowed = sudo("id", "-un").finish()
        assert allowed.status == 0, allowed.output
        daemon.map("alice", "nonsense")
        program = sudo("id", "-un").finish()
        assert program.status == 1, program.output
        never_any_session(kratos)

    def test_sudo_is_killed_while_a_session_is_open(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, target_password: None
    ) -> None:
        program = sudo("-u", "alice", "sleep", "100", by="bob").answer(alice.password)
        (session,) = wait_for_active(kratos, 1)
        journal.wait(KRATOSD_EVENT="session-opened")
        left = descendant(program.pid, "sleep")
        assert processes.command_name(program.pid) == "sudo"
        kill(program.pid)
        nothing_left(kratos)
        closed(journal, session, "lifeline-gone")
        if processes.alive(left):
            kill(left)

    def test_sudo_is_killed_at_the_prompt(
        self, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        program = sudo("id").asked()
        kill(descendant_or_self(program.pid, "sudo"))
        program.finish()
        never_any_session(kratos)


def descendant_or_self(pid: int, name: str) -> int:
    return pid if processes.command_name(pid) == name else descendant(pid, name)


def put_into(daemon: Daemon, state: str) -> None:
    """Leaves the daemon running, or stops it, or makes it hang."""
    if state == "stopped":
        daemon.stop()
    if state == "hung":
        daemon.pause()
