"""The README's "Put it on a host", command by command, on a machine that has nothing of ours yet."""

import socket
import subprocess
from collections.abc import Callable

from host import follow_the_readme, readme_steps
from world.box import Box
from world.kratos import Identity, Kratos, totp_code
from world.paths import TREE
from world.processes import wait_until
from world.ssh import SshSession


def test_the_packages_are_built_as_it_says() -> None:
    """By tests/system/package; and what apt build-dep fetches is all that it takes."""
    (install, build, _) = readme_steps()[0]
    assert install == "apt build-dep ."
    assert build in (TREE / "tests/system/package").read_text()
    subprocess.run(["dpkg-checkbuilddeps"], cwd=TREE, check=True)


def listens() -> bool:
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", 22)) == 0


def test_a_person_logs_in_afterwards(bare: Box, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """With the password, by what sshd may ask then, with a code after it, and with a key."""
    bare.path("/etc/ssh/sshd_config.d/people.conf").unlink()
    dora, berta = make("dora"), make("berta")
    secret = kratos.set_totp(berta.id)
    follow_the_readme(bare)
    wait_until(listens, "sshd is back from its reload")
    login = SshSession("dora", methods="keyboard-interactive").login(dora.password)
    assert login.run("id -un") == "dora"
    told = bare.run("journalctl", "KRATOSD_USER=dora", "--output=cat", "--output-fields=KRATOSD_EVENT").stdout
    assert "login-granted" in told and "session-opened" in told
    assert login.logout().status == 0
    wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked")
    login = SshSession("berta", methods="keyboard-interactive").answer(berta.password)
    login.child.expect_exact("Code from your authenticator app: ")
    login.type(totp_code(secret)).shell()
    (session,) = kratos.active_sessions(berta.id)
    assert session["authenticator_assurance_level"] == "aal2"
    assert login.logout().status == 0
    assert SshSession("dora", key=True).shell().logout().status == 0
