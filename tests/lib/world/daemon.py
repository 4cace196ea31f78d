"""kratosd in the world, started as its unit file would have systemd start it."""

import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

from world.kratos import Kratos
from world.notify import Notifications
from world.paths import CONFIGURATION, ETC, LOCAL_USERS, RUNTIME, STATE, TREE, WORLD
from world.processes import Service, memory_kib

PROGRAM = "/usr/sbin/kratosd"
SOCKET = Path("/run/dbus/system_bus_socket")
USERDB = Path("/run/systemd/userdb/org.kratosd1")
DROP_INS = ETC / "kratosd.conf.d"
SANITIZER_REPORT = re.compile(
    r"^.*(?:ERROR: \w+Sanitizer|runtime error:|Sanitizer has encountered).*$", re.M
)

LIMITS = {"LimitNOFILE": "NOFILE", "LimitCORE": "CORE", "LimitMEMLOCK": "MEMLOCK"}

Settings = dict[str, dict[str, str | list[str]]]


def unit() -> dict[str, list[str]]:
    """The settings of kratosd.service, each with all of its values."""
    found: dict[str, list[str]] = {}
    for line in (TREE / "systemd/kratosd.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key.strip(), []).append(value.strip())
    return found


class Daemon(Service):
    """kratosd: its configuration, its list of local users, its state, and its process."""

    def __init__(self, kratos: Kratos | None = None) -> None:
        super().__init__("kratosd")
        self.notifications = Notifications(WORLD / "notify")
        self.settings: Settings = {}
        self._checked = 0
        self.fresh(kratos)

    # What it reads.

    def fresh(self, kratos: Kratos | None = None) -> None:
        """As on the day of installation: no state, nobody mapped, and a Kratos to ask, if one is given."""
        assert not self.running
        for folder in STATE, RUNTIME, DROP_INS:
            shutil.rmtree(folder, ignore_errors=True)
        LOCAL_USERS.write_text("")
        os.chmod(LOCAL_USERS, 0o644)
        self.settings = {"Log": {"Level": "debug"}}
        if kratos:
            urls = {"PublicURL": kratos.public_url, "AdminURL": kratos.admin_url}
            self.settings["Kratos"] = dict(urls)
        self._write()

    def configure(self, **sections: dict[str, str | list[str] | None]) -> None:
        """Sets keys, or removes those that are None; they count from the next start or reload on:
        configure(Kratos={"TimeoutSec": "2s", "AdminURL": None})"""
        for section, keys in sections.items():
            place = self.settings.setdefault(section, {})
            for key, value in keys.items():
                if value is None:
                    place.pop(key, None)
                else:
                    place[key] = value
        self._write()

    def _write(self) -> None:
        lines = []
        for section, keys in self.settings.items():
            lines.append(f"[{section}]")
            for key, values in keys.items():
                for value in [values] if isinstance(values, str) else values:
                    lines.append(f"{key}={value}")
        self.write_configuration("\n".join(lines) + "\n")

    @staticmethod
    def write_configuration(text: str, drop_in: str | None = None) -> None:
        """Writes the file, or a drop-in of that name, as it is."""
        path = DROP_INS / drop_in if drop_in else CONFIGURATION
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.chmod(path, 0o644)

    @staticmethod
    def map(name: str, identity: str, *further: str) -> None:
        """Adds or replaces a line of local-users; further words are "fallback"."""
        kept = [line for line in LOCAL_USERS.read_text().splitlines() if line.split()[:1] != [name]]
        kept.append("  ".join([name, identity, *further]))
        LOCAL_USERS.write_text("".join(line + "\n" for line in kept))

    @staticmethod
    def unmap(name: str) -> None:
        kept = [line for line in LOCAL_USERS.read_text().splitlines() if line.split()[:1] != [name]]
        LOCAL_USERS.write_text("".join(line + "\n" for line in kept))

    # Its process.

    def _folders(self, settings: dict[str, list[str]]) -> None:
        owner = pwd.getpwnam("kratosd")
        for folder, mode in (STATE, "StateDirectoryMode"), (RUNTIME, "RuntimeDirectoryMode"):
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            os.chmod(folder, int(settings.get(mode, ["0755"])[-1], 8))

    def _environment(self, settings: dict[str, list[str]], further: dict[str, str]) -> dict[str, str]:
        watchdog = settings.get("WatchdogSec", ["0s"])[-1].removesuffix("s")
        env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "LANG": "C.UTF-8",
            "USER": "kratosd",
            "LOGNAME": "kratosd",
            "HOME": str(STATE),
            "NOTIFY_SOCKET": str(self.notifications.path),
            "STATE_DIRECTORY": str(STATE),
            "RUNTIME_DIRECTORY": str(RUNTIME),
            "CONFIGURATION_DIRECTORY": str(ETC),
            "INVOCATION_ID": os.urandom(16).hex(),
        }
        if int(watchdog):
            env["WATCHDOG_USEC"] = str(int(watchdog) * 1_000_000)
        for line in settings.get("Environment", []):
            env |= dict(word.partition("=")[::2] for word in line.split())
        return env | further

    @staticmethod
    def _argv(settings: dict[str, list[str]]) -> list[str]:
        """As kratosd, with the unit's limits as far as this host lets us, and without capabilities."""
        limits = []
        for setting, kind in LIMITS.items():
            if setting in settings:
                wanted = int(settings[setting][-1].replace("M", "000000"))
                hard = resource.getrlimit(getattr(resource, f"RLIMIT_{kind}"))[1]
                limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
                limits.append(f"--{kind.lower()}={limit}")
        return (
            ["prlimit", *limits, "setpriv", "--reuid=kratosd", "--regid=kratosd", "--clear-groups"]
            + ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", PROGRAM]
        )

    def spawn_only(self, **environment: str) -> None:
        """Starts it, and does not wait."""
        settings = unit()
        self._folders(settings)
        umask = int(settings.get("UMask", ["0022"])[-1], 8)
        self._show_userdb()
        self.spawn(self._argv(settings), env=self._environment(settings, environment), umask=umask)

    @staticmethod
    def _show_userdb() -> None:
        """As the unit does when it has started: in a folder in which kratosd itself could not."""
        USERDB.parent.mkdir(parents=True, exist_ok=True)
        USERDB.unlink(missing_ok=True)
        USERDB.symlink_to(RUNTIME / "userdb")

    def start(self, timeout: float = 10.0, **environment: str) -> None:
        """Starts it, and returns when it is ready."""
        self.spawn_only(**environment)
        assert self.process
        if not self.notifications.wait(self.process.pid, "READY", timeout=timeout):
            status = self.process.poll()
            self.kill()
            raise AssertionError(f"kratosd is not ready (exit status {status}):\n{self.log()[-4000:]}")
        self._wait_for_names()

    @staticmethod
    def _wait_for_names() -> None:
        """READY comes before the bus. A test that has one, and does not hold it up, wants both names."""
        ask = ["busctl", "--timeout=1", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus"]
        deadline = time.monotonic() + 3
        missing = {"org.kratosd1", "org.kratosd1.User"}
        while missing and SOCKET.exists() and time.monotonic() < deadline:
            for name in sorted(missing):
                call = [*ask, "org.freedesktop.DBus", "NameHasOwner", "s", name]
                run = subprocess.run(call, capture_output=True, text=True)
                if run.returncode != 0:
                    return
                if run.stdout.split() == ["b", "true"]:
                    missing.discard(name)

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        """SIGHUP, and waits until it has said that the reload is over."""
        before = len(self.notifications.of(self.pid, "READY"))
        self.signal(signal.SIGHUP)
        self.notifications.wait(self.pid, "READY", count=before + 1, timeout=3)

    def stop(self, timeout: float = 30.0) -> int:
        """SIGTERM. A status other than 0, and a sanitizer's report, are failures."""
        was_running = self.running
        status = super().stop(timeout)
        USERDB.unlink(missing_ok=True)
        self.check_reports()
        assert not was_running or status == 0, f"kratosd ended with {status}:\n{self.log()[-4000:]}"
        return status

    def check_reports(self) -> None:
        """Fails if a sanitizer has found something since the last time."""
        log = self.log()
        new, self._checked = log[self._checked :], len(log)
        report = SANITIZER_REPORT.search(new)
        if report:
            raise AssertionError(f"kratosd under a sanitizer:\n{new[report.start() :][:8000]}")

    @staticmethod
    def check_config() -> subprocess.CompletedProcess[str]:
        """kratosd --check-config."""
        return subprocess.run([PROGRAM, "--check-config"], capture_output=True, text=True, cwd="/")

    def anon_kib(self) -> int:
        return memory_kib(self.pid, "RssAnon")

    def rss_kib(self) -> int:
        return memory_kib(self.pid, "VmRSS")

    @staticmethod
    def lifelines() -> list[Path]:
        folder = RUNTIME / "lifelines"
        return sorted(folder.iterdir()) if folder.exists() else []
