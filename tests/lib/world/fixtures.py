"""The pytest fixtures: what a test names as an argument is there, fresh, and gone afterwards.

A test file runs in a world of its own. The slow servers start when a test of the file first wants
them and stay; what they know is cleared after each test, and every process that a test left is killed.

A file with `pytestmark = pytest.mark.sanitized` runs kratosd built with ASan and UBSan, one with
`pytest.mark.sanitized(module=True)` the module too, under programs that world.pam starts.
"""

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from world import pam, processes
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.logind import Logind
from world.pam import Gate
from world.paths import LOGS, build
from world.postgres import Postgres
from world.prepare import install
from world.processes import Service
from world.ssh import Sshd

PASSWORD = "correct horse battery staple"
PG_PUBLIC_PORT, PG_ADMIN_PORT = 533, 534

# The servers that outlive a test.
_kept: list[Service] = []

_log_sizes: pytest.StashKey[dict[Path, int]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sanitized(module=False): runs what ASan and UBSan watch")


@contextlib.contextmanager
def kept(service: Service) -> Iterator[Service]:
    """A server that the end of a test spares, for as long as this lasts; then it is killed."""
    _kept.append(service)
    try:
        yield service
    finally:
        _kept.remove(service)
        service.kill()


def _sizes() -> dict[Path, int]:
    return {path: path.stat().st_size for path in LOGS.glob("*.log")}


def _short(line: str) -> str:
    """A line of a log; of Kratos's JSON only what tells something."""
    try:
        told = json.loads(line)
        request, answer = told.get("http_request", {}), told.get("http_response", {})
        parts = [told["level"], told["msg"], request.get("method"), request.get("path")]
        parts += [answer.get("status"), told.get("error", {}).get("message")]
        line = " ".join(str(part) for part in parts if part)
    except (ValueError, KeyError, AttributeError):
        pass
    return line.rstrip()[:300]


def _grown(log: Path, since: int) -> str:
    """The last lines that a log has got since it was so long."""
    with log.open(errors="replace") as file:
        file.seek(since)
        lines = [
            _short(line) for line in file if not re.search("started handling|migration_file", line)
        ]
    return "\n".join(lines[-40:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Shows with each failure what the servers' logs got meanwhile."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for log in sorted(LOGS.glob("*.log")):
            text = _grown(log, item.stash.get(_log_sizes, {}).get(log, 0))
            if text:
                report.sections.append((f"the end of {log.name}", text))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_log_sizes] = _sizes()


@pytest.fixture(scope="module", autouse=True)
def _software(request: pytest.FixtureRequest) -> Iterator[None]:
    """Installs the build that the file asks for."""
    marker = request.node.get_closest_marker("sanitized")
    folder = build()
    if not marker or not folder:
        yield
        return
    whole = marker.kwargs.get("module", False)
    install(folder / "asan", what="install" if whole else "daemon")
    pam.sanitized = whole
    yield
    pam.sanitized = False
    install(folder)


def _kill_strays() -> None:
    """Ends whatever a test has left in this world, which is all ours."""
    spared = {1, os.getpid()}
    for service in _kept:
        if service.running:
            spared |= {service.pid}
            if service.name != "sshd":
                spared |= set(processes.descendants(service.pid))
    spared |= {os.getppid()}
    killed = [pid for pid in processes.all_pids() if pid not in spared]
    for pid in killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    processes.wait_until(
        lambda: not any(processes.alive(pid) for pid in killed), "what the test left is gone"
    )


@pytest.fixture(autouse=True)
def _clean(_software: None) -> Iterator[None]:
    yield
    _kill_strays()
    for service in _kept:
        if service.running and processes.state(service.pid) == "T":
            service.resume()


@pytest.fixture(scope="session")
def _journal() -> Iterator[Journal]:
    journal = Journal()
    journal.start()
    yield journal
    journal.stop()


@pytest.fixture
def journal(_journal: Journal) -> Iterator[Journal]:
    """The journal, empty at the start of the test."""
    _journal.clear()
    yield _journal
    faults, _journal.faults = _journal.faults, []
    assert not faults, f"what breaks the journal's protocol: {faults}"


@pytest.fixture(scope="session")
def _bus() -> Iterator[Bus]:
    bus = Bus()
    _kept.append(bus)
    yield bus
    bus.kill()


@pytest.fixture
def bus(_bus: Bus, _software: None) -> Bus:
    """The system bus, running."""
    if not _bus.running:
        _bus.start()
    return _bus


@pytest.fixture
def logind(bus: Bus) -> Iterator[Logind]:
    """What stands in for logind, running; it knows of no session yet."""
    server = Logind()
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def _kratos() -> Iterator[Kratos]:
    server = Kratos()
    _kept.append(server)
    yield server
    server.kill()


def _ready(server: Kratos) -> Iterator[Kratos]:
    if not server.running:
        server.start()
    options = dict(server.options)
    yield server
    if server.options != options:
        server.options = options
        server.kill()
    elif server.running:
        if processes.state(server.pid) == "T":
            server.resume()
        server.delete_all_identities()


@pytest.fixture
def kratos(_kratos: Kratos) -> Iterator[Kratos]:
    """A Kratos in memory without identities: not for logins at once, and forgetful when stopped."""
    yield from _ready(_kratos)


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    server = Postgres()
    _kept.append(server)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _durable_kratos(_postgres: Postgres) -> Iterator[Kratos]:
    server = Kratos(
        "kratos-postgres",
        dsn=_postgres.create("kratos"),
        public_port=PG_PUBLIC_PORT,
        admin_port=PG_ADMIN_PORT,
    )
    _kept.append(server)
    yield server
    server.kill()


@pytest.fixture
def durable_kratos(_durable_kratos: Kratos) -> Iterator[Kratos]:
    """A Kratos on PostgreSQL without identities: for logins at once, and for being stopped and started."""
    yield from _ready(_durable_kratos)


@pytest.fixture(scope="session")
def _daemon() -> Daemon:
    daemon = Daemon()
    _kept.append(daemon)
    return daemon


def _use(daemon: Daemon, server: Kratos) -> Iterator[Daemon]:
    daemon.fresh(server)
    yield daemon
    try:
        if daemon.running:
            daemon.stop()
        daemon.check_reports()
    finally:
        daemon.kill()


@pytest.fixture
def stopped_daemon(_daemon: Daemon, kratos: Kratos, bus: Bus, journal: Journal) -> Iterator[Daemon]:
    """kratosd, configured for `kratos` and not yet started."""
    yield from _use(_daemon, kratos)


@pytest.fixture
def daemon(stopped_daemon: Daemon) -> Daemon:
    """kratosd, as new, running, and configured for `kratos`."""
    stopped_daemon.start()
    return stopped_daemon


@pytest.fixture
def durable_daemon(
    _daemon: Daemon, durable_kratos: Kratos, bus: Bus, journal: Journal
) -> Iterator[Daemon]:
    """kratosd, as new, running, and configured for `durable_kratos`."""
    for daemon in _use(_daemon, durable_kratos):
        daemon.start()
        yield daemon


def _person(server: Kratos, name: str) -> Identity:
    identity = server.create_identity(name, PASSWORD + " of " + name)
    Daemon.map(name, identity.id)
    return identity


@pytest.fixture
def alice(stopped_daemon: Daemon, kratos: Kratos) -> Identity:
    """An identity in `kratos`, to which the local user alice is mapped."""
    return _person(kratos, "alice")


@pytest.fixture
def bob(stopped_daemon: Daemon, kratos: Kratos) -> Identity:
    """The like for bob."""
    return _person(kratos, "bob")


@pytest.fixture
def sshd(bus: Bus) -> Iterator[Sshd]:
    """sshd, running, with the stack of the tree; for other keywords: stop, start(Keyword="value")."""
    pam.pam_service("sshd")
    server = Sshd()
    server.start()
    _kept.append(server)
    yield server
    _kept.remove(server)
    server.kill()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Holds programs with the stack pam.GATED while their session is open."""
    gate = Gate()
    yield gate
    gate.open()
