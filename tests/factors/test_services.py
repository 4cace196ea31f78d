"""How sure Kratos must be, by service and by server, whatever the person has."""

import pytest
from calling import start
from factors import (
    APP, CODE, DENIED, GRANTED, MAILED, PASSWORD, SERVICE, Person, Talk, note,
)  # fmt: skip
from logging_in import nothing_left, reason

from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos

# What the person has; what the server and the service demand; what must come of it: asked for a second
# factor, let in without, or refused.
ASKED, REFUSED = "asked", "refused"
MATRIX: list[tuple[str, str, str, str]] = [
    ("nothing", "aal1", "aal1", GRANTED),
    ("nothing", "aal1", "aal2-if-enrolled", GRANTED),
    ("nothing", "aal1", "aal2", REFUSED),
    ("nothing", "highest_available", "aal1", GRANTED),
    ("nothing", "highest_available", "aal2-if-enrolled", GRANTED),
    ("nothing", "highest_available", "aal2", REFUSED),
    ("app", "aal1", "aal1", GRANTED),
    ("app", "aal1", "aal2-if-enrolled", ASKED),
    ("app", "aal1", "aal2", ASKED),
    ("app", "highest_available", "aal1", ASKED),
    ("app", "highest_available", "aal2-if-enrolled", ASKED),
    ("app", "highest_available", "aal2", ASKED),
]


@pytest.mark.parametrize("has,server,demand,result", MATRIX)
def test_rule_4_the_matrix(
    stopped_daemon: Daemon,
    kratos: Kratos,
    alice: Person,
    journal: Journal,
    has: str,
    server: str,
    demand: str,
    result: str,
) -> None:
    if server != "highest_available":
        kratos.configure(session__whoami__required_aal=server)
        kratos.restart()
        alice = Person.create(kratos, stopped_daemon, "alice")
    if has == "app":
        alice.add_app()
    stopped_daemon.configure(**{f"Service {SERVICE}": {"RequireAAL": demand}})
    start(stopped_daemon)
    talk = Talk().password()
    if result == ASKED:
        # A wrong code is not taken, and the right one is.
        talk.asked(APP).say("000000").asked("Wrong code. " + APP).say(alice.app_code)
    said = talk.result()
    assert said == (DENIED if result == REFUSED else GRANTED), talk.shown
    if result == REFUSED:
        assert reason(journal) == "second-factor-required"
        assert "set one up" in talk.shown
    nothing_left(kratos)
    note(f"has {has}; server {server}; RequireAAL={demand}", result)


def test_the_default_for_all(stopped_daemon: Daemon, kratos: Kratos, alice: Person) -> None:
    """[Access] says it for services that do not."""
    stopped_daemon.configure(Access={"RequireAAL": "aal2"}, **{"Service other": {"RequireAAL": "aal1"}})
    start(stopped_daemon)
    pam.pam_service("other", pam.ONLY_US)
    assert Talk().password().result() == DENIED
    assert Talk(service="other").password().result() == GRANTED


