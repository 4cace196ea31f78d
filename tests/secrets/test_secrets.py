"""Where passwords and session tokens are, after a login: nowhere but sealed in the store. (rules 21, 22, 40)

Each kind of place is searched once for a copy that was put there, to prove that it would be found.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from searching import (
    Login,
    canary,
    in_files,
    in_journal,
    in_memory,
    in_proc,
    pieces,
    planted,
    stands_in,
    start,
)
from world import pam, processes
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos
from world.paths import STATE, WORLD
from world.processes import Service, wait_until

from conftest import SERVICE, Proxy

PAM_SUCCESS, PAM_AUTH_ERR = 0, 7
DATABASE = STATE / "kratosd.db"

Start = Callable[..., Proxy]


@pytest.fixture
def password(stopped_daemon: Daemon, kratos: Kratos) -> str:
    """A canary: the password of alice."""
    password = canary()
    stopped_daemon.map("alice", kratos.create_identity("alice", password).id)
    return password


def sealed_tokens() -> list[bytes]:
    """The tokens in the store as they are sealed, read from a copy: kratosd has the file locked."""
    copy = WORLD / "copy-of-the-store"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(STATE, copy)
    with sqlite3.connect(copy / DATABASE.name) as db:
        found = [row[0] for row in db.execute("SELECT token FROM session WHERE token IS NOT NULL")]
    shutil.rmtree(copy)
    return found


def all_revoked(kratos: Kratos) -> None:
    wait_until(lambda: not kratos.active_sessions(), "every session is revoked", 10)


class TestScan:
    """The scan finds what it is to find."""

    def test_rule_21_finds_a_planted_copy_in_memory(
        self, password: str, daemon: Daemon, bus: Bus
    ) -> None:
        for pid in daemon.pid, bus.pid:
            secret = canary()
            assert not in_memory(pid, secret)
            with planted(pid, secret):
                assert in_memory(pid, secret)
            assert not in_memory(pid, secret)

    def test_rule_21_finds_a_copy_that_a_login_program_keeps(
        self, daemon: Daemon, password: str
    ) -> None:
        login = Login(SERVICE, "alice", password, keep=True)
        assert login.result == PAM_SUCCESS
        login.end()
        assert any("[heap]" in place for place in in_memory(login.pid, password))
        login.exit()

    def test_finds_a_copy_that_is_partly_written_over(self) -> None:
        secret = canary()
        assert stands_in(secret, b"xx" + secret[16:].encode())
        assert stands_in("ory_st_" + secret, secret[3:20].encode())
        assert stands_in(secret, secret[11:23].encode())
        assert not stands_in(secret, secret[:9].encode() + b"-" + secret[9:17].encode())
        assert not any(piece in canary().encode() for piece in pieces(secret))

    def test_rule_22_finds_what_proc_shows(self) -> None:
        secret, other = canary(), canary()
        service = Service("shown")
        program = "import time; print('ready', flush=True); time.sleep(60)"
        service.spawn([sys.executable, "-c", program, f"--password={secret}"], env={"TOKEN": other})
        wait_until(lambda: "ready" in service.log(), "it runs")
        found = in_proc(secret, other)
        assert any("secret 0" in one and "cmdline" in one for one in found)
        assert any("secret 1" in one and "environ" in one for one in found)
        service.kill()

    def test_rule_21_finds_what_the_journal_has(self, journal: Journal) -> None:
        secret = canary()
        subprocess.run(["logger", f"the password is {secret}"], check=True)
        wait_until(lambda: journal.entries(), "it was logged")
        assert in_journal(journal, canary(), secret) == ["secret 1"]

    def test_rule_40_finds_a_deleted_row(self, tmp_path: Path) -> None:
        secret = canary()
        db = sqlite3.connect(tmp_path / "some.db")
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA secure_delete = OFF; CREATE TABLE t (x)")
        with db:
            db.execute("INSERT INTO t VALUES (?)", (secret,))
        with db:
            db.execute("DELETE FROM t")
        assert any("-wal" in place for place in in_files(tmp_path, secret))
        db.close()
        assert in_files(tmp_path, secret)


@pytest.mark.parametrize("scheme", ["http", "https"])
class TestLogin:
    def test_rules_21_and_22_while_the_session_is_open(
        self, scheme: str, password: str, proxies: Start, stopped_daemon: Daemon, bus: Bus, journal: Journal
    ) -> None:
        """Of the daemon, the broker and the login program none has a copy, not even libpam."""
        proxy = proxies(scheme)
        login = Login(SERVICE, "alice", password)
        assert login.result == PAM_SUCCESS
        (token,) = proxy.tokens

        assert not in_memory(stopped_daemon.pid, password, token)
        assert not in_memory(bus.pid, password, token)
        assert not in_memory(login.pid, password, token)
        assert not in_proc(password, token)
        assert not in_journal(journal, password, token)
        assert not in_files(STATE, password, token)
        login.end()
        login.exit()

    def test_rules_21_22_and_40_after_its_end(
        self,
        scheme: str,
        password: str,
        proxies: Start,
        stopped_daemon: Daemon,
        bus: Bus,
        kratos: Kratos,
        journal: Journal,
    ) -> None:
        proxy = proxies(scheme)
        login = Login(SERVICE, "alice", password)
        assert login.result == PAM_SUCCESS
        (token,), (sealed,) = proxy.tokens, sealed_tokens()
        assert in_files(STATE, sealed) and len(sealed) > len(token)
        login.end()
        all_revoked(kratos)
        journal.wait(KRATOSD_EVENT="session-revoked")

        for pid in stopped_daemon.pid, bus.pid, login.pid:
            assert not in_memory(pid, password, token)
        assert not in_proc(password, token)
        assert not in_journal(journal, password, token)
        wait_until(lambda: not in_files(STATE, sealed), "the sealed token is gone from the store")
        login.exit()

        stopped_daemon.stop()
        assert DATABASE.exists()
        assert not in_files(STATE, password, token, sealed)
        assert not stands_in(password, stopped_daemon.log().encode())
        assert not stands_in(token, (stopped_daemon.log() + bus.log()).encode())

    def test_rules_21_and_40_a_wrong_password(
        self,
        scheme: str,
        password: str,
        proxies: Start,
        stopped_daemon: Daemon,
        bus: Bus,
        journal: Journal,
    ) -> None:
        """People mistype their right passwords, and type those of elsewhere."""
        proxy = proxies(scheme)
        wrong = canary()
        login = Login(SERVICE, "alice", wrong)
        assert login.result == PAM_AUTH_ERR and not proxy.tokens

        for pid in stopped_daemon.pid, bus.pid, login.pid:
            assert not in_memory(pid, wrong)
        assert not in_proc(wrong)
        assert not in_journal(journal, wrong)
        login.end()
        assert not in_memory(login.pid, wrong)
        login.exit()
        stopped_daemon.stop()
        assert not in_files(STATE, wrong)

    def test_rules_21_and_40_many_logins(
        self,
        scheme: str,
        password: str,
        proxies: Start,
        stopped_daemon: Daemon,
        bus: Bus,
        kratos: Kratos,
        journal: Journal,
    ) -> None:
        proxy = proxies(scheme)
        wrong, sealed = [], []
        for number in range(24):
            good = number % 4 != 3
            if not good:
                wrong.append(canary())
            login = Login(SERVICE, "alice", password if good else wrong[-1])
            assert login.result == (PAM_SUCCESS if good else PAM_AUTH_ERR)
            sealed += sealed_tokens() if number % 6 == 0 else []
            login.end()
            login.exit()
        all_revoked(kratos)

        secrets = [password, *wrong, *proxy.tokens]
        assert len(proxy.tokens) == 18 and len(wrong) == 6 and len(sealed) >= 4
        assert not in_memory(stopped_daemon.pid, *secrets)
        assert not in_memory(bus.pid, *secrets)
        assert not in_journal(journal, *secrets)
        wait_until(lambda: not in_files(STATE, *secrets, *sealed), "the store holds none of them")


class TestUnhappyEnds:
    def test_rules_21_and_40_an_answer_without_a_grant(
        self, password: str, proxies: Start, stopped_daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        """A second factor is wanted: the token was there, and is revoked."""
        proxy = proxies("http")
        kratos.set_totp(kratos.identities()[0]["id"])
        stopped_daemon.configure(**{f"Service {SERVICE}": {"SinglePrompt": "yes"}})
        stopped_daemon.reload()
        journal.wait(MESSAGE="The configuration was read again")
        login = Login(SERVICE, "alice", password)
        assert login.result != PAM_SUCCESS
        all_revoked(kratos)
        (token,) = proxy.tokens
        for pid in stopped_daemon.pid, login.pid:
            assert not in_memory(pid, password, token)
        assert not in_journal(journal, password, token)
        wait_until(lambda: not sealed_tokens(), "the row is gone")
        wait_until(lambda: not in_files(STATE, password, token), "and nothing of it is left")
        login.end()
        login.exit()

    def test_rule_21_kratos_dies_under_a_login(
        self, password: str, proxies: Start, stopped_daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        proxy = proxies("http")
        proxy.server.set("login", lambda exchange: exchange.client_gone())
        stopped_daemon.configure(Kratos={"TimeoutSec": "2s", "ConnectTimeoutSec": "1s"})
        stopped_daemon.reload()
        journal.wait(MESSAGE="The configuration was read again")
        login = Login(SERVICE, "alice", password)
        assert login.result not in (PAM_SUCCESS, PAM_AUTH_ERR)
        for pid in stopped_daemon.pid, login.pid:
            assert not in_memory(pid, password)
        assert not in_journal(journal, password)
        assert not in_files(STATE, password)
        login.end()
        login.exit()

    def test_rule_21_tokens_of_before_a_restart(
        self, password: str, proxies: Start, stopped_daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        """The daemon that revokes a session is not the one that granted it."""
        proxy = proxies("http")
        login = Login(SERVICE, "alice", password)
        (token,) = proxy.tokens
        stopped_daemon.kill()
        assert not in_files(STATE, password, token)
        start(stopped_daemon, journal)
        assert not in_memory(stopped_daemon.pid, token)
        login.end()
        all_revoked(kratos)
        journal.wait(KRATOSD_EVENT="session-revoked")
        assert not in_memory(stopped_daemon.pid, token)
        login.exit()


class TestOtherPrograms:
    def test_rule_22_nothing_is_in_the_environment_of_a_session(
        self, password: str, proxies: Start, kratos: Kratos
    ) -> None:
        proxy = proxies("http")
        listing = WORLD / "open" / "environment"
        stack = f"session optional pam_exec.so quiet log={listing} /usr/bin/env\n"
        pam.pam_service(SERVICE, pam.ONLY_US + stack)
        login = Login(SERVICE, "alice", password)
        assert login.result == PAM_SUCCESS
        (token,) = proxy.tokens
        text = wait_until(lambda: listing.exists() and listing.read_bytes(), "env has run")
        listing.unlink()
        assert b"PAM_USER=alice" in text and b"KRATOS" not in text
        assert not stands_in(token, text) and not stands_in(password, text)
        login.end()
        login.exit()

    def test_rule_22_user_agent_and_url_carry_no_secret(self, password: str, proxies: Start) -> None:
        """What servers and proxies write into their logs."""
        proxy = proxies("http")
        login = Login(SERVICE, "alice", password)
        login.end()
        login.exit()
        (token,) = proxy.tokens
        proxy.server.wait("logout")
        for request in proxy.server.requests:
            logged = f"{request.path}?{request.query} {request.header('user-agent')}"
            assert not stands_in(password, logged.encode()) and not stands_in(token, logged.encode())
        (posted,) = proxy.server.of("login")
        assert json.loads(posted.body)["password"] == password


class TestCoreDumps:
    def test_rule_22_the_daemon_dumps_no_core(self, daemon: Daemon) -> None:
        limits = Path(f"/proc/{daemon.pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"]

    def test_rule_22_memory_of_the_daemon_is_not_for_others(self, daemon: Daemon) -> None:
        result = subprocess.run(
            ["setpriv", "--reuid=alice", "--regid=alice", "--clear-groups", "cat"]
            + [f"/proc/{daemon.pid}/environ", f"/proc/{daemon.pid}/maps"],
            capture_output=True,
        )
        assert result.returncode != 0 and not result.stdout
        assert processes.alive(daemon.pid)
