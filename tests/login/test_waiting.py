"""Answers that are waited for hold connections of root's to the bus: nobody may have all of them."""

from collections.abc import Callable

import pytest
from calling import SEALED, Caller, refusal, start
from faultserver import FaultServer, faults

from world.bus import Bus
from world.daemon import Daemon

pytestmark = pytest.mark.sanitized

PORT = 435
ALICE = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PER_REMOTE_HOST = 64
OF_REMOTE_HOSTS = 96


def test_rule_38_a_remote_host_has_a_share(
    stopped_daemon: Daemon, bus: Bus, caller: Callable[..., Caller]
) -> None:
    with FaultServer(PORT) as server:
        server.kratos.add("alice", "right", ALICE)
        server.set("login", faults.delayed(3))
        stopped_daemon.map("alice", ALICE)
        stopped_daemon.configure(
            Kratos={"PublicURL": server.url, "AdminURL": None}, Throttle={"Enabled": "no"}
        )
        start(stopped_daemon)
        root = caller()
        for _ in range(PER_REMOTE_HOST):
            attempt = root.begin("alice", rhost="192.0.2.1")
            root.call("Answer", attempt, secret="77726f6e67", seals=SEALED, later=True)
        assert refusal(root.answer, root.begin("alice", rhost="192.0.2.1"), "wrong") == "Throttled"
        # Others, and whoever sits at the console, are none the wiser.
        for context in {"rhost": "192.0.2.2"}, {}:
            assert refusal(root.answer, root.begin("alice", **context), "wrong") == "BadCredentials"


def test_rule_35_remote_hosts_leave_some_to_the_console(
    stopped_daemon: Daemon, bus: Bus, caller: Callable[..., Caller]
) -> None:
    with FaultServer(PORT) as server:
        server.kratos.add("alice", "right", ALICE)
        server.set("login", faults.delayed(3))
        stopped_daemon.map("alice", ALICE)
        stopped_daemon.configure(Kratos={"PublicURL": server.url, "AdminURL": None})
        start(stopped_daemon)
        root = caller()
        for number in range(OF_REMOTE_HOSTS):
            attempt = root.begin("alice", rhost=f"192.0.2.{1 + number // PER_REMOTE_HOST}")
            root.call("Answer", attempt, secret="77726f6e67", seals=SEALED, later=True)
        assert refusal(root.answer, root.begin("alice", rhost="192.0.2.3"), "wrong") == "Throttled"
        assert refusal(root.answer, root.begin("alice"), "wrong") == "BadCredentials"
