"""Look-ups while Kratos hangs, floods of names that nobody has, and many threads at once."""

import os
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faultserver import FaultServer, faults
from looking import groups, passwd
from world import pam
from world.daemon import Daemon
from world.kratos import Identity
from world.pam import Pamtester
from world.processes import wait_until
from world.ssh import FOLDER as KEYS
from world.ssh import PORT, Sshd, SshSession

Make = Callable[..., Identity]

FOLDER = Path(__file__).parent
PASSWORD = "correct horse battery staple"

KNOWN_SEC = 0.05
LOOKUP_TIMEOUT_SEC = 1.0
MARGIN_SEC = 0.7

# Of so many the one in the middle counts, so that what else this machine does is not in it.
LOGINS = 25
SETTLE_SEC = 0.05

# Without end, invented people who have a key, and how each attempt ended.
ATTEMPTS = f"""\
while i=$((i + 1)); do
    ssh -F none -p {PORT} -i {KEYS}/client_key -o IdentitiesOnly=yes -o LogLevel=QUIET \
        -o PreferredAuthentications=publickey -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null invented$i@127.0.0.1 true </dev/null
    echo $?
done
"""


def seconds(name: str) -> float:
    """How long this process waits for a name."""
    begun = time.monotonic()
    try:
        pwd.getpwnam(name)
    except KeyError:
        pass
    return time.monotonic() - begun


def at_best(name: str) -> float:
    """On a machine that others use as well."""
    return min(seconds(name) for _ in range(5))


def test_rule_17_a_silent_kratos_holds_nobody_up(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str
) -> None:
    """While a login waits for it too: known and local names are answered as ever, an unknown one after
    its time, the next at once."""
    stopped_daemon.configure(Kratos={"PublicURL": proxy.url})
    stopped_daemon.start()
    make("dora")
    assert passwd("dora")
    for endpoint in "login", "identities", "identity":
        proxy.set(endpoint, faults.black_hole())
    login = Pamtester(stack, "dora", ["authenticate"], [PASSWORD]).answer()
    proxy.wait("login")
    assert at_best("dora") < KNOWN_SEC and at_best("lokal") < KNOWN_SEC
    first = seconds("unknown1")
    assert LOOKUP_TIMEOUT_SEC * 0.9 < first < LOOKUP_TIMEOUT_SEC + MARGIN_SEC
    assert seconds("unknown2") < KNOWN_SEC * 4 and seconds("unknown1") < KNOWN_SEC * 4
    assert at_best("dora") < KNOWN_SEC and at_best("lokal") < KNOWN_SEC
    assert login.child.isalive() and len(proxy.of("login")) == 1, "the login was over too early"
    assert login.finish().status != 0
    proxy.clear()
    assert pam.run(stack, "dora", ["authenticate"], [PASSWORD]).status == 0


def test_rule_17_nobody_waits_for_somebody_elses_look_up(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make
) -> None:
    """While one name is being asked for, known ones are answered, and the same name costs no more."""
    stopped_daemon.start()
    make("dora")
    assert passwd("dora")
    proxy.set("*", faults.black_hole())
    before = len(proxy.of("identities"))
    waiting = [subprocess.Popen(["getent", "passwd", "unknown"]) for _ in range(8)]
    proxy.wait("identities", before + 1)
    assert at_best("dora") < KNOWN_SEC and at_best("lokal") < KNOWN_SEC
    for one in waiting:
        assert one.wait(5) == 2
    assert len(proxy.of("identities")) == before + 1


def test_rule_18_requests_for_one_name_are_one(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make
) -> None:
    """Its no is remembered."""
    stopped_daemon.start()
    for _ in range(20):
        assert passwd("unknown") == []
    assert len(proxy.of("identities")) == 1


def login_seconds(stack: str) -> float:
    """Without a terminal, which would take longer than what is to be measured."""
    argv = ["pamtester", stack, "dora", "authenticate"]
    begun = time.monotonic()
    subprocess.run(argv, input=PASSWORD + "\n", text=True, capture_output=True, check=True)
    return time.monotonic() - begun


def check_logins(stack: str, floods: list[subprocess.Popen[str]]) -> None:
    """A login takes less than twice its usual time beside these, each of which leads its processes: by
    turns they go on and stand still, so that what else this machine does is in both times alike."""
    beside, usual = [], []
    for _ in range(LOGINS):
        for signal_, taken in (signal.SIGCONT, beside), (signal.SIGSTOP, usual):
            for one in floods:
                os.killpg(one.pid, signal_)
            time.sleep(SETTLE_SEC)
            taken.append(login_seconds(stack))
    for one in floods:
        os.killpg(one.pid, signal.SIGCONT)
        assert one.poll() is None, "the flood was over too early"
    ratio = statistics.median(beside) / statistics.median(usual)
    assert ratio < 2, (ratio, sorted(beside), sorted(usual))


