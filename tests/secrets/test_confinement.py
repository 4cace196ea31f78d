"""What kratosd and the module do not use, whatever stands in their environment and their binaries.
(rules 6, 9, 14, 15, 26)"""

import os
import pwd
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from searching import Login, canary, start
from world import processes
from world.bus import Bus
from world.daemon import PROGRAM as DAEMON
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos
from world.paths import RUNTIME, STATE, WORLD
from world.processes import wait_until

from conftest import SERVICE, Proxy

PAM_SUCCESS = 0
MULTIARCH = subprocess.run(["cc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
BINARIES = [
    Path(DAEMON),
    Path(f"/lib/{MULTIARCH}/security/pam_kratos.so"),
    Path("/usr/lib/kratosd/client.so"),
]

# What looks like a variable: what systemd tells a service, where the login id is in PAM's own environment,
# and the items of which the module speaks in the log.
SYSTEMD = {"CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET"}
SYSTEMD |= {"SYSTEMD_BYPASS_USERDB", "WATCHDOG_PID", "WATCHDOG_USEC"}
KNOWN = {
    "kratosd": SYSTEMD,
    "pam_kratos.so": {"KRATOS_LOGIN_ID"} | {f"PAM_{item}" for item in ("RHOST", "RUSER", "SERVICE", "TTY")},
    "client.so": set(),
}

# What would lead other programs elsewhere: to another bus, through a proxy, to another trust, to keys
# written into a file.
TRAP = WORLD / "open" / "trap"
HOSTILE = {
    "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus",
    "http_proxy": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "",
    "CURL_HOME": str(TRAP),
    "CURL_CA_BUNDLE": "/dev/null",
    "SSLKEYLOGFILE": str(TRAP / "keys"),
    "SSL_CERT_FILE": "/dev/null",
    "SSL_CERT_DIR": "/nowhere",
    "HOME": str(TRAP),
    "XDG_CONFIG_HOME": str(TRAP),
    "TMPDIR": str(TRAP),
    "SQLITE_TMPDIR": str(TRAP),
    "NETRC": str(TRAP / ".netrc"),
    "KRATOSD_CONFIG": "/nowhere/kratosd.conf",
    "KRATOS_PUBLIC_URL": "http://127.0.0.1:9",
    "KRATOS_LOGIN_ID": "0123456789abcdef0123456789abcdef",
    "PAM_USER": "root",
}


@pytest.fixture
def trap() -> Path:
    """A home with files that say what curl and others are to do."""
    subprocess.run(["rm", "-rf", TRAP], check=True)
    TRAP.mkdir()
    (TRAP / ".netrc").write_text("machine 127.0.0.1 login a password b\ndefault login c password d\n")
    (TRAP / ".curlrc").write_text("proxy = http://127.0.0.1:9\ninsecure\n")
    os.chmod(TRAP, 0o777)
    return TRAP


@pytest.fixture
def password(stopped_daemon: Daemon, kratos: Kratos) -> str:
    password = canary()
    stopped_daemon.map("alice", kratos.create_identity("alice", password).id)
    return password


def whole_login(password: str, **environment: str) -> int:
    """A login and its end. Returns how it went."""
    login = Login(SERVICE, "alice", password, **environment)
    login.end()
    login.exit()
    return login.result


def undefined(binary: Path) -> set[str]:
    """The functions that a binary takes from its libraries."""
    output = subprocess.check_output(["nm", "-D", "--undefined-only", binary], text=True)
    return {line.split()[-1].partition("@")[0] for line in output.splitlines()}


def strings(binary: Path) -> list[str]:
    """The texts in a binary that its code can use."""
    data = WORLD / "rodata"
    subprocess.run(["objcopy", "-O", "binary", "-j", ".rodata*", binary, data], check=True)
    found = re.findall(rb"[\x20-\x7e]{4,}", data.read_bytes())
    return [text.decode() for text in found]


class TestBinaries:
    @pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.name)
    def test_rule_15_no_program_is_run(self, binary: Path) -> None:
        runs = {"system", "popen", "wordexp", "vfork", "clone", "dlmopen"}
        found = undefined(binary)
        assert found and not found & runs
        assert not [name for name in found if re.match(r"_*(exec[lv]|fexec|posix_spawn)", name)]

    @pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.name)
    def test_rule_6_what_could_read_the_environment(self, binary: Path) -> None:
        allowed = {"getenv"} if binary.name == "kratosd" else set()
        assert undefined(binary) & {"getenv", "secure_getenv", "environ", "__environ"} <= allowed

    @pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.name)
    def test_rules_6_and_9_names_of_variables(self, binary: Path) -> None:
        """No binary knows a variable's name that it ought not to know."""
        names = {text for text in strings(binary) if re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", text)}
        assert names <= KNOWN[binary.name]
        if binary.name == "kratosd":
            assert "CREDENTIALS_DIRECTORY" in names

    @pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.name)
    def test_rule_9_no_word_of_a_switch(self, binary: Path) -> None:
        words = r"insecure|skip.?verif|no.?verify|fake|mock|unsafe|backdoor|debug.?mode|test.?mode|for.?test"
        ours = [text for text in strings(binary) if re.search(words, text, re.I)]
        # Among the names that nobody of ours may have is that of Fedora's group for package builds.
        assert not [text for text in ours if not text.startswith(("_", "/")) and text != "mock"]

    def test_rule_9_options(self) -> None:
        text = subprocess.run([DAEMON, "--help"], capture_output=True, text=True, check=True).stdout
        commands = {"--add-account", "--unpin", "--revoke-all", "--ssh-keys"}
        assert set(re.findall(r"--[a-z-]+", text)) == {"--check-config", "--version", "--help"} | commands
        for option in "--config=/tmp/x", "--debug", "--test", "--insecure", "-c", "-d", "/tmp/x":
            assert subprocess.run([DAEMON, option], capture_output=True).returncode == 64


