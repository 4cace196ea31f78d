"""Sessions that are open when kratosd, or the whole machine, ends: with or without a warning."""

from collections.abc import Callable

import pytest
from everybody import Console
from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

# What a boot and the first revocation may take.
REVOKED_WITHIN = 15.0


@pytest.fixture
def box(kratos: Kratos, off: Box) -> Box:
    """A machine with our software, booted, and its console."""
    off.power_on(console=True)
    return off


def log_in_twice(box: Box, kratos: Kratos, dora: Identity) -> tuple[SshSession, Console]:
    """Over ssh and on the console."""
    login = SshSession("dora").login(dora.password)
    console = Console(box).login("dora", dora.password)
    assert len(kratos.active_sessions(dora.id)) == 2
    return login, console


def both_are_revoked(kratos: Kratos, dora: Identity, timeout: float = REVOKED_WITHIN) -> None:
    wait_until(lambda: not kratos.active_sessions(dora.id), "both are revoked", timeout)
    assert len(kratos.sessions(dora.id)) == 2


def can_log_in_again(kratos: Kratos, dora: Identity) -> None:
    """She is known to the new boot at once."""
    login = SshSession("dora").login(dora.password)
    assert len(kratos.active_sessions(dora.id)) == 1
    assert login.logout().status == 0
    wait_until(lambda: not kratos.active_sessions(dora.id), "it is revoked too")


def test_a_reboot_ends_sessions_in_kratos(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    login, _ = log_in_twice(box, kratos, dora)
    box.reboot()
    login.finish()
    both_are_revoked(kratos, dora)
    can_log_in_again(kratos, dora)


def test_a_power_cut_ends_sessions_in_kratos(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    login, _ = log_in_twice(box, kratos, dora)
    box.power_cut()
    login.kill()
    assert len(kratos.active_sessions(dora.id)) == 2
    box.power_on()
    both_are_revoked(kratos, dora)
    can_log_in_again(kratos, dora)


def test_a_power_cut_while_kratos_is_away(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """The next boot cannot revoke them yet; it does when it can."""
    dora = make("dora")
    login, _ = log_in_twice(box, kratos, dora)
    box.power_cut()
    login.kill()
    kratos.pause()
    box.power_on()
    kratos.resume()
    both_are_revoked(kratos, dora, 60)


def test_a_restart_throws_nobody_out(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    login, console = log_in_twice(box, kratos, dora)
    for command in "systemctl restart kratosd", "pkill -KILL -x kratosd":
        box.sh(command)
        wait_until(
            lambda: box.run("getent", "passwd", "dora", check=False).returncode == 0, "it is back"
        )
        assert login.run("id -un") == console.run("id -un") == "dora"
        assert len(kratos.active_sessions(dora.id)) == 2
    assert login.logout().status == 0
    console.logout()
    both_are_revoked(kratos, dora)


def test_who_logs_out_while_it_is_away(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """What has ended meanwhile is revoked at the next start, and nothing else."""
    dora = make("dora")
    login, console = log_in_twice(box, kratos, dora)
    box.sh("systemctl stop kratosd")
    assert login.logout().status == 0
    assert len(kratos.active_sessions(dora.id)) == 2
    box.sh("systemctl start kratosd")
    wait_until(lambda: len(kratos.active_sessions(dora.id)) == 1, "one is revoked", REVOKED_WITHIN)
    assert console.run("id -un") == "dora"
    console.logout()
    both_are_revoked(kratos, dora)
