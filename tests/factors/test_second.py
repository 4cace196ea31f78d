"""Second factors: each right, wrong, used, resent and exhausted, and what becomes of the session."""

import re
import time
from collections.abc import Callable

import pytest
from calling import start
from factors import (
    APP, APP_OF_MANY, BACKUP, BACKUP_OF_MANY, BAD, CHOICE, DENIED, GRANTED, MAILED, MAILED_OF_MANY, NO_CHOICE,
    NO_MAIL, PASSWORD, THROTTLED, UNAVAILABLE, USED, WRONG, Person, Talk, note,
)  # fmt: skip
from faultserver import FaultServer, faults
from logging_in import nothing_left, reason

from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos

PROXY_PORT = 435


@pytest.fixture
def mailing(kratos: Kratos) -> Kratos:
    """A Kratos that sends codes for a second factor."""
    kratos.configure(selfservice__methods__code__mfa_enabled=True)
    kratos.restart()
    return kratos


class TestApp:
    def test_right(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        alice.add_app()
        assert Talk().password().asked(APP).say(alice.app_code).result() == GRANTED
        nothing_left(kratos)
        note("app: right", GRANTED)

    def test_wrong_then_right(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        """A wrong one takes its time. (rule 35)"""
        alice.add_app()
        talk = Talk().password().asked(APP).say("000000")
        said = time.monotonic()
        talk.asked(WRONG + APP)
        assert time.monotonic() - said >= 1.0
        assert talk.say(alice.app_code).result() == GRANTED
        nothing_left(kratos)
        note("app: wrong, then right", GRANTED)

    @pytest.mark.parametrize("shape", ["{:.3} {:>.3}", " {}", "{}\t", "{:.3}-{:>.3}"])
    def test_as_the_app_shows_it(self, daemon: Daemon, kratos: Kratos, alice: Person, shape: str) -> None:
        alice.add_app()
        code = alice.app_code
        typed = shape.format(code[:3], code[3:]) if "3" in shape else shape.format(code)
        # A terminal would complete something at a tab.
        assert Talk().password().asked(APP).say(typed.replace("\t", " ")).result() == GRANTED

    @pytest.mark.parametrize("answer", ["abcdef", "12345", "123456789", "x" * 512, "ü", b"\xff\xfe"])
    def test_what_can_be_none(
        self, daemon: Daemon, kratos: Kratos, alice: Person, answer: str | bytes
    ) -> None:
        alice.add_app()
        talk = Talk().password().asked(APP).say(answer)
        assert talk.asked(WRONG + APP).say(alice.app_code).result() == GRANTED

    @pytest.mark.parametrize("shape", ["{}", " {}", "{} ", "{}\N{NO-BREAK SPACE}"])
    def test_rule_24_replayed(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal, shape: str
    ) -> None:
        """Kratos takes a code as often as it is valid, and trims it before."""
        alice.add_app()
        code = alice.app_code
        assert Talk().password().asked(APP).say(code).result() == GRANTED
        talk = Talk().password().asked(APP).say(shape.format(code))
        talk.asked((WRONG if "\N{NO-BREAK SPACE}" in shape else USED) + APP)
        assert talk.say(alice.next_app_code).result() == GRANTED
        nothing_left(kratos)
        note(f"app: replayed as {shape!r}", "asked again")

    def test_rule_24_replayed_at_once(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        alice.add_app()
        one, other = Talk().password().asked(APP), Talk().password().asked(APP)
        code = alice.app_code
        one.say(code)
        other.say(code)
        assert one.result() == GRANTED
        other.asked(USED + APP)
        other.hang_up()
        note("app: the same code in two logins at once", "one is granted")

    def test_rule_35_exhausted(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        """Four codes, for the password was a try too."""
        alice.add_app()
        talk = Talk().password().asked(APP).say("000000")
        for _ in range(3):
            talk.asked(WRONG + APP).say("000000")
        assert talk.result() == BAD
        assert reason(journal) == "wrong-code"
        nothing_left(kratos)
        note("app: wrong, exhausted", BAD)

    def test_rule_43_the_password_again(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        alice.add_app()
        assert Talk().password().asked(APP).say(PASSWORD).result() == BAD
        assert reason(journal) == "password-repeated"
        nothing_left(kratos)
        note("app: the password again", BAD)

    def test_nothing_typed(self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal) -> None:
        """Eight answers in all."""
        alice.add_app()
        talk = Talk().password()
        for _ in range(7):
            talk.asked(APP).say("")
        assert talk.result() == BAD
        assert reason(journal) == "too-many-answers"
        nothing_left(kratos)
        note("app: nothing, again and again", BAD)


class TestBackupCode:
    def test_right_and_used(self, daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        alice.add_backup_codes("abcd1234", "efgh5678")
        assert Talk().password().asked(BACKUP).say("abcd1234").result() == GRANTED
        talk = Talk().password().asked(BACKUP).say("abcd1234")
        assert talk.asked(WRONG + BACKUP).say("efgh5678").result() == GRANTED
        nothing_left(kratos)
        note("backup code: right", GRANTED)
        note("backup code: used, then another", GRANTED)

    def test_rule_35_exhausted(
        self, daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        alice.add_backup_codes("abcd1234")
        talk = Talk().password().asked(BACKUP).say("wrong")
        for _ in range(3):
            talk.asked(WRONG + BACKUP).say("wrong")
        assert talk.result() == BAD
        nothing_left(kratos)
        note("backup code: wrong, exhausted", BAD)


class TestSecurityKey:
    """What no terminal can ask for is named, and counts all the same. (rule 4)"""

    @pytest.fixture(params=["highest_available", "aal1"])
    def keys(self, request: pytest.FixtureRequest, kratos: Kratos) -> Kratos:
        place = {"id": "localhost", "display_name": "test", "origin": "http://localhost"}
        kratos.configure(
            session__whoami__required_aal=request.param,
            selfservice__methods__webauthn={"enabled": True, "config": {"passwordless": False, "rp": place}},
        )
        kratos.restart()
        return kratos

    def test_rule_4_alone(self, keys: Kratos, daemon: Daemon, alice: Person, journal: Journal) -> None:
        alice.add_security_key()
        talk = Talk().password()
        assert talk.result() == DENIED
        assert "Your second factor is a security key or passkey" in talk.shown
        assert reason(journal) == "second-factor-required"
        nothing_left(keys)
        note("security key alone", f"{DENIED}, named")

    def test_beside_an_app(self, keys: Kratos, daemon: Daemon, alice: Person) -> None:
        alice.add_security_key().add_app()
        assert Talk().password().asked(APP).say(alice.app_code).result() == GRANTED
        nothing_left(keys)
        note("security key beside an app", GRANTED)

    SILENCE = {
        "a fault": faults.failure,
        "not let through": lambda: faults.html(404),
        "sent elsewhere": faults.redirect,
        "nothing": faults.empty,
    }

    @pytest.mark.parametrize("silence", SILENCE)
    def test_rule_4_where_it_cannot_be_known(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Person, silence: str
    ) -> None:
        upstream = kratos.public_port, kratos.admin_port
        with FaultServer(PROXY_PORT, upstream=upstream) as proxy:
            stopped_daemon.configure(Kratos={"PublicURL": proxy.url})
            start(stopped_daemon)
            assert Talk().password().result() == GRANTED
            assert len(proxy.of("elsewhere")) == 1
            proxy.set("elsewhere", self.SILENCE[silence]())
            # It has judged the first one a moment ago, and so is there.
            assert Talk().password().result() == THROTTLED
            nothing_left(kratos)
        note(f"whether there is a security key, Kratos does not say: {silence}", THROTTLED)


class TestMail:
    def test_right(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        talk = Talk().password().asked(MAILED)
        (code,) = alice.mails()
        assert talk.say(code).result() == GRANTED
        nothing_left(mailing)
        note("mailed code: right", GRANTED)

    def test_used(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        talk = Talk().password().asked(MAILED)
        (code,) = alice.mails()
        assert talk.say(code).result() == GRANTED
        talk = Talk().password().asked(MAILED).say(code).asked(WRONG + MAILED)
        assert talk.say(alice.mails()[0]).result() == GRANTED
        note("mailed code: used, then the new one", GRANTED)

    def test_sent_again(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        """The one before does not count any more."""
        talk = Talk().password().asked(MAILED).say("").asked(MAILED)
        new, old = alice.mails()
        talk.say(old).asked(WRONG + MAILED)
        assert talk.say(new).result() == GRANTED
        nothing_left(mailing)
        note("mailed code: sent again, old and new", GRANTED)

    def test_rule_35_exhausted(
        self, mailing: Kratos, daemon: Daemon, alice: Person, journal: Journal
    ) -> None:
        """Another login is another flow, and gets in."""
        talk = Talk().password().asked(MAILED).say("000000")
        for _ in range(3):
            talk.asked(WRONG + MAILED).say("000000")
        assert talk.result() == BAD
        talk = Talk().password().asked(MAILED)
        assert talk.say(alice.mails()[0]).result() == GRANTED
        nothing_left(mailing)
        note("mailed code: exhausted, then another login", f"{BAD}, {GRANTED}")

    def test_rule_42_five_in_an_hour(
        self, mailing: Kratos, daemon: Daemon, alice: Person, journal: Journal
    ) -> None:
        talk = Talk().password().asked(MAILED)
        for _ in range(4):
            talk.say("").asked(MAILED)
        talk.say("").asked(NO_MAIL + MAILED)
        assert len(alice.mails()) == 5
        # What came last is good all the same.
        assert talk.say(alice.mails()[0]).result() == GRANTED
        start(daemon)
        since = journal.mark()
        talk = Talk().password()
        assert talk.result() == THROTTLED
        assert re.search(r"Too many codes were sent to you\. Try again in [0-9]+ minutes\.", talk.shown)
        assert reason(journal, since) == "mail-limit"
        assert len(alice.mails()) == 5
        nothing_left(mailing)
        note("mailed code: a sixth within the hour", THROTTLED)

    def test_rule_42_mails_that_nobody_asks_for(
        self, mailing: Kratos, stopped_daemon: Daemon, alice: Person, journal: Journal
    ) -> None:
        """Some versions of Kratos send one with the flow itself where there is nothing else to offer:
        then no flow is asked for either, once five were sent."""
        with FaultServer(PROXY_PORT, upstream=(mailing.public_port, mailing.admin_port)) as proxy:
            proxy.set("second", faults.json_body(lambda flow: flow | {"state": "sent_email"}))
            stopped_daemon.configure(Kratos={"PublicURL": proxy.url})
            start(stopped_daemon)
            for _ in range(5):
                Talk().password().asked(MAILED).hang_up()
            start(stopped_daemon)
            assert len(proxy.of("second")) == 5
            since = journal.mark()
            talk = Talk().password()
            assert talk.result() == THROTTLED
            assert "Too many codes were sent to you. Try again in" in talk.shown
            assert reason(journal, since) == "mail-limit"
            assert len(proxy.of("second")) == 5
            nothing_left(mailing)
        note("mailed code: a sixth that Kratos sends by itself", THROTTLED)

    def test_no_address(self, mailing: Kratos, daemon: Daemon, bob: Person, journal: Journal) -> None:
        """This Kratos counts codes by mail as everybody's factor, and offers nothing then."""
        talk = Talk("bob").password()
        assert talk.result() == "Permission denied"
        assert "set one up" in talk.shown
        assert reason(journal) == "second-factor-required"
        note("mailed code: without an address, this Kratos demands it all the same", "Permission denied")


class TestMessage:
    """A code that Kratos sends to a telephone."""

    PHONE = "+4915112345678"
    SENT = "Code sent to …78 (Enter: send again): "

    def test_right(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        alice.add_phone(self.PHONE).remove_mail_address()
        talk = Talk().password().asked(self.SENT).say("000000").asked(WRONG + self.SENT)
        (code,) = alice.mails()
        assert talk.say(code).result() == GRANTED
        nothing_left(mailing)
        note("code by message: wrong, then right", GRANTED)

    def test_beside_a_mail(self, mailing: Kratos, daemon: Daemon, alice: Person) -> None:
        """Kratos names either of them first. The code that went to that one counts no more."""
        alice.add_phone(self.PHONE)
        asked = {
            place: f"Code sent to {place} (Enter: send again, ?: another way): "
            for place in ("a…@example.test", "…78")
        }
        talk = Talk().password()
        first = list(asked)[talk.child.expect_exact([prompt.encode() for prompt in asked.values()])]
        (other,) = set(asked) - {first}
        talk.child.sendline("?")
        talk.child.expect_exact([b"1 mail to ", b"1 message to "])
        talk.child.expect_exact(b": ")
        talk.child.sendline("2")
        talk.child.expect_exact(asked[other].encode())
        code, old = alice.mails()
        talk.say(old).asked(WRONG + asked[other]).say(code)
        assert talk.result() == GRANTED
        nothing_left(mailing)
        note("code by message beside a mailed one: each chosen", GRANTED)


class TestChoice:
    @pytest.fixture
    def everything(self, mailing: Kratos, daemon: Daemon, alice: Person) -> Person:
        return alice.add_app().add_backup_codes("abcd1234")

    def test_the_app_is_the_usual_one(self, everything: Person) -> None:
        assert Talk().password().asked(APP_OF_MANY).say(everything.app_code).result() == GRANTED
        assert everything.mails() == []
        note("app, mail, backup: the usual one", GRANTED)

    WAYS: dict[str, tuple[str, str, Callable[[Person], str]]] = {
        "app": ("1", APP_OF_MANY, lambda p: p.app_code),
        "mail": ("2", MAILED_OF_MANY, lambda p: p.mails()[0]),
        "backup code": ("3", BACKUP_OF_MANY, lambda p: "abcd1234"),
    }

    @pytest.mark.parametrize("key", ["", "?"])
    @pytest.mark.parametrize("way", WAYS)
    def test_each(self, everything: Person, way: str, key: str) -> None:
        number, prompt, code = self.WAYS[way]
        talk = Talk().password().asked(APP_OF_MANY).say(key).asked(CHOICE).say(number).asked(prompt)
        assert talk.say(code(everything)).result() == GRANTED
        nothing_left(everything.kratos)
        note(f"app, mail, backup: {way} by choice ({key or 'Enter'})", GRANTED)

    @pytest.mark.parametrize("answer", ["0", "4", "9", "app", "", "?", "11", " ", "-1"])
    def test_none_of_them(self, everything: Person, answer: str) -> None:
        talk = Talk().password().asked(APP_OF_MANY).say("?").asked(CHOICE).say(answer)
        talk.asked(NO_CHOICE + CHOICE).say("1").asked(APP_OF_MANY)
        assert talk.say(everything.app_code).result() == GRANTED

    def test_back_and_forth(self, everything: Person) -> None:
        """Asked for once, a code that was sent still counts."""
        talk = Talk().password().asked(APP_OF_MANY).say("").asked(CHOICE).say("2").asked(MAILED_OF_MANY)
        talk.say("?").asked(CHOICE).say("3").asked(BACKUP_OF_MANY).say("")
        talk.asked(CHOICE).say("2").asked(MAILED_OF_MANY)
        (code,) = everything.mails()
        assert talk.say(code).result() == GRANTED
        note("app, mail, backup: mail, backup, mail", GRANTED)

    def test_another_after_a_mail(self, everything: Person) -> None:
        """The flow that has sent a code takes the others as well, or another flow does."""
        talk = Talk().password().asked(APP_OF_MANY).say("").asked(CHOICE).say("2").asked(MAILED_OF_MANY)
        talk.say("?").asked(CHOICE).say("1").asked(APP_OF_MANY)
        assert talk.say(everything.app_code).result() == GRANTED
        note("app, mail, backup: mail, then app", GRANTED)
