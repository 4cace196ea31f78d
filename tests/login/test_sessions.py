"""Sessions at Kratos: that each of ours is revoked when it ends, that no other is touched, and what the
journal says."""

import re
import subprocess
import time
from collections.abc import Callable

import pytest
from calling import Caller, refusal, slow_refusal, start
from faultserver import FaultServer, faults
from logging_in import AUTHENTICATE, GRANTED, THROTTLED, UNAVAILABLE, login, nothing_left

from world.daemon import Daemon
from world.journal import Entry, Journal
from world.kratos import Identity, Kratos
from world.paths import TREE
from world.processes import wait_until

pytestmark = pytest.mark.sanitized

# A table row of doc/journal.md: | `event` | `id` | priority | … |
EVENT_ROW = re.compile(r"^\| `([a-z-]+)` \| `([0-9a-f]{32})` \| (\w+) \|", re.M)
PRIORITIES = {"error": "3", "warning": "4", "notice": "5", "info": "6", "debug": "7"}


def documented_events() -> dict[str, tuple[str, str]]:
    """The MESSAGE_ID and the priority of each event."""
    rows = EVENT_ROW.findall((TREE / "doc/journal.md").read_text())
    return {event: (id, PRIORITIES[priority]) for event, id, priority in rows}


def revoke_all(*before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, "/usr/sbin/kratosd", "--revoke-all"], stderr=subprocess.PIPE, text=True, cwd="/", timeout=20
    )


