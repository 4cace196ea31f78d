"""The harness itself: what it claims to be real is, and what it claims to see, it sees."""

import os
import pwd
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from world import pam, processes
from world.bus import SOCKET, Bus
from world.daemon import Daemon
from world.journal import NATIVE, Journal, parse_native
from world.kratos import Kratos, RequestLog, totp_code
from world.pam import GATE, Gate
from world.paths import STATE
from world.prepare import LOCAL_PASSWORD, PEOPLE
from world.processes import Service
from world.ssh import Sshd, SshSession

PASSWORD = "correct horse"
UNIX_STACK = """\
auth     required pam_unix.so
account  required pam_unix.so
session  required pam_unix.so
"""


def test_world_is_private() -> None:
    assert int(Path("/proc/self/stat").read_text().split()[0]) == os.getpid()
    assert processes.command_name(1) in ("enter", "sh")
    interfaces = Path("/proc/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    assert socket.gethostname() == "testhost"
    assert set(PEOPLE) <= {path.name for path in Path("/home").iterdir()}


def test_kratos_is_real(kratos: Kratos) -> None:
    """A raw login gives an active session, with the user agent and address that were sent."""
    alice = kratos.create_identity("alice", PASSWORD)
    headers = {"User-Agent": "a test", "X-Real-IP": "192.0.2.7"}
    answer = kratos.login("alice", PASSWORD, headers=headers)

    assert answer.status == 200 and answer.body["session"]["active"]
    (session,) = kratos.active_sessions(alice.id)
    assert session["id"] == answer.body["session"]["id"]
    assert session["devices"][0]["user_agent"] == "a test"
    assert session["devices"][0]["ip_address"] == "192.0.2.7"
    assert kratos.whoami(answer.body["session_token"]).status == 200

    gone = kratos.public(
        "DELETE", "/self-service/logout/api", {"session_token": answer.body["session_token"]}
    )
    assert gone.status == 204
    assert kratos.active_sessions(alice.id) == []
    assert len(kratos.sessions(alice.id, active=False)) == 1


def test_kratos_is_emptied_between_tests(kratos: Kratos) -> None:
    assert kratos.identities() == [] and kratos.sessions() == []


def test_kratos_refuses_a_wrong_password(kratos: Kratos) -> None:
    kratos.create_identity("alice", PASSWORD)
    answer = kratos.login("alice", "wrong")
    assert answer.status == 400
    assert [message["id"] for message in answer.body["ui"]["messages"]] == [4000006]


def test_kratos_second_factor(kratos: Kratos) -> None:
    """After the password: a token, and no identity. After the code: both."""
    alice = kratos.create_identity("alice", PASSWORD)
    secret = kratos.set_totp(alice.id)
    first = kratos.login("alice", PASSWORD)
    assert first.status == 200 and first.body["session"]["identity"] is None

    headers = {"X-Session-Token": first.body["session_token"]}
    flow = kratos.public("GET", "/self-service/login/api?aal=aal2", headers=headers)
    request = {"method": "totp", "totp_code": totp_code(secret)}
    second = kratos.public(
        "POST", f"/self-service/login?flow={flow.body['id']}", request, headers=headers
    )
    assert second.status == 200 and second.body["session"]["identity"]["id"] == alice.id
    assert second.body["session"]["authenticator_assurance_level"] == "aal2"


def test_kratos_options(kratos: Kratos) -> None:
    kratos.configure(session__whoami__required_aal="aal1")
    kratos.restart()
    alice = kratos.create_identity("alice", PASSWORD)
    kratos.set_totp(alice.id)
    answer = kratos.login("alice", PASSWORD)
    assert answer.body["session"]["identity"]["id"] == alice.id


def test_kratos_options_are_reset_between_tests(kratos: Kratos) -> None:
    assert kratos.options == {}


def test_kratos_with_long_passwords(kratos: Kratos) -> None:
    """bcrypt stops at 72 bytes, for an imported argon2id hash too; Kratos set to argon2 does not."""
    kratos.configure(hashers__algorithm="argon2")
    kratos.restart()
    kratos.create_identity("alice", "x" * 512)
    assert kratos.login("alice", "x" * 511).status == 400
    assert kratos.login("alice", "x" * 512).status == 200


def test_durable_kratos_keeps_its_sessions(durable_kratos: Kratos) -> None:
    alice = durable_kratos.create_identity("alice", PASSWORD)
    token = durable_kratos.login("alice", PASSWORD).body["session_token"]
    durable_kratos.restart()
    assert durable_kratos.whoami(token).status == 200
    assert len(durable_kratos.active_sessions(alice.id)) == 1


def test_bus_is_real(bus: Bus) -> None:
    assert processes.command_name(bus.pid) == "dbus-daemon"
    processes.wait_until(lambda: processes.user_of(bus.pid) != 0, "it has dropped its privileges")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(SOCKET))
        client.sendall(b"\0AUTH EXTERNAL 30\r\n")
        assert re.fullmatch(rb"OK [0-9a-f]{32}\r\n", client.recv(100))


