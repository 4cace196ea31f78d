"""Logins within an open session, on the bus: which of them renew its Kratos session, and that nothing of
theirs is left."""

import contextlib
import sqlite3
import time
from collections.abc import Callable

import pytest
from calling import Caller, refusal, slow_refusal, start, wait_for_names
from faultserver import FaultServer, faults
from logging_in import nothing_left, rows
from test_sessions import documented_events
from sitting import NOT_WAITED_FOR_SEC, Seat, only, told
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.logind import Logind
from world.paths import STATE
from world.processes import wait_until

pytestmark = pytest.mark.sanitized


def makes_another(kratos: Kratos, seat: Seat, session: dict, inside: Caller | None = None) -> None:
    """A login makes a session of its own, which ends with it, and leaves the other alone."""
    who = inside or seat.inside
    login = who.login("alice", seat.alice.password)
    assert len(kratos.active_sessions()) == 2
    who.cancel(login)
    wait_until(lambda: rows() == 1, "the login has ended")
    assert told(only(kratos, seat.alice)) == told(session)


class TestRenewal:
    def test_ten_times(self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal) -> None:
        """sudo: the login is cancelled once root's session is opened."""
        before = only(kratos, alice)
        for count in range(1, 11):
            seat.inside.cancel(seat.login(service="sudo"))
            after = only(kratos, alice)
            assert after["id"] == before["id"]
            assert after["authenticated_at"] > before["authenticated_at"]
            before = after
            assert rows() == 1
            wait_until(
                lambda: len(journal.entries(KRATOSD_EVENT="session-renewed")) == count, "the journal has it"
            )
        assert len(kratos.sessions()) == 1
        message_id, priority = documented_events()["session-renewed"]
        for one in journal.entries(KRATOSD_EVENT="session-renewed"):
            assert (one["MESSAGE_ID"], one["PRIORITY"]) == (message_id, priority)
            assert (one["KRATOSD_REASON"], one["KRATOSD_USER"]) == ("renewed", "alice")
            assert (one["KRATOSD_SERVICE"], one["KRATOSD_SESSION"]) == ("sudo", before["id"])
        assert not journal.entries(KRATOSD_EVENT="session-closed")
        seat.door.close(seat.session)
        nothing_left(kratos)

    @pytest.mark.parametrize("end", ["close", "drop"])
    def test_a_session_within_the_session(
        self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal, end: str
    ) -> None:
        """su to oneself opens a session: its end revokes nothing."""
        inner = seat.inside.open("alice", seat.login(service="su"), service="su")
        session = only(kratos, alice)
        opened = journal.entries(KRATOSD_EVENT="session-opened", KRATOSD_SERVICE="su")
        assert [one["KRATOSD_REASON"] for one in opened] == ["borrowed"]
        getattr(seat.inside, end)(inner)
        closed = journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SERVICE="su")
        assert closed["KRATOSD_REASON"] == "borrowed"
        wait_until(lambda: rows() == 1, "its row is gone")
        time.sleep(0.3)
        assert told(only(kratos, alice)) == told(session)
        seat.inside.cancel(seat.login(service="sudo"))
        assert only(kratos, alice)["id"] == session["id"]
        seat.door.close(seat.session)
        nothing_left(kratos)

    def test_one_that_is_worn_is_replaced(
        self, seat: Seat, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """Kratos lists every renewal in the session, of which we read only so much."""
        before = only(kratos, alice)
        seat.inside.cancel(seat.login())
        daemon.stop()
        with contextlib.closing(sqlite3.connect(STATE / "kratosd.db")) as store:
            assert store.execute("UPDATE session SET renewals = 99 WHERE renewals = 1").rowcount == 1
            store.commit()
        start(daemon)
        for _ in range(3):
            seat.inside.cancel(seat.login())
        wait_until(lambda: rows() == 1, "the old one is revoked")
        assert only(kratos, alice)["id"] != before["id"]
        renewed = journal.entries(KRATOSD_EVENT="session-renewed")
        assert [one["KRATOSD_REASON"] for one in renewed] == ["renewed", "renewed", "replaced", "renewed"]
        seat.door.drop(seat.session)
        nothing_left(kratos)

    def test_across_a_restart(
        self, seat: Seat, daemon: Daemon, kratos: Kratos, alice: Identity
    ) -> None:
        session = only(kratos, alice)
        inner = seat.inside.open("alice", seat.login())
        daemon.kill()
        start(daemon)
        wait_until(lambda: rows() == 2, "both sessions are taken over")
        seat.inside.drop(inner)
        wait_until(lambda: rows() == 1, "the inner one is over")
        seat.inside.cancel(seat.login())
        assert only(kratos, alice)["id"] == session["id"]
        seat.door.drop(seat.session)
        nothing_left(kratos)

    def test_never_opened(self, stopped_daemon, logind, kratos, alice, caller, journal: Journal) -> None:
        """sudo -v."""
        stopped_daemon.configure(Sessions={"OpenTimeoutSec": "1"})
        start(stopped_daemon)
        seat = Seat(logind, caller(), caller(), alice)
        seat.login()
        session = only(kratos, alice)
        wait_until(lambda: rows() == 1, "the login's row is gone")
        time.sleep(0.3)
        assert told(only(kratos, alice)) == told(session)
        assert not journal.entries(KRATOSD_EVENT="session-closed")

    def test_a_wrong_password(
        self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        session = only(kratos, alice)
        assert slow_refusal(seat.login, "wrong") == "BadCredentials"
        journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_REASON="bad-credentials")
        assert told(only(kratos, alice)) == told(session)
        assert rows() == 1

    def test_rule_19_the_throttle_counts(
        self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        refusals = [refusal(seat.login, "wrong", service="sudo") for _ in range(12)]
        assert "Throttled" in refusals
        assert refusal(seat.login, service="sudo") == "Throttled"
        assert len(kratos.sessions()) == 1

    def test_a_locker(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity, bob: Identity, caller, journal
    ) -> None:
        """Without root: its own user, and no other."""
        session = only(kratos, alice)
        locker, stranger = caller("alice"), caller("bob")
        for one in locker, stranger:
            logind.place(one.process.pid, "alice", leader=seat.door.process.pid)
        locker.login("alice", alice.password, purpose="unlock", service="xscreensaver")
        after = only(kratos, alice)
        assert after["id"] == session["id"]
        assert after["authenticated_at"] > session["authenticated_at"]
        assert rows() == 1
        assert slow_refusal(locker.login, "alice", "wrong") == "BadCredentials"
        assert refusal(stranger.begin, "alice") == "NotAllowed"
        stranger.login("bob", bob.password)
        wait_until(lambda: rows() == 1, "bob's is revoked at once")
        assert told(only(kratos, alice)) == told(after)
        assert len(journal.entries(KRATOSD_EVENT="session-renewed")) == 1


class TestRule34:
    """Never a session of which it is not sure whose it is."""

    def test_rule_34_another_users_session(
        self, seat: Seat, logind: Logind, kratos: Kratos, bob: Identity, alice: Identity
    ) -> None:
        """Within alice's login session bob's password makes a session of bob's; and hers is not renewed
        from his."""
        session = only(kratos, alice)
        login = seat.inside.login("bob", bob.password)
        assert {one["identity"]["id"] for one in kratos.active_sessions()} == {alice.id, bob.id}
        seat.inside.cancel(login)
        wait_until(lambda: rows() == 1, "bob's is over")
        assert told(only(kratos, alice)) == told(session)
        logind.forget()
        logind.place(seat.inside.process.pid, "bob", leader=seat.door.process.pid)
        makes_another(kratos, seat, session)

    def test_rule_34_another_session_of_hers(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity, caller
    ) -> None:
        """Of two logins, the one in which it runs is renewed; and a third, which was none with Kratos,
        a public key's, is not taken for either."""
        first = only(kratos, alice)
        door, inside, elsewhere = caller(), caller(), caller()
        second = door.open("alice", door.login("alice", alice.password))
        logind.place(inside.process.pid, "alice", leader=door.process.pid)
        logind.place(elsewhere.process.pid, "alice", leader=elsewhere.process.pid)
        inside.cancel(inside.login("alice", alice.password))
        assert told(first) in [told(one) for one in kratos.active_sessions()]
        assert len(kratos.active_sessions()) == 2
        door.close(second)
        wait_until(lambda: rows() == 1, "the second login is over")
        makes_another(kratos, seat, first, elsewhere)
        # What lingers of the second login.
        makes_another(kratos, seat, first, inside)

    def test_rule_34_no_session(self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity) -> None:
        """A user manager, cron, a lingering process: logind knows of no session."""
        session = only(kratos, alice)
        logind.forget()
        makes_another(kratos, seat, session)

    def test_rule_34_one_that_is_closing(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity
    ) -> None:
        session = only(kratos, alice)
        logind.forget()
        logind.place(seat.inside.process.pid, "alice", leader=seat.door.process.pid, state="closing")
        makes_another(kratos, seat, session)

    @pytest.mark.parametrize("since", [-400.0, 400.0])
    def test_rule_34_a_leader_with_the_same_number(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity, since: float
    ) -> None:
        session = only(kratos, alice)
        logind.forget()
        logind.place(seat.inside.process.pid, "alice", leader=seat.door.process.pid, since=since)
        makes_another(kratos, seat, session)

    def test_rule_34_two_that_one_process_opened(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity
    ) -> None:
        """It is not sure which is meant."""
        seat.door.open("alice", seat.door.login("alice", alice.password))
        sessions = sorted(map(told, kratos.active_sessions()))
        login = seat.login()
        assert len(kratos.active_sessions()) == 3
        seat.inside.cancel(login)
        wait_until(lambda: rows() == 2, "the login has ended")
        assert sorted(map(told, kratos.active_sessions())) == sessions

    @pytest.mark.parametrize(
        "how",
        [
            "hangs",
            "hangs-then",
            "answers-with-numbers",
            "leaves-out-the-leader",
            "names-two-leaders",
            "names-the-leader",
        ],
    )
    def test_rule_34_logind_misbehaves(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity, how: str
    ) -> None:
        session = only(kratos, alice)
        logind.misbehave(how)
        begun = time.monotonic()
        seat.inside.cancel(seat.inside.begin())
        assert time.monotonic() - begun < NOT_WAITED_FOR_SEC
        makes_another(kratos, seat, session)

    @pytest.mark.parametrize("how", ["kill", "pause"])
    def test_rule_34_logind_is_away(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity, how: str
    ) -> None:
        session = only(kratos, alice)
        getattr(logind, how)()
        begun = time.monotonic()
        seat.inside.cancel(seat.inside.begin())
        assert time.monotonic() - begun < NOT_WAITED_FOR_SEC
        makes_another(kratos, seat, session)

    def test_nobody_else_waits_for_logind(
        self, seat: Seat, logind: Logind, kratos: Kratos, bob: Identity, root: Caller
    ) -> None:
        """Who has no session here cannot renew one: logind is not asked."""
        logind.pause()
        begun = time.monotonic()
        root.cancel(root.begin("bob"))
        assert time.monotonic() - begun < 0.3
        seat.inside.call("BeginLogin", "alice", {}, later=True)
        begun = time.monotonic()
        root.cancel(root.begin("bob"))
        assert time.monotonic() - begun < 0.3

    def test_rule_34_the_caller_goes_while_logind_thinks(
        self, stopped_daemon, logind: Logind, proxy, kratos: Kratos, alice: Identity, caller
    ) -> None:
        """Its number may be another process's: nothing is renewed for it."""
        start(stopped_daemon)
        seat = Seat(logind, caller(), caller(), alice)
        for goes in True, False:
            seen = len(proxy.of("renewal"))
            logind.pause()
            other = caller()
            logind.place(other.process.pid, "alice", leader=seat.door.process.pid)
            other.call("BeginLogin", "alice", {}, later=True)
            time.sleep(0.1)
            if goes:
                other.end()
            logind.resume()
            time.sleep(0.3)
            assert len(proxy.of("renewal")) - seen == (0 if goes else 1)
        seat.inside.cancel(seat.login())
        only(kratos, alice)

    def test_the_bus_goes_while_logind_thinks(
        self, seat: Seat, logind: Logind, daemon: Daemon, bus, caller
    ) -> None:
        logind.pause()
        caller().call("BeginLogin", "alice", {}, later=True)
        bus.restart()
        wait_for_names()
        assert daemon.running


class TestKratos:
    """What Kratos has done to the session meanwhile."""

    def test_it_was_revoked(
        self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """A full login replaces it, for good: the next one renews the new session, which ends with the
        login session."""
        before = only(kratos, alice)
        assert kratos.admin("DELETE", f"/admin/sessions/{before['id']}").status == 204
        seat.inside.cancel(seat.login())
        after = only(kratos, alice)
        assert after["id"] != before["id"]
        (renewed,) = journal.entries(KRATOSD_EVENT="session-renewed")
        assert (renewed["KRATOSD_REASON"], renewed["KRATOSD_SESSION"]) == ("replaced", after["id"])
        journal.wait(KRATOSD_EVENT="session-revoked", KRATOSD_SESSION=before["id"])
        wait_until(lambda: rows() == 1, "the old one is forgotten")
        seat.inside.cancel(seat.login())
        assert only(kratos, alice)["id"] == after["id"]
        assert len(kratos.sessions()) == 2
        seat.door.close(seat.session)
        nothing_left(kratos)

    def test_it_is_revoked_while_the_person_types(
        self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        before = only(kratos, alice)
        login = seat.inside.begin()
        time.sleep(0.3)
        assert kratos.admin("DELETE", f"/admin/sessions/{before['id']}").status == 204
        seat.inside.answer(login, alice.password)
        seat.inside.cancel(login)
        after = only(kratos, alice)
        assert after["id"] != before["id"]
        assert journal.wait(KRATOSD_EVENT="session-renewed")["KRATOSD_REASON"] == "replaced"
        seat.door.close(seat.session)
        nothing_left(kratos)

    def test_a_locker_where_it_was_revoked(
        self, seat: Seat, logind: Logind, kratos: Kratos, alice: Identity, caller
    ) -> None:
        locker = caller("alice")
        logind.place(locker.process.pid, "alice", leader=seat.door.process.pid)
        before = only(kratos, alice)
        assert kratos.admin("DELETE", f"/admin/sessions/{before['id']}").status == 204
        locker.login("alice", alice.password)
        after = only(kratos, alice)
        locker.login("alice", alice.password)
        assert only(kratos, alice)["id"] == after["id"] != before["id"]
        seat.door.close(seat.session)
        nothing_left(kratos)

    def test_it_ends_here_while_the_person_types(
        self, seat: Seat, kratos: Kratos, alice: Identity
    ) -> None:
        login = seat.inside.begin()
        time.sleep(0.3)
        seat.door.close(seat.session)
        nothing_left_but_the_login = wait_until(lambda: rows() == 1, "only the login is left")
        assert nothing_left_but_the_login
        seat.inside.answer(login, alice.password)
        seat.inside.cancel(login)
        nothing_left(kratos)

    def test_rule_33_another_identitys_credentials(
        self, seat: Seat, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
    ) -> None:
        """Kratos makes a session for whoever has the identifier now: it is revoked, and she is refused."""
        before = only(kratos, alice)
        login = seat.inside.begin()
        rename = {"op": "replace", "path": "/traits/username", "value": "alicia"}
        kratos.patch(alice.id, rename)
        kratos.patch(bob.id, rename | {"value": "alice"})
        assert slow_refusal(seat.inside.answer, login, bob.password) == "NotAllowed"
        journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_REASON="wrong-identity")
        wait_until(lambda: rows() == 1, "it is revoked")
        assert told(only(kratos, alice)) == told(before)
        (his,) = kratos.sessions(bob.id)
        assert not his["active"]

    def test_the_identity_is_disabled(
        self, seat: Seat, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        kratos.set_state(alice.id, "inactive")
        assert slow_refusal(seat.login) == "AccountDisabled"

    @pytest.mark.parametrize("admin", [True, False])
    @pytest.mark.parametrize("where", ["before", "after"])
    def test_the_answer_is_lost(
        self, stopped_daemon, logind, proxy, kratos, alice, caller, journal, admin: bool, where: str
    ) -> None:
        """Whatever became of it, the session of the login goes on."""
        if not admin:
            stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        seat = Seat(logind, caller(), caller(), alice)
        session = only(kratos, alice)
        proxy.set("login", faults.failure(503) if where == "before" else faults.lost_answer())
        # It judged the login around this one a moment ago, which is long ago when the time is over.
        assert refusal(seat.login) == ("Throttled" if where == "before" else "Unavailable")
        proxy.clear()
        time.sleep(1)
        assert only(kratos, alice)["id"] == session["id"]
        seat.inside.cancel(seat.login())
        time.sleep(0.5)
        assert only(kratos, alice)["id"] == session["id"]
        seat.door.close(seat.session)
        wait_until(lambda: kratos.active_sessions() == [], "it is revoked")
        assert not journal.entries(KRATOSD_EVENT="session-revoked", KRATOSD_SERVICE="sudo")

    def test_the_answer_is_lost_of_a_kratos_that_lists_renewals(
        self, stopped_daemon, logind, proxy, kratos, alice, caller, journal
    ) -> None:
        """The login's nonce leads to the session that it has renewed, which is not to be revoked."""
        stopped_daemon.configure(Kratos={"AdminURL": proxy.url})
        start(stopped_daemon)
        seat = Seat(logind, caller(), caller(), alice)
        session = only(kratos, alice)

        def with_the_nonce(sessions):
            (one,) = [one for one in sessions if one["id"] == session["id"]]
            one["devices"].append(one["devices"][0] | {"user_agent": proxy.of("login")[-1].nonce + " x"})
            return sessions

        proxy.set("admin-sessions", faults.json_body(with_the_nonce))
        proxy.set("login", faults.failure_after_effect(503))
        assert refusal(seat.login) == "Throttled"
        wait_until(lambda: rows() == 1, "the login is forgotten")
        assert len(proxy.of("admin-sessions")) == 1
        assert only(kratos, alice)["id"] == session["id"]
        assert not journal.entries(KRATOSD_EVENT="session-revoked")
        proxy.clear()
        seat.door.close(seat.session)
        nothing_left(kratos)
