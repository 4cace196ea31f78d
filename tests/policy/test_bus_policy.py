"""The bus policy, as a real dbus-daemon with Debian's configuration understands it. (rule 8)

Nobody stands behind the names here but a silent connection: what is tested is what the bus lets through.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from world.bus import POLICY, SOCKET, Bus

HERE = Path(__file__).resolve().parent
OURS = HERE.parents[1] / "systemd/org.kratosd1.conf"

MANAGER, USER = "org.kratosd1", "org.kratosd1.User"
MANAGER_INTERFACE, USER_INTERFACE = "org.kratosd1.Manager", "org.kratosd1.User"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"

# Takes both names, each on a connection of its own, prints their unique names, and waits.
OWNER = """
import sys, dbus.bus
connections = [dbus.bus.BusConnection(sys.argv[1]) for _ in range(2)]
for connection, name in zip(connections, ["org.kratosd1", "org.kratosd1.User"]):
    connection.request_name(name)
print(*[connection.get_unique_name() for connection in connections], flush=True)
sys.stdin.read()
"""


@dataclass
class PolicyBus:
    address: str
    unique: dict[str, str]

    def probe(self, user: str, *orders: dict) -> list[str]:
        """What the bus made of these messages when this user sent them."""
        result = subprocess.run(
            [sys.executable, HERE / "probe.py", self.address],
            input=json.dumps(orders),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=30,
            user=user,
            group=user if user != "nobody" else "nogroup",
            extra_groups=[],
            cwd="/",
        )
        return json.loads(result.stdout)

    def both(self, name: str) -> list[str]:
        """The ways to address a connection: by its name, and by its unique name."""
        return [name, self.unique[name]]


@pytest.fixture
def policy_bus(bus: Bus) -> Iterator[PolicyBus]:
    if not POLICY.exists() or POLICY.read_bytes() != OURS.read_bytes():
        shutil.copy(OURS, POLICY)
        bus.restart()
    address = f"unix:path={SOCKET}"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user="kratosd",
        group="kratosd",
        extra_groups=[],
        cwd="/",
    )
    with owner:
        assert owner.stdin and owner.stdout
        names = owner.stdout.readline().split()
        assert len(names) == 2, bus.log()
        yield PolicyBus(address, dict(zip([MANAGER, USER], names)))
        owner.stdin.close()
    log = bus.log()
    assert "Unknown username" not in log and "org.kratosd1.conf" not in log, log


def call(to: str, interface: str | None, member: str, fds: int = 0) -> dict:
    return {"to": to, "interface": interface, "member": member, "fds": fds}


def signal(to: str, interface: str, fds: int = 0) -> dict:
    return {"to": to, "interface": interface, "member": "Probe", "fds": fds, "signal": True}


@pytest.mark.parametrize("user", ["root", "alice", "nobody", "messagebus"])
def test_rule_7_only_kratosd_owns_its_names(policy_bus: PolicyBus, user: str) -> None:
    assert policy_bus.probe(user, {"own": MANAGER}, {"own": USER}) == [DENIED, DENIED]


def test_root_reaches_the_manager(policy_bus: PolicyBus) -> None:
    for to in policy_bus.both(MANAGER):
        for member in "BeginLogin", "CancelLogin", "CheckAccount", "OpenSession", "CloseSession":
            assert policy_bus.probe("root", call(to, MANAGER_INTERFACE, member)) == ["passed"]
        assert policy_bus.probe("root", call(to, MANAGER_INTERFACE, "Answer", 1)) == ["passed"]
        assert policy_bus.probe("root", call(to, INTROSPECTABLE, "Introspect")) == ["passed"]


def test_one_descriptor_and_only_with_an_answer_of_roots(policy_bus: PolicyBus) -> None:
    for user, name, interface, one in (
        ("root", MANAGER, MANAGER_INTERFACE, "passed"),
        ("root", USER, USER_INTERFACE, DENIED),
        ("alice", USER, USER_INTERFACE, DENIED),
    ):
        for to in policy_bus.both(name):
            assert policy_bus.probe(
                user,
                call(to, interface, "Answer", 1),
                call(to, interface, "Answer", 2),
                call(to, interface, "Answer", 16),
                call(to, interface, "BeginLogin", 1),
                call(to, interface, "CheckAccount", 1),
                call(to, INTROSPECTABLE, "Introspect", 1),
                signal(to, interface, 1),
            ) == [one] + 6 * [DENIED], (user, to)


@pytest.mark.parametrize("user", ["alice", "nobody", "messagebus"])
def test_rule_8_nobody_else_reaches_the_manager(policy_bus: PolicyBus, user: str) -> None:
    for to in policy_bus.both(MANAGER):
        orders = [
            call(to, MANAGER_INTERFACE, "BeginLogin"),
            call(to, MANAGER_INTERFACE, "Answer", 1),
            call(to, MANAGER_INTERFACE, "CloseSession"),
            call(to, USER_INTERFACE, "BeginLogin"),
            call(to, None, "BeginLogin"),
            call(to, INTROSPECTABLE, "Introspect"),
            call(to, "org.freedesktop.DBus.Peer", "Ping"),
            call(to, "org.freedesktop.DBus.Properties", "GetAll"),
            signal(to, MANAGER_INTERFACE),
            signal(to, "org.freedesktop.DBus", 1),
            signal(to, "any.other", 16),
        ]
        assert policy_bus.probe(user, *orders) == len(orders) * [DENIED], to


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_everybody_reaches_the_user_interface_and_no_more(policy_bus: PolicyBus, user: str) -> None:
    for to in policy_bus.both(USER):
        allowed = [
            call(to, USER_INTERFACE, "BeginLogin"),
            call(to, USER_INTERFACE, "CheckAccount"),
            call(to, USER_INTERFACE, "Answer"),
            call(to, USER_INTERFACE, "CancelLogin"),
            call(to, INTROSPECTABLE, "Introspect"),
        ]
        denied = [
            call(to, MANAGER_INTERFACE, "BeginLogin"),
            call(to, MANAGER_INTERFACE, "Answer", 1),
            call(to, None, "BeginLogin"),
            call(to, "org.freedesktop.DBus.Peer", "Ping"),
            call(to, "org.freedesktop.DBus.Properties", "GetAll"),
            signal(to, USER_INTERFACE),
            signal(to, "any.other", 16),
        ]
        expected = len(allowed) * ["passed"] + len(denied) * [DENIED]
        assert policy_bus.probe(user, *allowed, *denied) == expected, to