def in_background(argv: list[str], user: str = "root", **further: Any) -> subprocess.Popen[str]:
    """Whoever floods from elsewhere takes no processor from this host's logins, and so gives way here."""
    return subprocess.Popen(
        ["chrt", "--idle", "0", *argv],
        text=True,
        user=user,
        group=user,
        extra_groups=[],
        cwd="/",
        start_new_session=True,
        **further,
    )


def flood(count: int, prefix: str, user: str) -> subprocess.Popen[str]:
    program = Path("/run/world/open/flood.py")
    shutil.copy(FOLDER / "flood.py", program)
    argv = [sys.executable, str(program), str(count), prefix]
    return in_background(argv, user, stdout=subprocess.PIPE)


@pytest.mark.timeout(170)
@pytest.mark.parametrize("user", ["root", "carol"])
def test_rule_18_a_flood_of_names(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str, sshd: Sshd, user: str
) -> None:
    """100,000 names, asked for by root, as sshd does, or by somebody on this host: bounded in memory and
    in requests, and no login is half as quick. What one user asks for holds up nobody else: a person of
    whom this host has never heard comes in."""
    stopped_daemon.start()
    make("dora")
    frida = make("frida")
    assert passwd("dora")
    assert flood(5000, "warm", user).wait(60) == 0
    memory, asked = stopped_daemon.anon_kib(), len(proxy.of("identities"))
    begun = time.monotonic()
    floods = [flood(50000, "one", user), flood(50000, "two", user)]
    check_logins(stack, floods)
    if user != "root":
        SshSession("frida").login(frida.password).logout()
        assert [one.poll() for one in floods] == [None, None], "the flood was over too early"
    for one in floods:
        os.sched_setscheduler(one.pid, os.SCHED_OTHER, os.sched_param(0))
    told = [one.communicate(timeout=120)[0].strip() for one in floods]
    took = time.monotonic() - begun
    assert told == ["50000", "50000"]
    assert len(proxy.of("identities")) - asked <= 40 + 20 * took + 5
    assert stopped_daemon.anon_kib() - memory < 4096
    assert at_best("dora") < KNOWN_SEC


def test_rule_18_a_flood_over_ssh(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str, sshd: Sshd
) -> None:
    """Connections of invented people, one after the other, leave nothing behind; no login beside them
    is half as quick, and a person of whom this host has never heard comes in."""
    stopped_daemon.start()
    dora, frida = make("dora"), make("frida")
    assert passwd("dora")
    login_seconds(stack)
    memory, asked = stopped_daemon.anon_kib(), len(proxy.of("identities"))
    ended = Path("/run/world/open/ended")
    with ended.open("w") as file:
        attempts = in_background(["sh", "-c", ATTEMPTS], stdout=file)
    wait_until(ended.read_text, "the first of them is refused")
    check_logins(stack, [attempts])
    SshSession("frida").login(frida.password).logout()
    SshSession("dora").login(dora.password).logout()
    wait_until(lambda: len(ended.read_text().split()) >= 10, "a flood", 20)
    os.killpg(attempts.pid, signal.SIGKILL)
    attempts.wait()
    made = ended.read_text().split()
    assert set(made) == {"255"}
    assert len(proxy.of("identities")) - asked <= len(made) + 2, "one for each, and for frida"
    assert stopped_daemon.anon_kib() - memory < 4096


def test_rule_23_a_hung_daemon(daemon: Daemon, make: Make, sshd: Sshd) -> None:
    """Local names are found at once while kratosd answers nobody."""
    make("dora")
    assert passwd("dora")
    daemon.pause()
    for name in "root", "lokal", "alice":
        assert seconds(name) < KNOWN_SEC
        assert passwd(pwd.getpwnam(name).pw_uid)[0] == name
    daemon.resume()
    assert passwd("dora")


def test_threads(daemon: Daemon, make: Make) -> None:
    """Right answers and no crash, with 16 threads for 10 s."""
    names = [f"person{i}" for i in range(10)]
    for i, name in enumerate(names):
        make(name, groups=["developers", f"group{i % 3}"])
        assert groups(name) == {name, "developers", f"group{i % 3}"}
    program = "/run/world/open/stress"
    build = ["cc", "-O1", "-pthread", "-D_GNU_SOURCE", "-o", program, str(FOLDER / "stress.c")]
    subprocess.run(build, check=True)
    further = ["root", "lokal", "alice", "no-body", "no-one"]
    done = subprocess.run(
        [program, "10", *names, *further], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 500
