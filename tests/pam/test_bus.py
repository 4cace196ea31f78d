"""A bus or a daemon that is not there, dies, is flooded, or is somebody else: never success."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import (
    BEGIN, GRANTED, LOGIN, PASSWORD_PROMPT, PROGRAMS, SECOND_LOGIN, UNAVAILABLE, WHOLE, Driver, drive,
    error, login, reply, result, spent,
)  # fmt: skip

from world.bus import SOCKET, Bus
from world.elsewhere import another_directory
from world.paths import LOCAL_USERS, WORLD

UNREACHABLE = "kratosd cannot be reached"
EVERYTHING = ("authenticate", "answer right", "acct_mgmt", "open_session")

# What each kind of user gets while kratosd cannot be reached: ours, ours with a fallback, one whom
# another directory knows, one whom nobody knows, and those whom it does not concern.
WITHOUT_DAEMON = {
    "alice": "AUTHINFO_UNAVAIL",
    "bob": "USER_UNKNOWN",
    "elsa": "USER_UNKNOWN",
    "nobody-here": "AUTHINFO_UNAVAIL",
    "lokal": "USER_UNKNOWN",
    "root": "USER_UNKNOWN",
}


@pytest.fixture(autouse=True, scope="module")
def elsewhere() -> None:
    """Another directory on the same host, which knows elsa."""
    another_directory()


@pytest.fixture
def open_bus(bus: Bus) -> Iterator[Bus]:
    """A bus on which anybody may be kratosd, and be called."""
    policy = Path("/usr/share/dbus-1/system.d/anybody.conf")
    policy.write_text(
        '<busconfig><policy context="default"><allow own_prefix="org.kratosd1"/>'
        '<allow send_destination="org.kratosd1"/><allow send_destination="org.kratosd1.User"/>'
        "</policy></busconfig>"
    )
    bus.restart()
    yield bus
    policy.unlink()
    bus.restart()


def check_all(seconds: float) -> None:
    """Everybody gets what is right, in this time."""
    for user, code in WITHOUT_DAEMON.items():
        output = drive("timed", f"start driver {user}", "authenticate", "acct_mgmt", "setcred", "open_session")
        for call in "authenticate", "acct_mgmt":
            got, took = spent(output, call)
            assert got == code, (user, call)
            assert took < seconds, (user, call)
        assert spent(output, "open_session") == ("SUCCESS" if user in ("alice", "bob") else "IGNORE", pytest.approx(0, abs=0.5))


class TestAbsent:
    def test_rule_3_no_daemon(self, bus, log) -> None:
        check_all(1)
        assert log() == [
            f"auth): refused alice: {UNREACHABLE}",
            f"account): refused alice: {UNREACHABLE}",
            "auth): no verdict on bob: the next module decides, as /etc/kratosd/local-users says",
            "account): no verdict on bob: the next module decides, as /etc/kratosd/local-users says",
            f"auth): refused nobody-here: {UNREACHABLE}",
            f"account): refused nobody-here: {UNREACHABLE}",
        ]

    def test_rule_3_no_bus(self, bus) -> None:
        bus.stop()
        SOCKET.unlink(missing_ok=True)
        check_all(1)

    def test_rule_3_nobody_listens(self, bus) -> None:
        bus.kill()
        with socket.socket(socket.AF_UNIX) as sock:
            SOCKET.unlink(missing_ok=True)
            sock.bind(str(SOCKET))
            check_all(1)
        SOCKET.unlink()

    def test_rule_3_a_bus_that_does_not_know_us(self, bus, fake) -> None:
        """dbus-daemon throws out whoever has a uid that its host does not know."""
        fake.start()
        assert drive("start driver alice", "authenticate", user=4242) == UNAVAILABLE
        assert fake.asked() == []

    def test_rule_3_no_prompt_without_a_daemon(self, bus) -> None:
        assert drive("start driver alice", "authenticate") == UNAVAILABLE

    def test_a_daemon_that_dies_before_the_session(self, fake) -> None:
        fake.start()
        for user in "alice", "bob":
            driver = Driver().send(f"start driver {user}", "authenticate", "answer right")
            driver.expect("hidden: Password: ").expect("authenticate: SUCCESS")
            fake.kill()
            assert driver.send("open_session", "fifos").finish() == ["open_session: AUTHINFO_UNAVAIL", "fifos: 0"]
            fake.start()

    def test_a_daemon_that_dies_during_the_session(self, fake) -> None:
        fake.start()
        driver = Driver().send("start driver alice", "authenticate", "answer right", "open_session")
        for line in *WHOLE[:2], "open_session: SUCCESS":
            driver.expect(line)
        fake.kill()
        assert driver.send("close_session", "fifos", "end").finish() == ["close_session: SUCCESS", "fifos: 0"]


class TestDies:
    @pytest.mark.parametrize("way", ["exit", "disconnect"])
    @pytest.mark.parametrize(
        ("method", "call"),
        [
            ("BeginLogin", "authenticate"),
            ("Answer", "authenticate"),
            ("CheckAccount", "acct_mgmt"),
            ("OpenSession", "open_session"),
        ],
    )
    def test_rule_3_killed_mid_call(self, fake, method: str, call: str, way: str) -> None:
        fake.start(f"{method}\t{way}")
        output = drive("timed", "start driver alice", *EVERYTHING, "fifos")
        code, took = spent(output, call)
        assert code == "AUTHINFO_UNAVAIL" and took < 1.5
        assert output[-1] == "fifos: 0"

    def test_killed_at_close(self, fake) -> None:
        fake.start("CloseSession\texit")
        assert drive(*login()) == WHOLE

    def test_rule_36_killed_mid_answer_with_a_fallback(self, fake) -> None:
        fake.start("Answer\texit")
        assert result(drive("start driver bob", *EVERYTHING[:2]), "authenticate") == "USER_UNKNOWN"

    def test_started_again_while_somebody_types(self, fake) -> None:
        """Another connection with another unique name, which is checked anew; and another login."""
        fake.start()
        driver = Driver().send("start driver alice", "authenticate").expect("hidden: Password: ")
        second = reply("BeginLogin", f"s={SECOND_LOGIN}", *PASSWORD_PROMPT)
        fake.start(second, GRANTED)
        assert driver.send("answer right").finish() == ["authenticate: SUCCESS"]
        assert fake.asked() == ["BeginLogin", "Answer"]

    def test_gone_while_somebody_types(self, fake) -> None:
        for user, code in ("alice", "AUTHINFO_UNAVAIL"), ("bob", "USER_UNKNOWN"):
            fake.start()
            driver = Driver().send(f"start driver {user}", "authenticate").expect("hidden: Password: ")
            fake.kill()
            told = UNAVAILABLE[:1] if user == "alice" else []
            assert driver.send("answer right").finish() == [*told, f"authenticate: {code}"]

    def test_the_bus_starts_again_while_somebody_types(self, bus, fake) -> None:
        fake.start()
        driver = Driver().send("start driver alice", "authenticate").expect("hidden: Password: ")
        bus.restart()
        fake.start()
        assert driver.send("answer right").finish() == ["authenticate: SUCCESS"]


class TestFlooded:
    @pytest.fixture
    def flood(self, bus) -> Iterator[None]:
        """nobody opens connections without end, and never says who it is."""
        program = (
            "import resource, socket\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))\n"
            "held = []\n"
            "while True:\n"
            "    s = socket.socket(socket.AF_UNIX)\n"
            "    try:\n"
            f"        s.connect({str(SOCKET)!r})\n"
            "    except OSError:\n"
            "        held = held[100:]\n"
            "        continue\n"
            "    held.append(s)\n"
            "    if len(held) == 3000:\n"
            "        held = held[1500:]\n"
        )
        children = [
            subprocess.Popen(
                [sys.executable, "-c", program], user="nobody", group="nogroup", extra_groups=[],
                env={}, cwd="/",
            )
            for _ in range(2)
        ]  # fmt: skip
        yield
        for child in children:
            child.kill()
            child.wait()

    def test_rule_3_flooded_with_connections(self, bus, fake, flood) -> None:
        fake.start()
        time.sleep(1)
        for _ in range(3):
            output = drive("timed", "start driver alice", "authenticate", "answer right")
            code, took = spent(output, "authenticate")
            assert (code == "SUCCESS" and took < 5) or (code == "AUTHINFO_UNAVAIL" and took < 5)
        assert spent(drive("timed", "start driver lokal", "authenticate"), "authenticate")[1] < 0.5

    def test_rule_3_nobody_accepts(self, bus, log) -> None:
        """A queue that is full, as that of a stopped bus that was flooded."""
        bus.kill()
        SOCKET.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
            listener.bind(str(SOCKET))
            listener.listen(0)
            first.connect(str(SOCKET))
            code, took = spent(drive("timed", "start driver alice", "authenticate"), "authenticate")
            assert code == "AUTHINFO_UNAVAIL" and 1.9 < took < 3
        SOCKET.unlink()
        assert log() == [f"auth): refused alice: {UNREACHABLE}"]


class TestImpostors:
    IMPOSTOR = "whoever answers is not kratosd"

    @pytest.mark.parametrize("user", ["alice", "bob", "elsa", "nobody-here"])
    def test_rule_7_a_bus_that_is_not_roots(self, bus, log, user: str) -> None:
        """It does not even get to hear who we are."""
        bus.kill()
        place = WORLD / "open/bus"
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            os.seteuid(65534)
            try:
                listener.bind(str(place))
                listener.listen()
            finally:
                os.seteuid(0)
            os.rename(place, SOCKET)
            output = drive(f"start driver {user}", "authenticate", "acct_mgmt")
            assert output == ["authenticate: SYSTEM_ERR", "acct_mgmt: SYSTEM_ERR"]
            listener.settimeout(5)
            for _ in range(2):
                with listener.accept()[0] as connection:
                    assert connection.recv(100) == b""
        SOCKET.unlink()
        assert log() == [f"{phase}): refused {user}: {self.IMPOSTOR}" for phase in ("auth", "account")]

    @pytest.mark.parametrize("impostor", ["games", "root", "messagebus", "alice"])
    def test_rule_7_an_owner_that_is_not_kratosd(self, open_bus, fake, log, impostor: str) -> None:
        """It may hear who wants to log in, but nothing it says counts, and no answer goes there."""
        fake.start(user=impostor)
        for user in "alice", "bob", "elsa":
            output = drive(f"start driver {user}", "authenticate", "acct_mgmt")
            assert output == ["authenticate: SYSTEM_ERR", "acct_mgmt: SYSTEM_ERR"]
        assert "Answer" not in fake.asked()
        assert set(log()) == {
            f"{phase}): refused {user}: {self.IMPOSTOR}"
            for phase in ("auth", "account")
            for user in ("alice", "bob", "elsa")
        }

    def test_rule_7_the_owner_changes_while_somebody_types(self, open_bus, fake) -> None:
        fake.start()
        driver = Driver().send("start driver alice", "authenticate").expect("hidden: Password: ")
        fake.start(user="games")
        assert driver.send("answer right").finish() == ["authenticate: SYSTEM_ERR"]
        assert "Answer" not in fake.asked()

    def test_rule_7_another_bus_with_the_same_unique_names(self, open_bus, fake) -> None:
        """A name that was checked counts only on the bus on which it was checked."""
        open_bus.restart()
        fake.start()
        driver = Driver().send("start driver alice", "authenticate").expect("hidden: Password: ")
        open_bus.restart()
        fake.start(user="games")
        assert driver.send("answer right").finish() == ["authenticate: SYSTEM_ERR"]
        assert "Answer" not in fake.asked()

    def test_rule_7_no_user_kratosd(self, fake, log) -> None:
        fake.start()
        passwd = Path("/etc/passwd")
        whole = passwd.read_text()
        lines = [line for line in whole.splitlines(True) if not line.startswith("kratosd:")]
        passwd.write_text("".join(lines))
        try:
            assert drive("start driver alice", "authenticate") == ["authenticate: SYSTEM_ERR"]
        finally:
            passwd.write_text(whole)
        assert "Answer" not in fake.asked()
        assert log() == [f"auth): refused alice: {self.IMPOSTOR}"]

    def test_rule_37_nobody_is_made_root(self, fake, log) -> None:
        """Not even by a daemon and a directory that both say so."""
        fake.start()
        granted = f"putenv KRATOS_LOGIN_ID={LOGIN}"
        output = drive("start driver zero", "authenticate", "acct_mgmt", granted, "open_session", "fifos")
        assert output == [
            "authenticate: SYSTEM_ERR", "acct_mgmt: SYSTEM_ERR", "open_session: SYSTEM_ERR", "fifos: 0",
        ]  # fmt: skip
        assert fake.asked() == ["BeginLogin", "CancelLogin", "CheckAccount", "CancelLogin"]
        refused = "refused zero: uid 0 is never ours"
        assert log() == [f"auth): {refused}", f"account): {refused}", f"session): {refused}"]
        assert result(drive("start driver elsa", "authenticate", "answer right"), "authenticate") == "SUCCESS"

    def test_rule_6_the_environment_is_ignored(self, fake) -> None:
        """None of what libdbus, sd-bus, systemd and the C library would read there changes anything."""
        evil = WORLD / "open/evil"
        fake.start()
        with socket.socket(socket.AF_UNIX) as listener:
            evil.unlink(missing_ok=True)
            listener.bind(str(evil))
            listener.listen()
            listener.settimeout(0.2)
            address = f"unix:path={evil}"
            env = {
                "DBUS_SYSTEM_BUS_ADDRESS": address, "DBUS_SESSION_BUS_ADDRESS": address,
                "DBUS_STARTER_ADDRESS": address, "DBUS_STARTER_BUS_TYPE": "system",
                "SYSTEMD_BUS_TIMEOUT": "1us", "SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console",
                "KRATOS_LOGIN_ID": SECOND_LOGIN, "KRATOSD_BUS": address,
                "CLIENT_LIBRARY": "/nonexistent", "TMPDIR": "/nonexistent", "LANG": "xx", "LC_ALL": "xx",
            }  # fmt: skip
            assert drive(*login(), env=env) == WHOLE
            assert f"OpenSession alice {LOGIN} purpose=login service=driver" in fake.calls()
            with pytest.raises(TimeoutError):
                listener.accept()


class TestBrokenHosts:
    def test_rule_3_the_library_is_missing(self, fake, log) -> None:
        fake.start()
        library = Path("/usr/lib/kratosd/client.so")
        library.rename("/usr/lib/kratosd/away.so")
        try:
            for user in "alice", "bob", "nobody-here":
                output = drive(f"start driver {user}", "authenticate", "acct_mgmt")
                assert output == ["authenticate: SYSTEM_ERR", "acct_mgmt: SYSTEM_ERR"]
            assert drive("start driver lokal", "authenticate") == ["authenticate: USER_UNKNOWN"]
        finally:
            Path("/usr/lib/kratosd/away.so").rename(library)
        assert log()[0] == "auth): refused alice: cannot load /usr/lib/kratosd/client.so"

    def test_rule_3_the_library_is_of_another_version(self, fake) -> None:
        fake.start()
        library, away = Path("/usr/lib/kratosd/client.so"), Path("/usr/lib/kratosd/away.so")
        library.rename(away)
        source = WORLD / "other.c"
        source.write_text("unsigned kratosd_client[16] = { 999 };\n")
        subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
        try:
            assert drive("start driver alice", "authenticate") == ["authenticate: SYSTEM_ERR"]
        finally:
            away.rename(library)

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_rule_23_a_list_that_cannot_be_trusted_lists_nobody(self, fake, log, mode: int) -> None:
        """And so keeps no local person out; the log says why."""
        LOCAL_USERS.write_text("alice -\n")
        os.chmod(LOCAL_USERS, mode)
        fake.start()
        for user in "alice", "lokal":
            output = drive(f"start driver {user}", "authenticate", "acct_mgmt", "open_session")
            expected = ["authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN", "open_session: IGNORE"]
            assert output == expected
        assert fake.asked() == []
        why = "not root's own, or others can write it"
        assert f"auth): /etc/kratosd/local-users is passed over: {why}" in log()

    @pytest.mark.parametrize("text", ["alice\n", "alice -\nalice -\n"])
    def test_rule_36_a_line_that_cannot_be_read(self, fake, log, text: str) -> None:
        """Whose it is is refused; nobody else is."""
        LOCAL_USERS.write_text(text)
        fake.start(error("BeginLogin", "UnknownUser"))
        output = drive("start driver alice", "authenticate", "acct_mgmt", "open_session")
        assert output == ["authenticate: SYSTEM_ERR", "acct_mgmt: SYSTEM_ERR", "open_session: SYSTEM_ERR"]
        for user in "root", "lokal", "nobody-here":
            assert drive(f"start driver {user}", "authenticate") == ["authenticate: USER_UNKNOWN"]
        why = "this user's line is malformed or not the only one"
        assert log()[0] == f"auth): refused alice: /etc/kratosd/local-users or /etc/passwd: {why}"

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_rule_23_a_list_that_cannot_be_trusted(self, fake, log, mode: int) -> None:
        """It lists nobody, and keeps nobody out; and it is told of."""
        LOCAL_USERS.write_text("alice -\n")
        os.chmod(LOCAL_USERS, mode)
        fake.start()
        for user in "alice", "lokal", "root":
            assert drive(f"start driver {user}", "authenticate") == ["authenticate: USER_UNKNOWN"]
        assert fake.asked() == []
        told = "auth): /etc/kratosd/local-users is passed over: not root's own, or others can write it"
        assert log() == [told, told]

    def test_rule_23_root_depends_on_nothing(self, fake) -> None:
        """Not even on a passwd file."""
        fake.start()
        passwd, away = Path("/etc/passwd"), Path("/etc/passwd.away")
        passwd.rename(away)
        try:
            output = drive("start driver root", "authenticate", "acct_mgmt", "open_session")
            assert output == ["authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN", "open_session: IGNORE"]
            for user in "lokal", "alice", "karl":
                assert drive(f"start driver {user}", "authenticate") == ["authenticate: SYSTEM_ERR"]
        finally:
            away.rename(passwd)
        assert fake.asked() == []

    @pytest.mark.parametrize("user", ["alice", "bob"])
    def test_rule_36_no_descriptors_left(self, fake, user: str) -> None:
        """An attacker can start su with few descriptors: nobody is let in, or passed on, by that."""
        fake.start()
        seen = set()
        for limit in range(3, 24):
            output = drive(f"start driver {user}", f"nofile {limit}", *EVERYTHING, "close_session", "end")
            for call in "authenticate", "acct_mgmt", "open_session":
                code = result(output, call)
                seen.add((call, code))
                assert code not in ("USER_UNKNOWN", "IGNORE"), (limit, call)
            if result(output, "authenticate") != "SUCCESS":
                assert "OpenSession" not in fake.asked()
        assert ("authenticate", "SUCCESS") in seen and ("authenticate", "SYSTEM_ERR") in seen
