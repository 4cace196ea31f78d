"""kratosd is killed as it enters each system call of one whole login and session that leaves a trace
somewhere, one after the other: for the n-th call of each name, until the login passes untouched. The
same for its starts.

What a process that is killed does between two such calls leaves no trace anywhere.
"""

import time

import pytest
from crash_scene import Scene, Sweep
from crashing import MANY, Program, rows, table

from world.processes import wait_until

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(150)]

# Of the disk, of the bus and the journal, of HTTP, of the lifelines.
CALLS = [
    "pwrite64", "fdatasync", "ftruncate",
    "sendmsg", "sendto", "recvfrom",
    "mknodat", "openat", "unlink",
]  # fmt: skip
# Where it makes a difference that the admin API is missing.
CALLS_WITHOUT_ADMIN = ["fdatasync", "sendto", "recvfrom", "mknodat", "unlink"]


class Deaths(Sweep):
    """Each login meets the death of kratosd."""

    def __init__(self, scene: Scene, api: str) -> None:
        super().__init__(scene)
        if api == "no admin":
            scene.daemon.configure(Kratos={"AdminURL": None})

    def one(self, call: str, when: int) -> str | None:
        """kratosd dies at the n-th such call: what then was at Kratos, and what became of that. None
        if it makes no such call any more."""
        scene = self.scene
        self.start()
        scene.end_at(call, when)
        program = self.login()
        if program.opened and scene.daemon.running:
            # Not while it began: perhaps at its end.
            assert program.finish().result == "ok"
            wait_until(lambda: not scene.daemon.running or self.is_idle(), "it is over", 20)
            time.sleep(0.05)
        elif not program.opened:
            wait_until(lambda: not scene.daemon.running, "kratosd is dead", 20)
        # Until then it may still come to that call.
        scene.detach()
        died = not scene.daemon.running
        if not died:
            self.end()
            scene.daemon.stop()
            return None
        scene.settle()
        at_kratos = len(scene.active()) - 1
        if not program.opened:
            program.finish()
            scene.expire()
        scene.start()
        self.check(program)
        fate = "revoked" if at_kratos else "none left"
        if self.is_unknown():
            fate = self.find_with_next_login()
        self.end()
        scene.nothing_left()
        scene.daemon.stop()
        return f"{at_kratos} at Kratos: {fate}"

    def is_unknown(self) -> bool:
        """There is a session that nobody but the person can find."""
        if "AdminURL" in self.scene.daemon.settings["Kratos"]:
            return False
        return len(self.scene.active()) == 2 and "" in [row["session"] for row in rows()]

    def find_with_next_login(self) -> str:
        program = self.scene.opened()
        self.scene.expect_count(2, "what was posted is found by the next login")
        assert program.finish().result == "ok"
        return "revoked at the next login"


@pytest.mark.parametrize(
    "call, api",
    [(call, "admin") for call in CALLS] + [(call, "no admin") for call in CALLS_WITHOUT_ADMIN],
)
def test_killed_at_each_call(scene: Scene, call: str, api: str) -> None:
    deaths = Deaths(scene, api)
    for when in range(1, MANY):
        fate = deaths.one(call, when)
        if fate is None:
            break
        table.append(("sweep", f"killed at {call} #{when}", api, fate))
    assert fate is None and when > 1, f"{when} calls of {call}"


STARTING = ["pwrite64", "fdatasync", "ftruncate", "sendto", "recvfrom", "sendmsg", "unlinkat"]


def everything_at_once(scene: Scene) -> tuple[Program, list[str]]:
    """Sessions of every kind, and then kratosd is killed. Returns the one that lives."""
    living = scene.opened()
    session = scene.active()
    dead = scene.opened()
    ending = scene.opened()
    unseen = scene.proxy.hold("logout", after=False)
    ending.pass_gates()
    unseen.wait()
    unanswered = scene.proxy.hold("login")
    posted = scene.begin().type()
    unanswered.wait()
    scene.gates.shut("account")
    told = scene.begin().type().at("account")
    scene.daemon.kill()
    scene.gates.open("account")
    for program in dead, told:
        program.kill()
    unanswered.release()
    for program in posted, ending:
        program.finish()
    scene.settle()
    return living, session


@pytest.mark.parametrize("call", STARTING)
def test_killed_again_and_again_at_the_start(scene: Scene, call: str) -> None:
    """At its first such call, then at the second, and so on, until it is through."""
    scene.start()
    living, session = everything_at_once(scene)
    assert len(scene.active()) == 5
    scene.expire()
    deaths = 0
    while scene.start_and_die(call, deaths + 1):
        deaths += 1
        assert deaths < MANY
        assert set(session) <= set(scene.active())
    assert deaths or call == "ftruncate"
    scene.start()
    scene.expect(session, "all others are over")
    scene.stays(session, "the living session")
    assert living.opened and living.finish().result == "ok"
    scene.another_login()
    scene.nothing_left()
    fate = "5 at Kratos: 1 spared, 4 revoked"
    table.append(("sweep", f"start killed at each {call}", f"{deaths} starts", fate))


@pytest.mark.parametrize(
    "call", ["pwrite64", "fdatasync", "fsync", "write", "mkdir", "renameat", "unlink", "sendmsg"]
)
def test_killed_again_and_again_at_the_first_start(scene: Scene, call: str) -> None:
    """Whatever half of a state directory there is, the next start makes it whole."""
    deaths = 0
    while scene.start_and_die(call, deaths + 1):
        deaths += 1
        assert deaths < MANY
    scene.start()
    scene.another_login()
    scene.nothing_left()
    table.append(("sweep", f"first start killed at each {call}", f"{deaths} starts", "works"))
