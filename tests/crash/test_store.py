"""kratosd and a database of garbage, of a newer kratosd, of another machine or of another boot, and rows
of which nobody knows what Kratos made of them.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash_scene import Scene
from crashing import change_rows, local_user_logs_in, mounted, refused, rows, table
from faultserver.faults import Hold

from world.paths import RUNTIME, STATE
from world.processes import wait_until

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(150)]

DATABASE = STATE / "kratosd.db"


# A database that is none.


def garbage(size: int) -> bytes:
    return os.urandom(size)


def damage_all(path: Path) -> None:
    path.write_bytes(garbage(path.stat().st_size))


def damage_header(path: Path) -> None:
    path.write_bytes(b"not a database, but text\n" + path.read_bytes()[25:])


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_to_a_page(path: Path) -> None:
    os.truncate(path, 4096)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def damage_page(number: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[4096 * number : 4096 * (number + 1)] = garbage(4096)
        path.write_bytes(data)

    return damage


PAGES = 19
DAMAGES: dict[str, Callable[[Path], None]] = {
    "all of it": damage_all,
    "its header": damage_header,
    "cut in half": cut_in_half,
    "cut after a page": cut_to_a_page,
    "empty": empty,
} | {f"page {number}": damage_page(number) for number in range(1, PAGES)}

# Without these nothing works; what stands on the last pages may be of no use to anybody now.
DAMAGES_SEEN = ["all of it", "its header", "cut in half", "cut after a page"]
DAMAGES_SEEN += ["page 1", "page 2", "page 3"]


@pytest.mark.parametrize("name", DAMAGES)
def test_rule_23_corrupt_database(scene: Scene, name: str) -> None:
    """It is set aside under another name, and logins go on with a new one. Where that is not seen at
    the start, one login may be refused."""
    scene.start()
    scene.another_login()
    scene.nothing_left()
    scene.daemon.stop()
    assert DATABASE.stat().st_size == 4096 * PAGES
    DAMAGES[name](DATABASE)
    scene.start()
    local_user_logs_in()
    scene.begin().pass_gates().type().finish()
    scene.another_login()
    scene.nothing_left()
    aside = DATABASE.with_name("kratosd.db.corrupt").exists()
    assert aside or name not in DAMAGES_SEEN
    if aside:
        # A login that met the damage first has its own words in the log before these.
        messages = [entry["MESSAGE"] for entry in scene.journal.entries(PRIORITY="3")]
        assert any("corrupt and was set aside as" in message for message in messages), messages
    scene.daemon.stop()
    scene.start()
    scene.another_login()
    table.append(("store", f"database corrupt: {name}", "set aside, works" if aside else "works"))


@pytest.mark.parametrize("name", ["all of it", "cut in half", "empty"])
def test_corrupt_write_ahead_log(scene: Scene, name: str) -> None:
    """What a lost power supply may leave. A session that stands in nothing but the lost part is
    forgotten; logins go on."""
    scene.start()
    living = scene.opened()
    scene.daemon.kill()
    DAMAGES[name](DATABASE.with_name("kratosd.db-wal"))
    scene.start()
    scene.another_login()
    assert living.finish().result == "ok"
    table.append(("store", f"write-ahead log corrupt: {name}", "works"))


def test_corrupt_database_while_a_session_is_open(scene: Scene) -> None:
    """It is no longer known, so nobody revokes it; it is not thrown out either."""
    scene.start()
    living = scene.opened()
    session = scene.active()
    scene.daemon.stop()
    damage_all(DATABASE)
    scene.start()
    scene.another_login()
    scene.stays(session, "the living session")
    assert living.finish().result == "ok"
    table.append(("store", "database corrupt while a session is open", "spared"))


def test_rule_23_newer_database(scene: Scene) -> None:
    """kratosd refuses to start with it, with a clear sentence, and does not change it."""
    scene.start()
    scene.another_login()
    scene.daemon.stop()
    change_rows("PRAGMA user_version = 99")
    before = DATABASE.read_bytes()
    scene.daemon.spawn_only()
    assert scene.daemon.wait(10.0) == 78
    entry = scene.journal.wait(PRIORITY="3")
    assert "written by a newer kratosd: use that one, or move the file away" in entry["MESSAGE"]
    local_user_logs_in()
    assert DATABASE.read_bytes() == before
    DATABASE.rename(STATE / "moved away")
    scene.start()
    scene.another_login()
    scene.daemon.stop()
    table.append(("store", "database of a newer kratosd", "refused, unchanged"))


# Another machine, another boot.


def test_another_machine(scene: Scene) -> None:
    """A copied image: its sessions are the original's, which alone may revoke them."""
    scene.start()
    living = scene.opened()
    scene.gates.shut("account")
    told = scene.begin().type().at("account")
    sessions = scene.active()
    scene.daemon.kill()
    assert len(rows()) == len(sessions) == 2
    machine_id = Path("/etc/machine-id")
    original = machine_id.read_text()
    machine_id.write_text(os.urandom(16).hex() + "\n")
    try:
        asked = len(scene.proxy.requests)
        scene.start()
        scene.stays(sessions, "the original's sessions", 1.5)
        assert len(scene.proxy.requests) == asked
        assert rows() == []
        scene.gates.open("account")
        scene.another_login()
        scene.stays(sessions, "the original's sessions")
        for program in living, told:
            program.kill()
        scene.stays(sessions, "the original's sessions")
        scene.daemon.stop()
    finally:
        machine_id.write_text(original)
    table.append(("store", "database of another machine", "rows dropped, nothing revoked"))


