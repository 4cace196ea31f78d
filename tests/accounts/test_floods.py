"""Look-ups while Kratos hangs, floods of names that nobody has, and many threads at once."""

import pwd
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from looking import groups, passwd
from world import pam
from world.daemon import Daemon
from world.kratos import Identity
from world.pam import Pamtester
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

FOLDER = Path(__file__).parent
PASSWORD = "correct horse battery staple"

KNOWN_SEC = 0.05
LOOKUP_TIMEOUT_SEC = 1.0
MARGIN_SEC = 0.7


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
    """Known and local names are answered as ever, an unknown one after its time, the next at once."""
    stopped_daemon.start()
    make("dora")
    assert passwd("dora")
    proxy.set("*", faults.black_hole())
    login = Pamtester(stack, "dora", ["authenticate"], [PASSWORD]).prompted()
    assert at_best("dora") < KNOWN_SEC and at_best("lokal") < KNOWN_SEC
    first = seconds("unknown1")
    assert LOOKUP_TIMEOUT_SEC * 0.9 < first < LOOKUP_TIMEOUT_SEC + MARGIN_SEC
    assert seconds("unknown2") < KNOWN_SEC * 4 and seconds("unknown1") < KNOWN_SEC * 4
    assert at_best("dora") < KNOWN_SEC
    login.child.sendline(PASSWORD)
    login._answers.clear()
    assert login.finish().status == 0


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
    """The quickest of several, so that what else this machine does is not in it."""
    taken = []
    for _ in range(5):
        begun = time.monotonic()
        assert pam.run(stack, "dora", ["authenticate"], [PASSWORD]).status == 0
        taken.append(time.monotonic() - begun)
    return min(taken)


def flood(count: int, prefix: str) -> subprocess.Popen[str]:
    argv = [sys.executable, str(FOLDER / "flood.py"), str(count), prefix]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


@pytest.mark.timeout(170)
def test_rule_18_a_flood_of_names(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str
) -> None:
    """100,000 names: bounded in memory and in requests, and no login is slower than half as quick."""
    stopped_daemon.start()
    make("dora")
    assert passwd("dora")
    usual = login_seconds(stack)
    assert flood(5000, "warm").wait(60) == 0
    memory, asked = stopped_daemon.anon_kib(), len(proxy.of("identities"))
    begun = time.monotonic()
    floods = [flood(50000, "one"), flood(50000, "two")]
    beside = login_seconds(stack)
    assert [one.poll() for one in floods] == [None, None], "the flood was over too early"
    told = [one.communicate(timeout=120)[0].strip() for one in floods]
    took = time.monotonic() - begun
    assert told == ["50000", "50000"]
    assert len(proxy.of("identities")) - asked <= 40 + 20 * took + 5
    assert stopped_daemon.anon_kib() - memory < 4096
    assert beside < 2 * usual + 0.1, f"{beside:.3f} s instead of {usual:.3f} s"
    assert at_best("dora") < KNOWN_SEC


def test_rule_18_a_flood_over_ssh(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, sshd: Sshd
) -> None:
    """Connections of invented people leave nothing behind, and a real one comes in meanwhile."""
    stopped_daemon.start()
    dora = make("dora")
    assert passwd("dora")
    memory = stopped_daemon.anon_kib()
    for i in range(10):
        attempts = [SshSession(f"invented{i}x{j}", key=True) for j in range(3)]
        for one in attempts:
            one.finish()
    assert len(proxy.of("identities")) <= 31
    assert stopped_daemon.anon_kib() - memory < 4096
    SshSession("dora").login(dora.password).logout()


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
