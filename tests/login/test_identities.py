"""Who gets in: real identities of a real Kratos, and what becomes of them."""

from collections.abc import Callable
from typing import Any

import pytest
from calling import Caller, refusal, slow_refusal, start
from faultserver import FaultServer
from logging_in import (
    AUTHENTICATE, BAD, DENIED, EXPIRED, GRANTED, SERVICE, UNKNOWN, WHOLE, login, nothing_left, reason, refusals,
)  # fmt: skip

from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.paths import LOCAL_USERS

PASSWORD = "the password of somebody"


def posix(name: object) -> dict[str, Any]:
    """What an administrator writes about an identity, for create_identity."""
    return {"metadata_public": {"posix": {"name": name}}}


class TestPassword:
    def test_right(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, gate: pam.Gate
    ) -> None:
        pam.pam_service("gated", pam.GATED)
        items = {"rhost": "192.0.2.7", "tty": "tty7"}
        tester = pam.Pamtester("gated", "alice", WHOLE, [alice.password], items=items).answer()
        gate.wait(tester.pid)
        (session,) = kratos.active_sessions(alice.id)
        (device,) = session["devices"]
        assert device["user_agent"].endswith(" (testhost; gated; tty7)")
        assert device["ip_address"] == "192.0.2.7"
        gate.open()
        assert tester.finish().status == 0
        nothing_left(kratos)

    REFUSED: dict[str, tuple[Callable[[Kratos, str], None] | None, str, str, str]] = {
        "wrong": (None, "wrong", BAD, "bad-credentials"),
        "unknown": (lambda k, id: k.set_username(id, "x"), "", BAD, "bad-credentials"),
        "inactive": (lambda k, id: k.set_state(id, "inactive"), "", EXPIRED, "identity-inactive"),
        "inactive, wrong": (lambda k, id: k.set_state(id, "inactive"), "wrong", BAD, "bad-credentials"),
        "deleted": (lambda k, id: k.delete_identity(id), "", BAD, "bad-credentials"),
    }

    @pytest.mark.parametrize("case", REFUSED)
    def test_refused(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, case: str
    ) -> None:
        change, password, result, why = self.REFUSED[case]
        if change:
            change(kratos, alice.id)
        assert login("alice", password or alice.password) == result
        journal.wait(KRATOSD_EVENT="login-refused")
        (entry,) = refusals(journal)
        assert (entry["KRATOSD_REASON"], entry["KRATOSD_USER"]) == (why, "alice")
        assert kratos.sessions() == []

    def test_an_identity_without_a_password(self, daemon: Daemon, kratos: Kratos) -> None:
        daemon.map("alice", kratos.create_identity("alice").id)
        assert login("alice", "anything") == BAD

    def test_every_login_counts_for_itself(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity
    ) -> None:
        """The password of one is of no use to another, before and after its owner was let in. (rule 2)"""
        assert login("alice", bob.password) == BAD
        assert login("bob", bob.password) == GRANTED
        assert login("alice", bob.password) == BAD
        assert login("alice", alice.password) == GRANTED
        nothing_left(kratos)

    def test_inactive_while_logged_in(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller
    ) -> None:
        session = root.open("alice", root.login("alice", alice.password))
        kratos.set_state(alice.id, "inactive")
        root.close(session)
        nothing_left(kratos)


