"""etc/bash-completion/kratosd, loaded by bash, and what it makes of a line."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from manual import PAGES
from world.paths import LOCAL_USERS, TREE

SCRIPT = TREE / "etc/bash-completion/kratosd"
HOMES = Path("/home")

ASK = r"""
set -u
source "$1"; shift
[[ $(complete -p kratosd) == "complete -F _kratosd kratosd" ]] || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_kratosd "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(*words: str) -> list[str]:
    """What is offered for the last word, as bash parts them."""
    command = ["bash", "--norc", "-c", ASK, "bash", str(SCRIPT), "kratosd", *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert (result.returncode, result.stderr) == (0, "")
    return [line for line in result.stdout.splitlines() if line]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[None]:
    """Names in local-users, and homes."""
    before = LOCAL_USERS.read_text() if LOCAL_USERS.exists() else None
    LOCAL_USERS.write_text("# people\n\nalice  -\nadmin  -  fallback\n$(touch${IFS}/tmp/x)  -\n")
    for name in "alex", "bob", "Bad", "$(id)", "lost+found":
        (tmp_path / name).mkdir()
    (tmp_path / "a-file").touch()
    subprocess.run(["mount", "--bind", tmp_path, HOMES], check=True)
    yield
    subprocess.run(["umount", HOMES], check=True)
    if before is None:
        LOCAL_USERS.unlink()
    else:
        LOCAL_USERS.write_text(before)


def test_the_options_are_those_of_the_page() -> None:
    assert sorted(complete("")) == sorted(complete("--")) == sorted(PAGES["kratosd.8"].names("OPTIONS"))


def test_an_option() -> None:
    assert complete("--ch") == ["--check-config"]
    assert complete("--x") == complete("x") == []


def test_after_an_option_there_is_no_other() -> None:
    assert complete("--check-config", "") == complete("--version", "--") == []
    assert complete("--add-account", "") == complete("--unpin", "alice", "") == []


@pytest.mark.parametrize("option", ["--unpin", "--ssh-keys"])
def test_names(people: None, option: str) -> None:
    assert sorted(complete(option, "")) == ["admin", "alex", "alice", "bob"]
    assert sorted(complete(option, "al")) == ["alex", "alice"]
    assert sorted(complete(option, "=")) == ["admin", "alex", "alice", "bob"]
    assert complete(option, "=", "ad") == ["admin"]
    assert not Path("/tmp/x").exists()


def test_without_anybody(tmp_path: Path) -> None:
    LOCAL_USERS.unlink(missing_ok=True)
    assert complete("--unpin", "no-such-") == []


def test_it_waits_for_nobody() -> None:
    """No look-up of names, which a kratosd that hangs would hold up; no other program at all."""
    text = re.sub(r"^\s*#.*$", "", SCRIPT.read_text(), flags=re.M)
    assert not re.search(r"\b(getent|id|userdbctl|busctl|sqlite3|grep|ls|sed|awk)\b|compgen -u", text)
