"""kratosd.conf and its drop-ins, local-users, and what is said of mistakes in them."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Caller, refusal, slow_refusal, start
from faultserver import FaultServer
from logging_in import nothing_left

from world.daemon import DROP_INS, PROGRAM, Daemon, unit
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.paths import CONFIGURATION, LOCAL_USERS, STATE, TREE, WORLD
from world.processes import wait_until

GOOD = "[Kratos]\nPublicURL=http://127.0.0.1:433\n"

# What is added to a good file of two lines, the line that is wrong, and what is said of it.
MISTAKES: dict[str, tuple[str, int, list[str]]] = {
    "URL": ("PublicURL=id.example.org\n", 3, ["PublicURL=id.example.org", "https://HOST"]),
    "URL with a user": ("AdminURL=https://a:b@id.example.org\n", 3, ["AdminURL=", "no user, password"]),
    "port": ("PublicURL=http://127.0.0.1:4433\n", 3, ["PublicURL=http://127.0.0.1:4433", "below 1024"]),
    "plain http": ("PublicURL=http://id.example.org\n", 3, ["PublicURL=", "https:// or unix:"]),
    "relative socket": ("PublicURL=unix:kratos.sock\n", 3, ["PublicURL=", "unix:/PATH/TO/SOCKET"]),
    "the second of two": ("PublicURL=https://a.example.org b\n", 3, ["PublicURL=b", "https://HOST"]),
    "nine": ("AdminURL=" + "https://a " * 9 + "\n", 3, ["AdminURL=", "at most 8"]),
    "CAFile": ("CAFile=ca.pem\n", 3, ["CAFile=ca.pem", "absolute path"]),
    "no CAFile": ("CAFile=/nonexistent/ca.pem\n", 3, ["CAFile=/nonexistent/ca.pem", "cannot be read"]),
    "Proxy": ("Proxy=socks5://a:1080\n", 3, ["Proxy=socks5://a:1080", "http://HOST:PORT"]),
    "ServerUser": ("ServerUser=ghost\n", 3, ["ServerUser=ghost", "no such user"]),
    "span": ("TimeoutSec=soon\n", 3, ["TimeoutSec=soon", "such as 10s"]),
    "no span": ("ConnectTimeoutSec=\n", 3, ["ConnectTimeoutSec=", "such as 10s"]),
    "zero": ("TimeoutSec=0\n", 3, ["TimeoutSec=0", "such as 10s"]),
    "negative": ("TimeoutSec=-5s\n", 3, ["TimeoutSec=-5s", "such as 10s"]),
    "unit": ("TimeoutSec=5 parsecs\n", 3, ["TimeoutSec=5 parsecs", "such as 10s"]),
    "too large": ("[Sessions]\nOpenTimeoutSec=99999999999999d\n", 4, ["OpenTimeoutSec=", "such as 10s"]),
    "too long": ("TimeoutSec=11s\n", 3, ["TimeoutSec=11s", "at most 10s"]),
    "longer than in all": ("ConnectTimeoutSec=8s\nTimeoutSec=7s\n", 0, ["ConnectTimeoutSec=", "TimeoutSec="]),
    "no %u": ("[Accounts]\nIdentifier=alice\n", 4, ["Identifier=alice", "one %u"]),
    "two %u": ("[Accounts]\nIdentifier=%u%u\n", 4, ["Identifier=%u%u", "one %u"]),
    "another %": ("[Accounts]\nIdentifier=%u%n\n", 4, ["Identifier=%u%n", "one %u"]),
    "level": ("[Log]\nLevel=verbose\n", 4, ["Level=verbose", "error, warning, notice, info or debug"]),
    "Access": ("[Access]\nAllowGroup=people\n", 4, ["AllowGroup=", "no such key in [Access]"]),
    "Service": ("[Service sshd]\nRequire=aal2\n", 4, ["Require=", "no such key in [Service sshd]"]),
    "Service alone": ("[Service]\nRequire=aal2\n", 4, ["Require=", "no such key in [Service]"]),
    "no equals sign": ("TimeoutSec 5s\n", 3, ["KEY=VALUE"]),
    "no bracket": ("[Log\nLevel=info\n", 3, ["[NAME]"]),
    "a value on two lines": ("PublicURL=https://a\n  https://b\n", 4, ["one line"]),
    "long line": ("CAFile=/" + "x" * 300 + "\n", 3, ["longer than"]),
}

WARNINGS = {
    "key": ("TimeOutSec=5s\n", 3, ["TimeOutSec=", "no such key in [Kratos]"]),
    "section": ("[Offline]\nMaxAge=5d\n", 4, ["MaxAge=", "no such key in [Offline]"]),
    "key in the wrong section": ("[Log]\nTimeoutSec=5s\n", 4, ["TimeoutSec=", "no such key in [Log]"]),
    "another case": ("publicurl=https://id.example.org\n", 3, ["publicurl=", "no such key in [Kratos]"]),
}


def places(text: str, kind: str) -> list[tuple[str, int, str]]:
    """The mistakes, or warnings, that --check-config tells: file, line (0: the whole), sentence."""
    found = re.findall(rf"^([^:\n]+)(?::(\d+))?: {kind}: (.*)$", text, re.M)
    return [(file, int(line or 0), sentence) for file, line, sentence in found]


class TestMistakes:
    @pytest.mark.parametrize("name", MISTAKES)
    def test_it_is_named_and_kratosd_does_not_start(
        self, stopped_daemon: Daemon, journal: Journal, name: str
    ) -> None:
        text, line, words = MISTAKES[name]
        stopped_daemon.write_configuration(GOOD + text)
        checked = stopped_daemon.check_config()
        assert (checked.returncode, checked.stdout) == (os.EX_CONFIG, "")
        ((file, told, sentence),) = places(checked.stderr, "error")
        assert (file, told) == (str(CONFIGURATION), line)
        assert all(word in sentence for word in words), sentence

        stopped_daemon.spawn_only()
        assert stopped_daemon.wait() == os.EX_CONFIG
        place = f"{CONFIGURATION}:{line}: " if line else f"{CONFIGURATION}: "
        journal.wait(MESSAGE=place + sentence, PRIORITY="3")

    def test_all_are_named_at_once(self, stopped_daemon: Daemon) -> None:
        stopped_daemon.write_configuration(
            "[Kratos]\nAdminURL=x\nTimeoutSec=x\n[Log]\nLevel=x\n[Access]\nx=y\n[Accounts]\nIdentifier=x\n"
        )
        checked = stopped_daemon.check_config()
        lines = [line for _, line, _ in places(checked.stderr, "error")]
        assert lines == [2, 3, 5, 7, 9]

    def test_a_long_line_is_one_line(self, stopped_daemon: Daemon) -> None:
        """Wherever it may be cut, its end is not taken for another line, and the next line is told by
        its own number."""
        wrong = {}
        for length in range(180, 200):
            comment = "# ".ljust(length, "-") + "Level=x\n"
            stopped_daemon.write_configuration(GOOD + comment + "TimeoutSec=x\n")
            told = places(stopped_daemon.check_config().stderr, "error")
            lines = [(line, sentence) for _, line, sentence in told if "longer than" not in sentence]
            if lines[0][0] != 4 or len(lines) > 1 or len(told) > 2:
                wrong[length] = told
        assert wrong == {}

    @pytest.mark.parametrize("name", WARNINGS)
    def test_an_unknown_key_is_a_warning(
        self, stopped_daemon: Daemon, journal: Journal, name: str
    ) -> None:
        text, line, words = WARNINGS[name]
        stopped_daemon.write_configuration(GOOD + text)
        checked = stopped_daemon.check_config()
        assert checked.returncode == os.EX_OK
        ((file, told, sentence),) = places(checked.stderr, "warning")
        assert (file, told) == (str(CONFIGURATION), line)
        assert all(word in sentence for word in words), sentence
        stopped_daemon.start()
        journal.wait(MESSAGE=f"{CONFIGURATION}:{line}: {sentence}", PRIORITY="4")

    def test_what_only_root_can_read(self, stopped_daemon: Daemon) -> None:
        """Root, who asks, could read it."""
        stopped_daemon.write_configuration(GOOD)
        DROP_INS.mkdir(exist_ok=True)
        own = DROP_INS / "own.conf"
        own.write_text("[Log]\nLevel=info\n")
        own.chmod(0o600)
        checked = stopped_daemon.check_config()
        assert (checked.returncode, checked.stdout) == (os.EX_CONFIG, "")
        assert [file for file, _, _ in places(checked.stderr, "error")] == [str(own)]
        own.chmod(0o644)
        assert stopped_daemon.check_config().returncode == os.EX_OK

    def test_the_same_section_again(self, stopped_daemon: Daemon) -> None:
        stopped_daemon.write_configuration(GOOD + "[Log]\nLevel=info\n[Kratos]\nTimeoutSec=x\n")
        checked = stopped_daemon.check_config()
        assert places(checked.stderr, "error")[0][1] == 6

    @pytest.mark.parametrize("text", ["", "# nothing\n", "[Log]\nLevel=info\n", "[Kratos]\nPublicURL=\n"])
    def test_without_an_address(self, stopped_daemon: Daemon, text: str) -> None:
        stopped_daemon.write_configuration(text)
        checked = stopped_daemon.check_config()
        assert checked.returncode == os.EX_OK
        assert f"{CONFIGURATION}: warning: PublicURL= in [Kratos] is missing" in checked.stderr

    def test_no_file(self, stopped_daemon: Daemon, journal: Journal) -> None:
        CONFIGURATION.unlink()
        checked = stopped_daemon.check_config()
        assert checked.returncode == os.EX_CONFIG
        assert f"{CONFIGURATION}: error: cannot be opened: No such file" in checked.stderr
        stopped_daemon.spawn_only()
        assert stopped_daemon.wait() == os.EX_CONFIG
        journal.wait(MESSAGE=f"{CONFIGURATION}: cannot be opened: No such file or directory")

    def test_a_file_that_kratosd_cannot_read(self, stopped_daemon: Daemon, journal: Journal) -> None:
        CONFIGURATION.chmod(0o600)
        stopped_daemon.spawn_only()
        assert stopped_daemon.wait() == os.EX_CONFIG
        journal.wait(MESSAGE=f"{CONFIGURATION}: cannot be opened: Permission denied")

    def test_a_folder_instead(self, stopped_daemon: Daemon) -> None:
        CONFIGURATION.unlink()
        CONFIGURATION.mkdir()
        try:
            assert stopped_daemon.check_config().returncode != os.EX_OK
            stopped_daemon.spawn_only()
            assert stopped_daemon.wait() != os.EX_OK
        finally:
            CONFIGURATION.rmdir()

    def test_what_is_shipped_lacks_only_the_address(self, stopped_daemon: Daemon) -> None:
        shipped = (TREE / "etc/kratosd.conf").read_text()
        stopped_daemon.write_configuration(shipped)
        ((_, line, sentence),) = places(stopped_daemon.check_config().stderr, "warning")
        assert line == 0 and "PublicURL=" in sentence
        stopped_daemon.write_configuration(GOOD, drop_in="local.conf")
        assert stopped_daemon.check_config().returncode == os.EX_OK


class TestGood:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\n  \n# comment\n; comment\n",
            "TimeoutSec = 10s\n",
            "TimeoutSec=1 s 500 ms\nConnectTimeoutSec=900ms\n",
            "TimeoutSec=5\n",
            "PublicURL=\nPublicURL=https://id.example.org/kratos/ https://[2001:db8::1]:8443\n",
            "AdminURL=unix:/run/kratos/admin.sock:/path unix:/run/kratos/admin.sock\n",
            "AdminURL=http://localhost:434 http://[::1]:434 http://127.1.2.3:80\n",
            "CAFile=/etc/passwd\nCAFile=\n",
            "Proxy=http://proxy.example.org:3128\nServerUser=bob\n",
            "[Accounts]\nIdentifier=%u@example.org\n",
            "[Sessions]\nOpenTimeoutSec=5min\n[Log]\nLevel=error\n",
            "[Access]\n[Service sshd]\n# nothing yet\n",
        ],
    )
    def test_it_is_taken(self, stopped_daemon: Daemon, text: str) -> None:
        stopped_daemon.write_configuration(GOOD + text)
        checked = stopped_daemon.check_config()
        assert (checked.returncode, checked.stderr) == (os.EX_OK, "")
        assert checked.stdout == "The configuration is good.\n"

    def test_lines_that_end_as_in_dos(self, stopped_daemon: Daemon) -> None:
        stopped_daemon.write_configuration(GOOD.replace("\n", "\r\n"))
        assert stopped_daemon.check_config().returncode == os.EX_OK

    def test_without_a_newline_at_the_end(self, stopped_daemon: Daemon) -> None:
        stopped_daemon.write_configuration(GOOD.rstrip("\n"))
        assert stopped_daemon.check_config().returncode == os.EX_OK


class TestSealKey:
    """The credential kratosd.seal-key, else seal.key in the state directory."""

    @pytest.fixture
    def credentials(self) -> Iterator[Path]:
        """Where systemd puts them."""
        folder = WORLD / "credentials"
        folder.mkdir()
        yield folder
        shutil.rmtree(folder)

    @staticmethod
    def put(file: Path, key: bytes) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(key)
        shutil.chown(file, "kratosd")

    @pytest.mark.parametrize("place", ["credential", "state"])
    @pytest.mark.parametrize("size", [0, 31, 33, 44])
    def test_one_of_a_wrong_size_is_not_tried_again(
        self, stopped_daemon: Daemon, journal: Journal, credentials: Path, place: str, size: int
    ) -> None:
        """It is a mistake like any other: with another status, systemd would start kratosd five times a
        second for ever."""
        made = STATE / "seal.key"
        file = credentials / "kratosd.seal-key" if place == "credential" else made
        self.put(file, b"k" * size)
        stopped_daemon.spawn_only(CREDENTIALS_DIRECTORY=str(credentials))
        assert stopped_daemon.wait() == os.EX_CONFIG
        assert str(os.EX_CONFIG) in unit()["RestartPreventExitStatus"]
        told = journal.wait(PRIORITY="3")["MESSAGE"]
        assert file.name in told and "32 bytes" in told
        # Nothing was made or changed instead.
        assert file.read_bytes() == b"k" * size and (file == made or not made.exists())

    def test_one_that_cannot_be_had_now_is_tried_again(
        self, stopped_daemon: Daemon, journal: Journal
    ) -> None:
        """Here the disk is full, which passes."""
        STATE.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "full", STATE], check=True)
        try:
            stopped_daemon.spawn_only()
            assert stopped_daemon.wait() == os.EX_OSERR
        finally:
            subprocess.run(["umount", STATE], check=True)
        assert str(os.EX_OSERR) not in unit()["RestartPreventExitStatus"]
        wait_until(
            lambda: any(
                "key" in entry["MESSAGE"] and "No space left" in entry["MESSAGE"]
                for entry in journal.entries(PRIORITY="3")
            ),
            "it says so",
        )

    def test_one_of_32_bytes_is_taken(self, stopped_daemon: Daemon, credentials: Path) -> None:
        self.put(credentials / "kratosd.seal-key", os.urandom(32))
        stopped_daemon.start(CREDENTIALS_DIRECTORY=str(credentials))
        assert not (STATE / "seal.key").exists()


class TestDropIns:
    def test_in_the_order_of_their_names(
        self, proxy: FaultServer, stopped_daemon: Daemon, alice: Identity, root: Caller
    ) -> None:
        """The last word counts; addresses add up, and an empty one begins anew."""
        write = stopped_daemon.write_configuration
        write("[Kratos]\nPublicURL=http://127.0.0.1:440\n[Accounts]\nIdentifier=1%u\n")
        write("[Accounts]\nIdentifier=%u\n", drop_in="90-last.conf")
        write("[Accounts]\nIdentifier=2%u\n", drop_in="10-first.conf")
        write(f"[Kratos]\nPublicURL=\nPublicURL={proxy.url}\n", drop_in="50-address.conf")
        write("[Accounts]\nIdentifier=3%u\n", drop_in="99-no-drop-in.conf~")
        write("[Accounts]\nIdentifier=4%u\n", drop_in=".99-hidden.conf")
        start(stopped_daemon)
        root.cancel(root.login("alice", alice.password))
        (request,) = proxy.of("login")
        assert request.json["identifier"] == "alice"

    def test_a_mistake_is_named_with_its_file(self, stopped_daemon: Daemon, journal: Journal) -> None:
        stopped_daemon.write_configuration("# one\n[Log]\nLevel=loud\n", drop_in="50-log.conf")
        file = str(DROP_INS / "50-log.conf")
        ((told, line, sentence),) = places(stopped_daemon.check_config().stderr, "error")
        assert (told, line) == (file, 3) and "Level=loud" in sentence
        stopped_daemon.spawn_only()
        assert stopped_daemon.wait() == os.EX_CONFIG
        journal.wait(MESSAGE=f"{file}:3: {sentence}")

    @pytest.mark.parametrize("what", ["file", "folder"])
    def test_one_that_kratosd_cannot_read(
        self, stopped_daemon: Daemon, journal: Journal, what: str
    ) -> None:
        """It is not passed over: what stands in it might keep people out."""
        stopped_daemon.write_configuration("[Log]\nLevel=info\n", drop_in="50-log.conf")
        unreadable = DROP_INS if what == "folder" else DROP_INS / "50-log.conf"
        unreadable.chmod(0o700 if what == "folder" else 0o600)
        stopped_daemon.spawn_only()
        up = "org.kratosd1 is on the system bus"
        wait_until(
            lambda: not stopped_daemon.running or journal.entries(MESSAGE=up), "it has ended or is up"
        )
        assert not stopped_daemon.running and stopped_daemon.wait() == os.EX_CONFIG
        assert str(unreadable) in journal.wait(PRIORITY="3")["MESSAGE"]


class TestLocalUsers:
    ID = "9f425a8d-7efc-4768-8f23-7647a74fdf13"

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("Alice  {id}", "user name"),
            ("root  {id}", "root"),
            ("alice", "identity's id"),
            ("alice  alice", "identity's id"),
            ("alice  {upper}", "identity's id"),
            ("alice  {id}  always", "fallback"),
            ("alice  {id}  fallback  fallback", "fourth word"),
            ("bob  {id}", "above already"),
        ],
    )
    def test_a_mistake_is_named_and_kratosd_starts(
        self, stopped_daemon: Daemon, journal: Journal, line: str, words: str
    ) -> None:
        line = line.format(id=self.ID, upper=self.ID.upper())
        LOCAL_USERS.write_text(f"# people\nbob  {self.ID}\n{line}\ncarol  -  fallback # a comment\n")
        checked = stopped_daemon.check_config()
        assert checked.returncode == os.EX_CONFIG
        ((file, told, sentence),) = places(checked.stderr, "error")
        assert (file, told) == (str(LOCAL_USERS), 3) and words in sentence
        stopped_daemon.start()
        journal.wait(MESSAGE=f"{LOCAL_USERS}:3: {sentence}", PRIORITY="4")

    @pytest.mark.parametrize("case", ["writable by others", "not root's", "a folder", "unreadable"])
    def test_a_list_that_is_of_no_use_is_named(
        self, stopped_daemon: Daemon, journal: Journal, case: str
    ) -> None:
        """Nobody in it can log in, and that is not left to be guessed."""
        try:
            self.spoil(case)
            checked = stopped_daemon.check_config()
            stopped_daemon.start()
            told = [entry["MESSAGE"] for entry in journal.entries(SYSLOG_IDENTIFIER="kratosd")]
        finally:
            subprocess.run(["rm", "-rf", LOCAL_USERS], check=True)
        assert any(message.startswith(str(LOCAL_USERS)) for message in told), told
        # What root, who asks, can read all the same, is no mistake to see.
        if case != "unreadable":
            assert checked.returncode == os.EX_CONFIG
            assert checked.stderr.startswith(f"{LOCAL_USERS}: error: ")

    @staticmethod
    def spoil(case: str) -> None:
        if case == "writable by others":
            LOCAL_USERS.chmod(0o666)
        elif case == "not root's":
            os.chown(LOCAL_USERS, 2002, 2002)
        elif case == "unreadable":
            LOCAL_USERS.chmod(0o600)
        else:
            LOCAL_USERS.unlink()
            LOCAL_USERS.mkdir()

    def test_it_may_be_absent(self, stopped_daemon: Daemon) -> None:
        LOCAL_USERS.unlink()
        assert stopped_daemon.check_config().returncode == os.EX_OK


class TestReload:
    def reload(self, daemon: Daemon, journal: Journal, words: str) -> None:
        since = journal.mark()
        daemon.signal(signal.SIGHUP)
        wait_until(
            lambda: any(words in entry["MESSAGE"] for entry in journal.entries(since)), "it is reloaded"
        )

    def test_a_good_one(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        root: Caller,
        journal: Journal,
    ) -> None:
        """It counts from the next login on; sessions and logins that are there go on."""
        session = root.open("alice", root.login("alice", alice.password))
        attempt = root.login("alice", alice.password)
        daemon.configure(Kratos={"PublicURL": kratos.public_url}, Accounts={"Identifier": "%u@nowhere"})
        self.reload(daemon, journal, "was read again")
        asked = len(proxy.requests)
        assert slow_refusal(root.login, "alice", alice.password) == "BadCredentials"
        assert len(proxy.requests) == asked
        daemon.configure(Accounts={"Identifier": None})
        self.reload(daemon, journal, "was read again")
        root.cancel(root.login("alice", alice.password))
        root.close(session)
        root.close(root.open("alice", attempt))
        nothing_left(kratos)

    @pytest.mark.parametrize(
        "text", ["[Kratos]\nPublicURL=x\n", "", "[Access]\nx=y\n" + GOOD, GOOD + "TimeoutSec=11s\n"]
    )
    def test_a_bad_one(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller, journal: Journal, text: str
    ) -> None:
        """The old one stays, and every mistake is named."""
        daemon.write_configuration(text)
        since = journal.mark()
        self.reload(daemon, journal, "the old one stays")
        told = [entry["MESSAGE"] for entry in journal.entries(since) if entry["PRIORITY"] in ("3", "4")]
        assert any(message.startswith(str(CONFIGURATION)) for message in told)
        root.cancel(root.login("alice", alice.password))
        nothing_left(kratos)

    def test_the_log_level(self, daemon: Daemon, alice: Identity, root: Caller, journal: Journal) -> None:
        daemon.configure(Log={"Level": "warning"})
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: self.is_silent(root, alice, journal), "no login is told of any more")
        daemon.configure(Log={"Level": "info"})
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: not self.is_silent(root, alice, journal), "logins are told of again")

    @staticmethod
    def is_silent(root: Caller, alice: Identity, journal: Journal) -> bool:
        since = journal.mark()
        root.cancel(root.login("alice", alice.password))
        time.sleep(0.2)
        return not journal.entries(since, KRATOSD_EVENT="login-granted")

    def test_a_login_in_flight_keeps_the_one_it_began_with(
        self,
        proxy: FaultServer,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        root: Caller,
        journal: Journal,
    ) -> None:
        """Or is told that it must begin again; it is never refused for it."""
        attempt = root.begin("alice")
        proxy.wait("flow")
        daemon.configure(Kratos={"PublicURL": kratos.public_url})
        self.reload(daemon, journal, "was read again")
        assert refusal(root.answer, attempt, alice.password) == ""
        root.cancel(attempt)
        nothing_left(kratos)


class TestCommandLine:
    @staticmethod
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, cwd="/", timeout=10)

    def test_version(self) -> None:
        result = self.run("--version")
        assert result.returncode == 0 and re.fullmatch(r"kratosd \d+(\.\d+)*\S*\n", result.stdout)

    def test_help(self) -> None:
        result = self.run("--help")
        assert result.returncode == 0
        for option in "--check-config", "--version", "--help":
            assert option in result.stdout

    @pytest.mark.parametrize("words", [["--config=/tmp/x"], ["--debug"], ["start"], ["--check-config=x"]])
    def test_rule_9_nothing_else(self, words: list[str]) -> None:
        result = self.run(*words)
        assert result.returncode == os.EX_USAGE and result.stderr


class TestWithoutAnAddress:
    """As a package installs it."""

    def test_nobody_is_a_person_of_kratos(
        self, stopped_daemon: Daemon, kratos: Kratos, alice: Identity, root: Caller, journal: Journal
    ) -> None:
        configuration = CONFIGURATION.read_text()
        stopped_daemon.write_configuration("")
        stopped_daemon.start()
        assert refusal(root.begin, "nobody-here") == "UnknownUser"
        assert refusal(root.begin, "nobody-here", purpose="refuse") == "UnknownUser"
        stopped_daemon.write_configuration(configuration)
        stopped_daemon.signal(signal.SIGHUP)
        wait_until(lambda: refusal(root.begin, "nobody-here", purpose="refuse") == "", "it is read again")
        root.cancel(root.login("alice", alice.password))
        nothing_left(kratos)
