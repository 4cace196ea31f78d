"""The package: what it changes on a host, and what is left of it when it is gone."""

from collections.abc import Callable

from host import CONFIGURATION, INSTALL_TIMEOUT, LOCAL_PASSWORD, install_packages
from world.box import Box
from world.kratos import Identity
from world.ssh import SshSession

PAM = ["common-account", "common-auth", "common-password", "common-session", "common-session-noninteractive"]


def stacks(box: Box) -> dict[str, str]:
    return {name: box.path(f"/etc/pam.d/{name}").read_text() for name in PAM}


def test_until_a_url_is_set_nothing_changes(bare: Box) -> None:
    """Nobody waits, no unit has failed, and a name that nobody has is asked as before."""
    install_packages(bare)
    assert bare.run("systemctl", "is-system-running").stdout == "running\n"
    (status,) = bare.show("kratosd.service", "StatusText")
    assert status.startswith("Idle until PublicURL=")
    login = SshSession("lokal").login(LOCAL_PASSWORD)
    assert login.logout().status == 0


def test_a_person_after_one_line(bare: Box, make: Callable[..., Identity]) -> None:
    dora = make("dora")
    before = stacks(bare)
    install_packages(bare)
    assert stacks(bare) != before
    bare.write("/etc/kratosd/kratosd.conf.d/local.conf", CONFIGURATION)
    bare.run("systemctl", "reload", "kratosd")
    login = SshSession("dora").login(dora.password)
    assert login.run("id -un") == "dora"
    assert login.logout().status == 0
    bare.run("apt-get", "--quiet", "--yes", "purge", "libpam-kratos", "kratosd", timeout=INSTALL_TIMEOUT)
    assert stacks(bare) == before
