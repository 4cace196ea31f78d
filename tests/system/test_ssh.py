"""What ssh is used for, and one session in Kratos for each connection that began with a password."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from counting import active, ever, over
from world.box import Box
from world.kratos import Identity, Kratos, totp_code
from world.processes import wait_until
from world.ssh import SHELL_PROMPT, SshSession, start_client

Make = Callable[..., Identity]
APP = "Code from your authenticator app: "
# More than a pipe holds, and than ssh sends before it is told that it may go on.
LARGE = bytes(range(256)) * 4 * 4096
ENDS_WITHIN = 20.0


def ended(client: subprocess.Popen[str], input: str | None = None) -> str:
    """Waits for its end, which must be a good one. Returns what it printed."""
    output, errors = client.communicate(input, timeout=ENDS_WITHIN)
    assert client.returncode == 0, (client.returncode, output, errors)
    return output


def at(person: Identity) -> str:
    return f"{person.username}@127.0.0.1"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """A server at the other end of a forwarded port, which says one word to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def forwarded(port: int, server: socket.socket) -> bytes:
    """What comes back through a forwarded port."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as there:
        arrived, _ = server.accept()
        with arrived:
            arrived.sendall(b"word")
        return there.recv(16)


def refused(user: str) -> None:
    """With a key."""
    login = SshSession(user, key=True, source="127.0.0.4")
    assert login.child.expect([pexpect.EOF, SHELL_PROMPT]) == 0
    assert login.finish().status == 255


def test_wrong_password(shared: Box, kratos: Kratos, make: Make) -> None:
    """A second one may be right. sshd waits for nobody: what kratosd takes for the failure is all."""
    anna = make("anna")
    login = SshSession("anna", prompts=2, source="127.0.0.2").answer("wrong")
    begun = time.monotonic()
    login.asked()
    assert 1 < time.monotonic() - begun < 8
    assert "Permission denied, please try again." in login.output
    assert ever(kratos, anna) == 0
    login.type(anna.password).shell()
    assert active(kratos, anna) == 1
    assert login.logout().status == 0
    over(kratos, anna, made=1)


def test_keyboard_interactive_with_an_app(shared: Box, kratos: Kratos, make: Make) -> None:
    berta = make("berta")
    secret = kratos.set_totp(berta.id)
    login = SshSession("berta", methods="keyboard-interactive").answer(berta.password)
    login.child.expect_exact(APP)
    login.type("000000")
    login.child.expect_exact("Wrong code. " + APP)
    login.type(totp_code(secret)).shell()
    (session,) = kratos.active_sessions(berta.id)
    assert session["authenticator_assurance_level"] == "aal2"
    # The id by which the login was handed from one process of sshd's to another: rule_27.
    assert "KRATOS" not in login.run("env").upper()
    assert login.logout().status == 0
    over(kratos, berta, made=1)


def test_a_password_alone_where_an_app_is_due(shared: Box, kratos: Kratos, make: Make) -> None:
    """Rule_43: sshd would say the password for a code."""
    berta = make("bertram")
    kratos.set_totp(berta.id)
    SshSession("bertram", source="127.0.0.3").answer(berta.password).refused()
    over(kratos, berta, made=ever(kratos, berta))


def test_rule_5_a_disabled_person_with_a_key(
    shared: Box, heard: None, kratos: Kratos, make: Make
) -> None:
    """Known here, and logged in already, or never seen before."""
    carla = make("carla")
    there = SshSession("carla", key=True).shell()
    kratos.set_state(carla.id, "inactive")
    refused("carla")
    assert there.run("id -un") == "carla"
    there.logout()
    conny = make("conny")
    kratos.set_state(conny.id, "inactive")
    refused("conny")
    assert ever(kratos, carla) == ever(kratos, conny) == 0


def test_a_command(shared: Box, kratos: Kratos, make: Make) -> None:
    dora = make("dora")
    client = start_client("ssh", at(dora), "read word; id -un; echo $word; exit 7", password=dora.password)
    wait_until(lambda: active(kratos, dora) == 1, "the command runs", ENDS_WITHIN)
    output, _ = client.communicate("word\n", timeout=ENDS_WITHIN)
    assert (output, client.returncode) == ("dora\nword\n", 7)
    over(kratos, dora, made=1)
    assert ended(start_client("ssh", at(dora), "id -un")) == "dora\n"
    over(kratos, dora, made=1)


@pytest.mark.parametrize("protocol", ["-s", "-O"], ids=["sftp", "rcp"])
def test_scp(shared: Box, kratos: Kratos, make: Make, tmp_path: Path, protocol: str) -> None:
    """There and back, in either protocol."""
    eva = make("eva" + protocol.strip("-").lower())
    (tmp_path / "large").write_bytes(LARGE)
    there = f"{at(eva)}:copy"
    ended(start_client("scp", protocol, str(tmp_path / "large"), there, password=eva.password))
    over(kratos, eva, made=1)
    ended(start_client("scp", protocol, there, str(tmp_path / "back"), password=eva.password))
    assert (tmp_path / "back").read_bytes() == LARGE
    over(kratos, eva, made=2)
    assert shared.run("stat", "-c", "%U", f"/home/{eva.username}/copy").stdout == eva.username + "\n"


def test_sftp(shared: Box, kratos: Kratos, make: Make, tmp_path: Path) -> None:
    franka = make("franka")
    (tmp_path / "large").write_bytes(LARGE)
    client = start_client("sftp", "-b", "-", at(franka), password=franka.password)
    assert client.stdin
    client.stdin.write("pwd\n")
    client.stdin.flush()
    wait_until(lambda: active(kratos, franka) == 1, "it is connected", ENDS_WITHIN)
    script = f"put {tmp_path}/large copy\nget copy {tmp_path}/back\nls -l copy\n"
    assert str(len(LARGE)) in ended(client, script)
    assert (tmp_path / "back").read_bytes() == LARGE
    over(kratos, franka, made=1)


@pytest.mark.parametrize("shell", [True, False], ids=["beside_a_command", "without_a_command"])
def test_forwarding(
    shared: Box, kratos: Kratos, make: Make, echo: socket.socket, shell: bool
) -> None:
    """-L, and -L with -N: there is a session for as long as there is a connection."""
    gerda = make("gerda" if shell else "gerhild")
    port = 7001 if shell else 7002
    arguments = ["-L", f"127.0.0.1:{port}:127.0.0.1:{echo.getsockname()[1]}", at(gerda)]
    arguments += ["cat"] if shell else ["-N"]
    client = start_client("ssh", *arguments, password=gerda.password)
    wait_until(lambda: listens(port), "the port is forwarded", ENDS_WITHIN)
    # What listens() asked for, and what is asked for now.
    echo.accept()[0].close()
    assert forwarded(port, echo) == b"word"
    assert active(kratos, gerda) == 1
    client.terminate()
    client.wait(ENDS_WITHIN)
    over(kratos, gerda, made=1)


def test_many_sessions_of_one_connection(
    shared: Box, kratos: Kratos, make: Make, tmp_path: Path
) -> None:
    """ControlMaster: it was one login. It ends with the connection, not with a session."""
    hanna = make("hanna")
    control = ["-o", f"ControlPath={tmp_path}/control", at(hanna)]
    master = start_client("ssh", "-M", "-N", *control, password=hanna.password)
    wait_until(lambda: (tmp_path / "control").exists(), "the connection is there", ENDS_WITHIN)
    shells = [start_client("ssh", *control, "read word; echo $word") for _ in range(5)]
    for number, shell in enumerate(shells):
        assert ended(shell, f"{number}\n") == f"{number}\n"
        assert active(kratos, hanna) == 1
    (tmp_path / "large").write_bytes(LARGE)
    ended(start_client("scp", *control[:2], str(tmp_path / "large"), f"{at(hanna)}:copy"))
    assert len(shared.run("loginctl", "--no-legend", "list-sessions").stdout.split("hanna")) >= 2
    assert (active(kratos, hanna), ever(kratos, hanna)) == (1, 1)
    ended(start_client("ssh", "-O", "exit", *control))
    master.wait(ENDS_WITHIN)
    over(kratos, hanna, made=1)
    # Whoever has no master connects for themselves.
    assert ended(start_client("ssh", *control, "id -un", password=hanna.password)) == "hanna\n"
    over(kratos, hanna, made=2)
