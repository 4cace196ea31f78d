"""sudo within a login, where the real logind says who sits where."""

from collections.abc import Callable

import pytest
from world.box import Box
from world.kratos import Identity, Json, Kratos
from world.processes import wait_until
from world.ssh import SshSession

# What a shell's echo shows of it is not what the terminal waits for.
SUDO = "sudo -p 'Pass''word: ' "

UNIT = """\
[Service]
Type=oneshot
WorkingDirectory=%h
ExecStart=/bin/sh -c "sudo -S id -un < pw > said"
"""


@pytest.fixture
def dora(box: Box, make: Callable[..., Identity]) -> Identity:
    """A person who may run everything as root, and is asked each time."""
    box.write("/etc/sudoers.d/dora", "Defaults timestamp_timeout=0, lecture=never\ndora ALL=(ALL) ALL\n", 0o440)
    return make("dora")


def reasons(box: Box, event: str) -> list[str]:
    told = box.run("journalctl", f"KRATOSD_EVENT={event}", "--output=cat", "--output-fields=KRATOSD_REASON")
    return [line for line in told.stdout.split() if not line.startswith("--")]


def id_in_sudo(shell: SshSession, person: Identity, sudo: str = SUDO) -> None:
    before = len(shell.output)
    shell.type(sudo + "id -un").answer(person.password).shell()
    assert "\nroot\n" in shell.output[before:], shell.output[before:]


def active(kratos: Kratos, person: Identity) -> list[Json]:
    return kratos.active_sessions(person.id)


def test_sudo_ten_times(box: Box, kratos: Kratos, dora: Identity) -> None:
    shell = SshSession("dora").login(dora.password)
    (session,) = active(kratos, dora)
    for _ in range(10):
        id_in_sudo(shell, dora)
        (now,) = active(kratos, dora)
        assert now["id"] == session["id"]
        assert now["authenticated_at"] > session["authenticated_at"]
        session = now
    assert len(kratos.sessions(dora.id)) == 1
    assert reasons(box, "session-renewed") == ["renewed"] * 10
    box.run("systemctl", "restart", "kratosd")
    id_in_sudo(shell, dora)
    assert [one["id"] for one in active(kratos, dora)] == [session["id"]]
    assert shell.logout().status == 0
    wait_until(lambda: not active(kratos, dora), "the session is revoked")
    assert len(kratos.sessions(dora.id)) == 1


def test_su_to_oneself(box: Box, kratos: Kratos, dora: Identity) -> None:
    """logind makes no session within a session, and neither does Kratos."""
    shell = SshSession("dora").login(dora.password)
    (session,) = active(kratos, dora)
    shell.type("su - dora").login(dora.password)
    id_in_sudo(shell, dora)
    shell.type("exit").shell()
    assert [one["id"] for one in active(kratos, dora)] == [session["id"]]
    assert reasons(box, "session-renewed") == ["renewed"] * 2
    assert len(kratos.sessions(dora.id)) == 1
    shell.logout()
    wait_until(lambda: not active(kratos, dora), "the session is revoked")


def test_rule_34_outside_of_the_session(box: Box, kratos: Kratos, dora: Identity) -> None:
    """Under the user manager, in a login with a key, and in what lingers of a login: none of them renews
    the login beside it."""
    shell = SshSession("dora").login(dora.password)
    (session,) = active(kratos, dora)
    assert shell.run("systemctl --user is-system-running --wait") == "running"
    box.write("/home/dora/pw", dora.password + "\n")
    box.write("/home/dora/.config/systemd/user/sudo.service", UNIT)
    assert shell.run("systemctl --user start sudo && cat said") == "root"
    keyed = SshSession("dora", key=True).shell()
    id_in_sudo(keyed, dora)
    keyed.logout()
    wait_until(lambda: len(active(kratos, dora)) == 1, "what they left is revoked")
    (now,) = active(kratos, dora)
    assert (now["id"], now["authenticated_at"]) == (session["id"], session["authenticated_at"])
    assert reasons(box, "session-renewed") == []
    shell.logout()


def test_rule_34_what_lingers_of_another_login(box: Box, kratos: Kratos, dora: Identity) -> None:
    first = SshSession("dora").login(dora.password)
    first.run("echo '" + dora.password + "' > pw")
    waits = "while [ ! -e go ]; do sleep 0.1; done; sudo -S id -un < pw > said 2>&1; touch done"
    first.run(f"setsid nohup sh -c '{waits}' > /dev/null 2>&1 < /dev/null &")
    first.logout()
    wait_until(lambda: not active(kratos, dora), "the first session is revoked")
    second = SshSession("dora").login(dora.password)
    (session,) = active(kratos, dora)
    second.run("touch go")
    wait_until(lambda: box.path("/home/dora/done").exists(), "sudo has ended", 20)
    assert box.path("/home/dora/said").read_text().split()[-1] == "root"
    wait_until(lambda: len(active(kratos, dora)) == 1, "what it left is revoked")
    (now,) = active(kratos, dora)
    assert (now["id"], now["authenticated_at"]) == (session["id"], session["authenticated_at"])
    assert reasons(box, "session-renewed") == []
    second.logout()
