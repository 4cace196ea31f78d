"""A login id, from BeginLogin to OpenSession: who can use it, for what, how often and how long."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import Caller, refusal, slow_refusal, start
from faultserver import FaultServer, faults
from logging_in import nothing_left, rows

from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.paths import STATE
from world.processes import wait_until

pytestmark = pytest.mark.sanitized

ROOT_LOGINS = 1024
FLOWS_IN_STOCK = 16
OPEN_TIMEOUT_SEC = 2


class TestWhose:
    @pytest.mark.parametrize(("owner", "others"), [("alice", ["bob", "root"]), ("root", ["alice", "bob"])])
    def test_rule_38_useless_to_another_uid(
        self,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        bob: Identity,
        caller: Callable[..., Caller],
        owner: str,
        others: list[str],
    ) -> None:
        mine = caller(owner)
        attempt = mine.begin("alice")
        for other in map(caller, others):
            assert refusal(other.answer, attempt, alice.password) == "NoSuchLogin"
            assert refusal(other.answer, attempt, "wrong") == "NoSuchLogin"
            assert refusal(other.cancel, attempt) == "NoSuchLogin"
        assert kratos.sessions() == []
        mine.answer(attempt, alice.password)

    def test_another_process_of_the_same_uid_may_use_it(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        """Each PAM call opens a connection of its own, and sshd makes them in several processes."""
        attempt = caller().begin("alice")
        caller().answer(attempt, alice.password)
        last = caller()
        last.close(last.open("alice", attempt))
        nothing_left(kratos)

    def test_rule_38_begun_by_another_than_root_it_opens_nothing(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        root, locker = caller(), caller("alice")
        attempt = locker.begin("alice")
        assert refusal(root.open, "alice", attempt) == "NoSuchLogin"
        locker.answer(attempt, alice.password)
        assert refusal(root.open, "alice", attempt) == "NoSuchLogin"
        assert refusal(root.cancel, attempt) == "NoSuchLogin"
        nothing_left(kratos, 3)

    def test_rule_38_roots_logins_are_not_used_up_by_root(
        self, stopped_daemon: Daemon, root: Caller
    ) -> None:
        """The one that has waited longest gives way, as those do whom sshd leaves behind."""
        identity = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
        stopped_daemon.map("alice", identity)
        with FaultServer(436) as server:
            server.kratos.add("alice", "secret", identity)
            stopped_daemon.configure(Kratos={"PublicURL": server.url, "AdminURL": None})
            start(stopped_daemon)
            attempts = [root.begin("alice") for _ in range(ROOT_LOGINS + 1)]
            assert len(set(attempts)) == ROOT_LOGINS + 1
            assert refusal(root.answer, attempts[0], "secret") == "NoSuchLogin"
            for attempt in attempts[1], attempts[-1]:
                root.answer(attempt, "secret")
                root.cancel(attempt)
            wait_until(lambda: not server.kratos.active_sessions(), "both are revoked")


class TestOpening:
    @pytest.fixture
    def attempt(self, daemon: Daemon, alice: Identity, root: Caller) -> str:
        return root.login("alice", alice.password, service="sshd")

    def test_rule_27_it_opens_once(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller, attempt: str
    ) -> None:
        session = root.open("alice", attempt, service="sshd")
        assert session != attempt
        assert refusal(root.open, "alice", attempt, service="sshd") == "NoSuchLogin"
        assert len(kratos.active_sessions(alice.id)) == 1
        root.close(session)
        assert refusal(root.open, "alice", attempt, service="sshd") == "NoSuchLogin"
        assert refusal(root.call, "CloseSession", session) == "NoSuchLogin"
        nothing_left(kratos)

    @pytest.mark.parametrize(
        ("user", "service", "error"),
        [
            ("bob", "sshd", "NoSuchLogin"),
            ("carol", "sshd", "NoSuchLogin"),
            ("root", "sshd", "NoSuchLogin"),
            ("alice", "login", "NoSuchLogin"),
            ("alice", "", "NoSuchLogin"),
            ("alice", "sshd2", "NoSuchLogin"),
            ("Alice", "sshd", "InvalidArgument"),
            ("alice ", "sshd", "InvalidArgument"),
            ("", "sshd", "InvalidArgument"),
        ],
    )
    def test_rule_38_only_for_its_user_and_service(
        self,
        kratos: Kratos,
        bob: Identity,
        root: Caller,
        attempt: str,
        user: str,
        service: str,
        error: str,
    ) -> None:
        assert refusal(root.open, user, attempt, service=service) == error
        root.close(root.open("alice", attempt, service="sshd"))
        nothing_left(kratos)

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (lambda id: id[:-1] + ("0" if id[-1] != "0" else "1"), "NoSuchLogin"),
            (lambda id: "0" * 32, "NoSuchLogin"),
            (lambda id: id[:-1], "InvalidArgument"),
            (lambda id: id + "0", "InvalidArgument"),
            (lambda id: "A" + id[1:], "InvalidArgument"),
            (lambda id: "", "InvalidArgument"),
            (lambda id: "%" * 32, "InvalidArgument"),
        ],
    )
    def test_another_id(
        self, root: Caller, attempt: str, change: Callable[[str], str], error: str
    ) -> None:
        assert refusal(root.open, "alice", change(attempt), service="sshd") == error
        assert refusal(root.answer, change(attempt), "x") == error
        assert refusal(root.cancel, change(attempt)) == error
        assert refusal(root.call, "CloseSession", change(attempt)) == error

    def test_without_a_grant(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller
    ) -> None:
        attempt = root.begin("alice")
        assert refusal(root.open, "alice", attempt) == "NoSuchLogin"
        assert slow_refusal(root.answer, attempt, "wrong") == "BadCredentials"
        assert refusal(root.open, "alice", attempt) == "NoSuchLogin"
        cancelled = root.begin("alice")
        root.cancel(cancelled)
        assert refusal(root.open, "alice", cancelled) == "NoSuchLogin"
        assert refusal(root.cancel, cancelled) == "NoSuchLogin"

    def test_it_survives_a_restart(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller, attempt: str
    ) -> None:
        """The store keeps a hash of it, and not the id."""
        start(daemon)
        assert len(kratos.active_sessions(alice.id)) == 1
        for file in STATE.iterdir():
            assert attempt.encode() not in file.read_bytes()
            assert bytes.fromhex(attempt) not in file.read_bytes()
        root.close(root.open("alice", attempt, service="sshd"))
        nothing_left(kratos)

    def test_given_up_after_the_grant(
        self, kratos: Kratos, root: Caller, attempt: str, journal: Journal
    ) -> None:
        root.cancel(attempt)
        nothing_left(kratos)
        assert journal.wait(KRATOSD_EVENT="session-closed")["KRATOSD_REASON"] == "cancelled"
        assert refusal(root.open, "alice", attempt, service="sshd") == "NoSuchLogin"

    @pytest.mark.parametrize("restart", [False, True])
    def test_rule_27_it_expires(
        self,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        root: Caller,
        journal: Journal,
        restart: bool,
    ) -> None:
        stopped_daemon.configure(Sessions={"OpenTimeoutSec": f"{OPEN_TIMEOUT_SEC}s"})
        start(stopped_daemon)
        attempt = root.login("alice", alice.password)
        granted = time.monotonic()
        if restart:
            start(stopped_daemon)
        assert len(kratos.active_sessions(alice.id)) == 1
        entry = journal.wait(KRATOSD_EVENT="session-closed", timeout=OPEN_TIMEOUT_SEC + 2)
        assert time.monotonic() - granted > OPEN_TIMEOUT_SEC - 0.5
        assert entry["KRATOSD_REASON"] == "never-opened"
        assert refusal(root.open, "alice", attempt) == "NoSuchLogin"
        nothing_left(kratos)

    def test_one_that_was_opened_in_time_does_not_expire(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller, journal: Journal
    ) -> None:
        stopped_daemon.configure(Sessions={"OpenTimeoutSec": f"{OPEN_TIMEOUT_SEC}s"})
        start(stopped_daemon)
        session = root.open("alice", root.login("alice", alice.password))
        time.sleep(OPEN_TIMEOUT_SEC + 1)
        assert len(kratos.active_sessions(alice.id)) == 1
        assert not journal.entries(KRATOSD_EVENT="session-closed")
        root.close(session)
        nothing_left(kratos)


class TestAnswers:
    def test_rule_35_a_second_answer_meanwhile(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        caller: Callable[..., Caller],
    ) -> None:
        """It ends nothing, and Kratos hears of one."""
        hold = faults.hold(after=False)
        proxy.set("login", hold, times=1)
        first, second = caller(), caller()
        attempt = first.begin("alice")
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(refusal, first.answer, attempt, alice.password)
            hold.wait()
            assert refusal(second.answer, attempt, "another guess") == "InvalidArgument"
            hold.release()
            assert answered.result() == ""
        assert refusal(second.answer, attempt, alice.password) == "NoSuchLogin"
        assert len(proxy.of("login")) == 1
        second.cancel(attempt)
        nothing_left(kratos)

    def test_rule_35_none_after_a_refusal(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        """Neither while the first is being delayed, nor later."""
        first, second = caller(), caller()
        attempt = first.begin("alice")
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(slow_refusal, first.answer, attempt, "wrong")
            proxy.wait("login")
            time.sleep(0.3)
            assert refusal(second.answer, attempt, alice.password) == "InvalidArgument"
            assert answered.result() == "BadCredentials"
        for _ in range(5):
            assert refusal(second.answer, attempt, alice.password) == "NoSuchLogin"
        assert len(proxy.of("login")) == 1

    def test_given_up_while_kratos_thinks(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        caller: Callable[..., Caller],
    ) -> None:
        """The grant then comes too late, and what it made is revoked."""
        hold = faults.hold(after=True)
        proxy.set("login", hold, times=1)
        first, second = caller(), caller()
        attempt = first.begin("alice")
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(refusal, first.answer, attempt, alice.password)
            hold.wait()
            second.cancel(attempt)
            hold.release()
            assert answered.result() == "NoSuchLogin"
        assert len(kratos.sessions(alice.id)) == 1
        nothing_left(kratos)

    def test_rules_25_and_35_every_refusal_takes_as_long(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, root: Caller
    ) -> None:
        """A random time, in which what Kratos took to think disappears."""
        daemon.configure(**{"Service locker": {"SinglePrompt": "yes"}})
        start(daemon)
        carol = kratos.create_identity("carol", "carol's", state="inactive")
        daemon.map("carol", carol.id)
        kratos.set_totp(bob.id)
        cases = {
            "wrong": (alice.id, "alice", "wrong"),
            "unknown": (alice.id, "lokal", "wrong"),
            "empty": (alice.id, "alice", ""),
            "not UTF-8": (alice.id, "alice", b"\xff"),
            "another identity": (bob.id, "alice", alice.password),
            "inactive": (carol.id, "carol", "carol's"),
            "second factor": (bob.id, "bob", bob.password),
        }
        took = {}
        for name, (identity, user, password) in cases.items():
            daemon.map(user, identity)
            attempt = root.begin(user, service="locker")
            begun = time.monotonic()
            assert refusal(root.answer, attempt, password), name
            took[name] = time.monotonic() - begun
        assert min(took.values()) >= 1.5 and max(took.values()) < 2.25, took
        nothing_left(kratos)

    def test_that_kratos_is_away_is_said_at_once(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        proxy.refuse()
        begun = time.monotonic()
        assert refusal(root.login, "alice", alice.password) == "Unavailable"
        assert time.monotonic() - begun < 0.9


class TestFlows:
    def test_a_flow_that_was_not_used_is_used_again(
        self, proxy: FaultServer, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller
    ) -> None:
        """Floods of connections do not become floods of flows at Kratos."""
        attempt = root.begin("alice")
        proxy.wait("flow")
        time.sleep(1)
        root.cancel(attempt)
        for _ in range(10):
            root.cancel(root.begin("alice"))
        assert len(proxy.of("flow")) == 1
        # Each login that is granted leaves one flow for the next.
        for logins in 1, 2, 3:
            root.cancel(root.login("alice", alice.password))
            wait_until(lambda: len(proxy.of("flow")) == logins + 1, "a flow is put in stock")
        queries = [request.query for request in proxy.of("login")]
        assert len(set(queries)) == 3
        nothing_left(kratos)

    def test_one_that_was_under_way_is_waited_for(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        """A login that ends before Kratos has given its flow leaves it to the next one."""
        proxy.set("flow", faults.delayed(0.5))
        for _ in range(1000):
            root.cancel(root.begin("alice"))
        asked = len(proxy.of("flow"))
        assert asked <= 2
        root.cancel(root.login("alice", alice.password))
        assert len(proxy.of("flow")) <= asked + 1

    def test_many_at_once_leave_a_full_stock(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        proxy.set("flow", faults.delayed(1))
        for attempt in [root.begin("alice") for _ in range(40)]:
            root.cancel(attempt)
        time.sleep(4)  # a few at a time
        asked = len(proxy.of("flow"))
        for _ in range(FLOWS_IN_STOCK):
            root.begin("alice")
        time.sleep(0.2)
        assert len(proxy.of("flow")) == asked <= 40
        root.begin("alice")
        proxy.wait("flow", asked + 1)

    def test_one_that_never_comes_harms_nobody_else(
        self, proxy: FaultServer, stopped_daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        """Whoever waits for another login's flow asks again if that fails."""
        stopped_daemon.configure(Kratos={"TimeoutSec": "2s", "ConnectTimeoutSec": "1s"})
        start(stopped_daemon)
        proxy.set("flow", faults.black_hole(), times=1)
        root.cancel(root.begin("alice"))
        proxy.wait("flow")
        time.sleep(1)
        root.cancel(root.login("alice", alice.password))

    def test_one_of_another_configuration_is_not_used(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        """It may be another Kratos's: one that was there, and one that was under way."""
        there = root.begin("alice")
        proxy.wait("flow")
        time.sleep(0.5)
        hold = faults.hold()
        proxy.set("flow", hold, times=1)
        coming = root.begin("alice")
        hold.wait()
        daemon.reload()
        hold.release()
        assert hold.finished.wait(5)
        time.sleep(0.2)
        for attempt in there, coming:
            root.cancel(attempt)
        root.begin("alice")
        proxy.wait("flow", 3)

    def test_nothing_stays_written_down_of_a_login_that_was_given_up(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        """The row that is on disk before the password is posted goes with it."""
        attempt = root.begin("alice")
        wait_until(lambda: rows() == 1, "the row is there")
        root.cancel(attempt)
        wait_until(lambda: rows() == 0, "the row is gone")
