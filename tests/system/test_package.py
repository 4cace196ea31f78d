"""The package: what it changes on a host, and what is left of it when it is gone."""

import re
import time
from collections.abc import Callable

import pytest
from everybody import root_with_a_key
from host import CONFIGURATION, INSTALL_TIMEOUT, LOCAL_PASSWORD, ROOT_PASSWORD, install_packages
from world.box import Box
from world.kratos import Identity
from world.ssh import SshSession

PAM = ["common-account", "common-auth", "common-password", "common-session", "common-session-noninteractive"]

# A machine that has become busy is some times slower; whoever waits for a daemon or a server that is not there
# waits for longer than that, in seconds, even if nothing takes any time.
TIMES_SLOWER = 3
WAIT = 0.8
TIMES = 3
NEW_PASSWORD = "quite another passphrase"


def stacks(box: Box) -> dict[str, str]:
    return {name: box.path(f"/etc/pam.d/{name}").read_text() for name in PAM}


def asked_in_vain(user: str, source: str) -> tuple[str, float]:
    """What somebody sees who does not come in, and the seconds until they are asked: what follows a wrong
    password, PAM draws by lot."""
    begun = time.monotonic()
    login = SshSession(user, methods="keyboard-interactive", source=source).asked()
    seconds = time.monotonic() - begun
    return login.type("wrong").refused().output, seconds


def types(login: SshSession, command: str, *answers: str) -> tuple[str, float]:
    """What somebody sees of a command that asks them, and the seconds that it takes."""
    seen = len(login.output)
    begun = time.monotonic()
    login.type(command)
    for answer in answers:
        login.answer(answer)
    login.shell()
    return login.output[seen:], time.monotonic() - begun


def lokals_day(box: Box) -> dict[str, tuple[str, float]]:
    """What lokal does, and what each thing shows and takes."""
    begun = time.monotonic()
    login = SshSession("lokal", methods="keyboard-interactive").login(LOCAL_PASSWORD)
    seconds = time.monotonic() - begun
    # When it was the last time, is not always the same.
    told = re.sub(r"(?m)^Last login: .*\n", "", login.output)
    day = {"logs in": (told, seconds)}
    # What a shell's echo shows of it is not what the terminal waits for.
    day["sudo"] = types(login, "sudo -k -p 'Pass''word: ' id -un", LOCAL_PASSWORD)
    day["su"] = types(login, "su -c 'id -un'", ROOT_PASSWORD)
    day["passwd"] = types(login, "passwd", LOCAL_PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    assert login.logout().status == 0
    box.run("chpasswd", input=f"lokal:{LOCAL_PASSWORD}\n")
    return day


def everybodys_day(box: Box, source: str) -> dict[str, tuple[str, float]]:
    """Debian 13's sshd drops whoever comes in vain too often from one address."""
    day = lokals_day(box)
    day["a wrong password"] = asked_in_vain("lokal", source)
    day["a name that nobody has"] = asked_in_vain("nosuchname", source)
    day["root, with a key"] = "", root_with_a_key()
    day["a look-up"] = "", box.timed(["getent", "passwd", "nosuchname"])[0][0]
    return day


def some_days(box: Box, network: str) -> tuple[dict[str, str], dict[str, float]]:
    """What everybody sees, which must not vary, and the shortest time that each thing takes."""
    days = [everybodys_day(box, f"{network}.{1 + day}") for day in range(TIMES)]
    seen = [{what: text for what, (text, _) in day.items()} for day in days]
    assert seen == seen[:1] * TIMES
    return seen[0], {what: min(day[what][1] for day in days) for what in seen[0]}


@pytest.mark.timeout(300)
def test_until_a_url_is_set_nothing_changes(bare: Box) -> None:
    """Nobody waits, no unit has failed, and everybody is asked and told what they were before, also under a name
    that nobody has."""
    before, took = some_days(bare, "127.0.1")
    for what, shown in ("sudo", "\nroot\n"), ("su", "\nroot\n"), ("passwd", "updated successfully"):
        assert shown in before[what], before[what]
    install_packages(bare)
    assert bare.run("systemctl", "is-system-running").stdout == "running\n"
    (status,) = bare.show("kratosd.service", "StatusText")
    assert status.startswith("Idle until PublicURL=")
    after, takes = some_days(bare, "127.0.2")
    assert after == before
    waits = {what for what in took if takes[what] > TIMES_SLOWER * took[what] + WAIT}
    assert not waits, (took, takes)


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
