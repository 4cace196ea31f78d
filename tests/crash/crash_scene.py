"""A scene for the crash tests: one kratosd, a Kratos, and a person who logs in."""

import shutil
import signal
import time
from unittest.mock import patch

from crashing import (
    BACKUP_CODE, GRANTED, PASSWORD, REVOKED_SEC, SPARED_SEC, UNAVAILABLE, Gates, Program, Proxy, Strace, change_rows,
    injection, known_rows, rows,
)  # fmt: skip
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos
from world.paths import RUNTIME, STATE
from world.processes import wait_until


class Scene:
    """One kratosd, which asks Kratos through the proxy, and alice, whom Kratos knows."""

    def __init__(self, daemon: Daemon, kratos: Kratos, journal: Journal) -> None:
        self.daemon, self.kratos, self.journal = daemon, kratos, journal
        self.proxy = Proxy(kratos)
        self.gates = Gates()
        self.signal = "KILL"
        # Whether what stop_behind() has stopped is killed there.
        self.dies_there = False
        # The sessions that nothing may throw out.
        self.bystander: list[str] = []
        self.strace: Strace | None = None
        self.alice = kratos.create_identity("alice", PASSWORD)
        daemon.map("alice", self.alice.id)
        daemon.configure(
            Kratos={"PublicURL": self.proxy.url, "AdminURL": self.proxy.url},
            Sessions={"OpenTimeoutSec": "20s"},
            # Kratos alone demands second factors, where there are any.
            Access={"RequireAAL": "aal1"},
        )

    def __enter__(self) -> "Scene":
        self.proxy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()
        self.gates.open()
        self.proxy.stop()

    # kratosd.

    def start(self) -> None:
        """Starts it, and waits until it is on the bus: it is ready before."""
        # LeakSanitizer cannot look at a process that is traced.
        self.daemon.start(ASAN_OPTIONS="detect_leaks=0")
        wait_until(lambda: self._has_started(self.daemon.pid), "kratosd is on the bus")

    def end(self) -> None:
        """Ends kratosd, at once or in order."""
        if self.signal == "KILL":
            self.daemon.kill()
        else:
            self.daemon.stop()

    def end_at(self, call: str, when: int = 1) -> None:
        """Ends kratosd at a system call to come, for which ended() waits."""
        self.strace = Strace(self.daemon.pid, call, str(when), f"signal={self.signal}")

    def stop_behind(self, call: str) -> None:
        """Stops kratosd as it has made a system call to come, for which stopped() waits."""
        self.strace = Strace(self.daemon.pid, call, "1", "signal=STOP")

    def stopped(self) -> None:
        wait_until(lambda: self.strace and self.strace.has_stopped(), "kratosd has stopped")

    def go_on(self) -> None:
        """Lets it go on from there, or ends it there."""
        self.daemon.signal(signal.SIGKILL if self.dies_there else signal.SIGCONT)
        self.detach()
        if self.dies_there:
            self.daemon.wait()

    def fail(self, call: str, when: str, error: str) -> None:
        """From now on a system call of kratosd fails, without effect."""
        self.strace = Strace(self.daemon.pid, call, when, f"error={error}")

    def start_and_die(self, call: str, when: int) -> bool:
        """Starts kratosd, and kills it at its n-th such call. False if it has none left to make."""
        argv, traced = Daemon._argv, ["strace", "-D", "-qqq", "-o", "/dev/null"]
        traced += injection(call, str(when), "signal=KILL")
        with patch.object(self.daemon, "_argv", lambda settings: traced + argv(settings)):
            self.daemon.spawn_only(ASAN_OPTIONS="detect_leaks=0")
        assert self.daemon.process
        pid = self.daemon.process.pid
        wait_until(
            lambda: not self.daemon.running or self._has_started(pid), "it has started, or died", 20
        )
        for _ in range(10):
            time.sleep(0.03 * self.daemon.running)
        died = not self.daemon.running
        self.daemon.kill()
        return died

    def _has_started(self, pid: int) -> bool:
        faces = ["org.kratosd1", "org.kratosd1.User"]
        return all(
            self.journal.entries(_PID=str(pid), MESSAGE=f"{name} is on the system bus") for name in faces
        )

    def ended(self, timeout: float = 10.0) -> None:
        """Waits until it has ended at the system call."""
        wait_until(lambda: not self.daemon.running, "kratosd has ended at the system call", timeout)
        self.detach()
        self.daemon.check_reports()
        assert self.daemon.wait() in (-signal.SIGKILL, 0)

    def detach(self) -> bool:
        """Ends what end_at or fail began. Whether anything has come of it."""
        strace, self.strace = self.strace, None
        return strace.detach() if strace else False

    def empty_stock(self) -> None:
        """Has kratosd forget the flows that it has in stock for logins to come."""
        self.settle()
        since = self.journal.mark()
        self.daemon.signal(signal.SIGHUP)
        self.journal.wait(since, MESSAGE="The configuration was read again")

    def expire(self) -> None:
        """What was granted and not opened is over at the next start."""
        if any(row["state"] == GRANTED for row in rows()):
            change_rows("UPDATE session SET due = 0 WHERE state = 2")

    # Logins.

    def begin(self) -> Program:
        """A program that has just asked for the password."""
        return Program(self.alice).prompted()

    def opened(self) -> Program:
        """A program that is held while its session is open."""
        self.gates.shut("open_session")
        return self.begin().type().at("open_session")

    def add_second_factor(self) -> None:
        """From now on alice needs a backup code."""
        config = {"recovery_codes": [{"code": BACKUP_CODE}]}
        value = {"type": "lookup_secret", "identifiers": [self.alice.id], "config": config}
        operation = {"op": "add", "path": "/credentials/lookup_secret", "value": value}
        self.kratos.patch(self.alice.id, operation)

    def remove_second_factor(self) -> None:
        path = f"/admin/identities/{self.alice.id}/credentials/lookup_secret"
        assert self.kratos.admin("DELETE", path).status == 204

    # Kratos.

    def settle(self) -> None:
        """Waits until Kratos has nothing under way."""
        wait_until(lambda: self.proxy.under_way == 0, "Kratos has answered everything", 15)

    def active(self) -> list[str]:
        """The ids of alice's active sessions, as Kratos tells them."""
        answer = self.kratos.admin("GET", f"/admin/identities/{self.alice.id}/sessions?active=true")
        assert answer.status == 200, answer
        return sorted(session["id"] for session in answer.body)

    def expect(self, sessions: list[str], why: str, timeout: float = REVOKED_SEC) -> None:
        """Waits until exactly these are active."""
        deadline = time.monotonic() + timeout
        while (active := self.active()) != sorted(sessions):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{why}: after {timeout} s Kratos has {active}, not {sorted(sessions)}; rows: "
                    + ", ".join(f"{row['state']} {row['session']} due {row['due']}" for row in rows())
                )
            time.sleep(0.02)

    def expect_count(self, count: int, why: str, timeout: float = REVOKED_SEC) -> None:
        """Waits until so many are active."""
        wait_until(lambda: len(self.active()) == count, f"{why}: {count} active sessions", timeout)

    def stays(self, sessions: list[str], why: str, seconds: float = SPARED_SEC) -> None:
        """These are active, and no others, now and for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            active = self.active()
            assert active == sorted(sessions), f"{why}: Kratos has {active}, not {sessions}"
            time.sleep(0.03)

    # The end of every case.

    def nothing_left(self) -> None:
        """No session at Kratos, no lifeline, and no row but those of passwords that Kratos never saw."""
        self.expect([], "every session has ended")
        wait_until(lambda: not self.daemon.lifelines(), "no lifeline is left")
        wait_until(lambda: not known_rows(), "no row is left")

    def nothing_left_after_restart(self) -> None:
        """Rows that a full disk has kept as they were are taken up now."""
        self.daemon.stop()
        self.expire()
        self.start()
        self.nothing_left()

    def another_login(self) -> None:
        """Whatever was, the next login works, and its end too."""
        program = self.begin().pass_gates().type().finish()
        assert program.result == "ok", program.tester.output


class Sweep:
    """One login after the other, each beside another session that is open all the time."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.bystander: Program
        self.spared: list[str] = []

    def start(self) -> None:
        for folder in STATE, RUNTIME:
            shutil.rmtree(folder, ignore_errors=True)
        self.scene.start()
        self.bystander = self.scene.opened()
        self.spared = self.scene.active()
        assert len(self.spared) == 1

    def login(self) -> Program:
        """A login up to its open session, or as far as it gets."""
        return Program(self.scene.alice).type().wait("open_session")

    def check(self, program: Program) -> None:
        """A program with a session keeps it, and another was told nothing good; then it ends."""
        if program.opened:
            living = self.scene.active()
            assert len(living) == 2 and set(living) > set(self.spared)
            self.scene.stays(living, "the living sessions")
        if program.has_reached("open_session"):
            assert program.finish().result == "ok", program.tester.output
        else:
            assert program.finish().tester.status == 1
            assert UNAVAILABLE in program.result, program.tester.output

    def end(self) -> None:
        """Nobody but the bystander has a session, and then nobody."""
        scene = self.scene
        scene.expect(self.spared, "the session is over")
        assert self.bystander.opened and self.bystander.finish().result == "ok"
        scene.expect([], "every session is over")

    def is_idle(self) -> bool:
        """Nothing is left to do."""
        return not self.scene.proxy.under_way and self.scene.active() == self.spared and len(rows()) == 1
