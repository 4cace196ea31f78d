"""kratosd and a disk that is full, fails, or is read-only: nothing leaks, nobody is thrown out, and
people of the local passwd file do not notice any of it.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from crash_scene import Scene, Sweep
from crashing import (
    GRANTED, MANY, OPEN, POSTED, REVOKING, Program, local_user_logs_in, mounted, refused, rows, table,
)  # fmt: skip

from world.daemon import Daemon
from world.paths import STATE
from world.processes import wait_until

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(150)]

FILLER = STATE / "filler"

# Once a disk takes writes again, kratosd tries again within 10 s.
RETRIED_SEC = 20.0


def passwords(scene: Scene) -> int:
    """How many were posted so far."""
    return len(scene.proxy.of("login"))


@pytest.fixture
def small_disk(scene: Scene) -> Iterator[None]:
    """A small disk of its own for the state directory."""
    STATE.mkdir(parents=True, exist_ok=True)
    with mounted("-t", "tmpfs", "-o", "size=512k", "small", str(STATE)):
        yield
        scene.daemon.kill()


def fill() -> None:
    """Fills it, or what has become free of it since."""
    with FILLER.open("ab", buffering=0) as file:
        for size in 65536, 512, 1:
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                pass


def free() -> None:
    FILLER.unlink()


# Where the disk becomes full. Each returns the program, which goes on.


def at_the_start(scene: Scene) -> Program:
    fill()
    return scene.begin().type()


def while_the_flow_is_asked_for(scene: Scene) -> Program:
    scene.empty_stock()
    hold = scene.proxy.hold("flow")
    program = scene.begin()
    hold.wait()
    fill()
    hold.release()
    return program.type()


def at_the_prompt(scene: Scene) -> Program:
    program = scene.begin()
    wait_until(lambda: POSTED in [row["state"] for row in rows()], "the row is on disk")
    fill()
    return program.type()


def while_the_password_is_posted(scene: Scene) -> Program:
    hold = scene.proxy.hold("login")
    program = scene.begin().type()
    hold.wait()
    fill()
    hold.release()
    return program


def fill_behind(scene: Scene, call: str, lead: Callable[[], object], row: str) -> None:
    """Between two steps: behind a system call to which it is led. A row stands by then beside the
    bystander's."""
    scene.stop_behind(call)
    lead()
    scene.stopped()
    assert sorted(found["state"] for found in rows()) == sorted([OPEN, row])
    fill()
    scene.go_on()


def when_it_is_stored_and_not_told(scene: Scene) -> Program:
    hold = scene.proxy.hold("login")
    program = scene.begin().type()
    hold.wait()
    fill_behind(scene, "fdatasync", hold.release, GRANTED)
    return program


def before_the_session_is_opened(scene: Scene) -> Program:
    scene.gates.shut("account")
    program = scene.begin().type().at("account")
    fill()
    scene.gates.open("account")
    return program


def opening(scene: Scene, call: str, row: str) -> Program:
    scene.gates.shut("account")
    program = scene.begin().type().at("account")
    fill_behind(scene, call, lambda: scene.gates.open("account"), row)
    return program


def when_the_lifeline_is_made(scene: Scene) -> Program:
    return opening(scene, "mknodat", GRANTED)


def when_it_is_opened_and_not_told(scene: Scene) -> Program:
    return opening(scene, "fdatasync", OPEN)


def while_the_session_is_open(scene: Scene) -> Program:
    program = scene.opened()
    fill()
    return program


def closing(scene: Scene, call: str, row: str) -> Program:
    program = scene.opened()
    fill_behind(scene, call, program.pass_gates, row)
    return program.finish()


def when_the_lifeline_is_removed(scene: Scene) -> Program:
    return closing(scene, "unlink", OPEN)


def when_it_is_closed_and_not_revoked(scene: Scene) -> Program:
    return closing(scene, "fdatasync", REVOKING)


def while_it_is_revoked(scene: Scene) -> Program:
    program = scene.opened()
    hold = scene.proxy.hold("logout")
    program.pass_gates()
    hold.wait()
    fill()
    hold.release()
    return program


