"""tests/demo: its story has at most 60 lines, and ends where something is not so."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from world.paths import TREE, WORLD

LINES_MAX = 60


@pytest.fixture(scope="module", autouse=True)
def _this_world() -> Iterator[None]:
    """The story is told in this world, instead of one of its own."""
    enter, stays = TREE / "tests/lib/enter", WORLD / "stays"
    stays.write_text('#!/bin/sh\nexec "$@"\n')
    stays.chmod(0o755)
    subprocess.run(["mount", "--bind", stays, enter], check=True)
    yield
    subprocess.run(["umount", enter], check=True)


def tell(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TREE / "tests/demo"],
        env=os.environ | {"BUILD": os.environ["KRATOSD_BUILD"]} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )


@pytest.fixture
def kratosd_is_somebody_else() -> Iterator[None]:
    """Whoever looks up its uid finds another name."""
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    uid = pwd.getpwnam("kratosd").pw_uid
    passwd.write_text(f"somebody:x:{uid}:{uid}::/:/usr/sbin/nologin\n" + before)
    yield
    passwd.write_text(before)


def test_each_claim_is_so() -> None:
    told = tell()
    lines = told.stdout.splitlines()
    assert (told.returncode, lines[-1:]) == (0, ["demo: passed"]), told.stdout
    for chapter in "pamtester", "PasswordAuthentication", "keyboard-interactive", "wrong password", "kill -9":
        assert chapter in told.stdout
    assert len(lines) <= LINES_MAX, told.stdout


def test_a_claim_that_is_not_so_ends_it(kratosd_is_somebody_else: None) -> None:
    told = tell()
    assert told.returncode == 1, told.stdout
    story, failed, logs = told.stdout.partition("\ndemo: FAILED: not so: kratosd runs as its own user somebody")
    assert failed and "pamtester" not in story and "demo: passed" not in told.stdout, told.stdout
    log, _, journal = logs.partition("\nthe journal:\n")
    assert "\nkratosd's log:\n" in log
    assert "org.kratosd1 is on the system bus" in journal


def test_without_a_kratos_there_is_no_story() -> None:
    told = tell(KRATOS="/nonexistent")
    assert told.returncode == 1
    *_, last = told.stdout.splitlines()
    assert last.startswith("demo: FAILED: could not get a Kratos; all of its output is in "), told.stdout
    assert (TREE / last.split()[-1]).read_text()
