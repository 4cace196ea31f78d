"""Sessions that are open when kratosd, or the whole machine, ends: with or without a warning."""

from collections.abc import Callable

from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

# What a boot and the first revocation may take.
REVOKED_WITHIN = 15.0


def open_session(kratos: Kratos, dora: Identity) -> SshSession:
    login = SshSession("dora").login(dora.password)
    assert len(kratos.active_sessions(dora.id)) == 1
    return login


def test_a_reboot_ends_sessions_in_kratos(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    login = open_session(kratos, dora)
    box.reboot()
    login.finish()
    wait_until(lambda: not kratos.active_sessions(dora.id), "it is revoked", REVOKED_WITHIN)
    # She is known to the new boot at once, and can log in again.
    open_session(kratos, dora).logout()
    wait_until(lambda: not kratos.active_sessions(dora.id), "it is revoked too")


def test_a_power_cut_ends_sessions_in_kratos(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    login = open_session(kratos, dora)
    box.power_cut()
    login.kill()
    assert len(kratos.active_sessions(dora.id)) == 1
    box.power_on()
    wait_until(lambda: not kratos.active_sessions(dora.id), "it is revoked", REVOKED_WITHIN)
    open_session(kratos, dora).logout()


def test_a_power_cut_while_kratos_is_away(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """The next boot cannot revoke it yet; it does when it can."""
    dora = make("dora")
    login = open_session(kratos, dora)
    box.power_cut()
    login.kill()
    kratos.pause()
    box.power_on()
    kratos.resume()
    wait_until(lambda: not kratos.active_sessions(dora.id), "it is revoked", 60)


def test_a_restart_throws_nobody_out(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    login = open_session(kratos, dora)
    for command in "systemctl restart kratosd", "pkill -KILL -x kratosd":
        box.sh(command)
        wait_until(
            lambda: box.run("getent", "passwd", "dora", check=False).returncode == 0, "it is back"
        )
        assert login.run("id -un") == "dora"
        assert len(kratos.active_sessions(dora.id)) == 1
    assert login.logout().status == 0
    wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked")