class TestNames:
    """The login name is compared by us, byte for byte; Kratos lower-cases and trims."""

    @pytest.mark.parametrize(
        "name", ["Alice", "ALICE", "alice ", " alice", "alice\t", "alice\n", "älice", "alice%", "../alice"]
    )
    def test_rule_10_another_spelling_is_not_ours(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller, name: str
    ) -> None:
        assert login(name, alice.password, AUTHENTICATE) == UNKNOWN
        assert refusal(root.begin, name) == "UnknownUser"
        assert refusal(root.check_account, name) == "UnknownUser"
        assert not proxy.requests

    def test_another_spelling_is_not_ours_even_if_it_has_an_account_and_a_line(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        with open("/etc/passwd", "a") as passwd:
            passwd.write("Alice:x:2099:2099::/home/alice:/bin/bash\n")
        daemon.map("Alice", alice.id)
        assert login("Alice", alice.password, AUTHENTICATE) == UNKNOWN
        assert refusal(root.begin, "Alice") == "UnknownUser"
        assert not proxy.requests

    @pytest.mark.parametrize("name", ["root", "lokal", "ghost", "kratosd", "x" * 32, "x" * 33])
    def test_who_is_not_listed_is_not_ours(
        self, proxy: FaultServer, daemon: Daemon, kratos: Kratos, root: Caller, name: str
    ) -> None:
        kratos.create_identity(name, PASSWORD)
        assert login(name, PASSWORD, AUTHENTICATE) == UNKNOWN
        assert refusal(root.begin, name) == "UnknownUser"
        assert not [request for request in proxy.requests if request.method == "POST"]

    @pytest.mark.parametrize("name", ["root", "ghost"])
    def test_root_and_who_has_no_account_are_not_ours_even_if_listed(
        self, proxy: FaultServer, daemon: Daemon, kratos: Kratos, root: Caller, name: str
    ) -> None:
        daemon.map(name, kratos.create_identity(name, PASSWORD).id)
        assert login(name, PASSWORD, AUTHENTICATE) == UNKNOWN
        assert refusal(root.begin, name) == "UnknownUser"
        assert not [request for request in proxy.requests if request.method == "POST"]

    @pytest.mark.parametrize("trait", ["ALICE", " alice ", "Alice\t"])
    def test_kratos_may_spell_its_own_otherwise(
        self, daemon: Daemon, kratos: Kratos, root: Caller, trait: str
    ) -> None:
        """The id in local-users binds, not the trait."""
        daemon.map("alice", kratos.create_identity(trait, PASSWORD).id)
        root.cancel(root.login("alice", PASSWORD))
        nothing_left(kratos)


class TestWrongIdentity:
    """Kratos accepts the password, but of somebody else: refused, and what it made is revoked."""

    @staticmethod
    def refused(journal: Journal, kratos: Kratos, other: str, password: str = PASSWORD) -> None:
        assert login("alice", password) == DENIED
        entry = journal.wait(KRATOSD_EVENT="login-refused")
        assert entry["KRATOSD_REASON"] == "wrong-identity"
        nothing_left(kratos)
        (session,) = kratos.sessions(other)
        assert entry["KRATOSD_SESSION"] == session["id"]

    @pytest.mark.parametrize("trait", ["alice", "ALICE", " Alice "])
    def test_an_identity_renamed_by_an_administrator(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal, trait: str
    ) -> None:
        kratos.set_username(alice.id, "alice.of.old")
        mallory = kratos.create_identity("mallory", PASSWORD)
        kratos.set_username(mallory.id, trait)
        self.refused(journal, kratos, mallory.id)
        kratos.set_username(mallory.id, "mallory")
        kratos.set_username(alice.id, "alice")
        assert login("alice", alice.password) == GRANTED

    def test_an_identity_that_renamed_itself(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        """As any person can, in Kratos's own settings."""
        kratos.delete_identity(alice.id)
        mallory = kratos.create_identity("mallory", PASSWORD)
        kratos.rename_self(mallory, "alice")
        assert login("alice", PASSWORD) == DENIED
        assert reason(journal) == "wrong-identity"
        nothing_left(kratos)

    def test_an_email_that_equals_anothers_name(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        kratos.set_username(alice.id, "alice.of.old")
        mallory = kratos.create_identity("", PASSWORD, email="alice", schema="email")
        self.refused(journal, kratos, mallory.id)

    def test_a_name_that_equals_anothers_email(
        self, stopped_daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        owner = kratos.create_identity("", "hers", email="alice@example.net", schema="email")
        mallory = kratos.create_identity("alice@example.org", PASSWORD)
        stopped_daemon.map("alice", owner.id)
        stopped_daemon.configure(Accounts={"Identifier": "%u@example.org"})
        start(stopped_daemon)
        self.refused(journal, kratos, mallory.id)

    def test_two_people_changed_in_local_users(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, journal: Journal
    ) -> None:
        daemon.map("alice", bob.id)
        self.refused(journal, kratos, alice.id, alice.password)


class TestSecondFactor:
    @pytest.mark.parametrize("required", ["highest_available", "aal1"])
    def test_rule_4_what_kratos_requires_decides(
        self, kratos: Kratos, stopped_daemon: Daemon, journal: Journal, required: str
    ) -> None:
        """Where it requires the second factor, Kratos answers 200 with a token and no identity. Here a
        program asks that can ask only once, and a host that leaves the decision to Kratos."""
        service = {"SinglePrompt": "yes", "RequireAAL": "aal1"}
        stopped_daemon.configure(**{f"Service {SERVICE}": service})
        kratos.configure(session__whoami__required_aal=required)
        kratos.restart()
        alice = kratos.create_identity("alice", PASSWORD)
        kratos.set_totp(alice.id)
        stopped_daemon.map("alice", alice.id)
        start(stopped_daemon)
        if required == "aal1":
            assert login("alice", PASSWORD) == GRANTED
        else:
            assert login("alice", PASSWORD) == DENIED
            assert reason(journal) == "single-prompt"
        nothing_left(kratos)
        (session,) = kratos.sessions(alice.id)
        assert journal.wait(KRATOSD_EVENT="session-revoked")["KRATOSD_SESSION"] == session["id"]
        assert login("alice", "wrong") == BAD

    @pytest.mark.parametrize("admin", [True, False])
    def test_rule_4_with_a_line_without_an_id(
        self, stopped_daemon: Daemon, kratos: Kratos, root: Caller, journal: Journal, admin: bool
    ) -> None:
        """Neither the answer nor local-users tells whose session it is; the token revokes it."""
        alice = kratos.create_identity("alice", PASSWORD, **posix("alice"))
        kratos.set_totp(alice.id)
        stopped_daemon.map("alice", "-")
        stopped_daemon.configure(**{f"Service {SERVICE}": {"SinglePrompt": "yes"}})
        if not admin:
            stopped_daemon.configure(Kratos={"AdminURL": None})
        start(stopped_daemon)
        assert login("alice", PASSWORD) == DENIED
        assert reason(journal) == "single-prompt"
        nothing_left(kratos)


class TestIdentifier:
    def test_an_email(self, proxy: FaultServer, stopped_daemon: Daemon, kratos: Kratos) -> None:
        alice = kratos.create_identity("", PASSWORD, email="alice@example.org", schema="email")
        stopped_daemon.map("alice", alice.id)
        stopped_daemon.configure(Accounts={"Identifier": "%u@example.org"})
        start(stopped_daemon)
        assert login("alice", PASSWORD) == GRANTED
        assert login("alice", "wrong") == BAD
        posted = [request.json for request in proxy.of("login")]
        assert [body["identifier"] for body in posted] == ["alice@example.org"] * 2
        assert [body["password_identifier"] for body in posted] == ["alice@example.org"] * 2
        nothing_left(kratos)

    def test_what_json_must_escape(
        self, proxy: FaultServer, stopped_daemon: Daemon, kratos: Kratos
    ) -> None:
        alice = kratos.create_identity('"\\{alice}', PASSWORD)
        stopped_daemon.map("alice", alice.id)
        stopped_daemon.configure(Accounts={"Identifier": '"\\{%u}'})
        start(stopped_daemon)
        assert login("alice", PASSWORD) == GRANTED
        nothing_left(kratos)


class TestWithoutAnId:
    """A line of local-users with "-": the identity whose posix.name is the name, pinned at first use."""

    def test_accepted_and_pinned(
        self, daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        first = kratos.create_identity("alice", PASSWORD, **posix("alice"))
        daemon.map("alice", "-")
        assert login("alice", PASSWORD) == GRANTED

        kratos.set_username(first.id, "alice.of.old")
        second = kratos.create_identity("alice", "another password", **posix("alice"))
        for _ in range(2):
            assert login("alice", "another password") == DENIED
            assert reason(journal) == "pinned-to-another"
            nothing_left(kratos)
            start(daemon)

        # The pinned owner keeps working, and an id in local-users is the administrator's word.
        kratos.set_username(second.id, "alice.the.second")
        kratos.set_username(first.id, "alice")
        assert login("alice", PASSWORD) == GRANTED
        kratos.delete_identity(first.id)
        kratos.set_username(second.id, "alice")
        daemon.map("alice", second.id)
        assert login("alice", "another password") == GRANTED

    @pytest.mark.parametrize(
        "metadata",
        [None, {}, {"posix": None}, {"posix": "alice"}, {"posix": {}}, {"posix": {"name": None}}]
        + [{"posix": {"name": name}} for name in ("bob", "Alice", "alice ", "", ["alice"], {"alice": 1})]
        + [{"name": "alice"}, {"posix": [{"name": "alice"}]}],
    )
    def test_rule_12_another_name_or_none(
        self, daemon: Daemon, kratos: Kratos, root: Caller, journal: Journal, metadata: Any
    ) -> None:
        """The trait by which Kratos found the identity says nothing."""
        kratos.create_identity("alice", PASSWORD, metadata_public=metadata)
        daemon.map("alice", "-")
        assert slow_refusal(root.login, "alice", PASSWORD) == "NotAllowed"
        assert reason(journal) == "wrong-identity"
        nothing_left(kratos)

    def test_a_refused_identity_is_not_pinned(
        self, daemon: Daemon, kratos: Kratos, root: Caller
    ) -> None:
        mallory = kratos.create_identity("alice", "mallory's password")
        daemon.map("alice", "-")
        assert slow_refusal(root.login, "alice", "mallory's password") == "NotAllowed"
        kratos.set_username(mallory.id, "mallory")
        kratos.create_identity("alice", PASSWORD, **posix("alice"))
        root.cancel(root.login("alice", PASSWORD))
        nothing_left(kratos)

    def test_one_name_for_each_identity(
        self, daemon: Daemon, kratos: Kratos, root: Caller, journal: Journal
    ) -> None:
        """A rename needs the administrator of this host too. (rule 31)"""
        person = kratos.create_identity("alice", PASSWORD, **posix("alice"))
        for name in "alice", "bob":
            daemon.map(name, "-")
        root.cancel(root.login("alice", PASSWORD))
        kratos.set_username(person.id, "bob")
        change = {"op": "replace", "path": "/metadata_public/posix/name", "value": "bob"}
        kratos.patch(person.id, change)
        assert slow_refusal(root.login, "bob", PASSWORD) == "NotAllowed"
        assert reason(journal) == "pinned-to-another"
        nothing_left(kratos)


class TestLocalUsers:
    """A list that cannot be trusted lets nobody in, and keeps nobody else out."""

    def test_it_is_read_for_each_login(self, daemon: Daemon, alice: Identity, root: Caller) -> None:
        root.check_account("alice")
        daemon.unmap("alice")
        assert refusal(root.begin, "alice") == refusal(root.check_account, "alice") == "UnknownUser"
        assert login("alice", alice.password, AUTHENTICATE) == UNKNOWN
        daemon.map("alice", alice.id, "fallback")
        assert login("alice", alice.password) == GRANTED

    @pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
    def test_others_can_write_it(
        self, daemon: Daemon, alice: Identity, bob: Identity, root: Caller, mode: int
    ) -> None:
        LOCAL_USERS.chmod(mode)
        assert refusal(root.begin, "alice") == "Failed"
        # It lists nobody then, so that it keeps no local person out.
        assert login("alice", alice.password, AUTHENTICATE) == UNKNOWN
        LOCAL_USERS.chmod(0o644)
        assert login("alice", alice.password) == GRANTED

    @pytest.mark.parametrize("line", ["alice", "alice  x", "alice  -  always", "alice  {id}  fallback x"])
    def test_a_mistake_harms_only_its_own_name(
        self, daemon: Daemon, alice: Identity, bob: Identity, root: Caller, line: str
    ) -> None:
        daemon.map("alice", line.format(id=alice.id).removeprefix("alice  ") if " " in line else "")
        assert refusal(root.begin, "alice") == "Failed"
        assert login("alice", alice.password, AUTHENTICATE) not in (GRANTED, UNKNOWN)
        assert login("bob", bob.password) == GRANTED
