"""Screen lockers, which are no root: they renew the login that they run in, leave no session behind, and
hang with nobody."""

from collections.abc import Callable, Iterator

import lightdm
import pytest
from lightdm import Lightdm
from lockers import I3lock, I3lockOfTheUserManager
from world.box import Box
from world.kratos import Identity, Json, Kratos
from world.processes import wait_until

pytestmark = pytest.mark.timeout(300)

# The deadline of a module whose daemon does not answer is 2 s at the beginning; the rest is for a busy machine.
HUNG_SEC = 8.0


@pytest.fixture(scope="module")
def _lightdm(machine: Box) -> Lightdm:
    lightdm.set_up(machine)
    return Lightdm(machine)


@pytest.fixture
def screen(kratos: Kratos, _lightdm: Lightdm) -> Iterator[Lightdm]:
    _lightdm.start()
    yield _lightdm
    # Whoever sits there, and what they have locked, is gone.
    _lightdm.stop()


def begin(screen: Lightdm, kratos: Kratos, person: Identity) -> Json:
    """A person logs in. Returns their session."""
    screen.name(person.username).type(person.password)
    screen.wait_for_session(person.username)
    return only(kratos, person)


def only(kratos: Kratos, person: Identity) -> Json:
    wait_until(lambda: len(kratos.active_sessions(person.id)) == 1, "there is one session")
    return kratos.active_sessions(person.id)[0]


def test_i3lock(screen: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    dora = make("dora")
    before = begin(screen, kratos, dora)
    locker = I3lock(screen, "dora").lock()
    screen.keep("i3lock")
    locker.refused("something else")
    assert only(kratos, dora)["authenticated_at"] == before["authenticated_at"]
    locker.unlocked(dora.password)
    after = only(kratos, dora)
    assert after["id"] == before["id"] and after["authenticated_at"] > before["authenticated_at"]
    assert len(kratos.sessions(dora.id)) == 1
    screen.logout()
    wait_until(lambda: not kratos.active_sessions(dora.id), "it is revoked")


def test_outside_of_the_session(
    screen: Lightdm, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """Where it is not sure whose login it unlocks, it has a session of its own, which ends at once."""
    erik = make("erik")
    before = begin(screen, kratos, erik)
    I3lockOfTheUserManager(screen, "erik").lock().unlocked(erik.password)
    after = only(kratos, erik)
    assert (after["id"], after["authenticated_at"]) == (before["id"], before["authenticated_at"])
    assert len(kratos.sessions(erik.id)) == 2


def test_one_question_only(
    screen: Lightdm,
    kratos: Kratos,
    make: Callable[..., Identity],
    configure: Callable[[str], None],
) -> None:
    """i3lock can ask for no code: without a word of the administrator, whoever has one is refused."""
    kratos.configure(session__whoami__required_aal="aal1")
    kratos.restart()
    fritz = make("fritz")
    before = begin(screen, kratos, fritz)
    kratos.set_totp(fritz.id)
    locker = I3lock(screen, "fritz").lock()
    locker.refused(fritz.password)
    configure("[Service i3lock]\nSinglePrompt=yes\nRequireAAL=aal1")
    locker.unlocked(fritz.password)
    assert only(kratos, fritz)["id"] == before["id"]


@pytest.mark.parametrize("fault", ["stopped", "hung"])
def test_kratosd_is_away(
    screen: Lightdm, kratos: Kratos, make: Callable[..., Identity], fault: str
) -> None:
    gerd = make(f"gerd-{fault}")
    before = begin(screen, kratos, gerd)
    locker = I3lock(screen, gerd.username).lock()
    if fault == "stopped":
        screen.box.run("systemctl", "stop", "kratosd")
    else:
        screen.box.run("pkill", "-STOP", "-x", "kratosd")
    assert locker.refused(gerd.password) < HUNG_SEC
    if fault == "stopped":
        screen.box.run("systemctl", "start", "kratosd")
    else:
        screen.box.run("pkill", "-CONT", "-x", "kratosd")
    locker.unlocked(gerd.password)
    assert only(kratos, gerd)["id"] == before["id"]
