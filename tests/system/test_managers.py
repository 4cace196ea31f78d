"""User managers, lingering and loginctl: logind's sessions, and those in Kratos."""

from collections.abc import Callable

from counting import active, ever, over
from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

Make = Callable[..., Identity]
# logind waits for a second, and what is somebody's has to end.
ENDS_WITHIN = 20.0
TELL = "id -un; echo $HOME; echo $XDG_RUNTIME_DIR; grep ^0: /proc/self/cgroup"


def of_session(shell: SshSession, *properties: str) -> dict[str, str]:
    """What logind says of the session that a shell is in."""
    wanted = " ".join(f"--property={name}" for name in properties)
    told = shell.run(f"loginctl show-session $XDG_SESSION_ID {wanted}")
    return dict(line.split("=", 1) for line in told.splitlines())


def manager(box: Box, uid: int) -> str:
    return box.show(f"user@{uid}.service", "ActiveState")[0]


def test_logind_knows_who_is_there(shared: Box, kratos: Kratos, make: Make) -> None:
    anna = make("anna")
    shell = SshSession("anna").login(anna.password)
    uid = int(shell.run("id -u"))
    told = of_session(shell, "Name", "User", "Service", "Class", "Type", "Remote", "RemoteHost", "State")
    assert told == {
        "Name": "anna",
        "User": str(uid),
        "Service": "sshd",
        "Class": "user",
        "Type": "tty",
        "Remote": "yes",
        "RemoteHost": "127.0.0.1",
        "State": "active",
    }
    wanted = [f"--property={name}" for name in ("Name", "UID", "GID", "Linger")]
    told = shared.run("loginctl", "show-user", "anna", *wanted).stdout
    assert set(told.split()) == {"Name=anna", f"UID={uid}", f"GID={uid}", "Linger=no"}
    assert shell.logout().status == 0
    over(kratos, anna, made=1)
    wait_until(lambda: manager(shared, uid) == "inactive", "the user manager has ended", ENDS_WITHIN)
    wait_until(lambda: not shared.live(f"/run/user/{uid}").exists(), "its folder is gone")


def test_units_of_a_user_manager(shared: Box, kratos: Kratos, make: Make) -> None:
    """It is started by a PAM service of its own, for which nobody was asked anything."""
    berta = make("berta")
    shell = SshSession("berta").login(berta.password)
    uid = shell.run("id -u")
    # It does not wait for the end, which takes a bus of the person's own.
    shell.run(f"systemd-run --user --quiet sh -c '({TELL}) > ~/new; mv ~/new ~/told'")
    told = shared.path("/home/berta/told")
    wait_until(told.exists, "the unit has run")
    *who, group = told.read_text().splitlines()
    assert who == ["berta", "/home/berta", f"/run/user/{uid}"]
    assert f"/user@{uid}.service/" in group
    assert shell.run("systemctl --user is-system-running") == "running"
    assert (active(kratos, berta), ever(kratos, berta)) == (1, 1)
    shell.logout()
    over(kratos, berta, made=1)


def test_terminate_session(shared: Box, kratos: Kratos, make: Make) -> None:
    """Of two sessions of a person, one ends, in Kratos too."""
    carla = make("carla")
    first, second = (SshSession("carla").login(carla.password) for _ in range(2))
    assert active(kratos, carla) == 2
    shared.run("loginctl", "terminate-session", first.run("echo $XDG_SESSION_ID"))
    assert first.finish().status != 0
    wait_until(lambda: active(kratos, carla) == 1, "the session is revoked")
    assert second.run("id -un") == "carla"
    assert second.logout().status == 0
    over(kratos, carla, made=2)


def test_terminate_user(shared: Box, kratos: Kratos, make: Make) -> None:
    """All of a person's, with a password or with a key, and nobody else's."""
    dora, eva = make("dora"), make("eva")
    shells = [SshSession("dora").login(dora.password) for _ in range(2)]
    shells.append(SshSession("dora", key=True).shell())
    other = SshSession("eva").login(eva.password)
    uid = int(shells[0].run("id -u"))
    assert active(kratos, dora) == 2
    shared.run("loginctl", "terminate-user", "dora")
    for shell in shells:
        assert shell.finish().status != 0
    over(kratos, dora, made=2)
    wait_until(lambda: manager(shared, uid) == "inactive", "the user manager has ended", ENDS_WITHIN)
    assert other.run("id -un") == "eva"
    assert active(kratos, eva) == 1
    assert other.logout().status == 0
    over(kratos, eva, made=1)


def test_who_lingers(shared: Box, kratos: Kratos, make: Make) -> None:
    """What runs on is no login: there is nothing of it in Kratos."""
    franka = make("franka")
    shared.run("loginctl", "enable-linger", "franka")
    shell = SshSession("franka").login(franka.password)
    uid = int(shell.run("id -u"))
    shell.run("systemd-run --user --unit=stays sleep 1000")
    assert shell.logout().status == 0
    over(kratos, franka, made=1)

    def stays() -> str:
        as_franka = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
        ask = ("env", f"XDG_RUNTIME_DIR=/run/user/{uid}", "systemctl", "--user", "is-active", "stays")
        return shared.run(*as_franka, *ask, check=False).stdout.strip()

    assert (manager(shared, uid), stays()) == ("active", "active")
    # A new manager, for a person without a login.
    shared.run("systemctl", "restart", f"user@{uid}.service")
    assert (manager(shared, uid), stays()) == ("active", "inactive")
    shared.run("systemctl", "restart", "kratosd.service")
    assert manager(shared, uid) == "active"
    assert ever(kratos, franka) == 1
    again = SshSession("franka").login(franka.password)
    assert active(kratos, franka) == 1
    again.logout()
    over(kratos, franka, made=2)
    shared.run("loginctl", "disable-linger", "franka")
    wait_until(lambda: manager(shared, uid) == "inactive", "the user manager has ended", ENDS_WITHIN)
