"""A whole Debian, booted by systemd-nspawn in the world: its own systemd, logind, bus, journal and
sshd, on a throw-away layer above a root that nobody writes to. It has the world's network, so that
the servers of the world outlive it, and the world's ssh reaches its sshd.

A box is one process of the world, nspawn, and what is below it; its files are below /run/world, and
its control group below that of the test. All of it ends with kill(), and what a killed world had to
leave behind, empty control groups, the next box removes.
"""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pexpect.fdpexpect

from world import processes
from world.notify import Notifications
from world.paths import WORLD
from world.processes import Service, wait_until

# The layers of a fresh Debian, the upper ones first.
ROOT = WORLD / "root"
BOXES = WORLD / "boxes"
GROUP_PREFIX = "kratosd-box-"
# How long an empty control group of somebody else's must have been there to be a left-over.
LEFT_OVER_SECONDS = 60

BOOT_TIMEOUT = 60.0
POWER_OFF_TIMEOUT = 60.0
RUN_TIMEOUT = 30.0

# What nspawn ends with when the system inside wants to be started again.
REBOOT_STATUS = 133

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "SYSTEMD_PAGER": "",
}


def _hierarchies() -> list[Path]:
    """The test's own control group in each hierarchy that systemd uses."""
    base = Path("/sys/fs/cgroup")
    if (base / "cgroup.procs").exists():
        mounts = {"0::": base}
    else:
        mounts = {"0::": base / "unified", ":name=systemd:": base / "systemd"}
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        for marker, mount in mounts.items():
            if marker in line and mount.is_dir():
                found.append(mount / line.rpartition(":")[2].lstrip("/"))
    return found