def test_bus_can_hang(bus: Bus) -> None:
    bus.pause()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0.3)
        client.connect(str(SOCKET))
        client.sendall(b"\0AUTH EXTERNAL 30\r\n")
        with pytest.raises(TimeoutError):
            client.recv(100)
        bus.resume()
        client.settimeout(5)
        assert client.recv(100).startswith(b"OK ")


def test_journal_takes_syslog(journal: Journal) -> None:
    subprocess.run(["logger", "--tag", "somebody", "--priority", "auth.notice", "hello there"], check=True)
    entry = journal.wait(MESSAGE="hello there")
    assert entry["SYSLOG_IDENTIFIER"] == "somebody"
    assert (entry["PRIORITY"], entry["SYSLOG_FACILITY"]) == ("5", "4")
    assert entry["_UID"] == "0"


def send_native(data: bytes, *, by_memfd: bool = False) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(NATIVE))
        if by_memfd:
            fd = os.memfd_create("entry")
            os.write(fd, data)
            socket.send_fds(client, [b""], [fd])
            os.close(fd)
        else:
            client.send(data)


@pytest.mark.parametrize("by_memfd", [False, True])
def test_journal_takes_native_entries(journal: Journal, by_memfd: bool) -> None:
    value = b"two\nlines"
    data = b"MESSAGE\n" + struct.pack("<Q", len(value)) + value + b"\nKRATOSD_EVENT=login-granted\n"
    send_native(data, by_memfd=by_memfd)
    entry = journal.wait(KRATOSD_EVENT="login-granted")
    assert entry["MESSAGE"] == "two\nlines"
    assert entry["_PID"] == str(os.getpid())


def test_journal_tells_of_broken_entries(journal: Journal) -> None:
    with pytest.raises(AssertionError):
        parse_native(b"MESSAGE=never ends")
    send_native(b"MESSAGE=never ends")
    journal.wait(MESSAGE=repr(b"MESSAGE=never ends"))
    assert journal.faults
    journal.faults.clear()


def test_journal_wait_fails_after_its_time(journal: Journal) -> None:
    begun = time.monotonic()
    with pytest.raises(AssertionError, match="no entry"):
        journal.wait(MESSAGE="never said", timeout=0.2)
    assert 0.1 < time.monotonic() - begun < 2


def test_pamtester(journal: Journal) -> None:
    pam.pam_service("test-unix", UNIX_STACK)
    good = pam.run("test-unix", "lokal", ["authenticate", "acct_mgmt"], [LOCAL_PASSWORD])
    assert (good.status, good.output.count("successfully")) == (0, 1), good.output
    bad = pam.run("test-unix", "lokal", ["authenticate"], ["wrong"])
    assert bad.status == 1 and "Authentication failure" in bad.output
    assert journal.wait(SYSLOG_IDENTIFIER="pamtester")["MESSAGE"].startswith("pam_unix(test-unix:auth)")


