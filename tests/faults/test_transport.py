"""Over what kratosd talks to Kratos, and over what it does not. (rule 30)"""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.paths import TREE
from world.processes import Service, wait_until

pytestmark = [pytest.mark.sanitized]

PASSWORD = "correct horse battery staple"
IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PORT = 435
FOLDER = Path("/run/world/transport")
SOCKET = FOLDER / "public.sock"
UNAVAILABLE = "Authentication service cannot retrieve authentication info"

# A server as some user behind a socket that is bound already: writes what it gets into a file.
EAVESDROPPER = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
listener.listen()
while True:
    connection, _ = listener.accept()
    while data := connection.recv(65536):
        open(sys.argv[2], "ab").write(data)
"""

# A whole server as some user.
SERVER = """
import sys, time
from faultserver import FaultServer
with FaultServer(socket=sys.argv[1]) as server:
    server.kratos.add("alice", sys.argv[2], sys.argv[3])
    time.sleep(1000)
"""


@pytest.fixture
def prepared(stopped_daemon: Daemon) -> Iterator[Daemon]:
    """kratosd with alice mapped, and nowhere to go yet; an empty folder of root's."""
    subprocess.run(["rm", "-rf", FOLDER], check=True)
    FOLDER.mkdir(mode=0o755)
    stopped_daemon.map("alice", IDENTITY)
    stopped_daemon.configure(Kratos={"AdminURL": None, "TimeoutSec": "3s"})
    yield stopped_daemon


def use(daemon: Daemon, url: str, **further: str) -> None:
    daemon.configure(Kratos={"PublicURL": url, **further})
    daemon.start()


def login() -> str:
    """"" for a login and its end, else what PAM said."""
    pam.pam_service("transport", pam.ONLY_US)
    operations = ["authenticate", "open_session", "close_session"]
    tester = pam.run("transport", "alice", operations, [PASSWORD])
    if tester.status == 0:
        return ""
    return tester.output.strip().splitlines()[-1].removeprefix("pamtester: ")


def logs_in(server: FaultServer) -> None:
    server.kratos.add("alice", PASSWORD, IDENTITY)
    assert login() == ""
    wait_until(lambda: not server.kratos.active_sessions(), "the session is revoked", 10)


class TestLoopback:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:1024",
            "http://127.0.0.1:4433",
            "http://[::1]:4433",
            "http://localhost:4433",
            "http://192.0.2.1:433",
            "http://id.example.org",
            "http://127.0.0.1.example.org:433",
            "http://127.0.0.1:433@example.org",
            "http://user:password@127.0.0.1:433",
            "https://user:password@id.example.org",
            "https://id.example.org/?a=b",
            "https://id.example.org/#a",
            "https://id.example.org:65536",
            "https://",
            "ftp://id.example.org",
            "file:///etc/passwd",
            "unix:relative.sock",
            "unix:",
            "id.example.org",
        ],
    )
    def test_rule_30_is_refused(self, prepared: Daemon, url: str) -> None:
        prepared.configure(Kratos={"PublicURL": url})
        result = prepared.check_config()
        assert result.returncode == 78 and "kratosd.conf:" in result.stderr, result.stderr
        assert "PublicURL" in result.stderr

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_a_port_that_only_root_can_take(self, prepared: Daemon, host: str) -> None:
        with FaultServer(PORT) as server:
            use(prepared, f"http://{host}:{PORT}")
            logs_in(server)


