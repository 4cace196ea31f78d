"""Each allocation and each system call of a login fails in turn: never success for somebody who was
not asked, never PAM_IGNORE, and never "somebody else's". (rule 3)
"""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from driving import GRANTED, LOGIN, PROGRAMS, WHOLE, drive, result

from world import pam

CALLS = ("authenticate", "acct_mgmt", "setcred", "open_session", "close_session")
WITH_ENVIRONMENT = "".join(
    f"{phase} [default=ok] pam_kratos.so login-id=env\n" for phase in ("auth", "account", "session")
)

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")

def check(user: str, output: list[str], asked: list[str], log: list[str], what: str) -> None:
    """Holds what came of a disturbed login against what may come of one."""
    told = what, output, asked, log
    results = {call: result(output, call) for call in CALLS}
    for call in "authenticate", "acct_mgmt":
        assert results[call] not in ("IGNORE", "USER_UNKNOWN"), told
    # Of karl, who is not local, nobody but the daemon knows that he is ours.
    if user != "karl" or "SUCCESS" in (results["authenticate"], results["acct_mgmt"]):
        assert "IGNORE" not in results.values(), told
    if results["authenticate"] == "SUCCESS":
        assert "Answer" in asked, told
    elif any("auth): refused" in line for line in log):
        assert "OpenSession" not in asked, told
    if results["acct_mgmt"] == "SUCCESS":
        assert "CheckAccount" in asked, told
    if any("session): refused" in line for line in log):
        assert "fifos: 0" in output and "fifos: 1" not in output, told
    assert output[-1] == "fifos: 0", told
    # Where libpam itself lacks memory, it does not even call us.
    if results["open_session"] != "BUF_ERR":
        assert not [line for line in output if "KRATOS_LOGIN_ID" in line], told


def script(user: str, before: str = "") -> list[str]:
    """A whole login; something stands right before each call that is to be disturbed."""
    lines = [f"start driver {user}"]
    for call in CALLS:
        lines += [line for line in (before, call) if line]
        if call == "authenticate":
            lines.append("answer right")
        if call == "open_session":
            lines += ["environment", "fifos"]
    return [*lines, "end", "fifos"]


@pytest.mark.parametrize("user", ["alice", "bob", "karl"])
@pytest.mark.parametrize("call", CALLS[:4])
def test_rule_3_each_allocation_fails(fake, journal, log, user: str, call: str) -> None:
    """In the first call, and then again where libsystemd is loaded and other memory is warm."""
    if pam.sanitized:
        pytest.skip("memory is the sanitizer's")
    pam.pam_service("driver", WITH_ENVIRONMENT)
    fake.start()
    env = {"LD_PRELOAD": str(PROGRAMS / "no-memory.so")}

    def run(at: int) -> list[str]:
        lines = script(user)
        place = lines.index(call)
        after = place + (2 if call == "authenticate" else 1)
        lines[after:after] = ["no-memory 0"]
        lines[place:place] = [f"no-memory {at}"]
        return drive(*lines, env=env)

    calm = run(0)
    assert [line for line in calm if line in WHOLE] == WHOLE[:6]
    count = int(result(calm, "allocations"))
    disturbed = 0
    for at in range(1, count + 1):
        fake.start()
        journal.clear()
        output = run(at)
        check(user, output, fake.asked(), log(), f"allocation {at} of {call}")
        disturbed += result(output, call) != "SUCCESS"
    assert disturbed > 0


def trace(lines: list[str], *options: str) -> tuple[list[str], str]:
    """Runs the driver under strace. Returns its output, and the trace."""
    log = PROGRAMS / "trace"
    log.unlink(missing_ok=True)
    prefix = ["strace", "-f", "-qq", "-o", str(log), *options, "--"]
    return drive(*lines, prefix=prefix), log.read_text(errors="replace")


def between_marks(text: str) -> str:
    return re.split(r"^\d+ +access\(\"/mark\".*\n", text, flags=re.M)[1]


