"""What anybody's calls cost kratosd in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import Caller, refusal

from world.daemon import Daemon, unit
from world.kratos import Identity
from world.processes import memory_kib, wait_until

# The bus takes messages of 32 MiB.
LARGE = 30 << 20
AT_ONCE = 6


def large(what: str) -> list[object]:
    """Arguments of BeginLogin with something large in them."""
    text = "x" * LARGE
    return {
        "user": [text, {}],
        "value": ["alice", {"service": text}],
        "key": ["alice", {text: "sshd"}],
        "list": ["alice", {"service": [text]}],
        "entries": ["alice", {f"{number:x>1000}": "x" * 1000 for number in range(LARGE // 2048)}],
    }[what]


@pytest.mark.parametrize("what", ["user", "value", "key", "list", "entries"])
def test_large_messages_are_not_kept(
    daemon: Daemon, alice: Identity, caller: Callable[..., Caller], what: str
) -> None:
    """One is in memory while it is read, and then it is gone."""
    callers = [caller("alice") for _ in range(AT_ONCE)]
    callers[0].cancel(callers[0].begin("alice"))
    before = daemon.anon_kib()
    arguments = large(what)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        refusals = [
            pool.submit(refusal, one.call, "BeginLogin", *arguments) for one in callers
        ]
    assert {one.result() for one in refusals} == {"InvalidArgument"}
    wait_until(lambda: daemon.anon_kib() - before < 2048, "the memory has gone back")
    assert memory_kib(daemon.pid, "VmHWM") - daemon.rss_kib() < 40 << 10
    (limit,) = unit()["MemoryMax"]
    assert memory_kib(daemon.pid, "VmHWM") < int(limit.removesuffix("M")) * 1024 / 2
