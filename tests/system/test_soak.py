"""Twenty people who log in and out by ssh, some of them at any time, and what that leaves behind:
nothing. KRATOSD_SOAK_SECONDS= says for how long; half an hour is the full length."""

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from host import CONFIGURATION
from world.box import Box
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Identity, Kratos
from world.processes import command_name, descendants, memory_kib, open_files, state, wait_until
from world.ssh import SshSession

PEOPLE = 20
SECONDS = float(os.environ.get("KRATOSD_SOAK_SECONDS", "60"))
# How long a person stays at most, and is away. On average somebody comes every half of a second.
STAY_SEC, AWAY_SEC = 8.0, 12.0
SAMPLES = 10
# What an allocator may keep of a moment that was busier than any before.
ANON_GROWTH_KIB = 256
# Of whoever wants to know just then who somebody is.
LOOK_UPS = 4
# Those to Kratos are kept for a minute, in case of another login: kratosd/http.c.
CONNECTIONS_MAX = 64
# The revocation of the last ones, and systemd's ten seconds for a user manager without a login.
QUIET_SEC = 40.0
# sshd answers every tenth connection only, where as many as in its default have not logged in yet.
SSHD = f"MaxStartups {PEOPLE * 5}\n"


@dataclass
class Left:
    """What the machine and Kratos hold while nobody is logged in."""

    anon_kib: int
    files: list[str]
    sockets: int
    connections: int
    rows: dict[str, int]
    runtime: list[str]
    zombies: list[int]


def rows(box: Box) -> dict[str, int]:
    """How many rows each table has, counted in a copy: kratosd lets nobody else read its store."""
    with tempfile.TemporaryDirectory() as folder:
        for file in box.path("/var/lib/kratosd").glob("kratosd.db*"):
            shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(f"{folder}/kratosd.db")) as store:
            tables = store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            return {
                name: store.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables
            }


def kratosd(box: Box) -> int:
    (pid,) = (pid for pid in descendants(box.pid) if command_name(pid) == "kratosd")
    return pid


def connections(pid: int) -> set[str]:
    """What the files of TCP connections lead to, whoever has them, where a process is."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[9]}]" for line in lines}


def left(box: Box, kratos: Kratos) -> Left:
    wait_until(lambda: not kratos.active_sessions(), "every session is revoked", QUIET_SEC)
    wait_until(lambda: rows(box)["session"] == 0, "kratosd has forgotten them", QUIET_SEC)
    wait_until(lambda: not os.listdir(box.live("/run/user")), "every user manager has ended", QUIET_SEC)
    pid = kratosd(box)
    opened = list(open_files(pid).values())
    kept = connections(pid).intersection(opened)
    runtime = box.live("/run/kratosd")
    return Left(
        memory_kib(pid),
        sorted(path for path in opened if not path.startswith("socket:")),
        sum(path.startswith("socket:") for path in opened) - len(kept),
        len(kept),
        rows(box),
        sorted(str(path.relative_to(runtime)) for path in runtime.rglob("*")),
        [pid for pid in descendants(box.pid) if state(pid) == "Z"],
    )


class Person:
    """Somebody who comes and goes."""

    def __init__(self, number: int, identity: Identity) -> None:
        self.identity = identity
        self.random = random.Random(number)
        self.logins = 0

    def visit(self, stay: float = 0.0) -> None:
        login = SshSession(self.identity.username, timeout=60).login(self.identity.password)
        assert login.run("id -un") == self.identity.username
        time.sleep(stay)
        assert login.logout().status == 0
        self.logins += 1

    def come_and_go(self, over: threading.Event) -> None:
        while not over.wait(self.random.uniform(0, AWAY_SEC)):
            self.visit(self.random.uniform(0, STAY_SEC))


@pytest.fixture
def soaked(durable_kratos: Kratos, off: Box) -> Iterator[Box]:
    """A machine with the Kratos that stands logins at once."""
    told = CONFIGURATION.replace(f":{PUBLIC_PORT}\n", f":{durable_kratos.public_port}\n")
    told = told.replace(f":{ADMIN_PORT}\n", f":{durable_kratos.admin_port}\n").replace("debug", "info")
    off.write("/etc/kratosd/kratosd.conf.d/local.conf", told)
    off.write("/etc/ssh/sshd_config.d/crowd.conf", SSHD)
    off.power_on()
    yield off


def soak(people: list[Person], sample: Callable[[], None]) -> None:
    """Lets them come and go for SECONDS. The first one who cannot ends it."""
    over = threading.Event()
    with ThreadPoolExecutor(PEOPLE) as at_once:
        running = [at_once.submit(person.come_and_go, over) for person in people]
        begun = time.monotonic()
        try:
            for number in range(1, SAMPLES + 1):
                while time.monotonic() < begun + SECONDS * number / SAMPLES:
                    time.sleep(0.2)
                    assert not any(one.done() for one in running)
                sample()
        finally:
            over.set()
            for one in running:
                one.result()


@pytest.mark.timeout(SECONDS + 300)
def test_twenty_people_leave_nothing(soaked: Box, durable_kratos: Kratos) -> None:
    people = []
    for number in range(PEOPLE):
        name = f"person{number:02}"
        identity = durable_kratos.create_identity(
            name, f"the password of {name}", metadata_public={"posix": {"name": name}}
        )
        people.append(Person(number, identity))
        # Newcomers one after the other: Kratos is asked for few of them at once.
        soaked.run("getent", "passwd", name)

    # All at once: more than will ever be there again.
    with ThreadPoolExecutor(PEOPLE) as at_once:
        for _ in range(2):
            list(at_once.map(Person.visit, people))
    before = left(soaked, durable_kratos)
    pid, warm = kratosd(soaked), sum(person.logins for person in people)
    begun = time.monotonic()

    def sample() -> None:
        done = sum(person.logins for person in people) - warm
        there = len(durable_kratos.active_sessions())
        print(
            f"{time.monotonic() - begun:.0f} s: {done} logins, {there} sessions, {memory_kib(pid)} KiB,"
            f" {len(open_files(pid))} files",
            flush=True,
        )

    soak(people, sample)
    after = left(soaked, durable_kratos)
    print(f"before {before}\nafter {after}")
    assert kratosd(soaked) == pid
    assert after.anon_kib <= before.anon_kib + ANON_GROWTH_KIB
    assert after.files == before.files
    assert after.sockets <= before.sockets + LOOK_UPS
    assert after.connections <= CONNECTIONS_MAX
    assert after.rows == before.rows and after.rows["session"] == 0
    assert after.runtime == before.runtime
    assert not any(path.startswith("lifelines/") for path in after.runtime)
    assert not after.zombies
    assert soaked.run("systemctl", "--failed", "--quiet", "--no-legend").stdout == ""
