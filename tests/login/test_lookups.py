"""What is asked about accounts is answered from what the host knows, whatever logins wait for."""

import time

import pytest
from calling import Caller, Refused, start
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


def test_rule_17_a_check_that_is_fresh_never_waits_for_kratos(
    stopped_daemon: Daemon, proxy: FaultServer, alice: Identity, bob: Identity, root: Caller
) -> None:
    """Neither API answers, and what the admin API said within FreshSec= counts without it."""
    stopped_daemon.configure(Kratos={"AdminURL": proxy.url}, Access={"FreshSec": "60s"})
    start(stopped_daemon)
    root.check_account("alice")
    assert [one.argument for one in proxy.of("identity")] == [alice.id]
    proxy.set("*", faults.black_hole())
    for _ in range(20):
        begun = time.monotonic()
        root.check_account("alice")
        assert time.monotonic() - begun < 1
    assert len(proxy.of("identity")) == 1
    begun = time.monotonic()
    with pytest.raises(Refused):
        root.check_account("bob")
    assert time.monotonic() - begun > 1, "Kratos was asked about bob, and does not answer"
