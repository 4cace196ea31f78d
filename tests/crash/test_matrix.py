"""kratosd is ended at each step of a login and of a session, and started again: no session that is over
is left at Kratos, and none that lives is thrown out. Another session of the same person, which is open
all the time, must outlive everything.

killed: kill -9, then a start. stopped: in order, then a start. kratos away: kill -9, and Kratos is
stopped and started while kratosd runs again. no admin: kill -9, without an admin API.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from crash_scene import Scene
from crashing import GRANTED, OPEN, POSTED, REVOKING, Program, rows, table

from world.processes import wait_until

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(90)]

VARIANTS = ["killed", "stopped", "kratos away", "no admin"]


# The steps. Each brings a login to where its name says, and ends kratosd there.


def flow_asked_for(scene: Scene) -> Program:
    scene.empty_stock()
    hold = scene.proxy.hold("flow")
    program = scene.begin()
    hold.wait()
    scene.end()
    hold.release()
    return program


def flow_begun(scene: Scene) -> Program:
    program = scene.begin()
    wait_until(lambda: POSTED in own_states(scene), "the row is on disk")
    scene.end()
    return program


def posted_unseen(scene: Scene) -> Program:
    hold = scene.proxy.hold("login", after=False)
    program = scene.begin().type()
    hold.wait()
    scene.end()
    return program


def posted_unanswered(scene: Scene) -> Program:
    hold = scene.proxy.hold("login")
    program = scene.begin().type()
    hold.wait()
    scene.end()
    hold.release()
    return program


def answered(scene: Scene, call: str, when: int = 1) -> Program:
    hold = scene.proxy.hold("login")
    program = scene.begin().type()
    hold.wait()
    scene.end_at(call, when)
    hold.release()
    scene.ended()
    return program


def offer_asked_for(scene: Scene) -> Program:
    scene.add_second_factor()
    hold = scene.proxy.hold("second")
    program = scene.begin().type()
    hold.wait()
    scene.end()
    hold.release()
    return program


def code_asked_for(scene: Scene) -> Program:
    scene.add_second_factor()
    program = scene.begin().type().asked_for_a_code()
    scene.end()
    return program


def code_asked_for_and_gone(scene: Scene) -> Program:
    program = code_asked_for(scene)
    program.kill()
    return program


def code_posted(scene: Scene, after: bool) -> Program:
    scene.add_second_factor()
    program = scene.begin().type().asked_for_a_code()
    hold = scene.proxy.hold("login", after)
    program.type()
    hold.wait()
    scene.end()
    hold.release()
    return program


def code_answered(scene: Scene, call: str) -> Program:
    scene.add_second_factor()
    program = scene.begin().type().asked_for_a_code()
    hold = scene.proxy.hold("login")
    program.type()
    hold.wait()
    scene.end_at(call)
    hold.release()
    scene.ended()
    return program


def told(scene: Scene) -> Program:
    scene.gates.shut("account")
    program = scene.begin().type().at("account")
    scene.end()
    return program


def told_and_gone(scene: Scene) -> Program:
    program = told(scene)
    program.kill()
    return program


def opening(scene: Scene, call: str, when: int = 1) -> Program:
    scene.gates.shut("account")
    program = scene.begin().type().at("account")
    scene.end_at(call, when)
    scene.gates.open("account")
    scene.ended()
    return program.wait("open_session")


def opened(scene: Scene) -> Program:
    program = scene.opened()
    scene.end()
    return program


def opened_and_gone(scene: Scene) -> Program:
    program = opened(scene)
    program.kill()
    return program


def closing(scene: Scene, call: str) -> Program:
    program = scene.opened()
    scene.end_at(call)
    program.pass_gates()
    scene.ended()
    return program


def revoking(scene: Scene, after: bool) -> Program:
    program = scene.opened()
    hold = scene.proxy.hold("logout", after)
    program.pass_gates()
    hold.wait()
    scene.end()
    hold.release()
    return program


def revoked(scene: Scene) -> Program:
    program = scene.opened()
    hold = scene.proxy.hold("logout")
    program.pass_gates()
    hold.wait()
    scene.end_at("pwrite64")
    hold.release()
    scene.ended()
    return program


# What must become of the program: it gets its session; or it was refused; or, where kratosd ended in
# order and still answered, one of both; or it had its session already.
GETS_IT, REFUSED, HAD_IT, EITHER, GONE = "gets it", "refused", "had it", "either", "gone"


@dataclass(frozen=True)
class Case:
    """A step, what of it is on disk after a kill -9, and what then becomes of the program."""

    step: Callable[[Scene], Program]
    row: str | None
    program: str
    # A second factor is asked for, after the row has got the token of the first.
    second: bool = False


CASES: dict[str, Case] = {
    "flow asked for, unanswered": Case(flow_asked_for, POSTED, GETS_IT),
    "flow begun, password asked for": Case(flow_begun, POSTED, GETS_IT),
    "password posted, unseen by Kratos": Case(posted_unseen, POSTED, REFUSED),
    "password posted, unanswered": Case(posted_unanswered, POSTED, REFUSED),
    "answered, not stored": Case(lambda s: answered(s, "pwrite64"), POSTED, REFUSED),
    "answered, half stored": Case(lambda s: answered(s, "pwrite64", 4), POSTED, REFUSED),
    "stored, not told": Case(lambda s: answered(s, "sendmsg"), GRANTED, REFUSED),
    "accepted, second factors asked of Kratos": Case(offer_asked_for, POSTED, REFUSED, True),
    "second factor asked for": Case(code_asked_for, POSTED, GETS_IT, True),
    "second factor asked for, then the program killed": Case(code_asked_for_and_gone, POSTED, GONE, True),
    "second factor posted, unseen by Kratos": Case(lambda s: code_posted(s, False), POSTED, REFUSED, True),
    "second factor posted, unanswered": Case(lambda s: code_posted(s, True), POSTED, REFUSED, True),
    "second factor answered, not stored": Case(
        lambda s: code_answered(s, "pwrite64"), POSTED, REFUSED, True
    ),
    "second factor answered, not told": Case(
        lambda s: code_answered(s, "sendmsg"), GRANTED, REFUSED, True
    ),
    "told, not opened": Case(told, GRANTED, GETS_IT),
    "told, then the program killed": Case(told_and_gone, GRANTED, GONE),
    "opening, before the lifeline": Case(lambda s: opening(s, "mknodat"), GRANTED, REFUSED),
    "opening, lifeline made": Case(lambda s: opening(s, "pwrite64"), GRANTED, REFUSED),
    "opening, row stored": Case(lambda s: opening(s, "sendmsg", 2), OPEN, REFUSED),
    "opening, not told": Case(lambda s: opening(s, "sendmsg", 3), OPEN, REFUSED),
    "open": Case(opened, OPEN, HAD_IT),
    "open, then the program killed": Case(opened_and_gone, OPEN, GONE),
    "closing": Case(lambda s: closing(s, "unlink"), OPEN, HAD_IT),
    "closing, lifeline removed": Case(lambda s: closing(s, "pwrite64"), OPEN, HAD_IT),
    "closed, DELETE not sent": Case(lambda s: closing(s, "sendto"), REVOKING, HAD_IT),
    "revoking, unseen by Kratos": Case(lambda s: revoking(s, after=False), REVOKING, HAD_IT),
    "revoking, unanswered": Case(lambda s: revoking(s, after=True), REVOKING, HAD_IT),
    "revoked, row not deleted": Case(revoked, REVOKING, HAD_IT),
    "revoked, wal not emptied": Case(lambda s: closing(s, "ftruncate"), None, HAD_IT),
}


def own_states(scene: Scene) -> list[str]:
    """The states of the rows but for the bystander's."""
    return [row["state"] for row in rows() if row["session"] not in scene.bystander]


