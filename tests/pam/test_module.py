"""The files as they are installed: their symbols, their libraries, and what loading them costs."""

import subprocess
from pathlib import Path

import pytest
from driving import GRANTED, drive, error, reply

ENTRY_POINTS = {
    "pam_sm_authenticate", "pam_sm_setcred", "pam_sm_chauthtok", "pam_sm_acct_mgmt", "pam_sm_open_session",
    "pam_sm_close_session",
}  # fmt: skip


def installed(name: str) -> Path:
    (path,) = [path for path in Path("/usr/lib").rglob(name) if path.is_file()]
    return path


def tool(*argv: str) -> list[list[str]]:
    """The words of each line that a tool prints."""
    return [line.split() for line in subprocess.check_output(argv, text=True).splitlines()]


@pytest.mark.parametrize(
    ("name", "symbols"), [("pam_kratos.so", ENTRY_POINTS), ("client.so", {"kratosd_client"})]
)
def test_exported_symbols(name: str, symbols: set[str]) -> None:
    exported = {words[-1] for words in tool("nm", "-D", "--defined-only", installed(name))}
    assert exported == symbols


@pytest.mark.parametrize(
    ("name", "libraries"),
    [("pam_kratos.so", {"libpam.so.0", "libc.so.6"}), ("client.so", {"libsystemd.so.0", "libc.so.6"})],
)
def test_libraries(name: str, libraries: set[str]) -> None:
    needed = {words[-1].strip("[]") for words in tool("readelf", "-d", installed(name)) if "(NEEDED)" in words}
    assert needed == libraries


@pytest.mark.parametrize("name", ["pam_kratos.so", "client.so"])
def test_hardening(name: str) -> None:
    """No lazy binding, no executable stack, no writable code, no path to search for libraries."""
    dynamic = tool("readelf", "-d", installed(name))
    assert any("NOW" in words for words in dynamic)
    assert not any({"(RPATH)", "(RUNPATH)", "(TEXTREL)"} & set(words) for words in dynamic)
    (stack,) = [words for words in tool("readelf", "-lW", installed(name)) if words[:1] == ["GNU_STACK"]]
    assert "RWE" not in stack


@pytest.mark.parametrize("name", ["pam_kratos.so", "client.so"])
def test_no_environment_no_process_state(name: str) -> None:
    """Rule 6, and what a module must leave alone in somebody else's process."""
    imported = {words[-1].partition("@")[0] for words in tool("nm", "-D", "--undefined-only", installed(name))}
    forbidden = {
        "getenv", "secure_getenv", "setenv", "putenv", "environ", "signal", "sigaction", "umask", "chdir",
        "setlocale", "exit", "_exit", "abort", "fork", "system", "popen", "getpwnam", "strerror", "alarm",
    }  # fmt: skip
    assert not imported & forbidden


@pytest.mark.parametrize("name", ["pam_kratos.so", "client.so"])
def test_no_mutable_statics(name: str) -> None:
    """No mutable statics. What the compiler itself puts there is its own affair."""
    rows = [line.split("|") for line in subprocess.check_output(["nm", "-f", "sysv", installed(name)], text=True).splitlines()]
    mutable = {row[0].strip() for row in rows if len(row) == 7 and row[6].strip() in (".data", ".bss")}
    assert not mutable - {"completed.0", "__dso_handle", "__TMC_END__"}


def test_libsystemd_comes_only_when_it_is_needed(bus) -> None:
    for user in "root", "lokal":
        assert drive(f"start driver {user}", "authenticate", "libraries")[-1] == "libraries: pam_kratos.so"
    for user in "alice", "nobody-here":
        output = drive(f"start driver {user}", "authenticate", "libraries", "end", "libraries")
        assert output[-2] == "libraries: pam_kratos.so client.so libsystemd"
        # The module itself is gone; what cannot be unloaded safely stays.
        assert output[-1] == "libraries: client.so libsystemd"


def test_loaded_and_unloaded_again_and_again(fake) -> None:
    fake.start()
    lines = ["start driver alice", "authenticate", "answer right", "open_session", "end"] * 20
    output = drive(*lines, "fifos")
    assert output.count("open_session: SUCCESS") == 20 and output[-1] == "fifos: 0"


def test_nothing_is_left_open(fake) -> None:
    """No descriptor of a login outlives it, however it went."""
    fake.start(GRANTED, error("Answer", "BadCredentials"), reply("Answer", "s=no"), GRANTED)
    lines = ["authenticate", "answer right", "acct_mgmt", "open_session", "close_session"]
    output = drive("start driver alice", *lines, *[*lines, "descriptors"] * 4)
    counts = [line for line in output if line.startswith("descriptors: ")]
    assert len(counts) == 4 and len(set(counts)) == 1, counts
