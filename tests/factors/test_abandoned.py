"""Ten thousand conversations that are given up: what they cost, and that nothing is left of them."""

import pytest
from abandoning import AT_ONCE, abandon, all_over, callers, end
from faultserver import FaultServer

from world.daemon import Daemon

IN_FLIGHT = 1000
ABANDONED = 10_000
EACH_KIB = 8

pytestmark = pytest.mark.timeout(600)


def test_ten_thousand(stopped_daemon: Daemon, imitated: FaultServer, record_property) -> None:
    """Each gives way to newer ones, and the last thousand end with their programs."""
    programs = callers()
    abandon(programs, 2 * AT_ONCE)
    before = stopped_daemon.anon_kib()
    abandon(programs, IN_FLIGHT)
    cost = (stopped_daemon.anon_kib() - before) / IN_FLIGHT
    record_property("shown", f"{cost:.2f} KiB each")
    assert len(imitated.kratos.active_sessions()) == IN_FLIGHT + 2 * AT_ONCE
    assert cost <= EACH_KIB
    abandon(programs, ABANDONED - IN_FLIGHT)
    assert len(imitated.of("login")) == ABANDONED + 2 * AT_ONCE
    end(programs)
    all_over(stopped_daemon, imitated, before, 60)
