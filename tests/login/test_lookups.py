"""What is asked about accounts is answered from what the host knows, whatever logins wait for."""

import time

from calling import Caller
from faultserver import FaultServer, faults
from logging_in import SERVICE
from world.daemon import Daemon
from world.kratos import Identity
from world.pam import Pamtester


def test_rule_17_a_look_up_never_waits_for_another_persons_login(
    proxy: FaultServer, daemon: Daemon, alice: Identity, bob: Identity, root: Caller
) -> None:
    held = faults.hold(after=False)
    proxy.set("login", held)
    waiting = Pamtester(SERVICE, "alice", ["authenticate"], [alice.password]).answer()
    held.wait()
    for _ in range(20):
        begun = time.monotonic()
        root.check_account("bob")
        assert time.monotonic() - begun < 1
    held.release()
    assert waiting.finish().status == 0


def test_rule_17_a_look_up_never_waits_for_kratos(
    proxy: FaultServer, daemon: Daemon, alice: Identity, root: Caller
) -> None:
    proxy.set("*", faults.black_hole())
    begun = time.monotonic()
    root.check_account("alice")
    assert time.monotonic() - begun < 1