class TestSinglePrompt:
    @pytest.fixture
    def locker(self, stopped_daemon: Daemon) -> Daemon:
        stopped_daemon.configure(**{f"Service {SERVICE}": {"SinglePrompt": "yes"}})
        start(stopped_daemon)
        return stopped_daemon

    def test_nothing_more_is_demanded(self, locker: Daemon, kratos: Kratos, alice: Person) -> None:
        assert Talk().password().result() == GRANTED
        note("SinglePrompt=yes; has nothing", GRANTED)

    def test_a_second_factor_is(
        self, locker: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        alice.add_app()
        talk = Talk().password()
        assert talk.result() == DENIED
        assert "only one question" in talk.shown
        assert reason(journal) == "single-prompt"
        nothing_left(kratos)
        note("SinglePrompt=yes; has an app", DENIED)


class TestVerification:
    def test_kratos_words_reach_the_person(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
    ) -> None:
        hooks = [{"hook": "require_verified_address"}]
        kratos.configure(selfservice__flows__login__after__password__hooks=hooks)
        kratos.restart()
        Person.create(kratos, stopped_daemon, "alice")
        start(stopped_daemon)
        talk = Talk().password()
        assert talk.result() == DENIED
        assert "verify your email" in talk.shown.lower(), talk.shown
        assert reason(journal) == "not-allowed"
        nothing_left(kratos)
        note("verification required by a hook", f"{DENIED}, in Kratos's words")
        talk = Talk().asked("Password: ").say("wrong")
        assert talk.result() == "Authentication failure"
        assert "verify" not in talk.shown.lower()


class TestFirstCode:
    """A code in place of a password. Kratos sends it to the identifier."""

    @pytest.fixture
    def passwordless(self, kratos: Kratos, stopped_daemon: Daemon) -> Kratos:
        kratos.configure(selfservice__methods__code__passwordless_enabled=True)
        kratos.restart()
        stopped_daemon.configure(Accounts={"Identifier": "%u@example.test"})
        return kratos

    def begin(self, daemon: Daemon, factors: str, **further: str) -> None:
        daemon.configure(**{f"Service {SERVICE}": {"FirstFactor": factors} | further})
        start(daemon)

    @pytest.mark.parametrize("style", ["unified", "identifier_first"])
    def test_right(
        self, passwordless: Kratos, stopped_daemon: Daemon, style: str
    ) -> None:
        passwordless.configure(selfservice__flows__login__style=style)
        passwordless.restart()
        alice = Person.create(passwordless, stopped_daemon, "alice")
        self.begin(stopped_daemon, "password,code")
        talk = Talk().asked("Password (Enter: send a code): ").say("").asked(CODE)
        assert talk.say(alice.mails()[0]).result() == GRANTED
        nothing_left(passwordless)
        note(f"code in place of a password; {style}", GRANTED)

    def test_wrong_again_and_right(self, passwordless: Kratos, stopped_daemon: Daemon) -> None:
        alice = Person.create(passwordless, stopped_daemon, "alice")
        self.begin(stopped_daemon, "code")
        talk = Talk().asked("Code (Enter: send one): ").say("000000")
        talk.asked("Wrong code. Code (Enter: send one): ").say("").asked(CODE)
        talk.say("000000").asked("Wrong code. " + CODE).say("").asked(CODE)
        new, old = alice.mails()
        talk.say(old).asked("Wrong code. " + CODE)
        assert talk.say(new).result() == GRANTED
        nothing_left(passwordless)
        note("code in place of a password: wrong, sent again, old, right", GRANTED)

    def test_the_password_all_the_same(self, passwordless: Kratos, stopped_daemon: Daemon) -> None:
        """The e-mail address is an identifier of the code alone here."""
        stopped_daemon.configure(Accounts={"Identifier": "%u"})
        Person.create(passwordless, stopped_daemon, "alice")
        self.begin(stopped_daemon, "password,code")
        assert Talk().asked("Password (Enter: send a code): ").say(PASSWORD).result() == GRANTED
        note("code or password: the password", GRANTED)

    def test_rule_42_who_has_none_is_asked_the_same(
        self, passwordless: Kratos, stopped_daemon: Daemon
    ) -> None:
        bob = Person.create(passwordless, stopped_daemon, "bob", email=None)
        self.begin(stopped_daemon, "code")
        talk = Talk("bob").asked("Code (Enter: send one): ").say("").asked(CODE)
        for _ in range(4):
            talk.say("123456").asked("Wrong code. " + CODE)
        assert talk.say("123456").result() == "Authentication failure"
        assert bob.mails() == []
        note("code in place of a password: nobody has the address", "asked the same, refused")

    def test_and_a_second_factor(self, passwordless: Kratos, stopped_daemon: Daemon) -> None:
        alice = Person.create(passwordless, stopped_daemon, "alice").add_app()
        self.begin(stopped_daemon, "code")
        talk = Talk().asked("Code (Enter: send one): ").say("").asked(CODE)
        talk.say(alice.mails()[0]).asked(APP)
        assert talk.say(alice.app_code).result() == GRANTED
        nothing_left(passwordless)
        note("code in place of a password, then an app", GRANTED)


def test_identifier_first(kratos: Kratos, stopped_daemon: Daemon) -> None:
    """Its flow has no place for a password yet, and takes one all the same."""
    kratos.configure(selfservice__flows__login__style="identifier_first")
    kratos.restart()
    alice = Person.create(kratos, stopped_daemon, "alice").add_app()
    start(stopped_daemon)
    assert Talk().password().asked(APP).say(alice.app_code).result() == GRANTED
    talk = Talk().asked("Password: ").say("wrong")
    assert talk.result() == "Authentication failure"
    nothing_left(kratos)
    note("identifier_first; app", GRANTED)
