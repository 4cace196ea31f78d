"""ChangePassword and what leads to it, called as root and as a person, right and wrong."""

import pytest
from calling import MANAGER, SEALED, Caller, Refused, start
from changing import NEW, is_changed, is_unchanged
from factors import PASSWORD, Person
from logging_in import nothing_left

from world.daemon import Daemon
from world.kratos import Kratos

PURPOSE = {"purpose": "change-password", "service": "passwd"}

pytestmark = pytest.mark.sanitized


@pytest.fixture
def root(daemon: Daemon) -> Caller:
    return Caller()


def granted(root: Caller) -> str:
    """A login that was granted to change alice's password."""
    login, prompt = root.call("BeginLogin", "alice", PURPOSE)
    assert prompt == {"kind": "password", "text": "Current password: ", "echo": False}
    root.answer(login, PASSWORD)
    return login


def opened(root: Caller) -> str:
    return root.open("alice", granted(root), **PURPOSE)


def change(root: Caller, session: str, password: str | bytes, seals: int = SEALED) -> None:
    data = password.encode() if isinstance(password, str) else password
    assert root.call("ChangePassword", session, secret=data.hex(), seals=seals) == []


def refused(error: str, root: Caller, session: str, password: str | bytes, **further: int) -> str:
    with pytest.raises(Refused) as caught:
        change(root, session, password, **further)
    assert caught.value.name == error, str(caught.value)
    return str(caught.value)


def test_changed(root: Caller, kratos: Kratos, alice: Person) -> None:
    session = opened(root)
    change(root, session, NEW)
    assert len(kratos.active_sessions()) == 1
    root.call("CloseSession", session)
    nothing_left(kratos)
    assert is_changed(alice)
    refused("NoSuchLogin", root, session, NEW)


def test_three_tries_also_over_a_restart(
    root: Caller, daemon: Daemon, kratos: Kratos, alice: Person
) -> None:
    session = opened(root)
    for _ in range(2):
        assert "at least 6 characters" in refused("PasswordRefused", root, session, "abc")
    daemon.kill()
    start(daemon)
    again = Caller()
    refused("PasswordRefused", again, session, "abc")
    refused("Throttled", again, session, NEW)
    assert is_unchanged(alice)


class TestBadInput:
    @pytest.mark.parametrize("password", [b"", b"\xff\xfe", b"x" * 513, b"\xc0\x80"])
    def test_what_is_none(self, root: Caller, kratos: Kratos, alice: Person, password: bytes) -> None:
        """It costs no try, and nothing reaches Kratos."""
        session = opened(root)
        for _ in range(4):
            refused("InvalidArgument", root, session, password)
        change(root, session, NEW)
        assert is_changed(alice)

    @pytest.mark.parametrize("seals", [0, SEALED & ~8, SEALED & ~2])
    def test_rule_39_not_sealed(self, root: Caller, kratos: Kratos, alice: Person, seals: int) -> None:
        refused("InvalidArgument", root, opened(root), NEW, seals=seals)
        assert is_unchanged(alice)

    @pytest.mark.parametrize("password", ["with \"quotes\" and \\", "ümläute 日本", "tab\tin it", "x\ny line"])
    def test_taken_as_it_is(self, root: Caller, kratos: Kratos, alice: Person, password: str) -> None:
        change(root, opened(root), password)
        assert is_changed(alice, password)

    @pytest.mark.parametrize("session", ["0" * 32, "x" * 32, "", "A" * 32])
    def test_no_session(self, root: Caller, kratos: Kratos, alice: Person, session: str) -> None:
        error = "NoSuchLogin" if session == "0" * 32 else "InvalidArgument"
        refused(error, root, session, NEW)


class TestPurposes:
    """What was granted for one purpose is of no use for another."""

    def test_a_change_is_no_login(self, root: Caller, kratos: Kratos, alice: Person) -> None:
        login = granted(root)
        with pytest.raises(Refused, match="NoSuchLogin"):
            root.open("alice", login, service="passwd")
        with pytest.raises(Refused, match="NoSuchLogin"):
            root.open("alice", login, purpose="login", service="passwd")

    def test_a_login_is_no_change(self, root: Caller, kratos: Kratos, alice: Person) -> None:
        login = root.login("alice", PASSWORD, service="passwd")
        with pytest.raises(Refused, match="NoSuchLogin"):
            root.open("alice", login, **PURPOSE)
        session = root.open("alice", login, service="passwd")
        refused("NoSuchLogin", root, session, NEW)
        assert is_unchanged(alice)

    def test_it_is_opened_once_and_by_its_service(
        self, root: Caller, kratos: Kratos, alice: Person
    ) -> None:
        login = granted(root)
        for user, context in (("bob", PURPOSE), ("alice", PURPOSE | {"service": "sshd"})):
            with pytest.raises(Refused, match="NoSuchLogin"):
                root.open(user, login, **context)
        root.open("alice", login, **PURPOSE)
        with pytest.raises(Refused, match="NoSuchLogin"):
            root.open("alice", login, **PURPOSE)

    def test_cancelled(self, root: Caller, kratos: Kratos, alice: Person) -> None:
        login = granted(root)
        assert len(kratos.active_sessions()) == 1
        root.cancel(login)
        nothing_left(kratos)

    def test_never_opened(self, stopped_daemon: Daemon, kratos: Kratos, alice: Person) -> None:
        stopped_daemon.configure(Sessions={"OpenTimeoutSec": "1s"})
        start(stopped_daemon)
        granted(Caller())
        nothing_left(kratos)


class TestPersons:
    def test_rule_38_not_on_everybodys_interface(
        self, daemon: Daemon, kratos: Kratos, alice: Person
    ) -> None:
        person = Caller("alice")
        with pytest.raises(Refused, match="NotAllowed"):
            person.call("BeginLogin", "alice", PURPOSE)
        with pytest.raises(Refused, match="UnknownMethod|AccessDenied"):
            person.call("ChangePassword", "0" * 32, signature="s")
        assert kratos.sessions() == []

    def test_rule_8_not_on_roots(self, root: Caller, kratos: Kratos, alice: Person) -> None:
        session = opened(root)
        with pytest.raises(Refused, match="AccessDenied"):
            change(Caller("alice", to=MANAGER), session, NEW)
        assert is_unchanged(alice)