class TestEnvironment:
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_rules_6_and_26_a_hostile_environment(
        self,
        scheme: str,
        password: str,
        trap: Path,
        proxies: Callable[..., Proxy],
        stopped_daemon: Daemon,
        kratos: Kratos,
    ) -> None:
        """Logins go on as if it were not there, for the daemon and for the login program alike."""
        before = set(trap.rglob("*"))
        proxy = proxies(scheme, **HOSTILE)
        shown = processes.environment(stopped_daemon.pid)
        assert shown["http_proxy"] == HOSTILE["http_proxy"] and shown["HOME"] == HOSTILE["HOME"]
        assert whole_login(password, **HOSTILE) == PAM_SUCCESS
        wait_until(lambda: not kratos.active_sessions(), "the session is revoked", 10)

        assert proxy.server.requests
        for request in proxy.server.requests:
            assert request.header("authorization") is None and request.header("cookie") is None
            assert request.header("proxy-authorization") is None
        assert set(trap.rglob("*")) == before

    def test_rule_6_trust_comes_from_the_configuration_alone(
        self,
        password: str,
        certificate: Path,
        trap: Path,
        proxies: Callable[..., Proxy],
        stopped_daemon: Daemon,
        journal: Journal,
    ) -> None:
        proxy = proxies("https")
        stopped_daemon.stop()
        stopped_daemon.configure(Kratos={"CAFile": None})
        variables = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
        start(stopped_daemon, journal, **{name: str(certificate) for name in variables})
        assert whole_login(password) != PAM_SUCCESS
        assert not proxy.server.requests

    def test_rule_6_a_login_program_chooses_no_bus(
        self, password: str, daemon: Daemon, bus: Bus
    ) -> None:
        """With our bus gone, no other is asked, though it is offered."""
        offered = WORLD / "open" / "other-bus"
        os.rename("/run/dbus/system_bus_socket", offered)
        try:
            result = whole_login(password, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={offered}")
        finally:
            os.rename(offered, "/run/dbus/system_bus_socket")
        assert result != PAM_SUCCESS
        assert whole_login(password, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nowhere") == PAM_SUCCESS


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("endpoint", ["flow", "login"])
    def test_rule_26_are_not_followed(
        self,
        endpoint: str,
        status: int,
        password: str,
        proxies: Callable[..., Proxy],
    ) -> None:
        proxy = proxies("http")
        with FaultServer(436) as elsewhere:
            there = f"{elsewhere.url}/self-service/login/api"
            proxy.server.set(endpoint, faults.redirect(status, there))
            assert whole_login(password) != PAM_SUCCESS
            assert proxy.server.of(endpoint) and not elsewhere.requests


class TestTracing:
    """Nobody but root looks into a running kratosd, not even whoever runs as kratosd. (rule 22)"""

    def test_rule_22_its_proc_files_are_roots(self, daemon: Daemon) -> None:
        assert processes.user_of(daemon.pid) == pwd.getpwnam("kratosd").pw_uid
        for name in "mem", "maps", "environ", "fd":
            assert os.lstat(f"/proc/{daemon.pid}/{name}").st_uid == 0, name

    @pytest.mark.parametrize("name", ["maps", "mem", "environ", "fd/0"])
    def test_rule_22_its_own_user_cannot_read_them(self, daemon: Daemon, name: str) -> None:
        look = ["/usr/bin/dd", f"if=/proc/{daemon.pid}/{name}", "count=0", "status=none"]
        result = subprocess.run(
            look, user="kratosd", group="kratosd", extra_groups=[], capture_output=True, text=True
        )
        assert "Permission denied" in result.stderr

    def test_rule_22_its_own_user_cannot_trace_it(self, daemon: Daemon) -> None:
        """PTRACE_SEIZE, as by gdb and strace."""
        program = (
            "import ctypes, os, sys\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "r = libc.ptrace(0x4206, int(sys.argv[1]), None, None)\n"
            "print(r, os.strerror(ctypes.get_errno()))\n"
        )
        result = subprocess.run(
            ["/usr/bin/python3", "-c", program, str(daemon.pid)],
            user="kratosd", group="kratosd", extra_groups=[], capture_output=True, text=True,
        )  # fmt: skip
        assert result.stdout == "-1 Operation not permitted\n", result


class TestFiles:
    def test_rule_14_modes_and_owners(self, password: str, daemon: Daemon) -> None:
        login = Login(SERVICE, "alice", password)
        assert login.result == PAM_SUCCESS
        owner = pwd.getpwnam("kratosd").pw_uid
        # What others may use they must get at, but they cannot look around.
        modes = {STATE: 0o700, RUNTIME: 0o711, RUNTIME / "lifelines": 0o700, RUNTIME / "answers": 0o711}
        for folder, mode in modes.items():
            about = folder.lstat()
            assert stat.S_ISDIR(about.st_mode), folder
            assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (owner, mode), folder
        files = [path for folder in (STATE, RUNTIME) for path in folder.rglob("*") if not path.is_dir()]
        assert {"kratosd.db", "seal.key"} <= {path.name for path in files}
        for path in files:
            about = path.lstat()
            mode = 0o666 if path.is_socket() else 0o600
            assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (owner, mode), path
        assert [path.name for path in files if path.is_socket()] == ["userdb"]
        assert [path for path in files if path.is_fifo()] == daemon.lifelines()
        login.end()
        login.exit()

    def test_rule_14_nothing_is_open_elsewhere(self, password: str, daemon: Daemon) -> None:
        login = Login(SERVICE, "alice", password)
        assert login.result == PAM_SUCCESS
        places = [path for path in processes.open_files(daemon.pid).values() if path.startswith("/")]
        ours = (str(STATE) + "/", str(RUNTIME) + "/")
        elsewhere = [path for path in places if not path.startswith(ours)]
        assert [path for path in places if path.startswith(ours)]
        assert all(path == "/dev/null" or path.endswith("/log/kratosd.log") for path in elsewhere), elsewhere
        login.end()
        login.exit()

    def test_rule_14_no_temporary_files(self, password: str, daemon: Daemon) -> None:
        owner = pwd.getpwnam("kratosd").pw_uid
        assert whole_login(password) == PAM_SUCCESS
        for folder in "/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", "/home":
            for path in Path(folder).rglob("*"):
                try:
                    foreign = path.lstat().st_uid != owner
                except FileNotFoundError:
                    continue
                assert foreign or {RUNTIME, WORLD} & {path, *path.parents}, path