class TestRevocation:
    @pytest.mark.parametrize("end", ["close", "drop"])
    @pytest.mark.parametrize("admin", [True, False])
    def test_only_ours(
        self,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        end: str,
        admin: bool,
    ) -> None:
        """Alice's browser, and her login elsewhere on this host, go on."""
        if not admin:
            stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        browser = kratos.login("alice", alice.password).body["session"]["id"]
        first = root.open("alice", root.login("alice", alice.password))
        second = root.open("alice", root.login("alice", alice.password))
        assert len(kratos.active_sessions(alice.id)) == 3
        for left, session in (2, first), (1, second):
            since = journal.mark()
            getattr(root, end)(session)
            journal.wait(since, KRATOSD_EVENT="session-revoked")
            assert len(kratos.active_sessions(alice.id)) == left
        time.sleep(0.5)
        assert [session["id"] for session in kratos.active_sessions(alice.id)] == [browser]

    def test_all_at_once_by_the_administrator(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, root: Caller
    ) -> None:
        """What is open, and what is granted and not opened yet; not Alice's browser."""
        browser = kratos.login("alice", alice.password).body["session"]["id"]
        root.open("alice", root.login("alice", alice.password))
        granted = root.login("alice", alice.password)
        assert len(kratos.active_sessions(alice.id)) == 3
        done = revoke_all()
        assert (done.returncode, done.stderr) == (0, "")
        assert [session["id"] for session in kratos.active_sessions(alice.id)] == [browser]
        assert len(journal.entries(KRATOSD_REASON="administrator")) == 2
        assert refusal(lambda: root.open("alice", granted)) == "NoSuchLogin"
        # The next login is like any other.
        root.close(root.open("alice", root.login("alice", alice.password)))

    def test_all_at_once_says_what_it_cannot_do(
        self, proxy: FaultServer, stopped_daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        root.open("alice", root.login("alice", alice.password))
        proxy.refuse()
        begun = time.monotonic()
        done = revoke_all()
        assert done.returncode == 75 and "the end of 1 session yet" in done.stderr
        assert 4.5 < time.monotonic() - begun < 8
        assert revoke_all("setpriv", "--reuid=2001", "--clear-groups").returncode == 77
        stopped_daemon.stop()
        done = revoke_all()
        assert done.returncode == 69 and "no kratosd answers here" in done.stderr

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500])
    def test_by_id_where_the_token_is_of_no_use(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        status: int,
    ) -> None:
        """The public API refuses the logout in both forms; the admin API then revokes by session id."""
        for endpoint in "logout", "old-logout":
            proxy.set(endpoint, faults.answer(status, b'{"error":{"message":"no"}}'))
        root.close(root.open("alice", root.login("alice", alice.password)))
        journal.wait(KRATOSD_EVENT="session-revoked")
        nothing_left(kratos)
        assert len(proxy.of("logout")) == 1
        assert len(proxy.of("old-logout")) == (1 if status in (404, 405) else 0)

    def test_by_id_where_the_public_api_is_away(
        self, proxy: FaultServer, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller
    ) -> None:
        session = root.open("alice", root.login("alice", alice.password))
        proxy.refuse()
        root.close(session)
        nothing_left(kratos)

    def test_postponed_where_there_is_no_other_way(
        self,
        proxy: FaultServer,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
    ) -> None:
        """It is told of once, tried again until Kratos confirms it, and forgotten by no restart."""
        stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        session = root.open("alice", root.login("alice", alice.password))
        proxy.set("logout", faults.failure(503))
        root.close(session)
        proxy.wait("logout", count=2, timeout=10)
        journal.wait(KRATOSD_EVENT="revocation-postponed")
        (postponed,) = journal.entries(KRATOSD_EVENT="revocation-postponed")
        assert postponed["KRATOSD_REASON"] == "kratos-error"
        assert len(kratos.active_sessions(alice.id)) == 1
        stopped_daemon.stop()
        proxy.clear()
        start(stopped_daemon)
        nothing_left(kratos)
        revoked = journal.wait(KRATOSD_EVENT="session-revoked")
        assert revoked["KRATOSD_SESSION"] == postponed["KRATOSD_SESSION"]

    @pytest.mark.parametrize("admin", [True, False])
    def test_an_answer_that_is_too_large_leaves_nothing(
        self,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        admin: bool,
    ) -> None:
        """There is a session all the same. It is found by its nonce: over the admin API, or with the
        person's next login; her browsers go on."""
        if not admin:
            stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        browsers = {kratos.login("alice", alice.password).body["session"]["id"] for _ in range(5)}
        large = {"op": "add", "path": "/metadata_public", "value": {"picture": "x" * 300_000}}
        kratos.patch(alice.id, large)
        assert refusal(root.login, "alice", alice.password) == "Unavailable"
        assert journal.wait(KRATOSD_EVENT="login-refused")["KRATOSD_REASON"] == "kratos-bad-answer"
        if not admin:
            assert len(kratos.active_sessions(alice.id)) == len(browsers) + 1
            kratos.patch(alice.id, large | {"value": {}})
            session = root.open("alice", root.login("alice", alice.password))
            journal.wait(KRATOSD_EVENT="session-revoked")
            root.close(session)

        def active() -> set[str]:
            return {session["id"] for session in kratos.active_sessions(alice.id)}

        wait_until(lambda: active() == browsers, "her browsers' sessions alone are left", 10)

    ENDED = {
        "revoked by an administrator": lambda k, id: k.admin("DELETE", f"/admin/identities/{id}/sessions"),
        "the identity was deleted": lambda k, id: k.admin("DELETE", f"/admin/identities/{id}"),
        "the identity was disabled": lambda k, id: k.set_state(id, "inactive"),
    }

    @pytest.mark.parametrize("how", ENDED)
    @pytest.mark.parametrize("admin", [True, False])
    def test_what_kratos_has_ended_itself_is_over(
        self,
        proxy: FaultServer,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        how: str,
        admin: bool,
    ) -> None:
        if not admin:
            stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        session = root.open("alice", root.login("alice", alice.password))
        self.ENDED[how](kratos, alice.id)
        root.close(session)
        journal.wait(KRATOSD_EVENT="session-revoked")
        assert not journal.entries(KRATOSD_EVENT="revocation-postponed")
        assert len(proxy.of("logout")) == 1
        nothing_left(kratos)

    def test_one_that_has_expired_at_kratos(
        self, stopped_daemon: Daemon, kratos: Kratos, root: Caller, journal: Journal
    ) -> None:
        kratos.configure(session__lifespan="1s")
        kratos.restart()
        alice = kratos.create_identity("alice", "secret")
        stopped_daemon.map("alice", alice.id)
        start(stopped_daemon)
        session = root.open("alice", root.login("alice", "secret"))
        time.sleep(1.5)
        root.close(session)
        journal.wait(KRATOSD_EVENT="session-revoked")


