"""Without the bus, kratosd's user database says who is not ours; whatever else it says refuses."""

import os
import pwd
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driving import drive, spent

from world.bus import SOCKET
from world.elsewhere import another_directory

USERDB = Path("/run/kratosd/userdb")
NO_RECORD = b'{"error":"io.systemd.UserDatabase.NoRecordFound","parameters":{}}\0'
CALL = (
    b'{"method":"io.systemd.UserDatabase.GetUserRecord",'
    b'"parameters":{"userName":"elsa","service":"org.kratosd1"}}\0'
)

Behaviour = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def no_bus(bus) -> Iterator[None]:
    """No bus, and a host that knows elsa from another directory."""
    switch = Path("/etc/nsswitch.conf")
    before = switch.read_text()
    another_directory()
    bus.stop()
    SOCKET.unlink(missing_ok=True)
    yield
    switch.write_text(before)


class UserDatabase:
    """Listens as kratosd, or another user; each connection gets the next of the behaviours, and the
    last of them from then on."""

    def __init__(self, *behaviours: Behaviour, user: str = "kratosd") -> None:
        USERDB.parent.mkdir(mode=0o711, exist_ok=True)
        USERDB.unlink(missing_ok=True)
        self.calls: list[bytes] = []
        self._behaviours = list(behaviours)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(USERDB))
        os.chmod(USERDB, 0o666)
        os.seteuid(pwd.getpwnam(user).pw_uid)
        try:
            self._listener.listen()
        finally:
            os.seteuid(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            behaviour = self._behaviours[0]
            if len(self._behaviours) > 1:
                self._behaviours.pop(0)
            with connection:
                call = connection.recv(4096)
                if call:
                    self.calls.append(call)
                try:
                    behaviour(connection)
                except OSError:
                    pass

    def __enter__(self) -> "UserDatabase":
        return self

    def __exit__(self, *_) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        USERDB.unlink(missing_ok=True)


def says(*parts: bytes, pause: float = 0.0) -> Behaviour:
    def behaviour(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return behaviour


def silent(connection: socket.socket) -> None:
    """Until the peer goes."""
    connection.settimeout(10)
    connection.recv(1)


def floods(connection: socket.socket) -> None:
    for _ in range(1600):
        connection.sendall(b"x" * 65536)


def check(user: str = "elsa", call: str = "acct_mgmt") -> tuple[str, float]:
    return spent(drive("timed", f"start driver {user}", call), call)


@pytest.mark.parametrize("call", ["authenticate", "acct_mgmt"])
@pytest.mark.parametrize("pause", [0.0, 0.005])
def test_who_is_not_ours(call: str, pause: float) -> None:
    pieces = [NO_RECORD[i : i + 1] for i in range(len(NO_RECORD))] if pause else [NO_RECORD]
    with UserDatabase(says(*pieces, pause=pause)) as database:
        assert check(call=call)[0] == "USER_UNKNOWN"
        assert database.calls == [CALL, CALL]
        assert check("nobody-here", call)[0] == "AUTHINFO_UNAVAIL"


def test_kratosd_is_gone() -> None:
    """It has left a socket, or none."""
    USERDB.unlink(missing_ok=True)
    assert check()[0] == "USER_UNKNOWN"
    USERDB.parent.mkdir(mode=0o711, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(USERDB))
    assert check()[0] == "USER_UNKNOWN"
    USERDB.unlink()


@pytest.mark.parametrize("call", ["authenticate", "acct_mgmt"])
def test_rule_23_the_library_is_missing(call: str) -> None:
    """People of other directories are not kept out by that; whoever is ours, or may be, is."""
    library, away = Path("/usr/lib/kratosd/client.so"), Path("/usr/lib/kratosd/away.so")
    library.rename(away)
    try:
        assert check(call=call)[0] == "USER_UNKNOWN"
        with UserDatabase(says(NO_RECORD)):
            assert check(call=call)[0] == "USER_UNKNOWN"
        with UserDatabase(ANSWERS["a record"]):
            assert check(call=call)[0] == "SYSTEM_ERR"
        assert check("alice", call)[0] == check("nobody-here", call)[0] == "SYSTEM_ERR"
    finally:
        away.rename(library)


ANSWERS: dict[str, Behaviour] = {
    "a record": says(b'{"parameters":{"record":{"userName":"elsa"},"incomplete":false}}\0'),
    "a long record": says(b'{"parameters":{"record":{"userName":"' + b"e" * 100000 + b'"}}}\0'),
    "the error inside a record": says(b'{"parameters":{"record":' + NO_RECORD[:-1] + b"}}\0"),
    "no verdict": says(b'{"error":"io.systemd.UserDatabase.ServiceNotAvailable","parameters":{}}\0'),
    "another service": says(b'{"error":"io.systemd.UserDatabase.BadService","parameters":{}}\0'),
    "a longer error": says(NO_RECORD.replace(b"Found", b"FoundYet")),
    "no end": says(NO_RECORD[:-1]),
    "nothing": says(),
    "an empty answer": says(b"\0" + NO_RECORD),
    "more than enough": floods,
}


@pytest.mark.parametrize("call", ["authenticate", "acct_mgmt"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_rule_5_rule_36_anything_else_refuses(answer: str, call: str) -> None:
    with UserDatabase(ANSWERS[answer]) as database:
        code, took = check(call=call)
        assert code == "AUTHINFO_UNAVAIL" and took < 1
        assert database.calls == [CALL]


@pytest.mark.parametrize("behaviour", [silent, says(*[b"x"] * 100, pause=0.1)])
def test_rule_17_one_that_does_not_come_to_an_end(behaviour: Behaviour) -> None:
    with UserDatabase(behaviour):
        code, took = check()
        assert code == "AUTHINFO_UNAVAIL" and 1.9 < took < 3


def test_rule_17_nobody_accepts() -> None:
    """A queue that is full, as that of a stopped kratosd."""
    USERDB.parent.mkdir(mode=0o711, exist_ok=True)
    USERDB.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(USERDB))
        listener.listen(0)
        first.connect(str(USERDB))
        code, took = check()
        assert code == "AUTHINFO_UNAVAIL" and 1.9 < took < 3
    USERDB.unlink()


@pytest.mark.parametrize("impostor", ["root", "games"])
def test_rule_7_whoever_listens_is_not_kratosd(impostor: str) -> None:
    """And does not hear who wants to come in."""
    with UserDatabase(says(NO_RECORD), user=impostor) as database:
        assert check()[0] == "AUTHINFO_UNAVAIL"
        assert database.calls == []


def test_rule_5_kratosd_comes_between_the_questions() -> None:
    """Then it may be kratosd from whom the name service has the name."""
    with UserDatabase(says(NO_RECORD), ANSWERS["a record"]) as database:
        assert check()[0] == "AUTHINFO_UNAVAIL"
        assert database.calls == [CALL, CALL]


def test_rule_36_others_are_not_asked_about() -> None:
    """Neither who is certainly ours, nor who is certainly not."""
    with UserDatabase(says(NO_RECORD)) as database:
        for user, code in ("alice", "AUTHINFO_UNAVAIL"), ("bob", "USER_UNKNOWN"), ("lokal", "USER_UNKNOWN"):
            assert check(user)[0] == code
        assert check("root")[0] == "USER_UNKNOWN"
        assert database.calls == []