@contextmanager
def another_boot() -> Iterator[None]:
    file = Path("/run/world/boot_id")
    text = os.urandom(16).hex()
    file.write_text("-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]]) + "\n")
    with mounted("--bind", str(file), "/proc/sys/kernel/random/boot_id"):
        yield


def test_another_boot(scene: Scene) -> None:
    """A crash of the whole host: whatever was, is over."""
    scene.start()
    programs = [scene.opened()]
    scene.gates.shut("account")
    programs.append(scene.begin().type().at("account"))
    hold = scene.proxy.hold("login")
    programs.append(scene.begin().type())
    hold.wait()
    scene.daemon.kill()
    hold.release()
    for program in programs:
        program.kill()
    shutil.rmtree(RUNTIME)
    scene.settle()
    assert len(scene.active()) == len(rows()) == 3
    with another_boot():
        scene.start()
        scene.nothing_left()
        scene.gates.open("account")
        scene.another_login()
        scene.nothing_left()
        scene.daemon.stop()
    table.append(("store", "another boot", "all revoked"))


# Passwords that were posted, and what Kratos made of them later, or never.


def leave_posted(scene: Scene, *, after: bool, seconds_ago: int = 0) -> Hold:
    """A password was posted, and kratosd killed before or after Kratos did anything about it."""
    hold = scene.proxy.hold("login", after)
    program = scene.begin().type()
    hold.wait()
    scene.daemon.kill()
    refused(program)
    if after:
        hold.release()
        scene.settle()
    if seconds_ago:
        # The 75 s count from the next start: here, of another kratosd, that long ago.
        statement = "UPDATE session SET state = 4, due = 0, posted = posted - ?"
        change_rows(statement, seconds_ago * 1_000_000)
    return hold


def test_kratos_is_late(scene: Scene) -> None:
    """What was posted is looked for again when Kratos can make no more of it (after 75 s)."""
    scene.start()
    hold = leave_posted(scene, after=False, seconds_ago=70)
    scene.start()
    scene.proxy.wait("admin-sessions")
    hold.release()
    hold.finished.wait(5)
    scene.settle()
    assert len(scene.active()) == 1
    scene.expect([], "the late session is found", 12)
    scene.nothing_left()
    table.append(("store", "Kratos made a session after the restart", "found and revoked"))


def test_kratos_never_saw_it(scene: Scene) -> None:
    """75 s after the start the row is forgotten."""
    scene.start()
    leave_posted(scene, after=False, seconds_ago=80)
    scene.start()
    scene.proxy.wait("admin-sessions")
    wait_until(lambda: rows() == [], "the row is forgotten")
    table.append(("store", "Kratos never saw the password", "row forgotten"))


def test_identity_is_not_known_yet(scene: Scene) -> None:
    """Whoever is mapped by name alone is known after the first login only: until then the admin API
    cannot be asked."""
    scene.kratos.patch(
        scene.alice.id, {"op": "add", "path": "/metadata_public", "value": {"posix": {"name": "alice"}}}
    )
    scene.daemon.map("alice", "-")
    scene.start()
    leave_posted(scene, after=True)
    assert len(scene.active()) == 1
    scene.start()
    program = scene.opened()
    scene.expect_count(1, "what was posted is found by the next login")
    assert program.finish().result == "ok"
    scene.nothing_left()
    table.append(("store", "posted by a name without a known identity", "found by the next login"))


class TestWithoutAdmin:
    @pytest.fixture(autouse=True)
    def _no_admin(self, scene: Scene) -> None:
        scene.daemon.configure(Kratos={"AdminURL": None})

    def test_a_short_login_is_enough(self, scene: Scene) -> None:
        """It is over before its token has been of use: then its session ends after that."""
        scene.start()
        leave_posted(scene, after=True)
        (left,) = scene.active()
        scene.start()
        hold = scene.proxy.hold("sessions")
        program = scene.opened()
        hold.wait()
        both = scene.active()
        assert len(both) == 2 and left in both
        assert program.finish().result == "ok"
        scene.stays(both, "they wait for what the token is at", 0.3)
        hold.release()
        scene.nothing_left()
        table.append(("store", "no admin, next login too short", "found by it all the same"))

    def test_one_that_cannot_be_found_hides_no_other(self, scene: Scene) -> None:
        """Several passwords were posted; Kratos saw but one. The next login finds that one."""
        scene.start()
        for _ in range(6):
            leave_posted(scene, after=False)
            scene.start()
        leave_posted(scene, after=True)
        assert len(scene.active()) == 1
        scene.start()
        program = scene.opened()
        scene.expect_count(1, "what was posted is found by the next login")
        assert program.finish().result == "ok"
        table.append(("store", "no admin, several posted", "found by the next login"))
