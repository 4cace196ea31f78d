"""What a password can be, and what never gets as far as Kratos."""

import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from calling import Caller, refusal, slow_refusal
from faultserver import FaultServer
from logging_in import AUTHENTICATE, BAD, GRANTED, login, nothing_left, reason, refusals

from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.processes import wait_until

pytestmark = pytest.mark.sanitized

ESCAPED = [*(chr(code) for code in range(0x01, 0x20)), '"', "\\", "\x7f"]

WORDS = {
    "all that JSON escapes": "".join(ESCAPED),
    "one byte": "x",
    "one space": " ",
    "spaces around": "  correct horse  ",
    "one quote": '"',
    "one backslash": "\\",
    "looks like JSON": '","method":"code","x":"',
    "looks escaped": "\\u0061\\n\\\"",
    "looks like a format": "%s%n%u",
    "umlauts": "Schöne Grüße, ß",
    "decomposed umlauts": "Scho\u0308ne",
    "other scripts": "пароль 密码 كلمة السر",
    "four bytes": "😀🔑",
    "line separators": "a\u2028b\u2029c\x85d",
    "zero-width": "\ufeffa\u200bb\u00a0",
    "the last code points": "\ud7ff\ue000\ufffd\uffff\U0010ffff",
    "72 bytes": "x" * 72,
}

GROW, SHRINK, WRITE = fcntl.F_SEAL_GROW, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_WRITE
FUTURE_WRITE = 0x10

# In what no answer may come.
UNTRUSTWORTHY: dict[str, dict[str, Any]] = {
    "not sealed": {"seals": 0},
    "may grow": {"seals": SHRINK | WRITE},
    "may shrink": {"seals": GROW | WRITE},
    "may be written": {"seals": GROW | SHRINK},
    "may be written through what is mapped": {"seals": GROW | SHRINK | FUTURE_WRITE},
    "not sealed, and grows": {"kind": "growing", "seals": 0},
    "grows": {"kind": "growing", "seals": SHRINK | WRITE},
    "a pipe": {"kind": "pipe"},
    "a file": {"kind": "file"},
    "zeros without end": {"kind": "zeros"},
}


class Person:
    """Alice, with one password after another."""

    def __init__(self, kratos: Kratos) -> None:
        self.kratos = kratos
        self.id = ""

    def take(self, password: str = "", **further: str) -> None:
        if self.id:
            self.kratos.delete_identity(self.id)
        self.id = self.kratos.create_identity("alice", password or None, **further).id
        Daemon.map("alice", self.id)


@pytest.fixture
def person(daemon: Daemon, kratos: Kratos) -> Person:
    return Person(kratos)


class TestGranted:
    def test_each_byte_that_json_must_escape(
        self, person: Person, kratos: Kratos, root: Caller
    ) -> None:
        refused = []
        for byte in ESCAPED:
            person.take(f"before{byte}behind")
            if refusal(lambda: root.cancel(root.login("alice", f"before{byte}behind"))):
                refused.append(byte)
        assert refused == []
        nothing_left(kratos)

    @pytest.mark.parametrize("name", WORDS)
    def test_words(self, person: Person, kratos: Kratos, root: Caller, name: str) -> None:
        person.take(WORDS[name])
        root.cancel(root.login("alice", WORDS[name]))
        assert slow_refusal(root.login, "alice", WORDS[name] + "x") == "BadCredentials"
        nothing_left(kratos)

    @pytest.mark.parametrize("unit", ["x", "ü", '"', "\x01"])
    def test_512_bytes(
        self, kratos: Kratos, daemon: Daemon, root: Caller, unit: str
    ) -> None:
        """An imported argon2id hash, on a Kratos that hashes with argon2id: bcrypt stops at 72 bytes."""
        kratos.configure(hashers__algorithm="argon2")
        kratos.restart()
        password = unit * (512 // len(unit.encode()))
        hashed = self.argon2id(kratos, password)
        assert hashed.startswith("$argon2id$")
        Person(kratos).take(hashed_password=hashed)
        assert slow_refusal(root.login, "alice", password.encode()[:510]) == "BadCredentials"
        root.cancel(root.login("alice", password))
        nothing_left(kratos)

    @staticmethod
    def argon2id(kratos: Kratos, password: str) -> str:
        """Its hash, as Kratos stores it."""
        id = kratos.create_identity("somebody", password).id
        answer = kratos.admin("GET", f"/admin/identities/{id}?include_credential=password")
        return answer.body["credentials"]["password"]["config"]["hashed_password"]

    def test_typed(self, person: Person, kratos: Kratos) -> None:
        """As far as a terminal lets it through."""
        for password in "x", '"\\\x7f', "Schöne Grüße 😀", "x" * 72:
            person.take(password)
            typed = password.replace("\x7f", "\x16\x7f").encode()
            assert login("alice", typed) == GRANTED, password
        nothing_left(kratos)


class TestNotAsked:
    """Refused without a word to Kratos, but not faster than a wrong password."""

    INVALID = [
        b"\xff", b"\x80", b"a\xbf", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc3\xc3\xa4",
        b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", "Grüße".encode("latin-1"),
    ]  # fmt: skip

    def test_not_utf8(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        alice: Identity,
        journal: Journal,
        caller: Callable[..., Caller],
    ) -> None:
        callers = [caller() for _ in self.INVALID]
        with ThreadPoolExecutor(len(callers)) as pool:
            results = pool.map(
                lambda one, password: slow_refusal(one.login, "alice", password), callers, self.INVALID
            )
            assert list(results) == ["BadCredentials"] * len(callers)
        wait_until(lambda: len(refusals(journal)) == len(callers), "each is told of")
        assert {entry["KRATOSD_REASON"] for entry in refusals(journal)} == {"invalid-password"}
        assert not proxy.of("login")
        assert slow_refusal(callers[0].login, "alice", "Grüße") == "BadCredentials"
        assert len(proxy.of("login")) == 1

    def test_empty(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller, journal: Journal
    ) -> None:
        assert slow_refusal(root.login, "alice", "") == "BadCredentials"
        assert reason(journal) == "empty-password"
        assert login("alice", "", AUTHENTICATE) == BAD
        assert not proxy.of("login")

    def test_513_bytes(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller, kratos: Kratos
    ) -> None:
        """No program of ours sends them: that breaks the interface, and ends nothing."""
        attempt = root.begin("alice")
        for size in 513, 1 << 20:
            assert refusal(root.answer, attempt, "x" * size) == "InvalidArgument"
        assert login("alice", "x" * 513, AUTHENTICATE) == BAD
        assert not proxy.of("login")
        root.answer(attempt, alice.password)
        root.cancel(attempt)
        nothing_left(kratos)

    def test_rule_39_only_a_memfd_that_stays_as_it_is(
        self, proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller, kratos: Kratos
    ) -> None:
        """Each carries the right password, and would be granted if it were taken."""
        for name, way in UNTRUSTWORTHY.items():
            asked = len(proxy.of("login"))
            attempt = root.begin("alice")
            assert refusal(root.answer, attempt, alice.password, **way) == "InvalidArgument", name
            assert len(proxy.of("login")) == asked, name
            root.answer(attempt, alice.password)
            root.cancel(attempt)
        nothing_left(kratos)

    def test_a_nul_ends_nothing(self, person: Person, root: Caller, kratos: Kratos) -> None:
        person.take("correct")
        assert slow_refusal(root.login, "alice", b"correct\0") == "BadCredentials"
        assert slow_refusal(root.login, "alice", b"correct\0horse") == "BadCredentials"
        assert kratos.sessions() == []