class TestWithoutKratos:
    def test_it_starts_says_so_once_and_recovers(
        self, stopped_daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        kratos.stop()
        stopped_daemon.map("alice", "9f425a8d-7efc-4768-8f23-7647a74fdf13")
        start(stopped_daemon)
        for _ in range(3):
            begun = time.monotonic()
            assert login("alice", "secret", AUTHENTICATE) == UNAVAILABLE
            assert time.monotonic() - begun < 3
        wait_until(lambda: self.said(journal, "cannot be reached") == 1, "it has said so")

        kratos.start()
        alice = kratos.create_identity("alice", "secret")
        stopped_daemon.map("alice", alice.id)
        assert login("alice", "secret") == GRANTED
        wait_until(lambda: self.said(journal, "can be reached again") == 1, "it has said so")
        assert self.said(journal, "cannot be reached") == 1
        nothing_left(kratos)

        kratos.stop()
        assert login("alice", "secret", AUTHENTICATE) == THROTTLED  # it has judged her just before
        wait_until(lambda: self.said(journal, "cannot be reached") == 2, "it has said so")

    @staticmethod
    def said(journal: Journal, words: str) -> int:
        entries = journal.entries(SYSLOG_IDENTIFIER="kratosd")
        return sum("Kratos" in entry["MESSAGE"] and words in entry["MESSAGE"] for entry in entries)


class TestJournal:
    CONTEXT = {"service": "sshd", "tty": "ssh", "rhost": "192.0.2.7", "ruser": "somebody"}

    @staticmethod
    def facts(entry: Entry) -> dict[str, str]:
        names = "REASON", "USER", "SERVICE", "RHOST", "SESSION"
        return {name.lower(): entry[f"KRATOSD_{name}"] for name in names}

    def test_the_events_of_a_login(
        self,
        proxy: FaultServer,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
    ) -> None:
        """Each with its MESSAGE_ID, its priority, and what happened to whom. The others are in
        tests/renewal and tests/passwd."""
        stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        assert slow_refusal(root.login, "alice", "wrong", **self.CONTEXT) == "BadCredentials"
        session = root.open("alice", root.login("alice", alice.password, **self.CONTEXT), **self.CONTEXT)
        (at_kratos,) = kratos.active_sessions(alice.id)
        proxy.set("logout", faults.failure(500), times=1)
        root.close(session)
        journal.wait(KRATOSD_EVENT="session-revoked")

        entries = [entry for entry in journal.entries() if entry["KRATOSD_EVENT"]]
        documented = documented_events()
        assert len(documented) == 9
        for entry in entries:
            said = entry["MESSAGE_ID"], entry["PRIORITY"]
            assert said == documented[entry["KRATOSD_EVENT"]], entry["KRATOSD_EVENT"]
            assert "alice" in entry["MESSAGE"] and "\n" not in entry["MESSAGE"]
        common = {"user": "alice", "service": "sshd", "rhost": "192.0.2.7"}
        assert [(entry["KRATOSD_EVENT"], self.facts(entry)) for entry in entries] == [
            (event, common | {"reason": reason, "session": at_kratos["id"] if known else ""})
            for event, reason, known in (
                ("login-refused", "bad-credentials", False),
                ("login-granted", "granted", True),
                ("session-opened", "opened", True),
                ("session-closed", "logout", True),
                ("revocation-postponed", "kratos-error", True),
                ("session-revoked", "confirmed", True),
            )
        ]

    @pytest.mark.parametrize("how", ["lifeline-gone", "never-opened", "cancelled"])
    def test_how_a_session_ended(
        self,
        stopped_daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        how: str,
    ) -> None:
        stopped_daemon.configure(Sessions={"OpenTimeoutSec": "1s"})
        start(stopped_daemon)
        attempt = root.login("alice", alice.password)
        if how == "lifeline-gone":
            root.drop(root.open("alice", attempt))
        elif how == "cancelled":
            root.cancel(attempt)
        assert journal.wait(KRATOSD_EVENT="session-closed")["KRATOSD_REASON"] == how
        nothing_left(kratos)

    def test_rule_22_no_secret_in_any_line(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        caller: Callable[..., Caller],
    ) -> None:
        """Not at the highest level, and whatever is answered."""
        attempts = [root.login("alice", alice.password) for _ in range(2)]
        assert slow_refusal(root.login, "alice", "a wrong canary") == "BadCredentials"
        proxy.set("login", faults.html(500), times=1)
        assert refusal(root.login, "alice", "a lost canary") == "Throttled"
        caller("alice").login("alice", alice.password)
        root.close(root.open("alice", attempts[0]))
        root.cancel(attempts[1])
        wait_until(
            lambda: len(journal.entries(KRATOSD_EVENT="session-revoked")) == 3, "all three are revoked"
        )
        daemon.stop()
        tokens = [request.json["session_token"] for request in proxy.of("logout")]
        assert len(tokens) == 3 and all(token.startswith("ory_st_") for token in tokens)
        told = journal.text() + daemon.log()
        assert "Login granted" in told
        for secret in [*tokens, *attempts, alice.password, "canary"]:
            assert secret not in told

    def test_the_level(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, root: Caller
    ) -> None:
        stopped_daemon.configure(Log={"Level": "notice"})
        start(stopped_daemon)
        assert slow_refusal(root.login, "alice", "wrong") == "BadCredentials"
        root.close(root.open("alice", root.login("alice", alice.password)))
        nothing_left(kratos)
        told = [entry["KRATOSD_EVENT"] for entry in journal.entries() if entry["KRATOSD_EVENT"]]
        assert told == ["login-refused"]

    def test_without_a_journal(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, root: Caller
    ) -> None:
        """A plain line for each event on standard error."""
        before = len(daemon.log())
        journal.stop()
        try:
            assert slow_refusal(root.login, "alice", "wrong", service="sshd") == "BadCredentials"
            session = root.open("alice", root.login("alice", alice.password, rhost="192.0.2.7"))
            (at_kratos,) = kratos.active_sessions(alice.id)
            root.close(session)
            nothing_left(kratos)
            wait_until(lambda: "session-revoked" in daemon.log()[before:], "all is told")
        finally:
            journal.start()
        lines = [line for line in daemon.log()[before:].splitlines() if "event=" in line]
        parsed = [re.fullmatch(r"kratosd: (\w+): [^()\n]+ \((.*)\)", line) for line in lines]
        assert all(parsed), lines
        facts = f"user=alice service= rhost=192.0.2.7 session={at_kratos['id']}"
        assert [match.groups() for match in parsed if match] == [
            ("notice", "event=login-refused reason=bad-credentials user=alice service=sshd rhost= session="),
            ("info", f"event=login-granted reason=granted {facts}"),
            ("info", f"event=session-opened reason=opened {facts}"),
            ("info", f"event=session-closed reason=logout {facts}"),
            ("info", f"event=session-revoked reason=confirmed {facts}"),
        ]

    @pytest.mark.parametrize(
        "context",
        [
            {"tty": "tty1\r\nX-Real-IP: 192.0.2.1"},
            {"tty": "tty1\n"},
            {"service": "ssh\x1b[2J"},
            {"service": "ssh\x7f"},
            {"rhost": "höst"},
            {"ruser": "x" * 65},
            {"service": "x" * 65},
            {"color": "red"},
        ],
    )
    def test_rule_29_what_is_not_printable_goes_nowhere(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller, context: dict[str, str]
    ) -> None:
        assert refusal(root.begin, "alice", **context) == "InvalidArgument"
        assert refusal(root.check_account, "alice", **context) == "InvalidArgument"
        assert not proxy.requests

    @pytest.mark.parametrize(
        ("rhost", "sent"),
        [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7")]
        + [(rhost, None) for rhost in ("", "host.example.org", "192.0.2.7.", "192.0.2", "fe80::1%eth0", "1")],
    )
    def test_only_addresses_are_sent_as_such(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        root: Caller,
        rhost: str,
        sent: str | None,
    ) -> None:
        context = {"service": "x" * 64, "tty": "~" * 64, "rhost": rhost}
        root.cancel(root.login("alice", alice.password, **context))
        (request,) = proxy.of("login")
        assert request.header("x-real-ip") == sent
        agent = request.header("user-agent") or ""
        assert re.fullmatch(rf"[0-9a-f]{{32}} kratosd/\S+ \(testhost; {'x' * 64}; {'~' * 64}\)", agent)
        assert journal.wait(KRATOSD_EVENT="login-granted")["KRATOSD_RHOST"] == rhost
        nothing_left(kratos)
