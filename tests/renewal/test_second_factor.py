"""Second factors within an open session: each that is demanded is verified anew, whatever level the
session has."""

import time
from collections.abc import Callable

import pytest
from calling import Caller, refusal, slow_refusal, start
from factors import APP, PASSWORD, Person
from faultserver import faults
from logging_in import nothing_left, rows
from sitting import Seat, only, say, told
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.logind import Logind

pytestmark = pytest.mark.sanitized


@pytest.fixture
def person(stopped_daemon: Daemon, kratos: Kratos) -> Person:
    """Alice, with an app and backup codes."""
    return Person.create(kratos, stopped_daemon, "alice").add_app().add_backup_codes("one11111", "two22222")


class HighSeat(Seat):
    """Alice's login session, of the higher level."""

    def __init__(
        self, logind: Logind, door: Caller, inside: Caller, person: Person, *, service: str = "sshd"
    ) -> None:
        self.door, self.inside, self.alice = door, inside, person.identity
        login = door.begin("alice", service=service)
        asked = say(door, login, PASSWORD)
        if asked:
            assert say(door, login, "?").startswith("1 app") and say(door, login, "2")
            assert say(door, login, "one11111") == ""
        self.session = door.open("alice", login, service=service)
        logind.place(inside.process.pid, "alice", leader=door.process.pid)


def level(kratos: Kratos, person: Person) -> str:
    return only(kratos, person.identity)["authenticator_assurance_level"]


@pytest.fixture(params=["highest_available", "aal1"])
def server(request: pytest.FixtureRequest, kratos: Kratos) -> str:
    if request.param != "highest_available":
        kratos.configure(session__whoami__required_aal=request.param)
        kratos.restart()
    return request.param


@pytest.mark.parametrize("demand", ["aal2", "aal2-if-enrolled"])
def test_rule_33_the_code_is_asked_for_and_verified(
    server: str, stopped_daemon, logind, kratos, person: Person, caller, journal: Journal, demand: str
) -> None:
    stopped_daemon.configure(**{"Service sudo": {"RequireAAL": demand}})
    start(stopped_daemon)
    seat = HighSeat(logind, caller(), caller(), person)
    before = only(kratos, person.identity)
    assert before["authenticator_assurance_level"] == "aal2"

    login = seat.inside.begin("alice", service="sudo")
    asked = say(seat.inside, login, PASSWORD)
    assert asked.startswith("Code from your authenticator app")
    # The password has renewed the session, which is at the higher level all the same: not granted.
    assert only(kratos, person.identity)["authenticated_at"] > before["authenticated_at"]
    assert say(seat.inside, login, "000000").startswith("Wrong code. ")
    assert refusal(seat.inside.open, "alice", login, service="sudo") == "NoSuchLogin"
    assert say(seat.inside, login, person.app_code) == ""
    seat.inside.cancel(login)
    after = only(kratos, person.identity)
    assert (after["id"], after["authenticator_assurance_level"]) == (before["id"], "aal2")
    assert len(kratos.sessions()) == 1
    assert journal.wait(KRATOSD_EVENT="session-renewed")["KRATOSD_REASON"] == "renewed"
    seat.door.close(seat.session)
    nothing_left(kratos)


def test_rule_33_a_password_alone_is_never_two(
    server: str, stopped_daemon, logind, kratos, person: Person, caller, journal: Journal
) -> None:
    """Given up, guessed, and repeated: refused each time, and the session of the login goes on."""
    stopped_daemon.configure(**{"Service sudo": {"RequireAAL": "aal2"}})
    start(stopped_daemon)
    seat = HighSeat(logind, caller(), caller(), person)
    session = only(kratos, person.identity)["id"]
    login = seat.inside.begin("alice", service="sudo")
    assert say(seat.inside, login, PASSWORD)
    seat.inside.cancel(login)
    login = seat.inside.begin("alice", service="sudo")
    assert say(seat.inside, login, PASSWORD)
    assert refusal(say, seat.inside, login, PASSWORD) == "BadCredentials"
    login = seat.inside.begin("alice", service="sudo")
    assert say(seat.inside, login, PASSWORD)
    for _ in range(3):
        assert say(seat.inside, login, "000000")
    assert slow_refusal(say, seat.inside, login, "000000") == "BadCredentials"
    assert rows() == 1
    assert only(kratos, person.identity)["id"] == session
    assert not journal.entries(KRATOSD_EVENT="session-renewed")
    assert len(journal.entries(KRATOSD_EVENT="login-granted")) == 1


def test_rule_33_where_one_is_enough_the_level_stays(
    server: str, stopped_daemon, logind, kratos, person: Person, caller
) -> None:
    """Also where Kratos itself demands both of a new login."""
    stopped_daemon.configure(**{"Service sudo": {"RequireAAL": "aal1"}})
    start(stopped_daemon)
    seat = HighSeat(logind, caller(), caller(), person)
    seat.inside.cancel(seat.login(PASSWORD, service="sudo"))
    assert level(kratos, person) == "aal2"
    assert len(kratos.sessions()) == 1


def test_sudo_raises_the_level_of_a_login_with_a_password(
    stopped_daemon, logind, kratos, person: Person, caller
) -> None:
    kratos.configure(session__whoami__required_aal="aal1")
    kratos.restart()
    person = Person.create(kratos, stopped_daemon, "alice").add_app()
    stopped_daemon.configure(
        **{"Service sudo": {"RequireAAL": "aal2"}, "Service sshd": {"RequireAAL": "aal1"}}
    )
    start(stopped_daemon)
    seat = HighSeat(logind, caller(), caller(), person)
    assert level(kratos, person) == "aal1"
    login = seat.inside.begin("alice", service="sudo")
    assert say(seat.inside, login, PASSWORD) == APP
    assert say(seat.inside, login, person.app_code) == ""
    seat.inside.cancel(login)
    assert level(kratos, person) == "aal2"
    assert len(kratos.sessions()) == 1