def _removed(group: Path) -> bool:
    """Removes a control group with those below it, if there is nothing in them any more."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True


def _remove_group(group: Path) -> None:
    """Kills whatever is in a control group, and removes it with those below it."""
    killer = group / "cgroup.kill"
    if killer.exists():
        killer.write_text("1")
    wait_until(lambda: _removed(group), f"the control group {group} is empty")


def _used(twins: list[Path]) -> bool:
    """Whether there is a process in a group or below it. Of another world's processes only the unified
    hierarchy tells; in the other one, nobody sees those that are not of their own namespace."""
    events = [twin / "cgroup.events" for twin in twins]
    return any("populated 1" in file.read_text() for file in events if file.exists())


def _remove_left_over_groups() -> None:
    """As far as they can be: another world may be about to."""
    parents = _hierarchies()
    for name in {group.name for parent in parents for group in parent.glob(GROUP_PREFIX + "*")}:
        twins = [parent / name for parent in parents if (parent / name).exists()]
        try:
            old = all(time.time() - twin.stat().st_mtime > LEFT_OVER_SECONDS for twin in twins)
            used = _used(twins)
        except OSError:
            continue
        if old and not used:
            for twin in twins:
                _removed(twin)


class Box(Service):
    """A machine: its disk, and its system while it is powered on."""

    def __init__(self, name: str, *layers: Path, room: str = "2G") -> None:
        """Its disk is that of the layers, the upper ones first; without any, a fresh Debian's. There is
        room for so much more on it, in the words of tmpfs(5)."""
        super().__init__(name)
        self.folder = BOXES / name
        self.root = self.folder / "root"
        self.leader = 0
        self.console: pexpect.fdpexpect.fdspawn | None = None
        self._notifications: Notifications | None = None
        self.layers = [*layers, *sorted(ROOT.iterdir())]
        self.folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", name, self.folder], check=True)
        for folder in self.root, self.folder / "upper", self.folder / "work":
            folder.mkdir()
        lower = ":".join(str(layer) for layer in self.layers)
        options = f"lowerdir={lower},upperdir={self.folder}/upper,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", options, name, self.root], check=True)
        # The name must be nobody else's on this host, and a world does not know the host's pids.
        group = GROUP_PREFIX + os.urandom(6).hex()
        self._groups = [parent / group for parent in _hierarchies()]
        _remove_left_over_groups()

    # Its disk.

    def path(self, path: str) -> Path:
        """A file on its disk, as the world sees it: not one of its /run, /tmp or /dev."""
        return self.root / path.lstrip("/")

    def live(self, path: str) -> Path:
        """Any file of the running system."""
        assert self.leader
        return Path(f"/proc/{self.leader}/root") / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def layer(self) -> Path:
        """What was changed on its disk, for boxes to come. The box is used up."""
        assert not self.running
        self._unmount()
        return self.folder / "upper"

    def _unmount(self) -> None:
        if os.path.ismount(self.root):
            subprocess.run(["umount", "--recursive", self.root], check=True)

    # Its power.

    def _join(self, below: str = "") -> None:
        for group in self._groups:
            folder = group / below if (group / below).is_dir() or not below else None
            if folder and below:
                # Beside the groups that its systemd keeps: a group may not have both processes and
                # groups below it, where controllers are passed on.
                folder = folder / "from-outside"
            if folder:
                folder.mkdir(exist_ok=True)
                (folder / "cgroup.procs").write_text("0")

    def power_on(self, *, console: bool = False) -> float:
        """Boots it, and waits until all that is started at boot has been. Returns the seconds. Where
        somebody is to sit at it, its console is there for them; otherwise its log has what it prints."""
        assert not self._notifications
        self._notifications = notifications = Notifications(self.folder / "notify")
        begun = time.monotonic()
        terminal = self._new_console() if console else None
        self.spawn(
            ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--machine=testhost"]
            + ["--register=no", "--keep-unit", "--boot", "--notify-ready=yes"]
            + ["--console=interactive" if console else "--console=read-only"]
            + ["--link-journal=no", "--resolv-conf=off", "--timezone=off"]
            # Greeters lock the memory in which they hold passwords.
            + ["--capability=CAP_IPC_LOCK"],
            env=ENVIRONMENT
            | {
                "NOTIFY_SOCKET": str(notifications.path),
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            },
            before_exec=self._join,
            terminal=terminal,
        )
        if terminal is not None:
            os.close(terminal)
            # A console that nobody reads from holds up whoever writes to it.
            self.console.expect(" login: ", timeout=BOOT_TIMEOUT)
        ready = notifications.wait(self.pid, "READY", timeout=BOOT_TIMEOUT)
        assert ready, f"{self.name} did not boot:\n{self.log()[-4000:]}"
        self.leader = int(notifications.of(self.pid, "X_NSPAWN_LEADER_PID")[0])
        self.run("systemctl", "is-system-running", "--wait", check=False, timeout=BOOT_TIMEOUT)
        return time.monotonic() - begun

    def _new_console(self) -> int:
        """Makes the terminal of the console, keeps the side of whoever sits at it, returns the other."""
        ours, terminal = os.openpty()
        self.console = pexpect.fdpexpect.fdspawn(ours, timeout=RUN_TIMEOUT, encoding="utf-8")
        return terminal

    def _forget(self) -> None:
        """What is left of a system that has ended."""
        self.leader = 0
        for group in self._groups:
            if group.exists():
                _remove_group(group)
        if self._notifications:
            self._notifications.close()
            self._notifications = None

    def _ended(self) -> int:
        if self.console:
            # As above: until nobody can write to it any more.
            self.console.expect(pexpect.EOF, timeout=POWER_OFF_TIMEOUT)
            self.console = None
        status = self.wait(POWER_OFF_TIMEOUT)
        self._forget()
        return status

    def power_off(self) -> None:
        """As the button does, with all that a shutdown has to do."""
        os.kill(self.leader, signal.SIGRTMIN + 4)
        status = self._ended()
        assert status == 0, f"{self.name} ended with {status}:\n{self.log()[-4000:]}"

    def reboot(self, *, console: bool = False) -> float:
        """systemctl reboot, typed inside. Returns the seconds of the new boot."""
        self.run("systemctl", "--no-block", "reboot")
        status = self._ended()
        assert status == REBOOT_STATUS, f"{self.name} ended with {status}:\n{self.log()[-4000:]}"
        return self.power_on(console=console)

    def power_cut(self) -> None:
        """Everything in it ends at once, without a word."""
        os.kill(self.leader, signal.SIGKILL)
        self._ended()

    def kill(self) -> None:
        """Ends it, whatever state it is in, and removes what it was."""
        if self.running and self.leader and processes.alive(self.leader):
            os.kill(self.leader, signal.SIGKILL)
        super().kill()
        self._forget()
        self._unmount()

    def remove(self) -> None:
        """kill(), and its disk is gone too."""
        self.kill()
        subprocess.run(["umount", self.folder], check=True)
        self.folder.rmdir()

    # Commands inside.

    def run(
        self, *argv: str, check: bool = True, timeout: float = RUN_TIMEOUT, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as root in it, outside all of its units, and checks that it succeeds."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--pid"]
        result = subprocess.run(
            [*enter, "--cgroup", "--root", "--wd", "--", *argv],
            env=ENVIRONMENT,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            preexec_fn=lambda: self._join("payload"),
        )
        assert result.returncode == 0 or not check, f"{argv}: {result.returncode}\n{result.stdout}"
        return result

    def sh(self, script: str, **further) -> str:
        """Runs a shell's script in it. Returns what it printed."""
        return self.run("/bin/sh", "-euc", script, **further).stdout

    def show(self, unit: str, *properties: str) -> list[str]:
        """Properties of a unit, in the order in which they are named."""
        told = self.run("systemctl", "show", unit, *(f"--property={name}" for name in properties))
        values = dict(line.partition("=")[::2] for line in told.stdout.splitlines())
        return [values[name] for name in properties]

    def timed(self, *commands: list[str], timeout: float = RUN_TIMEOUT) -> list[tuple[float, int]]:
        """Runs commands one after another. Returns of each the seconds, taken inside, and the status."""
        script = "now() { date +%s%N; }\n"
        for command in commands:
            script += f"a=$(now); {shlex.join(command)} >/dev/null 2>&1; s=$?; b=$(now)\n"
            script += 'echo "$((b - a)) $s"\n'
        told = self.run("/bin/sh", "-c", script, timeout=timeout).stdout.splitlines()
        return [(int(span) / 1e9, int(status)) for span, status in map(str.split, told)]
