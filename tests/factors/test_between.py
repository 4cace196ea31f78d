"""What happens between the steps: a flow expires while the person types, an administrator changes
something, Kratos restarts, the person goes away. No session is left behind, and nobody comes in whom
Kratos would not take now."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from calling import SEALED, Caller, start
from factors import (
    APP, APP_OF_MANY, BACKUP, BAD, DENIED, EXPIRED, GONE, GRANTED, MAILED, OLD, PASSWORD, UNAVAILABLE, WRONG,
    USED, Person, Talk, note,
)  # fmt: skip
from faultserver import FaultServer, faults
from logging_in import nothing_left, reason
from programs import Terminal

from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos
from world.paths import WORLD
from world.ssh import Sshd, SshSession

FLOW_SEC = 1.0
PROXY_PORT = 435


@pytest.fixture
def impatient(kratos: Kratos) -> Kratos:
    """A Kratos whose flows live for a second."""
    kratos.configure(selfservice__flows__login__lifespan=f"{FLOW_SEC:.0f}s")
    kratos.restart()
    return kratos


@pytest.fixture
def mailing(impatient: Kratos) -> Kratos:
    """One that sends codes for a second factor, too."""
    impatient.configure(selfservice__methods__code__mfa_enabled=True)
    impatient.restart()
    return impatient


def outlive() -> None:
    time.sleep(FLOW_SEC + 0.5)


class TestFlowExpires:
    def test_of_an_app(self, impatient: Kratos, daemon: Daemon, alice: Person) -> None:
        alice.add_app()
        talk = Talk().password().asked(APP)
        outlive()
        talk.say("000000").asked(WRONG + APP)
        outlive()
        assert talk.say(alice.app_code).result() == GRANTED
        nothing_left(impatient)
        note("the flow expires: app", GRANTED)

    def test_of_a_backup_code(self, impatient: Kratos, daemon: Daemon, alice: Person) -> None:
        """It is not used up by a flow that is gone."""
        alice.add_backup_codes("abcd1234")
        talk = Talk().password().asked(BACKUP)
        outlive()
        assert talk.say("abcd1234").result() == GRANTED
        nothing_left(impatient)
        note("the flow expires: backup code", GRANTED)

    def test_of_a_mailed_code(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        """The code expires with it: another one is sent."""
        talk = Talk().password().asked(MAILED)
        (old,) = alice.mails()
        outlive()
        talk.say(old).asked(OLD + MAILED)
        assert talk.say(alice.mails()[0]).result() == GRANTED
        nothing_left(mailing)
        note("the flow expires: mailed code", "another is sent")

    def test_before_it_is_sent_again(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        talk = Talk().password().asked(MAILED)
        outlive()
        talk.say("").asked(MAILED)
        assert talk.say(alice.mails()[0]).result() == GRANTED
        note("the flow expires: mailed code, sent again", GRANTED)


def disable(alice: Person) -> None:
    alice.kratos.set_state(alice.identity.id, "inactive")


def delete(alice: Person) -> None:
    alice.kratos.delete_identity(alice.identity.id)


def remove_app(alice: Person) -> None:
    alice.remove("totp")


def replace_app(alice: Person) -> None:
    alice.secret = alice.kratos.set_totp(alice.identity.id, "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK")


def change_password(alice: Person) -> None:
    operation = {"op": "replace", "path": "/credentials/password/config"}
    hashed = "$2a$04$cPhxL4a3Wp6.aIkzVTVt6e5bnM5V9j6hM/tBKcbz4O9CU2Pd3gXRG"
    alice.kratos.patch(alice.identity.id, operation | {"value": {"hashed_password": hashed}})


def revoke(alice: Person) -> None:
    path = f"/admin/identities/{alice.identity.id}/sessions"
    assert alice.kratos.admin("DELETE", path).status == 204


class TestAdministrator:
    CASES: dict[str, tuple[Callable[[Person], None], tuple[str, ...], str]] = {
        "the identity is disabled": (disable, (DENIED, EXPIRED), "first-factor-void"),
        "the identity is deleted": (delete, (DENIED,), "first-factor-void"),
        "the session is revoked": (revoke, (DENIED,), "first-factor-void"),
        "the app is removed": (remove_app, (DENIED,), "second-factor-required"),
    }

    @pytest.mark.parametrize("case", CASES)
    def test_refused(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal, case: str
    ) -> None:
        change, results, why = self.CASES[case]
        alice.add_app()
        talk = Talk().password().asked(APP)
        change(alice)
        result = talk.say(alice.app_code).result()
        assert result in results, talk.shown
        assert reason(journal) == why
        nothing_left(kratos)
        note(f"between the steps: {case}", result)

    def test_the_app_is_removed_and_another_factor_is_left(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        alice.add_app().add_backup_codes("abcd1234")
        talk = Talk().password().asked(APP_OF_MANY)
        alice.remove("totp")
        assert talk.say(alice.app_code).asked(GONE + BACKUP).say("abcd1234").result() == GRANTED
        nothing_left(kratos)
        note("between the steps: the app is removed, a backup code is left", GRANTED)

    def test_the_app_is_another(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        alice.add_app()
        talk = Talk().password().asked(APP)
        old = alice.app_code
        replace_app(alice)
        assert talk.say(old).asked(WRONG + APP).say(alice.app_code).result() == GRANTED
        note("between the steps: another app", "only its codes count")

    def test_the_password_is_changed(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """Kratos has verified it, and its session goes on: as everywhere else."""
        alice.add_app()
        talk = Talk().password().asked(APP)
        change_password(alice)
        assert talk.say(alice.app_code).result() == GRANTED
        nothing_left(kratos)
        note("between the steps: the password is changed", GRANTED)

    def test_another_persons_answer(
        self, daemon: Daemon, kratos: Kratos, alice: Person, bob: Person
    ) -> None:
        alice.add_app()
        bob.secret = kratos.set_totp(bob.identity.id, "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK")
        talk = Talk().password().asked(APP)
        talk.say(bob.app_code).asked(WRONG + APP)
        assert talk.say(alice.app_code).result() == GRANTED
        note("another person's code", "wrong")


class TestKratosRestarts:
    @pytest.fixture
    def durable(self, kratos: Kratos) -> Any:
        """One that keeps its database, in a file."""
        file = WORLD / "kratos.sqlite"
        file.unlink(missing_ok=True)
        dsn, kratos.dsn = kratos.dsn, f"sqlite://{file}?_fk=true&mode=rwc"
        kratos.configure(log__level="info", session__cookie__name="durable")
        kratos.restart()
        yield kratos
        kratos.dsn = dsn

    def test_and_has_kept_all(self, durable: Kratos, daemon: Daemon, alice: Person) -> None:
        alice.add_app()
        talk = Talk().password().asked(APP)
        durable.restart()
        assert talk.say(alice.app_code).result() == GRANTED
        nothing_left(durable)
        note("Kratos restarts between the steps", GRANTED)

    def test_and_has_lost_all(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        alice.add_app()
        talk = Talk().password().asked(APP)
        code = alice.app_code
        kratos.restart()
        assert talk.say(code).result() == DENIED
        assert reason(journal) == "first-factor-void"
        note("Kratos restarts between the steps and has lost all", DENIED)

    def test_and_is_away(
        self, durable: Kratos, daemon: Daemon, alice: Person, journal: Journal
    ) -> None:
        """The session that cannot be told of its end now is told later."""
        alice.add_app()
        talk = Talk().password().asked(APP)
        durable.stop()
        assert talk.say(alice.app_code).result() == UNAVAILABLE
        durable.start()
        nothing_left(durable, 30)
        note("Kratos is away at the second step", UNAVAILABLE)


def test_rule_24_a_connection_that_was_kept_too_long(
    stopped_daemon: Daemon, kratos: Kratos, alice: Person
) -> None:
    """The server closes it just as the code is posted, and has not seen it. It is posted again: no other
    login has used it."""
    alice.add_app()
    with FaultServer(PROXY_PORT, upstream=(kratos.public_port, kratos.admin_port)) as proxy:
        stopped_daemon.configure(Kratos={"PublicURL": proxy.url})
        start(stopped_daemon)
        talk = Talk().password().asked(APP)
        posts = len(proxy.of("login"))
        proxy.set("login", faults.closed(effect=False), times=1)
        code = alice.app_code
        assert talk.say(code).result() == GRANTED, talk.shown
        assert len(proxy.of("login")) == posts + 2
        talk = Talk().password().asked(APP)
        talk.say(code).asked(USED + APP)
        assert talk.say(alice.next_app_code).result() == GRANTED
        nothing_left(kratos)
    note("the connection dies under an app's code", GRANTED)


class TestGivenUp:
    def test_end_of_input(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """Ctrl-D: the program goes on, and its conversation has failed."""
        alice.add_app()
        talk = Talk().password().asked(APP)
        assert len(kratos.active_sessions()) == 1
        talk.child.sendeof()
        talk.result()
        nothing_left(kratos)
        note("Ctrl-D at the second step", "no session left")

    def test_killed(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """Ctrl-C: nobody says so, but kratosd watches the program."""
        alice.add_app()
        talk = Talk().password().asked(APP)
        assert len(kratos.active_sessions()) == 1
        talk.hang_up()
        nothing_left(kratos)
        note("Ctrl-C at the second step", "no session left")

    def test_killed_after_a_wrong_code(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """While kratosd makes it wait for the next question."""
        alice.add_app()
        talk = Talk().password().asked(APP).say("000000")
        time.sleep(0.4)
        talk.hang_up()
        nothing_left(kratos)
        note("Ctrl-C after a wrong code", "no session left")

    def test_killed_while_kratos_has_the_code(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        """It is right, and the session of the higher level is nobody's."""
        alice.add_app()
        with FaultServer(435, upstream=(kratos.public_port, kratos.admin_port)) as proxy:
            stopped_daemon.configure(Kratos={"PublicURL": proxy.url, "AdminURL": proxy.url})
            start(stopped_daemon)
            talk = Talk().password().asked(APP)
            held = faults.hold(after=True)
            proxy.set("login", held, times=1)
            talk.say(alice.app_code)
            held.wait()
            talk.hang_up()
            time.sleep(0.5)
            held.release()
            assert reason(journal) == "cancelled"
            nothing_left(kratos)
        note("Ctrl-C while Kratos has the code", "no session left")

    def test_killed_before_kratos_takes_the_password(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        """Nobody is there any more who could be asked for a code."""
        alice.add_app()
        with FaultServer(435, upstream=(kratos.public_port, kratos.admin_port)) as proxy:
            stopped_daemon.configure(Kratos={"PublicURL": proxy.url, "AdminURL": proxy.url})
            start(stopped_daemon)
            held = faults.hold(after=True)
            proxy.set("login", held, times=1)
            talk = Talk().password()
            held.wait()
            talk.hang_up()
            held.release()
            assert reason(journal) == "cancelled"
            nothing_left(kratos)
        note("Ctrl-C while Kratos has the password", "no session left")

    def test_a_person_who_is_killed(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """A locker that runs as the person."""
        alice.add_app()
        locker = Caller("alice")
        login = locker.begin("alice")
        state, _ = locker.call("Answer", login, written=PASSWORD.encode().hex(), signature="s")
        assert state == "prompt" and len(kratos.active_sessions()) == 1
        locker.end()
        nothing_left(kratos)

    def test_the_one_who_answered_last_counts(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        """Root may begin in one process and go on in another."""
        alice.add_app()
        first, second = Caller(), Caller()
        login = first.begin("alice", service="su")
        answer = {"secret": PASSWORD.encode().hex(), "seals": SEALED}
        assert first.call("Answer", login, **answer)[0] == "prompt"
        wrong = {"secret": b"000000".hex(), "seals": SEALED}
        assert second.call("Answer", login, **wrong)[0] == "prompt"
        first.end()
        time.sleep(0.5)
        assert len(kratos.active_sessions()) == 1
        second.end()
        nothing_left(kratos)

    def test_programs_that_are_killed(
        self, daemon: Daemon, kratos: Kratos, alice: Person, bob: Person
    ) -> None:
        alice.add_app()
        pam.pam_service("su")
        pam.pam_service("passwd")
        kills: list[Callable[[Terminal], object]] = [
            lambda program: program.kill(),
            lambda program: program.child.close(force=False),
        ]
        programs: dict[str, Callable[[], Terminal]] = {
            "su": lambda: Terminal("su", "alice", user="bob").sees("Password: ").type(PASSWORD),
            "passwd": lambda: Terminal("passwd", user="alice").sees("Current password: ").type(PASSWORD),
        }
        for name, begin in programs.items():
            for kill in kills:
                program = begin().sees(APP)
                assert len(kratos.active_sessions()) == 1
                kill(program)
                nothing_left(kratos)
            note(f"{name} is killed at the second step", "no session left")
        program = programs["su"]().sees(APP)
        program.child.sendintr()
        nothing_left(kratos)

    @pytest.mark.parametrize("way", ["client", "connection"])
    def test_ssh_is_closed(
        self, daemon: Daemon, kratos: Kratos, alice: Person, sshd: Sshd, way: str
    ) -> None:
        """The client is killed, or the person types Ctrl-C at it."""
        alice.add_app()
        session = SshSession("alice", methods="keyboard-interactive").answer(PASSWORD)
        session.child.expect_exact(APP)
        assert len(kratos.active_sessions()) == 1
        session.kill() if way == "client" else session.child.sendintr()
        nothing_left(kratos)
        note(f"ssh: the {way} is closed at the second step", "no session left")

    def test_kratosd_stops(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """The row has the token. The program's answer begins a new login, with both answers."""
        alice.add_app()
        talk = Talk().password().asked(APP)
        daemon.kill()
        talk.hang_up()
        assert len(kratos.active_sessions()) == 1
        start(daemon)
        nothing_left(kratos)
        note("kratosd is killed at the second step", "no session left")

    def test_kratosd_starts_again(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """The program's answer begins a new login, with both answers."""
        alice.add_app()
        talk = Talk().password().asked(APP)
        start(daemon)
        assert talk.say(alice.app_code).result() == GRANTED
        nothing_left(kratos)
        note("kratosd restarts at the second step", GRANTED)
