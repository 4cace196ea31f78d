"""With the mark, the daemon and the module that are installed are those under the sanitizers."""

from pathlib import Path

import pytest

from world import pam
from world.daemon import Daemon
from world.kratos import Identity

pytestmark = pytest.mark.sanitized(module=True)


def test_daemon_is_sanitized(daemon: Daemon) -> None:
    assert b"__asan_init" in Path(f"/proc/{daemon.pid}/exe").read_bytes()


def test_module_is_sanitized(daemon: Daemon, alice: Identity) -> None:
    pam.pam_service("test-us", pam.ONLY_US)
    run = pam.run("test-us", "alice", ["authenticate"], ["wrong"])
    assert run.status == 1 and "Authentication failure" in run.output