FULL: dict[Callable[[Scene], Program], str] = {
    at_the_start: "refused, no password posted",
    while_the_flow_is_asked_for: "refused, revoked",
    at_the_prompt: "refused, revoked",
    while_the_password_is_posted: "refused, revoked",
    when_it_is_stored_and_not_told: "refused, revoked",
    before_the_session_is_opened: "refused, revoked",
    when_the_lifeline_is_made: "refused, revoked",
    when_it_is_opened_and_not_told: "revoked at its end",
    while_the_session_is_open: "revoked at its end",
    when_the_lifeline_is_removed: "revoked",
    when_it_is_closed_and_not_revoked: "revoked",
    while_it_is_revoked: "revoked",
}


def name_of(function: Callable) -> str:
    return function.__name__.replace("_", " ")


@pytest.mark.parametrize("moment", FULL, ids=name_of)
def test_rule_23_full_disk(scene: Scene, small_disk: None, moment: Callable[[Scene], Program]) -> None:
    """Nothing is leaked, and nobody thrown out, while it is full; and it need not be full for good."""
    scene.start()
    bystander = scene.opened()
    spared = scene.active()
    posted = passwords(scene)
    program = moment(scene).wait("open_session")
    if "no password" in FULL[moment]:
        assert passwords(scene) == posted
    if "refused" in FULL[moment]:
        refused(program)
    else:
        assert program.finish().result == "ok"
    scene.expect(spared, "its session is over")
    time.sleep(0.2)  # what kratosd has freed of its log meanwhile is filled as well
    fill()
    refused(scene.begin().type())
    local_user_logs_in()
    scene.stays(spared, "the living session")
    assert bystander.opened and bystander.finish().result == "ok"
    scene.expect([], "every session is over, on a disk that is still full")
    free()
    scene.another_login()
    scene.nothing_left_after_restart()
    table.append(("disk", f"disk full {name_of(moment)}", FULL[moment]))


def killed(scene: Scene, moment: Callable[[Scene], Program]) -> Program:
    """As the moment is reached, kratosd is killed."""
    scene.dies_there = True
    program = moment(scene)
    program.wait("open_session")
    scene.daemon.kill()
    scene.settle()
    return program


@pytest.mark.parametrize("moment", FULL, ids=name_of)
def test_rule_23_killed_on_a_full_disk(
    scene: Scene, small_disk: None, moment: Callable[[Scene], Program]
) -> None:
    """Started again on the full disk: a session that lives is spared, and revoked when it ends."""
    scene.daemon.configure(Sessions={"OpenTimeoutSec": "4s"})
    scene.start()
    bystander = scene.opened()
    spared = scene.active()
    program = killed(scene, moment)
    scene.start()
    scene.expect_count(1 + program.opened, "what is over is revoked, and nothing else")
    assert set(spared) <= set(scene.active())
    scene.stays(scene.active(), "the living sessions")
    local_user_logs_in()
    for living in program, bystander:
        living.finish()
    scene.expect([], "every session is over, on a disk that is still full")
    free()
    scene.another_login()
    scene.nothing_left_after_restart()
    table.append(("disk", f"disk full {name_of(moment)}, then killed", "spared, revoked at its end"))


def test_rule_23_killed_on_a_full_disk_with_a_password_posted(scene: Scene, small_disk: None) -> None:
    """The row of a posted password cannot be changed. That must not keep kratosd from knowing who has
    a session; and once the disk takes writes again, what was posted is found."""
    scene.start()
    living = scene.opened()
    spared = scene.active()
    hold = scene.proxy.hold("login")
    program = scene.begin().type()
    hold.wait()
    fill()
    scene.daemon.kill()
    hold.release()
    refused(program)
    scene.settle()
    assert len(scene.active()) == 2
    scene.start()
    assert set(spared) <= set(scene.active())
    living.finish()
    wait_until(lambda: spared[0] not in scene.active(), "the session is over", RETRIED_SEC)
    free()
    scene.expect([], "what was posted is found", RETRIED_SEC)
    scene.another_login()
    scene.nothing_left_after_restart()
    table.append(("disk", "disk full, password posted, then killed", "revoked"))