def test_gate_holds_an_open_session(gate: Gate) -> None:
    pam.pam_service("test-gate", UNIX_STACK + f"session optional pam_exec.so quiet {GATE}/wait\n")
    run = pam.Pamtester(
        "test-gate", "lokal", ["authenticate", "open_session", "close_session"], [LOCAL_PASSWORD]
    ).answer()
    gate.wait(run.pid)
    assert processes.alive(run.pid)
    gate.open()
    assert run.finish().status == 0
    assert "successfully been closed" in run.output


@pytest.fixture
def unix_sshd() -> Sshd:
    pam.pam_service("sshd", UNIX_STACK)
    server = Sshd()
    server.start()
    return server


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_ssh(unix_sshd: Sshd, methods: str) -> None:
    session = SshSession("lokal", methods=methods).login(LOCAL_PASSWORD)
    assert session.run("id -un") == "lokal"
    shell = session.shell_pid()
    (monitor,) = unix_sshd.monitors()
    assert shell in processes.descendants(monitor)
    assert processes.environment(shell)["USER"] == "lokal"
    assert session.logout().status == 0
    SshSession("lokal", methods=methods).answer("wrong").refused()


def test_ssh_by_key(unix_sshd: Sshd) -> None:
    assert SshSession("alice", key=True).shell().run("id -u") == "2001"


def test_leftovers_of_the_tests_before_are_gone() -> None:
    names = {
        processes.command_name(pid) for pid in processes.all_pids() if processes.alive(pid)
    }
    assert not names & {"sshd", "ssh", "bash", "pamtester"}


def test_service_that_does_not_end_is_killed_and_told_of() -> None:
    service = Service("stubborn")
    service.spawn(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
    processes.wait_until(lambda: "ready" in service.log(), "it is deaf")
    with pytest.raises(AssertionError, match="did not end"):
        service.stop(timeout=0.3)
    assert not service.running and service.wait() == -signal.SIGKILL


def test_memory_search_finds_a_planted_copy() -> None:
    needle = os.urandom(8).hex()
    program = f"import time; kept = '{needle[:8]}' + '{needle[8:]}'; print('ready', flush=True); time.sleep(60)"
    service = Service("planted")
    service.spawn([sys.executable, "-c", program])
    processes.wait_until(lambda: "ready" in service.log(), "it runs")
    assert processes.search_memory(service.pid, needle.encode())
    assert not processes.search_memory(service.pid, os.urandom(8).hex().encode())


def test_request_log_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    """A server that is writing it has not written it all."""
    line = (
        b'{"msg": "completed handling request", "time": "2026-01-01T00:00:00Z",'
        b' "http_request": {"path": "/admin/identities"}, "http_response": {"took": 1}}\n'
    )
    file = tmp_path / "log"
    file.touch()
    requests = RequestLog(file, "/admin")
    for part, found in (line[:60], 0), (line[60:], 1), (line[:-1], 1), (line[-1:], 2):
        with file.open("ab") as log:
            log.write(part)
        assert len(requests.read()) == found
    requests.close()


def test_daemon_runs_as_its_unit_says(daemon: Daemon) -> None:
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    owner = pwd.getpwnam("kratosd")
    assert processes.user_of(daemon.pid) == owner.pw_uid
    assert re.search(r"^Groups:\s*$", status, re.M)
    assert re.search(r"^CapEff:\s*0+$", status, re.M) and re.search(r"^CapBnd:\s*0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s*1$", status, re.M)
    assert "DBUS_SYSTEM_BUS_ADDRESS" not in processes.environment(daemon.pid)
    assert (STATE.stat().st_uid, stat.S_IMODE(STATE.stat().st_mode)) == (owner.pw_uid, 0o700)


def test_daemon_feeds_its_watchdog(daemon: Daemon) -> None:
    assert daemon.notifications.wait(daemon.pid, "WATCHDOG", timeout=6)


def test_daemon_that_does_not_start_is_told_of(stopped_daemon: Daemon) -> None:
    stopped_daemon.write_configuration("[Kratos]\nPublicURL=nonsense\n")
    with pytest.raises(AssertionError, match="not ready"):
        stopped_daemon.start()