class TestUnixSocket:
    def test_in_a_folder_of_root(self, prepared: Daemon) -> None:
        with FaultServer(socket=str(SOCKET), prefix="/kratos") as server:
            os.chmod(SOCKET, 0o666)
            use(prepared, f"unix:{SOCKET}:/kratos")
            logs_in(server)

    @pytest.mark.parametrize("change", ["anyone can write", "another's", "another's group can write"])
    def test_rule_30_in_a_folder_of_others(self, prepared: Daemon, change: str) -> None:
        with FaultServer(socket=str(SOCKET)) as server:
            server.kratos.add("alice", PASSWORD, IDENTITY)
            os.chmod(SOCKET, 0o666)
            if change == "anyone can write":
                os.chmod(FOLDER, 0o777)
            elif change == "another's":
                os.chown(FOLDER, 65534, 0)
            else:
                os.chown(FOLDER, 0, 65534)
                os.chmod(FOLDER, 0o775)
            use(prepared, f"unix:{SOCKET}")
            assert login() == UNAVAILABLE
            assert server.connections == 0

    def test_rule_30_the_peer_is_somebody_else(self, prepared: Daemon) -> None:
        """In the right folder, but served by whoever got hold of the socket: nothing is sent."""
        heard = Path("/run/world/open/heard")
        heard.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(SOCKET))
            os.chmod(SOCKET, 0o666)
            thief = Service("thief")
            argv = [sys.executable, "-c", EAVESDROPPER, str(listener.fileno()), str(heard)]
            thief.spawn(argv, user="lokal", pass_fds=(listener.fileno(),))
        use(prepared, f"unix:{SOCKET}")
        assert login() == UNAVAILABLE
        thief.kill()
        assert not heard.exists()

    def test_server_user(self, prepared: Daemon) -> None:
        os.chown(FOLDER, 2002, 2002)
        server = Service("server-of-bob")
        library = {"PYTHONPATH": str(TREE / "tests/lib"), "PATH": "/usr/bin"}
        argv = [sys.executable, "-c", SERVER, str(SOCKET), PASSWORD, IDENTITY]
        server.spawn(argv, user="bob", env=library, before_exec=lambda: os.umask(0))
        wait_until(SOCKET.exists, "bob's server listens")
        use(prepared, f"unix:{SOCKET}", ServerUser="bob")
        assert login() == ""
        prepared.stop()
        use(prepared, f"unix:{SOCKET}", ServerUser="carol")
        assert login() == UNAVAILABLE
        server.kill()


class TestTls:
    @pytest.fixture(scope="class")
    def certificates(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """ca.pem, and certificates it has signed: right.pem for 127.0.0.1, wrong.pem for another."""
        folder = tmp_path_factory.mktemp("tls")
        request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        request += ["-nodes", "-days", "2", "-subj"]

        def make(name: str, *further: str) -> None:
            files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
            argv = [*request, f"/CN={name}", *files, *further]
            subprocess.run(argv, check=True, capture_output=True)

        make("ca")
        for name, subject in ("right", "IP:127.0.0.1"), ("wrong", "DNS:id.example.org"):
            signed_by = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"]
            extensions = ["-addext", f"subjectAltName={subject}"]
            make(name, *signed_by, *extensions, "-addext", "basicConstraints=CA:false")
        for path in [folder, *folder.parents]:
            if path.is_relative_to("/tmp") and path != Path("/tmp"):
                path.chmod(0o755)
        (folder / "ca.pem").chmod(0o644)
        return folder

    @staticmethod
    def server(certificates: Path, name: str) -> FaultServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
        server = FaultServer(tls=context)
        server.kratos.add("alice", PASSWORD, IDENTITY)
        return server

    def test_a_certificate_of_ours(self, prepared: Daemon, certificates: Path) -> None:
        with self.server(certificates, "right") as server:
            use(prepared, server.url, CAFile=str(certificates / "ca.pem"))
            logs_in(server)

    def test_an_authority_that_is_not_trusted(
        self, prepared: Daemon, certificates: Path, journal: Journal
    ) -> None:
        with self.server(certificates, "right") as server:
            use(prepared, server.url)
            assert login() == UNAVAILABLE
            assert not server.requests
            entry = journal.wait(KRATOSD_EVENT="login-refused")
            assert entry["KRATOSD_REASON"] == "kratos-unreachable"

    def test_a_certificate_for_another_name(self, prepared: Daemon, certificates: Path) -> None:
        with self.server(certificates, "wrong") as server:
            use(prepared, server.url, CAFile=str(certificates / "ca.pem"))
            assert login() == UNAVAILABLE
            assert not server.requests

    def test_a_server_that_speaks_no_tls(self, prepared: Daemon, certificates: Path) -> None:
        with FaultServer(PORT) as server:
            use(prepared, f"https://127.0.0.1:{PORT}", CAFile=str(certificates / "ca.pem"))
            assert login() == UNAVAILABLE
            assert not server.of("login")