def test_rule_23_first_start_on_a_full_disk(scene: Scene, small_disk: None) -> None:
    """Without a key nothing can be done; as soon as there is room, all is well."""
    fill()
    with pytest.raises(AssertionError, match="not ready"):
        scene.daemon.start()
    refused(Program(scene.alice).type())
    local_user_logs_in()
    free()
    scene.start()
    scene.another_login()
    scene.nothing_left()
    table.append(("disk", "first start on a full disk", "refused, then works"))


# A disk that fails.


class Failures(Sweep):
    """Each login meets a disk that fails."""

    def one(self, call: str, when: str, error: str) -> str | None:
        scene = self.scene
        self.start()
        scene.fail(call, when, error)
        program = self.login()
        fate = "session opened" if program.opened else "login refused"
        self.check(program)
        # All of this while the disk may still be failing.
        self.end()
        if not scene.detach():
            scene.daemon.stop()
            return None
        scene.another_login()
        scene.nothing_left_after_restart()
        scene.daemon.stop()
        return fate + ", revoked at its end"


@pytest.mark.parametrize("duration", ["once", "from then on"])
@pytest.mark.parametrize("call, error", [("pwrite64", "ENOSPC"), ("fdatasync", "EIO")])
def test_each_write_fails(scene: Scene, call: str, error: str, duration: str) -> None:
    failures = Failures(scene)
    # A page is written in two calls, its head and its body; a change has two pages or more.
    step = 1 if call == "fdatasync" else 4 if duration == "once" else 2
    for when in range(1, MANY, step):
        fate = failures.one(call, f"{when}{'+' * (duration != 'once')}", error)
        if fate is None:
            break
        table.append(("disk", f"{error} at {call} #{when}", duration, fate))
    assert fate is None and when > 1, f"{when} calls of {call}"


# A read-only disk.


@contextmanager
def read_only() -> Iterator[None]:
    """The state directory can be read only, and by no other name."""
    with mounted("--bind", str(STATE), str(STATE)), patch.object(Daemon, "_folders"):
        subprocess.run(["mount", "-o", "remount,bind,ro", STATE], check=True)
        yield


def test_rule_23_read_only_disk(scene: Scene) -> None:
    """Who has a session keeps it, until its end."""
    scene.start()
    living = scene.opened()
    session = scene.active()
    scene.daemon.kill()
    with read_only():
        scene.start()
        scene.stays(session, "the living session")
        refused(scene.begin().type())
        local_user_logs_in()
        scene.stays(session, "the living session")
        living.finish()
        scene.daemon.stop()
    scene.start()
    scene.nothing_left()
    scene.another_login()
    table.append(("disk", "read-only disk", "refused; spared, revoked when it can be written"))


def test_rule_23_read_only_disk_that_becomes_writable(scene: Scene) -> None:
    """kratosd need not be started again: it takes up what it could not."""
    scene.start()
    living, dead = scene.opened(), scene.opened()
    scene.daemon.kill()
    dead.kill()
    with read_only():
        scene.start()
        refused(scene.begin().type())
        assert living.opened
        subprocess.run(["mount", "-o", "remount,bind,rw", STATE], check=True)
        time.sleep(1.1)
        scene.another_login()
        wait_until(lambda: len(scene.active()) == 1, "the dead session is found", RETRIED_SEC)
        living.finish()
        scene.expect([], "the session is over", RETRIED_SEC)
        scene.daemon.stop()
    table.append(("disk", "read-only disk, writable again", "taken up"))


def test_rule_23_first_start_on_a_read_only_disk(scene: Scene) -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    shutil.chown(STATE, "kratosd", "kratosd")
    with read_only():
        with pytest.raises(AssertionError, match="not ready"):
            scene.daemon.start()
        refused(Program(scene.alice).type())
        local_user_logs_in()
    table.append(("disk", "first start on a read-only disk", "refused"))