def test_rule_4_who_has_none_is_refused(
    stopped_daemon: Daemon, logind: Logind, kratos: Kratos, alice: Identity, caller: Callable[..., Caller]
) -> None:
    stopped_daemon.configure(**{"Service sudo": {"RequireAAL": "aal2"}})
    start(stopped_daemon)
    seat = Seat(logind, caller(), caller(), alice)
    session = only(kratos, alice)["id"]
    assert refusal(seat.login, service="sudo") == "NotAllowed"
    assert only(kratos, alice)["id"] == session
    assert rows() == 1


def test_rule_24_a_code_counts_once(
    daemon: Daemon, logind: Logind, kratos: Kratos, person: Person, caller: Callable[..., Caller]
) -> None:
    """Also where it was the login's own."""
    door, inside = caller(), caller()
    login = door.begin("alice")
    code = person.app_code
    assert say(door, login, PASSWORD)
    assert say(door, login, code) == ""
    door.open("alice", login)
    logind.place(inside.process.pid, "alice", leader=door.process.pid)
    login = inside.begin("alice")
    assert say(inside, login, PASSWORD)
    assert say(inside, login, code).startswith("That code was used before")


def test_rule_33_an_answer_that_shows_no_second_factor(
    stopped_daemon, logind, proxy, kratos, person: Person, caller, journal: Journal
) -> None:
    """200, the same session, its standing level: what was verified last was a password."""
    start(stopped_daemon)
    seat = HighSeat(logind, caller(), caller(), person)
    session = only(kratos, person.identity)["id"]
    login = seat.inside.begin("alice")
    assert say(seat.inside, login, PASSWORD)

    def without_the_last(body):
        body["session"]["authentication_methods"].pop()
        return body

    proxy.set("login", faults.json_body(without_the_last))
    assert refusal(say, seat.inside, login, person.app_code) == "NotAllowed"
    journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_REASON="not-this-login")
    assert only(kratos, person.identity)["id"] == session
    assert rows() == 1


def test_the_session_is_revoked_between_the_factors(
    daemon: Daemon, logind: Logind, kratos: Kratos, person: Person, caller, journal: Journal
) -> None:
    seat = HighSeat(logind, caller(), caller(), person)
    session = only(kratos, person.identity)
    login = seat.inside.begin("alice")
    assert say(seat.inside, login, PASSWORD)
    assert kratos.admin("DELETE", f"/admin/sessions/{session['id']}").status == 204
    assert refusal(say, seat.inside, login, person.app_code) == "NotAllowed"
    journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_REASON="first-factor-void")
    # A full login replaces it.
    login = seat.inside.begin("alice")
    assert say(seat.inside, login, PASSWORD)
    assert say(seat.inside, login, person.next_app_code) == ""
    assert journal.wait(KRATOSD_EVENT="session-renewed")["KRATOSD_REASON"] == "replaced"
    seat.inside.cancel(login)
    assert only(kratos, person.identity)["id"] != session["id"]
    seat.door.close(seat.session)
    nothing_left(kratos)


def test_the_flows_expire_while_the_person_types(
    stopped_daemon, logind, kratos, caller, journal: Journal
) -> None:
    """Where a session is renewed, Kratos says of each that there is a session already."""
    kratos.configure(selfservice__flows__login__lifespan="2s")
    kratos.restart()
    person = Person.create(kratos, stopped_daemon, "alice").add_app().add_backup_codes("one11111")
    start(stopped_daemon)
    seat = HighSeat(logind, caller(), caller(), person)
    session = only(kratos, person.identity)["id"]
    login = seat.inside.begin("alice")
    time.sleep(2.5)
    assert say(seat.inside, login, PASSWORD)
    time.sleep(2.5)
    assert say(seat.inside, login, person.app_code) == ""
    seat.inside.cancel(login)
    assert only(kratos, person.identity)["id"] == session
    assert len(kratos.sessions()) == 1
    assert journal.wait(KRATOSD_EVENT="session-renewed")["KRATOSD_REASON"] == "renewed"


@pytest.mark.parametrize("style", ["unified", "identifier_first"])
def test_a_code_in_place_of_the_password(
    stopped_daemon, logind, kratos, caller, journal: Journal, style: str
) -> None:
    kratos.configure(
        selfservice__methods__code__passwordless_enabled=True, selfservice__flows__login__style=style
    )
    kratos.restart()
    person = Person.create(kratos, stopped_daemon, "alice")
    codes = {"RequireAAL": "aal1", "FirstFactor": "code"}
    stopped_daemon.configure(
        Accounts={"Identifier": "%u@example.test"}, **{"Service sudo": codes, "Service sshd": codes}
    )
    start(stopped_daemon)
    door, inside = caller(), caller()

    def log_in(who: Caller, service: str) -> str:
        login, _ = who.call("BeginLogin", "alice", {"service": service})
        assert say(who, login, "")
        assert say(who, login, person.mails()[0]) == ""
        return login

    session = door.open("alice", log_in(door, "sshd"), service="sshd")
    before = only(kratos, person.identity)
    logind.place(inside.process.pid, "alice", leader=door.process.pid)
    inside.cancel(log_in(inside, "sudo"))
    after = only(kratos, person.identity)
    assert after["id"] == before["id"]
    assert after["authenticated_at"] > before["authenticated_at"]
    assert len(kratos.sessions()) == 1
    assert journal.wait(KRATOSD_EVENT="session-renewed")["KRATOSD_REASON"] == "renewed"
    door.close(session)
    nothing_left(kratos)
