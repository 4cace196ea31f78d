"""passwd on a terminal, run by the person: each way in which it can end, and what is left of it."""

import time

import pytest
from calling import start
from changing import (
    AGAIN, AWAY, CHANGED, CURRENT, DENIED, DIFFERENT, ERROR, FIRST, NEW, ROOT, SAME, SHORT, SIMILAR, UNCHANGED,
    UNKNOWN, UNREACHABLE, WRONG, Passwd, is_changed, is_unchanged, takes,
)  # fmt: skip
from factors import APP, PASSWORD, Person, WRONG as WRONG_CODE
from faultserver import FaultServer, faults
from logging_in import nothing_left, reason

from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos
from world.prepare import LOCAL_PASSWORD
from world.ssh import Sshd, SshSession

pytestmark = pytest.mark.sanitized


def refused(journal: Journal, reason: str) -> None:
    entry = journal.wait(KRATOSD_EVENT="password-refused", KRATOSD_USER="alice")
    assert entry["KRATOSD_REASON"] == reason


class TestChange:
    def test_changed(self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal) -> None:
        """The other sessions are what they were."""
        other = kratos.login("alice", PASSWORD).body["session_token"]
        passwd = Passwd().current().new()
        assert CHANGED in passwd.ended() and passwd.status == 0
        journal.wait(KRATOSD_EVENT="password-changed", KRATOSD_USER="alice")
        journal.wait(KRATOSD_EVENT="session-revoked", KRATOSD_USER="alice")
        (session,) = kratos.active_sessions()
        assert kratos.whoami(other).body["id"] == session["id"]
        assert is_changed(alice)
        assert PASSWORD not in passwd.output and NEW not in passwd.output

    def test_no_other_program_sees_a_session(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        """It is a change of password, and no login."""
        passwd = Passwd().current().new()
        passwd.ended()
        nothing_left(kratos)
        assert not journal.entries(KRATOSD_EVENT="session-opened")
        assert not journal.entries(KRATOSD_EVENT="session-closed")

    def test_wrong_old_password(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        passwd = Passwd().current("not hers")
        shown = passwd.ended()
        assert WRONG in shown and UNCHANGED in shown and passwd.status != 0
        assert reason(journal) == "bad-credentials"
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_too_short_then_right(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        """Kratos's own words, and another try."""
        passwd = Passwd().current().new("abc").asked(SHORT).new()
        assert CHANGED in passwd.ended()
        refused(journal, "password-policy")
        nothing_left(kratos)
        assert is_changed(alice)

    def test_too_short_each_time(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd().current()
        for _ in range(3):
            passwd.new("abc").asked(SHORT)
        shown = passwd.ended()
        assert ERROR in shown and UNCHANGED in shown and passwd.status != 0
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_too_like_the_name(self, kratos: Kratos, daemon: Daemon, alice: Person) -> None:
        kratos.configure(selfservice__methods__password__config__identifier_similarity_check_enabled=True)
        kratos.restart()
        alice = Person.create(kratos, daemon, "alice")
        passwd = Passwd().current().new("alice1").asked(SIMILAR).new("0 other words 1")
        assert CHANGED in passwd.ended()
        nothing_left(kratos)
        assert is_changed(alice, "0 other words 1")

    def test_the_same_again(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd().current().new(PASSWORD).asked(SAME).new()
        assert CHANGED in passwd.ended()
        assert is_changed(alice)

    def test_the_two_differ(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd().current().new(NEW, NEW + ".").asked(DIFFERENT).new()
        assert CHANGED in passwd.ended()
        nothing_left(kratos)
        assert is_changed(alice)

    def test_nothing_typed(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd().current().asked(FIRST).say("").asked(AGAIN).say("")
        assert UNCHANGED in passwd.ended() and passwd.status != 0
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_longer_than_an_answer_may_be(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """libpam itself takes 511 bytes."""
        passwd = Passwd().current().new("x" * 73).asked("at most 72 characters").new("ü" * 30)
        assert CHANGED in passwd.ended()
        assert is_changed(alice, "ü" * 30)


class TestFactors:
    def test_second_factor(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        alice.add_app()
        passwd = Passwd().current().asked(APP).say("000000").asked(WRONG_CODE + APP).say(alice.app_code)
        passwd.new()
        assert CHANGED in passwd.ended()
        nothing_left(kratos)
        assert is_changed(alice)

    @pytest.mark.parametrize("rule", ["aal1", "aal2-if-enrolled"])
    @pytest.mark.parametrize("whoami", ["aal1", "highest_available"])
    def test_whatever_is_demanded_elsewhere(
        self, kratos: Kratos, stopped_daemon: Daemon, alice: Person, rule: str, whoami: str
    ) -> None:
        """Kratos's settings want the second factor of whoever has one, and so does passwd."""
        kratos.configure(session__whoami__required_aal=whoami)
        kratos.restart()
        alice = Person.create(kratos, stopped_daemon, "alice").add_app()
        stopped_daemon.configure(**{"Service passwd": {"RequireAAL": rule, "SinglePrompt": "yes"}})
        start(stopped_daemon)
        passwd = Passwd().current().asked(APP).say(alice.app_code).new()
        assert CHANGED in passwd.ended()
        nothing_left(kratos)
        assert is_changed(alice)

    def test_wrong_codes(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        alice.add_app()
        passwd = Passwd().current().asked(APP).say("000000")
        for _ in range(3):
            passwd.asked(WRONG_CODE + APP).say("000000")
        assert WRONG in passwd.ended()
        nothing_left(kratos)
        assert is_unchanged(alice)


class TestEnds:
    """Whatever becomes of passwd and of kratosd, the session that was made for it is revoked at once."""

    PLACES = {
        "at the old password": lambda: Passwd().asked(CURRENT),
        "at the new password": lambda: Passwd().current().asked(FIRST),
        "at its repetition": lambda: Passwd().current().asked(FIRST).say(NEW).asked(AGAIN),
        "after a refusal": lambda: Passwd().current().new("abc").asked(SHORT).asked(FIRST),
    }

    @pytest.mark.parametrize("place", PLACES)
    def test_ctrl_d(self, daemon: Daemon, kratos: Kratos, alice: Person, place: str) -> None:
        """The conversation fails."""
        passwd = self.PLACES[place]()
        passwd.child.sendeof()
        passwd.ended()
        assert passwd.status != 0
        nothing_left(kratos)
        assert is_unchanged(alice)

    @pytest.mark.parametrize("place", PLACES)
    def test_killed(self, daemon: Daemon, kratos: Kratos, alice: Person, place: str) -> None:
        """Before the old password there is no session, and what is in the store waits for it."""
        passwd = self.PLACES[place]()
        passwd.kill()
        if place == "at the old password":
            assert kratos.sessions() == []
        else:
            nothing_left(kratos)
        assert is_unchanged(alice)

    def test_ctrl_c(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """Debian's passwd does not listen to it."""
        passwd = Passwd().current().asked(FIRST)
        passwd.child.sendintr()
        time.sleep(0.5)
        assert len(kratos.active_sessions()) == 1
        passwd.say(NEW).asked(AGAIN).say(NEW)
        assert CHANGED in passwd.ended()
        nothing_left(kratos)

    def test_the_terminal_hangs_up(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd().current().asked(FIRST)
        passwd.child.close(force=False)
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_kratosd_killed_between_the_passes(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        passwd = Passwd().current().asked(FIRST)
        daemon.kill()
        passwd.say(NEW).asked(AGAIN).say(NEW).asked(UNREACHABLE)
        assert ERROR in passwd.ended()
        assert is_unchanged(alice)
        start(daemon)
        nothing_left(kratos)

    def test_kratosd_restarted_between_the_passes(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        """The row has the token, and passwd the lifeline: the next one goes on."""
        passwd = Passwd().current().asked(FIRST)
        daemon.kill()
        start(daemon)
        passwd.say(NEW).asked(AGAIN).say(NEW)
        assert CHANGED in passwd.ended()
        nothing_left(kratos)
        assert is_changed(alice)

    def test_both_killed(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd().current().asked(FIRST)
        daemon.kill()
        passwd.kill()
        start(daemon)
        nothing_left(kratos)

    def test_kratosd_away(self, stopped_daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        passwd = Passwd()
        shown = passwd.ended()
        assert UNREACHABLE in shown and AWAY in shown and UNCHANGED in shown


class TestKratosAway:
    def test_from_the_beginning(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        kratos.kill()
        passwd = Passwd().current()
        shown = passwd.ended()
        assert UNREACHABLE in shown and AWAY in shown and UNCHANGED in shown

    def test_fallback_is_no_way_out(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        """The local password would be changed in the place of Kratos's."""
        daemon.map("alice", alice.identity.id, "fallback")
        kratos.kill()
        passwd = Passwd().current()
        assert AWAY in passwd.ended()

    def test_between_the_passes(
        self, durable_daemon: Daemon, durable_kratos: Kratos
    ) -> None:
        alice = Person.create(durable_kratos, durable_daemon, "alice")
        start(durable_daemon)
        passwd = Passwd().current().asked(FIRST)
        durable_kratos.kill()
        passwd.say(NEW).asked(AGAIN).say(NEW).asked("Kratos cannot be asked now. The password is unchanged.")
        assert ERROR in passwd.ended()
        durable_kratos.start()
        nothing_left(durable_kratos, 40)
        assert is_unchanged(alice)

    @pytest.fixture
    def proxied(self, stopped_daemon: Daemon, kratos: Kratos, alice: Person):
        with FaultServer(435, upstream=(kratos.public_port, kratos.admin_port)) as proxy:
            stopped_daemon.configure(
                Kratos={"PublicURL": proxy.url, "AdminURL": proxy.url, "TimeoutSec": "3s"}
            )
            start(stopped_daemon)
            yield proxy

    FAULTS = {
        "lost": (faults.lost_answer, True),
        "500 after all": (lambda: faults.failure_after_effect(500), True),
        "200 in HTML": (lambda: faults.html(200), False),
    }

    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_answer_is_lost(
        self, proxied: FaultServer, kratos: Kratos, alice: Person, fault: str
    ) -> None:
        """Nobody can know, and that is what is said."""
        make, effect = self.FAULTS[fault]
        proxied.set("settings-submit", make())
        passwd = Passwd().current().new().asked(UNKNOWN)
        assert ERROR in passwd.ended()
        proxied.clear()
        nothing_left(kratos)
        assert is_changed(alice) if effect else is_unchanged(alice)

    def test_kratosd_killed_while_kratos_has_it(
        self, proxied: FaultServer, stopped_daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        proxied.set("settings-submit", faults.lost_answer())
        passwd = Passwd().current().new()
        time.sleep(1)
        stopped_daemon.kill()
        passwd.asked("It is not known whether the password was changed.")
        assert ERROR in passwd.ended()
        proxied.clear()
        start(stopped_daemon)
        nothing_left(kratos)
        assert is_changed(alice)

    def test_the_login_is_too_old_for_kratos(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        kratos.configure(selfservice__flows__settings__privileged_session_max_age="1s")
        kratos.restart()
        alice = Person.create(kratos, daemon, "alice")
        passwd = Passwd().current().asked(FIRST)
        time.sleep(1.5)
        passwd.say(NEW).asked(AGAIN).say(NEW).asked("That took too long.")
        assert ERROR in passwd.ended()
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_the_flow_expires(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        kratos.configure(selfservice__flows__settings__lifespan="1s")
        kratos.restart()
        alice = Person.create(kratos, daemon, "alice")
        passwd = Passwd().current().asked(FIRST)
        time.sleep(1.5)
        passwd.say(NEW).asked(AGAIN).say(NEW)
        assert CHANGED in passwd.ended()
        assert is_changed(alice)


class TestOthers:
    def test_a_local_user_is_untouched(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        passwd = Passwd(user="lokal").asked(CURRENT).say(LOCAL_PASSWORD).new("0ther Words, quite long")
        assert CHANGED in passwd.ended()
        back = Passwd(user="lokal").asked(CURRENT).say("0ther Words, quite long")
        assert back.asked(FIRST)
        back.kill()
        pam_lines = [entry for entry in journal.entries() if "pam_kratos" in entry["MESSAGE"]]
        assert pam_lines == [] and kratos.sessions() == []

    @pytest.mark.parametrize("up", [True, False])
    def test_rule_23_root_changes_a_local_user(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Person, up: bool
    ) -> None:
        if up:
            start(stopped_daemon)
        passwd = Passwd("lokal", user="root").new(LOCAL_PASSWORD)
        assert CHANGED in passwd.ended()

    def test_root_cannot_change_a_persons(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        passwd = Passwd("alice", user="root")
        shown = passwd.ended()
        assert ROOT in shown and DENIED in shown and UNCHANGED in shown
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_root_sets_the_local_one_of_a_fallback(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        daemon.map("alice", alice.identity.id, "fallback")
        passwd = Passwd("alice", user="root").new("0ther Words, quite long")
        assert CHANGED in passwd.ended()
        assert is_unchanged(alice)

    def test_not_for_others(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """passwd itself sees to that."""
        passwd = Passwd("alice", user="lokal")
        assert "You may not view or modify password information for alice" in passwd.ended()


class TestStack:
    """Other modules and other programs."""

    def changing(self, before: str = "", arguments: str = "") -> None:
        line = f"password requisite pam_kratos.so {arguments}\n"
        pam.pam_service("passwd", before + line)

    def test_use_authtok_takes_what_a_module_before_has_asked_for(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        self.changing("password requisite pam_unix.so\n", "use_authtok")
        passwd = Passwd("lokal", user="root")
        passwd.kill()
        self.changing("password optional pam_permit.so\n", "use_authtok")
        passwd = Passwd().current()
        assert ERROR in passwd.ended()
        nothing_left(kratos)
        assert is_unchanged(alice)

    # Debian installs no dictionary with it, and it takes nothing with the name in it.
    OTHER = "0 wholly new words 1"
    QUALITY = "password requisite pam_pwquality.so retry=3 minlen=16 difok=3 dictcheck=0\n"

    def test_pwquality_before_us(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        """It asks, with the old password to compare, and again where it does not like the new one; ours
        takes what it has taken, and asks nothing."""
        self.changing(self.QUALITY, "use_authtok")
        passwd = Passwd().current()
        passwd.asked(FIRST).say("Sh0rt!").asked("BAD PASSWORD: The password is shorter than 1")
        passwd.asked(FIRST).say(PASSWORD + ".").asked("BAD PASSWORD: The password is too similar to the old one")
        shown = passwd.new(self.OTHER).ended()
        assert CHANGED in shown and FIRST not in shown
        assert not journal.entries(KRATOSD_EVENT="password-refused")
        nothing_left(kratos)
        assert is_changed(alice, self.OTHER)

    def test_kratos_refuses_what_pwquality_takes(
        self, kratos: Kratos, daemon: Daemon, alice: Person, journal: Journal
    ) -> None:
        """It has asked once, and ours must not ask."""
        kratos.configure(selfservice__methods__password__config__min_password_length=60)
        kratos.restart()
        alice = Person.create(kratos, daemon, "alice")
        self.changing(self.QUALITY, "use_authtok")
        passwd = Passwd().current().new(self.OTHER).asked("The password must be at least 60 characters long")
        shown = passwd.ended()
        assert ERROR in shown and UNCHANGED in shown and FIRST not in shown
        refused(journal, "password-policy")
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_pwquality_takes_none(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        self.changing(self.QUALITY, "use_authtok")
        passwd = Passwd().current()
        for number in range(3):
            passwd.asked(FIRST).say(f"Sh0rt!{number}").asked("BAD PASSWORD")
        assert UNCHANGED in passwd.ended() and passwd.status != 0
        nothing_left(kratos)
        assert is_unchanged(alice)

    def test_pamtester_as_the_person(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """Where the program is not root, nothing can be changed."""
        pam.pam_service("passwd", "password required pam_kratos.so\n")
        tester = pam.run("passwd", "alice", ["chauthtok"], [PASSWORD, NEW, NEW], run_as="alice")
        assert tester.status != 0 and "Permission denied" in tester.output
        nothing_left(kratos)
        assert is_unchanged(alice)