def go_on(scene: Scene, program: Program) -> None:
    """Lets the program do what it still can, up to its open session."""
    scene.gates.open("account")
    if program.waits:
        program.type()
    program.wait("open_session")


def start_again(scene: Scene, program: Program, variant: str) -> None:
    """kratosd starts, and the program goes on; what needs no Kratos must work while it is away."""
    if variant == "kratos away":
        scene.kratos.stop()
        scene.start()
        if not program.waits:
            go_on(scene, program)
        time.sleep(0.1)
        # Its database is as it was.
        with patch.object(scene.kratos, "_migrate"):
            scene.kratos.start()
    else:
        scene.start()
    go_on(scene, program)


def check_program(program: Program, wanted: str) -> None:
    """It got what it had to get, and no more. Ends it."""
    if wanted == GETS_IT:
        assert program.opened, program.finish().tester.output
    if wanted == REFUSED:
        assert not program.opened
    program.finish()
    if wanted in (GETS_IT, HAD_IT):
        assert program.result == "ok", program.tester.output
    elif wanted == REFUSED:
        assert program.result != "ok"


def run(scene: Scene, name: str, variant: str) -> None:
    case = CASES[name]
    killed = variant != "stopped"
    scene.signal = "KILL" if killed else "TERM"
    wanted = EITHER if case.program == REFUSED and not killed else case.program
    if variant == "no admin":
        scene.daemon.configure(Kratos={"AdminURL": None})
    scene.start()
    bystander = scene.opened()
    scene.bystander = scene.active()
    assert len(scene.bystander) == 1

    program = case.step(scene)
    if killed:
        assert own_states(scene) == ([case.row] if case.row else [])
    scene.settle()
    at_end = len(scene.active()) - 1
    if wanted in (REFUSED, EITHER, GONE):
        program.wait("open_session")
        scene.expire()
    start_again(scene, program, variant)

    unknown = at_end == 1 and case.row == POSTED and variant == "no admin" and not case.second
    if not unknown:
        scene.expect_count(1 + program.opened, "what is over is revoked, and nothing else")
    living = scene.active()
    assert set(living) >= set(scene.bystander)
    scene.stays(living, "living sessions")
    check_program(program, wanted)
    if unknown:
        # Nobody but the person can find it: the next login does, and throws out none but that.
        assert len(scene.active()) == 2
        next_login = scene.opened()
        scene.expect_count(2, "what was posted is found by the next login")
        scene.stays(sorted({*scene.bystander, *scene.active()}), "living sessions")
        assert next_login.finish().result == "ok"
    scene.expect(scene.bystander, "the session is over")
    assert bystander.opened and bystander.finish().result == "ok"
    if case.second:
        scene.remove_second_factor()
    scene.another_login()
    scene.nothing_left()
    at_end_of = (f"row: {(case.row or 'none') if killed else 'any'}", f"at Kratos: {at_end}")
    table.append(("matrix", name, variant, *at_end_of, f"program: {program.result}"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", CASES)
def test_kratosd_ends(scene: Scene, name: str, variant: str) -> None:
    run(scene, name, variant)
