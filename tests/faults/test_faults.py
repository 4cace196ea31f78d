"""Logins against a server that misbehaves: each fault has its result within its time, none lets anybody
in, and none leaves a session behind. (rules 3, 26, 29, 41)

Logins run side by side; the server knows them apart by the tty in the User-Agent. A stack of
`required pam_kratos.so` and `required pam_permit.so` would let in whoever gets PAM_IGNORE from us.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from faultserver import Exchange, FaultServer, faults
from faultserver.faults import paths
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.processes import wait_until

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery staple"
IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
STRANGER = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
PORT = 435
TIMEOUT_SEC = 3
SIDE_BY_SIDE = 12

STACK = """\
auth     required pam_kratos.so
auth     required pam_permit.so
account  required pam_kratos.so
account  required pam_permit.so
session  required pam_kratos.so
"""

GRANTED = ""
BAD = "Authentication failure"
DENIED = "Permission denied"
EXPIRED = "User account has expired"
UNAVAILABLE = "Authentication service cannot retrieve authentication info"

THROTTLED = "Have exhausted maximum number of retries for service"

REFUSED_AFTER_SEC = 1.0

LOGIN = ["authenticate", "acct_mgmt", "open_session", "close_session"]


@pytest.fixture
def server(stopped_daemon: Daemon) -> Iterator[FaultServer]:
    with FaultServer(PORT) as server:
        server.kratos.add("alice", PASSWORD, IDENTITY)
        stopped_daemon.configure(
            Kratos={"PublicURL": server.url, "AdminURL": server.url, "TimeoutSec": f"{TIMEOUT_SEC}s"}
        )
        stopped_daemon.map("alice", IDENTITY)
        pam.pam_service("faults", STACK)
        yield server


@pytest.fixture
def faulty(server: FaultServer, stopped_daemon: Daemon) -> FaultServer:
    """The server, and kratosd that asks it, however often the person fails."""
    stopped_daemon.configure(Throttle={"Enabled": "no"})
    stopped_daemon.start()
    return server


@dataclass
class Outcome:
    result: str
    seconds: float


def login(tty: str = "tty1", operations: list[str] | None = None) -> Outcome:
    tester = pam.Pamtester(
        "faults", "alice", operations or LOGIN, [PASSWORD], items={"tty": tty}, timeout=40
    )
    tester.answer()
    begun = time.monotonic()
    tester.finish()
    seconds = time.monotonic() - begun
    if tester.status == 0:
        return Outcome(GRANTED, seconds)
    return Outcome(tester.output.strip().splitlines()[-1].removeprefix("pamtester: "), seconds)


def tty_of(exchange: Exchange) -> str:
    """The tty that a login sent, as its User-Agent names it."""
    agent = exchange.request.header("user-agent") or ""
    match = re.search(r"\(([^;]*); ([^;]*); ([^;)]*)\)$", agent)
    return match[3] if match else ""


def login_all(server: FaultServer, cases: dict[str, faults.Fault]) -> dict[str, Outcome]:
    """A login for each case, in which its fault meets the password."""
    names = {f"case{number}": name for number, name in enumerate(cases)}

    async def dispatch(exchange: Exchange) -> None:
        await cases[names[tty_of(exchange)]](exchange)

    server.set("login", dispatch)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        outcomes = dict(zip(cases, pool.map(login, names)))
    server.clear()
    return outcomes


def nothing_left(server: FaultServer, timeout: float = 30.0) -> None:
    wait_until(lambda: not server.kratos.active_sessions(), "every session is revoked", timeout)


def check_requests(server: FaultServer) -> None:
    """What holds for every request that we ever make. (contract, section 0)"""
    for request in list(server.requests):
        assert request.endpoint != "other", request.text()
        assert request.header("accept") == "application/json"
        for unwanted in "cookie", "origin", "authorization", "expect", "referer":
            assert request.header(unwanted) is None, request.text()
        assert request.header("content-type") == ("application/json" if request.body else None)
        if request.endpoint not in ("sessions", "session", "second", "elsewhere"):
            assert request.header("x-session-token") is None, request.text()
        assert PASSWORD not in request.text() or request.endpoint == "login"


# Answers to the password that decide nothing about it, each with what PAM is told.
ANSWERS: dict[str, tuple[Callable[[], faults.Fault], str]] = {
    "black hole": (faults.black_hole, UNAVAILABLE),
    "lost answer": (faults.lost_answer, UNAVAILABLE),
    "closed": (faults.closed, UNAVAILABLE),
    "closed, no effect": (lambda: faults.closed(effect=False), UNAVAILABLE),
    "reset": (lambda: faults.closed(reset=True), UNAVAILABLE),
    "too late": (lambda: faults.delayed(TIMEOUT_SEC + 1), UNAVAILABLE),
    "byte by byte": (lambda: faults.slow(0.1), UNAVAILABLE),
    "headers byte by byte": (lambda: faults.slow_head(0.1), UNAVAILABLE),
    "cut in the body": (faults.cut, UNAVAILABLE),
    "cut before the last byte": (lambda: faults.cut(0.9999), UNAVAILABLE),
    "cut in the headers": (faults.cut_head, UNAVAILABLE),
    "301": (lambda: faults.redirect(301), UNAVAILABLE),
    "302": (lambda: faults.redirect(302), UNAVAILABLE),
    "303": (lambda: faults.redirect(303), UNAVAILABLE),
    "307": (lambda: faults.redirect(307), UNAVAILABLE),
    "400 in HTML": (lambda: faults.html(400), UNAVAILABLE),
    "401 in HTML": (lambda: faults.html(401), UNAVAILABLE),
    "403 in HTML": (lambda: faults.html(403), UNAVAILABLE),
    "404 in HTML": (lambda: faults.html(404), UNAVAILABLE),
    "410 in HTML": (lambda: faults.html(410), UNAVAILABLE),
    "418 in HTML": (lambda: faults.html(418), UNAVAILABLE),
    "200 in HTML": (lambda: faults.html(200), UNAVAILABLE),
    "204": (lambda: faults.answer(204), UNAVAILABLE),
    "500": (lambda: faults.failure(500), UNAVAILABLE),
    "500 after all": (lambda: faults.failure_after_effect(500), UNAVAILABLE),
    "502 in HTML": (lambda: faults.html(502), UNAVAILABLE),
    "503": (lambda: faults.failure(503), UNAVAILABLE),
    "100 MB": (faults.huge, UNAVAILABLE),
    "chunks without end": (faults.endless, UNAVAILABLE),
    "small chunks without end": (lambda: faults.endless(b" "), UNAVAILABLE),
    "10 MB of headers": (faults.header_flood, UNAVAILABLE),
    "content-length too small": (lambda: faults.wrong_length(-3), UNAVAILABLE),
    "content-length too large": (lambda: faults.wrong_length(3), UNAVAILABLE),
    "content-length huge": (lambda: faults.wrong_length(1 << 62), UNAVAILABLE),
    "two content-lengths": (faults.two_lengths, UNAVAILABLE),
    "not HTTP": (faults.garbage, UNAVAILABLE),
    "HTTP without headers": (lambda: faults.garbage(b"HTTP/1.1 200 OK\r\n\r\n"), UNAVAILABLE),
    "empty body": (faults.empty, UNAVAILABLE),
    "deep JSON": (faults.deep, UNAVAILABLE),
    "JSON that is 33 deep": (lambda: faults.deep(33), UNAVAILABLE),
    "not UTF-8": (faults.invalid_utf8, UNAVAILABLE),
    "something after the JSON": (faults.trailing, UNAVAILABLE),
    "a byte order mark": (faults.byte_order_mark, UNAVAILABLE),
    "JSON null": (lambda: faults.body(lambda _: b"null"), UNAVAILABLE),
    "JSON true": (lambda: faults.body(lambda _: b"true"), UNAVAILABLE),
    "JSON array": (lambda: faults.body(lambda data: b"[" + data + b"]"), UNAVAILABLE),
    "HTTP/1.0 with the connection's end": (faults.http_1_0, GRANTED),
    "HTTP/1.0 with a length": (lambda: faults.http_1_0(close=False), GRANTED),
    "slow, but in time": (lambda: faults.delayed(1), GRANTED),
}


def until_nobody_was_judged() -> None:
    """Kratos may be taken for away then: it has judged nobody in the last TimeoutSec=. (rule 36)"""
    time.sleep(TIMEOUT_SEC)


def check_answers(faulty: FaultServer, result: str) -> None:
    """Those with this result."""
    cases = {name: fault() for name, (fault, told) in ANSWERS.items() if told == result}
    outcomes = login_all(faulty, cases)
    late = TIMEOUT_SEC + 4
    assert not {n: o for n, o in outcomes.items() if o.result != result or o.seconds > late}


def test_rule_3_answers_that_decide_nothing(
    faulty: FaultServer, stopped_daemon: Daemon, journal: Journal
) -> None:
    assert login().result == GRANTED
    until_nobody_was_judged()
    check_answers(faulty, UNAVAILABLE)
    check_answers(faulty, GRANTED)
    # It recovers by itself, and what the faults left behind is found and revoked.
    assert login().result == GRANTED
    nothing_left(faulty, 120)
    refused = journal.entries(KRATOSD_EVENT="login-refused")
    reasons = {entry["KRATOSD_REASON"] for entry in refused}
    assert reasons == {"kratos-timeout", "kratos-error", "kratos-bad-answer"}
    assert all(entry["KRATOSD_USER"] == "alice" for entry in refused)
    assert PASSWORD not in journal.text()
    assert all(one.token not in journal.text() for one in faulty.kratos.sessions.values())
    check_requests(faulty)


def test_rule_26_a_large_body_is_not_kept(faulty: FaultServer, stopped_daemon: Daemon) -> None:
    assert login().result == GRANTED
    until_nobody_was_judged()
    before = stopped_daemon.rss_kib()
    for fault in faults.huge(), faults.endless(), faults.header_flood(), faults.deep(10_000_000):
        faulty.set("login", fault)
        assert login(operations=["authenticate"]).result == UNAVAILABLE
        assert stopped_daemon.rss_kib() - before < 8 * 1024
    nothing_left(faulty)


# What a 200 says without which it is no grant, with what else PAM may be told of it.
ESSENTIAL = {
    ("session_token",),
    ("session",),
    ("session", "id"),
    ("session", "active"),
    ("session", "identity"),
    ("session", "identity", "id"),
    ("session", "devices"),
    ("session", "devices", 0),
    ("session", "devices", 0, "user_agent"),
}
STATE = ("session", "identity", "state")


def right_answer(server: FaultServer) -> dict:
    """What the server answers to a good login."""
    seen: list[dict] = []

    async def look(exchange: Exchange) -> None:
        answer = await exchange.process()
        seen.append(answer.json)
        await exchange.send(answer)

    server.set("login", look)
    assert login().result == GRANTED
    server.clear()
    return seen[0]


def judge(cases: dict[str, faults.Fault], granted: set[str], outcomes: dict[str, Outcome]) -> None:
    wrong = {}
    for name in cases:
        # Throttled: it was judged rightly a moment before, and so Kratos is there. (rule 36)
        allowed = {GRANTED} if name in granted else {UNAVAILABLE, THROTTLED, DENIED, EXPIRED}
        if outcomes[name].result not in allowed or outcomes[name].seconds > 8:
            wrong[name] = outcomes[name]
    assert not wrong


def test_every_field_missing_in_turn(faulty: FaultServer) -> None:
    every = list(paths(right_answer(faulty)))
    assert ESSENTIAL <= set(every)
    cases = {str(path): faults.without(path) for path in every}
    granted = {str(path) for path in every if path not in ESSENTIAL}
    judge(cases, granted, login_all(faulty, cases))
    nothing_left(faulty, 120)


def test_every_field_of_another_type(faulty: FaultServer) -> None:
    every = list(paths(right_answer(faulty)))
    others = [None, True, False, 0, -1, 1e400, "", "x" * 5000, [], {}, [[]], {"id": IDENTITY}]
    cases = {}
    for path in [*ESSENTIAL, STATE]:
        for other in others:
            if (path[-1], other) not in (("active", True), ("identity", {"id": IDENTITY})):
                cases[f"{path}: {other!r:.20}"] = faults.with_value(path, other)
    judge(cases, set(), login_all(faulty, cases))
    rest = [path for path in every if path not in ESSENTIAL and path != STATE]
    cases = {str(path): faults.with_value(path, [{"unexpected": 1}]) for path in rest}
    judge(cases, set(cases), login_all(faulty, cases))
    nothing_left(faulty, 120)


def test_every_field_twice_and_with_a_nul(faulty: FaultServer) -> None:
    answer = right_answer(faulty)
    cases = {}
    for path in paths(answer):
        if isinstance(path[-1], str):
            cases[f"{path} twice"] = faults.duplicate(path, None)
        if isinstance(faults.at(answer, path), str) and path in {*ESSENTIAL, STATE}:
            cases[f"{path} with NUL"] = faults.nul_in(path)
    judge(cases, set(), login_all(faulty, cases))
    nothing_left(faulty, 120)


def test_ids_that_are_none(faulty: FaultServer) -> None:
    """What would enter a path or a header is a UUID or a token, or is not used. (rule 29)"""
    assert login().result == GRANTED
    bad = ["", "..", "../admin", IDENTITY.upper(), IDENTITY + "0", IDENTITY[:-1], "\r\nX-Evil: 1"]
    bad += [IDENTITY[:-1] + "\n", "ä" * 18, " " + IDENTITY, IDENTITY + "?include_credential=totp"]
    cases = {}
    for path in ("session", "id"), ("session", "identity", "id"):
        cases |= {f"{path} {text!r}": faults.with_value(path, text) for text in bad}
    tokens = ["", " ", "a b", "a\r\nX-Evil: 1", "ä", "x" * 257, "a/b", 'a"b', "a\x7f"]
    cases |= {f"token {t!r}": faults.with_value(("session_token",), t) for t in tokens}
    judge(cases, set(), login_all(faulty, cases))

    for text in bad:
        faulty.set("flow", faults.with_value(("id",), text))
        assert login(operations=["authenticate"]).result == UNAVAILABLE, text
    faulty.clear()
    assert login().result == GRANTED
    check_requests(faulty)


class TestVerdicts:
    """Whole and valid answers that are no grant."""

    def refused(self, server: FaultServer, journal: Journal, result: str, reason: str) -> None:
        since = journal.mark()
        outcome = login(operations=["authenticate"])
        assert outcome.result == result
        assert journal.wait(since, KRATOSD_EVENT="login-refused")["KRATOSD_REASON"] == reason
        server.clear()
        nothing_left(server)
        assert login().result == GRANTED

    def test_rule_29_the_answer_to_another_login(self, faulty: FaultServer, journal: Journal) -> None:
        assert login().result == GRANTED
        for fault in faults.another_login(), faults.another_login(STRANGER):
            faulty.set("login", fault, times=1)
            self.refused(faulty, journal, DENIED, "not-this-login")

    def test_rule_29_a_nonce_that_is_not_first(self, faulty: FaultServer, journal: Journal) -> None:
        def behind(value: dict) -> dict:
            for device in value["session"]["devices"]:
                device["user_agent"] = "Mozilla/5.0 " + device["user_agent"]
            return value

        faulty.set("login", faults.json_body(behind), times=1)
        self.refused(faulty, journal, DENIED, "not-this-login")

    def test_rule_29_the_nonce_in_any_entry_counts(self, faulty: FaultServer) -> None:
        def among_others(value: dict) -> dict:
            other = {"id": STRANGER, "ip_address": "", "user_agent": None, "location": ""}
            value["session"]["devices"] = [other, *value["session"]["devices"], other]
            return value

        faulty.set("login", faults.json_body(among_others), times=1)
        assert login().result == GRANTED

    def test_rule_29_devices_once_seen_are_demanded(
        self, faulty: FaultServer, journal: Journal
    ) -> None:
        assert login().result == GRANTED
        faulty.set("login", faults.without(("session", "devices")), times=1)
        self.refused(faulty, journal, DENIED, "not-this-login")

    def test_rule_4_a_null_identity(self, faulty: FaultServer, journal: Journal) -> None:
        faulty.set("login", faults.with_value(("session", "identity"), None), times=1)
        self.refused(faulty, journal, DENIED, "second-factor-required")

    def test_rule_2_another_identity(self, faulty: FaultServer, journal: Journal) -> None:
        faulty.set("login", faults.with_value(("session", "identity", "id"), STRANGER), times=1)
        self.refused(faulty, journal, DENIED, "wrong-identity")

    def test_a_session_that_is_not_active(self, faulty: FaultServer, journal: Journal) -> None:
        faulty.set("login", faults.with_value(("session", "active"), False), times=1)
        self.refused(faulty, journal, DENIED, "session-inactive")

    def test_an_inactive_identity_in_either_form(self, faulty: FaultServer, journal: Journal) -> None:
        faulty.set("login", faults.with_value(STATE, "inactive"), times=1)
        self.refused(faulty, journal, EXPIRED, "identity-inactive")
        person = faulty.kratos.people["alice"]
        person.active = False
        since = journal.mark()
        assert login(operations=["authenticate"]).result == EXPIRED
        entry = journal.wait(since, KRATOSD_EVENT="login-refused")
        assert entry["KRATOSD_REASON"] == "identity-inactive"


class TestFlow:
    """Faults before any password is sent: it never is."""

    FAULTS = {
        "black hole": faults.black_hole,
        "closed": faults.closed,
        "303": faults.redirect,
        "400 in HTML": lambda: faults.html(400),
        "404 in HTML": lambda: faults.html(404),
        "500": faults.failure,
        "cut": faults.cut,
        "chunks without end": faults.endless,
        "deep JSON": faults.deep,
        "no id": lambda: faults.without(("id",)),
        "id is a number": lambda: faults.with_value(("id",), 7),
        "id twice": lambda: faults.duplicate(("id",), STRANGER),
        "id with NUL": lambda: faults.nul_in(("id",)),
        "JSON null": lambda: faults.body(lambda _: b"null"),
    }

    @pytest.mark.parametrize("name", FAULTS)
    def test_unavailable(self, faulty: FaultServer, name: str) -> None:
        faulty.set("flow", self.FAULTS[name]())
        outcome = login(operations=["authenticate"])
        assert outcome.result == UNAVAILABLE and outcome.seconds < TIMEOUT_SEC + 5
        assert not faulty.of("login") and not faulty.kratos.sessions
        faulty.clear()
        assert login().result == GRANTED

    def test_every_other_field_may_be_missing(self, faulty: FaultServer) -> None:
        faulty.set("flow", faults.json_body(lambda flow: {"id": flow["id"]}))
        assert login().result == GRANTED

    def test_a_flow_that_is_gone_is_replaced_once(self, faulty: FaultServer, journal: Journal) -> None:
        """Kratos forgets flows when it is restarted, and they expire."""
        expired = b'{"error":{"id":"self_service_flow_expired"}}'
        faulty.set("login", faults.answer(410, expired), times=1)
        assert login().result == GRANTED
        first, second = faulty.of("login")
        assert first.query != second.query
        faulty.set("login", faults.answer(410, expired))
        assert login(operations=["authenticate"]).result == THROTTLED
        assert len(faulty.of("login")) == 4


class TestRateLimit:
    """429 is final, and takes its time: a stranger's guesses must open no fallback, and lock nobody out
    for longer than the server itself does."""

    @pytest.mark.parametrize("endpoint", ["flow", "login"])
    def test_rule_36_it_opens_no_fallback(
        self, faulty: FaultServer, stopped_daemon: Daemon, endpoint: str
    ) -> None:
        stopped_daemon.map("alice", IDENTITY, "fallback")
        faulty.set(endpoint, faults.rate_limited(retry_after="60"))
        outcome = login(operations=["authenticate"])
        assert outcome.result == THROTTLED and outcome.seconds >= REFUSED_AFTER_SEC

    @pytest.mark.parametrize("header", ["retry_after", "reset"])
    def test_one_login_asks_again_at_once(
        self, faulty: FaultServer, journal: Journal, header: str
    ) -> None:
        """Whom the server meant it does not say: perhaps only a stranger who guesses."""
        faulty.set("login", faults.rate_limited(**{header: "60"}), times=1)
        assert login(operations=["authenticate"]).result == THROTTLED
        assert journal.wait(KRATOSD_EVENT="login-refused")["KRATOSD_REASON"] == "kratos-rate-limited"
        for _ in range(3):
            assert login().result == GRANTED

    def test_it_is_heeded(self, faulty: FaultServer, journal: Journal) -> None:
        """While the server wants to be left alone, one of some logins asks, and the rest do not wait."""
        faulty.set("flow", faults.rate_limited(retry_after="60"))
        faulty.set("login", faults.rate_limited(retry_after="60"))
        for _ in range(6):
            assert login(operations=["authenticate"]).result == THROTTLED
        # Each asks for a flow twice: when it begins, and when it is answered.
        assert 2 <= len(faulty.of("flow")) <= 5
        assert len(faulty.of("login")) == 0

    @pytest.mark.parametrize("value", ["-5", "soon", "", "0", "Thu, 01 Jan 1970 00:00:00 GMT"])
    def test_it_cannot_lock_people_out_for_good(self, faulty: FaultServer, value: str) -> None:
        faulty.set("login", faults.rate_limited(retry_after=value, reset=value), times=1)
        assert login(operations=["authenticate"]).result == THROTTLED
        time.sleep(0.2)
        assert login().result == GRANTED

    def test_an_hour_is_a_minute(
        self, server: FaultServer, stopped_daemon: Daemon, journal: Journal
    ) -> None:
        """For the revoker, which does not ask meanwhile."""
        stopped_daemon.configure(Kratos={"AdminURL": None})
        stopped_daemon.start()
        server.set("logout", faults.rate_limited(retry_after="3600"), times=1)
        assert login().result == GRANTED
        journal.wait(KRATOSD_EVENT="revocation-postponed", timeout=5)
        told = time.monotonic()
        journal.wait(KRATOSD_EVENT="session-revoked", timeout=80)
        assert time.monotonic() - told > 55


class TestLogout:
    """Faults at the end of a session: it is revoked all the same, as soon as that can be done."""

    FAULTS = {
        "black hole": (faults.black_hole, "kratos-timeout"),
        "closed": (lambda: faults.closed(effect=False), "kratos-timeout"),
        "500": (faults.failure, "kratos-error"),
        "303": (faults.redirect, "kratos-error"),
        "401 in HTML": (lambda: faults.html(401), "kratos-error"),
        "403 in HTML": (lambda: faults.html(403), "kratos-error"),
        "429": (lambda: faults.rate_limited(retry_after="1"), "kratos-rate-limited"),
    }

    @pytest.mark.parametrize("name", FAULTS)
    def test_it_is_postponed_and_done(
        self, server: FaultServer, stopped_daemon: Daemon, journal: Journal, name: str
    ) -> None:
        stopped_daemon.configure(Kratos={"AdminURL": None})
        stopped_daemon.start()
        fault, reason = self.FAULTS[name]
        for endpoint in "logout", "old-logout":
            server.set(endpoint, fault())
        assert login().result == GRANTED
        entry = journal.wait(KRATOSD_EVENT="revocation-postponed", timeout=25)
        assert entry["KRATOSD_REASON"] == reason
        assert not journal.entries(KRATOSD_EVENT="session-revoked")
        assert len(server.kratos.active_sessions()) == 1
        server.clear()
        revoked = journal.wait(KRATOSD_EVENT="session-revoked", timeout=30)
        assert revoked["KRATOSD_SESSION"] == entry["KRATOSD_SESSION"]
        nothing_left(server)
        check_requests(server)

    def test_a_page_that_is_no_answer_confirms_nothing(
        self, server: FaultServer, stopped_daemon: Daemon, journal: Journal
    ) -> None:
        """A captive portal says 200 to everything."""
        stopped_daemon.configure(Kratos={"AdminURL": None})
        stopped_daemon.start()
        server.set("logout", faults.html(200), times=1)
        assert login().result == GRANTED
        nothing_left(server)

    def test_an_answer_lost_after_the_effect(self, faulty: FaultServer, journal: Journal) -> None:
        faulty.set("logout", faults.lost_answer(), times=1)
        assert login().result == GRANTED
        journal.wait(KRATOSD_EVENT="session-revoked", timeout=40)
        nothing_left(faulty)

    def test_kratos_is_away_when_the_session_ends(
        self, faulty: FaultServer, journal: Journal, gate: pam.Gate
    ) -> None:
        pam.pam_service("faults", pam.GATED)
        tester = pam.Pamtester("faults", "alice", LOGIN, [PASSWORD]).answer()
        gate.wait(tester.pid)
        faulty.refuse()
        gate.open()
        tester.finish()
        assert tester.status == 0
        postponed = journal.wait(KRATOSD_EVENT="revocation-postponed", timeout=20)
        assert postponed["KRATOSD_REASON"] == "kratos-unreachable"
        assert len(faulty.kratos.active_sessions()) == 1
        faulty.listen()
        journal.wait(KRATOSD_EVENT="session-revoked", timeout=90)
        nothing_left(faulty)


class TestServers:
    def test_refused(self, faulty: FaultServer, journal: Journal) -> None:
        faulty.refuse()
        outcome = login(operations=["authenticate"])
        assert outcome.result == UNAVAILABLE and outcome.seconds < 5
        entry = journal.wait(KRATOSD_EVENT="login-refused")
        assert entry["KRATOSD_REASON"] == "kratos-unreachable"
        faulty.listen()
        assert login().result == GRANTED

    def test_the_next_server_is_asked(self, server: FaultServer, stopped_daemon: Daemon) -> None:
        with FaultServer(PORT + 1) as first:
            first.kratos = server.kratos
            stopped_daemon.configure(Kratos={"PublicURL": [first.url, server.url]})
            stopped_daemon.start()
            assert login().result == GRANTED
            assert first.of("login") and not server.of("login")
            first.refuse()
            assert login().result == GRANTED
            assert len(server.of("login")) == 1
            # A flow that hangs leaves the second half of the time to the other.
            first.listen()
            first.set("flow", faults.black_hole())
            outcome = login()
            assert outcome.result == GRANTED and outcome.seconds < TIMEOUT_SEC + 1
            nothing_left(server)

    @pytest.mark.parametrize("name", ["lost answer", "503", "cut in the body", "cut in the headers"])
    def test_a_password_is_not_posted_to_the_next(
        self, server: FaultServer, stopped_daemon: Daemon, name: str
    ) -> None:
        with FaultServer(PORT + 1) as first:
            first.kratos = server.kratos
            stopped_daemon.configure(Kratos={"PublicURL": [first.url, server.url]})
            stopped_daemon.start()
            first.set("login", ANSWERS[name][0](), times=1)
            assert login(operations=["authenticate"]).result == UNAVAILABLE
            assert len(first.of("login")) == 1 and not server.of("login")
            nothing_left(server)

    def test_a_connection_that_was_kept_too_long(self, faulty: FaultServer) -> None:
        """The server closes it just as the password is posted: whether it was seen, nobody knows. It
        may be posted again, under another nonce, and what the first one made is revoked."""
        assert login().result == GRANTED
        for effect in True, False:
            faulty.clear()
            faulty.set("login", faults.closed(effect), times=1)
            assert login().result == GRANTED
            first, second = faulty.of("login")
            assert first.nonce != second.nonce
            assert (len(first.nonce), len(second.nonce)) == (32, 32)
        nothing_left(faulty)

    def test_rule_26_a_redirect_is_not_followed(
        self, server: FaultServer, stopped_daemon: Daemon
    ) -> None:
        with FaultServer(PORT + 1) as elsewhere:
            stopped_daemon.start()
            for endpoint in "flow", "login", "logout":
                for status in 301, 302, 303, 307, 308:
                    location = elsewhere.url + "/self-service/login/api"
                    server.set(endpoint, faults.redirect(status, location), times=1)
                    login()
            nothing_left(server)
            assert elsewhere.connections == 0

    def test_rule_26_nothing_from_the_environment(
        self, server: FaultServer, stopped_daemon: Daemon
    ) -> None:
        from world.paths import STATE

        with FaultServer(PORT + 1) as elsewhere:
            STATE.mkdir(exist_ok=True)
            (STATE / ".netrc").write_text("machine 127.0.0.1 login evil password evil\n")
            proxy = elsewhere.url
            stopped_daemon.start(
                http_proxy=proxy, HTTP_PROXY=proxy, https_proxy=proxy, all_proxy=proxy, ALL_PROXY=proxy
            )
            assert login().result == GRANTED
            assert elsewhere.connections == 0
        nothing_left(server)
        check_requests(server)


class TestOldAge:
    """The forms of v0.6 and v0.7-alpha. (contract, section 8)"""

    @pytest.fixture
    def old(self, stopped_daemon: Daemon) -> Iterator[FaultServer]:
        with FaultServer(PORT, age="old", prefix="/api/kratos/public") as server:
            server.kratos.add("alice", PASSWORD, IDENTITY)
            stopped_daemon.configure(Kratos={"PublicURL": server.url, "AdminURL": None})
            stopped_daemon.map("alice", IDENTITY)
            pam.pam_service("faults", STACK)
            stopped_daemon.start()
            yield server

    def test_a_login_and_its_end(self, old: FaultServer, journal: Journal) -> None:
        for _ in range(2):
            assert login().result == GRANTED
        wait_until(lambda: not old.kratos.active_sessions(), "both sessions are revoked")
        assert len(old.kratos.sessions) == 2
        for request in old.of("login"):
            assert request.json["identifier"] == request.json["password_identifier"] == "alice"
        # Where no device shows whose answer it is, every password has a connection of its own.
        posts = [request.connection for request in old.of("login")]
        assert len(set(posts)) == 2
        for request in old.requests:
            assert request.endpoint == "login" or request.connection not in posts
        for request in old.of("old-logout"):
            assert request.json.keys() == {"session_token"}
            assert request.header("x-session-token") is None
        check_requests(old)

    def test_refusals(self, old: FaultServer) -> None:
        old.kratos.people["alice"].password = "another"
        assert login(operations=["authenticate"]).result == BAD
        old.kratos.people["alice"].password = PASSWORD
        old.kratos.people["alice"].identity = STRANGER
        assert login(operations=["authenticate"]).result == DENIED
        wait_until(lambda: not old.kratos.active_sessions(), "the session is revoked")

    def test_a_redirect_for_an_expired_flow(self, old: FaultServer) -> None:
        old.set("login", faults.redirect(302, old.url + "/self-service/login/flows?id=x"), times=1)
        assert login(operations=["authenticate"]).result == UNAVAILABLE
        assert login().result == GRANTED


def test_a_modern_kratos_never_sees_the_old_logout_with_a_token(faulty: FaultServer) -> None:
    """There it would end all other sessions of that person."""
    faulty.set("logout", faults.html(404), times=1)
    assert login().result == GRANTED
    nothing_left(faulty)
    for request in faulty.of("old-logout"):
        assert request.header("x-session-token") is None
    check_requests(faulty)
