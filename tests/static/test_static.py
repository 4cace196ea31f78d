"""What can be said of the source without running it: its form, the checkers, and who includes what."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from world.paths import TREE, build

SHIPPED = ("common", "kratosd", "pam_kratos")
LINES_MAX = 550

# Where each third-party header may be included, as folders or files.
HEADERS = {
    r"sqlite3\.h": {"kratosd/store-file.h"},
    r"sodium.*": {"kratosd/seal.c"},
    r"ini\.h": {"kratosd/config.c"},
    r"curl/.*": {"kratosd/http-request.h", "kratosd/url.c"},
    r"json-c/.*": {"kratosd/json.c", "kratosd/json.h"},
    r"systemd/sd-bus.*": {
        *(f"kratosd/{part}" for part in ("bus.c", "command.c", "logind.c", "methods.c", "methods.h")),
        *(f"kratosd/operation.{suffix}" for suffix in "ch"),
        "pam_kratos/client.c",
        "pam_kratos/connection.c",
        "pam_kratos/connection.h",
    },
    r"security/.*": {"pam_kratos"},
}

UNSAFE = r"\b(strcpy|strcat|sprintf|vsprintf|system|popen|alloca|atoi|gets|strtok|tmpnam|mktemp)\s*\("
ENDS_A_PROCESS = r"\b(kill|killpg|tgkill|sigqueue|pidfd_send_signal|raise)\s*\("
UNSAFE_IN_A_MODULE = r"\b(getenv|secure_getenv|signal|sigaction|umask|setlocale|chdir|setenv|putenv)\s*\("


def sources(*folders: str, suffixes: tuple[str, ...] = (".c", ".h")) -> list[Path]:
    return sorted(
        path.relative_to(TREE)
        for folder in folders
        for path in (TREE / folder).rglob("*")
        if path.suffix in suffixes
    )


def code(path: Path) -> str:
    """The text of a file without its comments and strings, line for line."""
    text = (TREE / path).read_text()

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def findings(paths: list[Path], pattern: str, text_of=code) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def run(*argv: str | Path) -> None:
    result = subprocess.run(
        argv, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, result.stdout[-12000:]


def test_clang_format() -> None:
    version = subprocess.check_output(["clang-format", "--version"], text=True)
    if " version 14." not in version:
        pytest.skip(f"the tree is formatted by clang-format 14, and this is {version.strip()}")
    run("clang-format", "--dry-run", "--Werror", *sources(*SHIPPED, "tests"))


@pytest.mark.timeout(900)
def test_clang_tidy() -> None:
    run("make", "-s", "--keep-going", "-j2", f"BUILD={build()}", "tidy")


@pytest.mark.timeout(300)
def test_cppcheck() -> None:
    """Without its leak checks, which do not know the cleanup attribute: LeakSanitizer does that."""
    cache = build() / "cppcheck"
    cache.mkdir(exist_ok=True)
    (lists,) = Path("/usr/include").glob("*/sys/queue.h")
    run(
        "cppcheck", "--quiet", "--error-exitcode=1", "--inline-suppr", "-j2",
        f"--cppcheck-build-dir={cache}", "--std=c11", "-D_GNU_SOURCE", '-DVERSION="0"',
        '-DCLIENT_LIBRARY="client.so"', "-I.", "-Icommon", f"--include={lists}",
        "--enable=warning,performance,portability", "--suppress=missingIncludeSystem",
        "--suppress=normalCheckLevelMaxBranches",
        "--suppress=memleak", "--suppress=resourceLeak", *SHIPPED,
    )  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_third_party_headers_stay_in_their_files(header: str) -> None:
    """Each third-party header stays where it may be."""
    allowed = HEADERS[header]
    elsewhere = [
        path for path in sources(*SHIPPED) if str(path) not in allowed and path.parts[0] not in allowed
    ]
    pattern = rf"^\s*#\s*include\s*<{header}>"
    assert not findings(elsewhere, pattern, lambda path: (TREE / path).read_text())


def test_headers_begin_with_a_paragraph_and_are_included_once() -> None:
    """Each header opens with a paragraph."""
    opening = re.compile(r"/\*(?:(?!\*/).){60,}\*/\n#pragma once\n", re.S)
    headers = sources(*SHIPPED, "tests", suffixes=(".h",))
    assert not [str(path) for path in headers if not opening.match((TREE / path).read_text())]


def test_files_are_short() -> None:
    """Files that one sitting can read."""
    paths = sources(*SHIPPED, "tests")
    lengths = {str(path): (TREE / path).read_text().count("\n") for path in paths}
    assert not {path: lines for path, lines in lengths.items() if lines > LINES_MAX}


def test_no_unsafe_functions() -> None:
    assert not findings(sources(*SHIPPED), UNSAFE)


def test_rule_15_no_shell() -> None:
    """Nothing of ours runs a program."""
    assert not findings(sources(*SHIPPED), r"\b(exec[lv]p?e?|fexecve|posix_spawnp?|wordexp)\s*\(")


def test_rule_6_module_reads_no_environment_and_changes_no_process_state() -> None:
    assert not findings(sources("pam_kratos"), UNSAFE_IN_A_MODULE)


def test_rule_16_nothing_ends_a_process() -> None:
    assert not findings(sources(*SHIPPED), ENDS_A_PROCESS)
    assert not findings(sources("pam_kratos"), r"\benviron\b")


def test_no_goto_and_no_unfinished_business() -> None:
    """Ownership moves through TAKE_PTR and TAKE_FD, and no goto is needed."""
    assert not findings(sources(*SHIPPED), r"\bgoto\b")
    unfinished = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3))
    paths = sources(*SHIPPED, "tests", "systemd", "etc", suffixes=(".c", ".h", ".py", ".conf", ".service"))
    assert not findings(paths, rf"\b({unfinished})\b", lambda path: (TREE / path).read_text())


def test_rule_31_reserved_names_are_in_order() -> None:
    """They are searched by halves."""
    text = (TREE / "kratosd/reserved.c").read_text()
    (table,) = re.findall(r"\bnames\[\] = \{(.*?)\};", text, re.S)
    names = re.findall(r'"(.*?)"', table)
    assert len(names) > 300 and names == sorted(set(names))


def test_shell_scripts_parse() -> None:
    scripts = [TREE / name for name in ("tests/check", "tests/demo", "tests/install-packages", ".ci/run")]
    scripts += [TREE / "tests/kratos/build", TREE / "tests/lib/enter", TREE / "tests/system/root"]
    for script in scripts:
        run("sh", "-n", str(script))
        if shutil.which("shellcheck"):
            run("shellcheck", str(script))