# Not disturbed: what cannot fail, what only loads libraries, and what the driver does all the time.
CALM = {
    "exit_group", "exit", "brk", "munmap", "mprotect", "close", "execve", "arch_prctl", "rt_sigaction",
    "rt_sigprocmask", "geteuid", "getuid", "getpid", "gettid", "futex", "set_tid_address", "rseq",
    "set_robust_list", "clock_gettime", "prlimit64", "sysinfo", "access", "lseek", "read", "write",
}  # fmt: skip


@needs_strace
@pytest.mark.timeout(600)
@pytest.mark.parametrize("user", ["alice", "bob"])
def test_rule_3_each_system_call_fails(fake, journal, log, user: str) -> None:
    """Opening, connecting, sending, receiving, waiting: whatever is asked of the kernel between the marks."""
    pam.pam_service("driver", WITH_ENVIRONMENT)
    # Slow enough that it is waited for.
    fake.start(GRANTED.replace("reply", "after\t20\treply"))
    lines = script(user)
    # bob differs from alice only in what a fault must not pass on to the next module.
    last = "setcred" if user == "bob" else "end"
    lines.insert(lines.index(last), "mark")
    lines.insert(1, "mark")
    output, whole = trace(lines)
    assert [line for line in output if line in WHOLE] == WHOLE[:6]
    before = Counter(re.findall(r"^\d+ +(\w+)\(", whole.partition('access("/mark"')[0], re.M))
    within = Counter(re.findall(r"^\d+ +(\w+)\(", between_marks(whole), re.M))
    assert {"socket", "connect", "sendmsg", "recvmsg", "ppoll", "memfd_create", "pread64"} <= set(within)

    denied = 0
    for name in sorted(set(within) - CALM):
        for number in range(before[name] + 1, before[name] + within[name] + 1):
            journal.clear()
            asked = len(fake.asked())
            fault = f"inject={name}:error=EIO:when={number}"
            output, _ = trace(lines, "--seccomp-bpf", "-e", f"trace={name}", "-e", fault)
            check(user, output, fake.asked()[asked:], log(), fault)
            denied += result(output, "authenticate") != "SUCCESS"
    assert denied > 20


@needs_strace
@pytest.mark.parametrize("errno", ["ENOSPC", "EIO"])
def test_rule_3_the_answer_cannot_be_written(fake, log, errno: str) -> None:
    """The write into the memfd, which is the first of the module."""
    fake.start()
    lines = ["start driver alice", "authenticate", "answer right"]
    _, text = trace(lines, "-e", "trace=write")
    (number,) = [
        index for index, line in enumerate(re.findall(r"write\(.*", text), 1) if '"right", 5)' in line
    ]
    output, _ = trace(lines, "-e", "trace=write", "-e", f"inject=write:error={errno}:when={number}")
    assert result(output, "authenticate") == "SYSTEM_ERR"
    assert fake.calls()[-1] == f"CancelLogin {LOGIN}"
    assert len(log()) == 1


@needs_strace
@pytest.mark.parametrize("user", ["lokal", "root", "Alice"])
def test_rule_23_a_local_user_costs_next_to_nothing(bus, user: str) -> None:
    """No socket, nothing loaded, no file opened but the two that say whose they are."""
    lines = ["start driver " + user, "authenticate", "acct_mgmt", "setcred", "open_session", "close_session"]
    lines[1:1] = ["mark"]
    _, text = trace([*lines, "mark"])
    inside = between_marks(text)
    assert not re.search(r"^\d+ +(socket\(AF_UNIX|connect\(|memfd_create\(|mmap\(.*PROT_EXEC)", inside, re.M)
    opened = {path for path in re.findall(r'openat\(AT_FDCWD, "([^"]+)"', inside) if not path.startswith(("/etc/pam", "/lib", "/usr/lib", "/etc/ld"))}
    assert opened <= ({"/etc/passwd", "/etc/kratosd/local-users"} if user == "lokal" else set())
    assert "client.so" not in text and "libsystemd" not in text
