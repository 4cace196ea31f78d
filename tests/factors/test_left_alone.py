"""Conversations of programs that live on, whose people never answer: only their time ends them."""

import pytest
from abandoning import AT_ONCE, abandon, all_over, callers, end
from faultserver import FaultServer

from world.daemon import Daemon

IN_FLIGHT = 500
ASK_SEC = 180

pytestmark = pytest.mark.timeout(600)


def test_five_hundred(stopped_daemon: Daemon, imitated: FaultServer) -> None:
    programs = callers()
    abandon(programs, 2 * AT_ONCE)
    before = stopped_daemon.anon_kib()
    abandon(programs, IN_FLIGHT)
    assert len(imitated.kratos.active_sessions()) == IN_FLIGHT + 2 * AT_ONCE
    all_over(stopped_daemon, imitated, before, ASK_SEC + 60)
    end(programs)
