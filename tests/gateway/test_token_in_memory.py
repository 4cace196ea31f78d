"""The token in the memory of kratosd as it is released: the sanitized one erases nothing."""

import os

import pytest
from behind import TOKEN, ends_by_id, give, login, sent, use_token
from faultserver import FaultServer
from world.daemon import Daemon
from world.gateway import Gateway
from world.kratos import Identity, Kratos
from world.processes import search_memory, wait_until


@pytest.mark.parametrize("exchanged", [False, True])
def test_rule_21_no_copy_of_a_token_is_left(
    stopped_daemon: Daemon,
    gateway: Gateway,
    public: FaultServer,
    admin: FaultServer,
    kratos: Kratos,
    alice: Identity,
    exchanged: bool,
) -> None:
    """One that counts is in kratosd's memory once; one that was exchanged, nowhere."""
    first = "ory_pat_" + os.urandom(16).hex()
    give(first, TOKEN)
    use_token(stopped_daemon, gateway, f"https://localhost:{admin.port}")
    login(alice)
    ends_by_id(kratos, alice)
    assert sent(admin) == ["Bearer " + first]
    if exchanged:
        give("another", TOKEN)
        login(alice)
        ends_by_id(kratos, alice)

    def places() -> list[str]:
        return search_memory(stopped_daemon.pid, first.encode())

    expected = 0 if exchanged else 1
    wait_until(lambda: len(places()) == expected, f"it is in {expected} places", 2)
