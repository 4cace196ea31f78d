"""A Kratos that is away, or as good as away, at boot and later: nobody else notices, and our people are
told so in time."""

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import pytest
from everybody import Console, boot_knowing, lokal_with_a_password, on_the_console, root_with_a_key, told
from faultserver import FaultServer, faults
from host import BOOT_ADDED, boot_seconds
from sentences import AWAY, BUSY
from world.box import Box
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

# All the troubles, by turns.
pytestmark = pytest.mark.timeout(300)

# Where a proxy before Kratos listens.
PORT = 435
CONFIGURATION = f"""\
[Kratos]
PublicURL=http://127.0.0.1:{PORT}
AdminURL=http://127.0.0.1:{PORT}
[Access]
FreshSec=1s
"""
# What a login may take longer because of Kratos, for those who are not Kratos's.
ADDED = 0.1
# The first one after a boot, which varies more; who waits for Kratos waits for LookupTimeoutSec=, a second.
ADDED_AFTER_BOOT = 0.5
ROUNDS = 3
# What a person of Kratos waits for at most, and what sshd and login add.
DEADLINE = 10.0
PROGRAMS_ADD = 5.0
# Since it last judged somebody.
IS_AWAY_AFTER = DEADLINE + 1.0


@pytest.fixture(scope="module")
def proxy(shared_kratos: Kratos) -> Iterator[FaultServer]:
    with FaultServer(PORT, upstream=(PUBLIC_PORT, ADMIN_PORT)) as server:
        yield server


@pytest.fixture(scope="module")
def house(victim: Box, proxy: FaultServer, dora: Identity) -> Box:
    """A machine, booted, which knows dora."""
    victim.write("/etc/kratosd/kratosd.conf.d/local.conf", CONFIGURATION)
    boot_knowing(victim, dora)
    return victim


# What can be wrong with Kratos.


def nothing(proxy: FaultServer) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def refused(proxy: FaultServer) -> Iterator[None]:
    proxy.refuse()
    try:
        yield
    finally:
        proxy.listen()


@contextmanager
def black_holed(proxy: FaultServer) -> Iterator[None]:
    """Nothing answers at all: a queue of connections that is full drops what comes."""
    with refused(proxy), ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", PORT))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", PORT))
        with socket.socket() as one_more, pytest.raises(TimeoutError):
            one_more.settimeout(0.2)
            one_more.connect(("127.0.0.1", PORT))
        yield


@contextmanager
def fault(proxy: FaultServer, what: faults.Fault) -> Iterator[None]:
    proxy.set("*", what)
    try:
        yield
    finally:
        proxy.clear()


def hangs(proxy: FaultServer) -> AbstractContextManager[None]:
    return fault(proxy, faults.black_hole())


def drips(proxy: FaultServer) -> AbstractContextManager[None]:
    """Slower than anybody can wait for."""
    return fault(proxy, faults.slow(0.2))


def slow(proxy: FaultServer) -> AbstractContextManager[None]:
    """As slow as one can wait for."""
    return fault(proxy, faults.delayed(1.0))


Trouble = Callable[[FaultServer], AbstractContextManager[None]]
TROUBLES: list[Trouble] = [refused, black_holed, hangs, drips, slow]


def tried(dora: Identity) -> tuple[str, float]:
    """What she is told by ssh, and the seconds that it takes without the typing."""
    begun = time.monotonic()
    login = SshSession("dora", methods="keyboard-interactive", log_level="INFO")
    if login.asks():
        begun = time.monotonic()
        login.type(dora.password)
    return told(login), time.monotonic() - begun


@pytest.mark.parametrize("trouble", TROUBLES[:-1])
def test_ours_are_told_so_in_time(
    house: Box, proxy: FaultServer, dora: Identity, trouble: Trouble
) -> None:
    """Over ssh and on the console."""
    judged = time.monotonic()
    with trouble(proxy):
        said, seconds = tried(dora)
        # The other sentence for as long as Kratos may only be busy: it has judged somebody just now.
        assert (AWAY in said or BUSY in said) and seconds < DEADLINE + PROGRAMS_ADD
        time.sleep(max(0.0, judged + IS_AWAY_AFTER - time.monotonic()))
        said, seconds = tried(dora)
        assert AWAY in said and seconds < DEADLINE + PROGRAMS_ADD
        is_told_on_the_console(house, dora)
    wait_until(lambda: comes_in(dora), "dora can log in again", 30)


def is_told_on_the_console(house: Box, dora: Identity) -> None:
    console = Console(house)
    assert console.refused("dora", dora.password) < DEADLINE + PROGRAMS_ADD
    assert AWAY in console.text


def comes_in(dora: Identity) -> bool:
    login = SshSession("dora")
    login.answer(dora.password)
    login.type("exit").finish()
    return login.status == 0


def test_a_slow_kratos_is_waited_for(house: Box, proxy: FaultServer, dora: Identity) -> None:
    with slow(proxy):
        login = SshSession("dora").login(dora.password)
        assert login.run("id -un") == "dora"
        assert login.logout().status == 0


def nobody_notices(
    proxy: FaultServer,
    troubles: list[Trouble],
    ways: dict[str, tuple[Callable[[], float], float]],
    record_property: Callable[[str, object], None],
) -> None:
    """Of ways that take so many seconds, and may take so many more. By turns, so that whatever else the
    machine does meets each of them."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for trouble in [nothing, *troubles]:
            with trouble(proxy):
                for name, (way, _) in ways.items():
                    seconds.setdefault((name, trouble.__name__), []).append(way())
    for (name, trouble), took in seconds.items():
        well = seconds[name, "nothing"]
        record_property(f"{name}_{trouble}_ms", round(statistics.median(took) * 1000))
        # Who waits for Kratos waits each time; whatever else a busy machine does comes and goes.
        assert min(took) < statistics.median(well) + ways[name][1], (name, trouble, seconds)


def logins(house: Box, may_add: float) -> dict[str, tuple[Callable[[], float], float]]:
    """Of root and a local person."""
    return {
        "root": (root_with_a_key, may_add),
        "lokal": (lokal_with_a_password, may_add),
        "console": (lambda: on_the_console(house), may_add),
    }


def test_rule_23_nobody_else_notices(
    house: Box, proxy: FaultServer, record_property: Callable[[str, object], None]
) -> None:
    nobody_notices(proxy, TROUBLES, logins(house, ADDED), record_property)


def test_a_boot_is_no_slower(
    house: Box, proxy: FaultServer, record_property: Callable[[str, object], None]
) -> None:
    """Nor are the first logins after it."""

    def boot() -> float:
        house.power_cut()
        house.power_on(console=True)
        return boot_seconds(house)

    ways = {"boot": (boot, BOOT_ADDED)} | logins(house, ADDED_AFTER_BOOT)
    nobody_notices(proxy, [black_holed, drips], ways, record_property)


def test_ours_are_told_so_after_a_boot(house: Box, proxy: FaultServer, dora: Identity) -> None:
    house.power_cut()
    with black_holed(proxy):
        house.power_on(console=True)
        is_told_on_the_console(house, dora)
