"""The ways to a real Kratos: several addresses, paths, unix sockets and TLS. (rule 30)

What a server of ours shows better, because it misbehaves, is in tests/faults/test_transport.py."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import start
from faultserver import FaultServer
from logging_in import AUTHENTICATE, BAD, GRANTED, UNAVAILABLE, login, nothing_left, reason

from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Answer, Kratos, kratos_program
from world.paths import WORLD

PASSWORD = "correct horse battery staple"
DEAD_PORT = 440
OTHER_PUBLIC_PORT, OTHER_ADMIN_PORT = 443, 444
UNPRIVILEGED_ADMIN_PORT = 8434
PROXY_PORT = 3128


def person(kratos: Kratos) -> None:
    Daemon.map("alice", kratos.create_identity("alice", PASSWORD).id)


def logs_in_and_out(kratos: Kratos) -> None:
    assert login("alice", PASSWORD) == GRANTED
    nothing_left(kratos)
    assert len(kratos.sessions()) == 1


class TestSeveralAddresses:
    @pytest.mark.parametrize("written", ["on one line", "one by one"])
    def test_the_first_is_dead(
        self, stopped_daemon: Daemon, kratos: Kratos, written: str
    ) -> None:
        dead = f"http://127.0.0.1:{DEAD_PORT}"
        both = [dead, kratos.public_url]
        admin = [dead, kratos.admin_url]
        if written == "on one line":
            stopped_daemon.configure(Kratos={"PublicURL": " ".join(both), "AdminURL": " ".join(admin)})
        else:
            stopped_daemon.configure(Kratos={"PublicURL": both, "AdminURL": admin})
        start(stopped_daemon)
        person(kratos)
        logs_in_and_out(kratos)

    def test_the_first_hangs(self, stopped_daemon: Daemon, kratos: Kratos) -> None:
        """It takes connections and never answers."""
        with socket.create_server(("127.0.0.1", DEAD_PORT)):
            both = [f"http://127.0.0.1:{DEAD_PORT}", kratos.public_url]
            stopped_daemon.configure(Kratos={"PublicURL": both, "TimeoutSec": "4s"})
            start(stopped_daemon)
            person(kratos)
            logs_in_and_out(kratos)

    def test_the_first_dies_and_comes_back(
        self, proxy: FaultServer, stopped_daemon: Daemon, kratos: Kratos
    ) -> None:
        stopped_daemon.configure(Kratos={"PublicURL": [proxy.url, kratos.public_url]})
        start(stopped_daemon)
        person(kratos)
        assert login("alice", PASSWORD) == GRANTED
        assert len(proxy.of("login")) == 1
        proxy.refuse()
        assert login("alice", PASSWORD) == GRANTED
        assert len(proxy.of("login")) == 1
        nothing_left(kratos)

    def test_all_are_dead(self, stopped_daemon: Daemon, kratos: Kratos, journal: Journal) -> None:
        person(kratos)
        urls = [f"http://127.0.0.1:{port}" for port in (DEAD_PORT, DEAD_PORT + 1)]
        stopped_daemon.configure(Kratos={"PublicURL": urls})
        start(stopped_daemon)
        assert login("alice", PASSWORD) == UNAVAILABLE
        assert reason(journal) == "kratos-unreachable"


class TestPath:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_behind_a_proxy(self, stopped_daemon: Daemon, kratos: Kratos, slash: str) -> None:
        """Both APIs below paths of one server, as behind a gateway; the admin API revokes by id."""
        upstream = kratos.public_port, kratos.admin_port
        with (
            FaultServer(436, prefix="/id/public", upstream=upstream) as public,
            FaultServer(437, prefix="/id/admin", upstream=upstream) as admin,
        ):
            stopped_daemon.configure(
                Kratos={"PublicURL": public.url + slash, "AdminURL": admin.url + slash}
            )
            start(stopped_daemon)
            person(kratos)
            assert login("alice", PASSWORD) == GRANTED
            public.set("*", no_logout)
            assert login("alice", PASSWORD) == GRANTED
            nothing_left(kratos)
            assert all(request.path.startswith("/id/public/self-service/") for request in public.requests)
            (deleted,) = admin.requests
            assert deleted.path.startswith("/id/admin/admin/sessions/")


async def no_logout(exchange: Any) -> None:
    """Lets everything through but the end of a session."""
    if exchange.request.endpoint == "logout":
        exchange.close()
    else:
        await exchange.send(await exchange.process())


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


class SocketKratos(Kratos):
    """A Kratos whose public API is on a unix socket, run by whom it is told."""

    FOLDER = Path("/run/kratos")

    def __init__(self, user: str = "root") -> None:
        privileged = user == "root"
        super().__init__(
            "kratos-socket",
            public_port=OTHER_PUBLIC_PORT,
            admin_port=OTHER_ADMIN_PORT if privileged else UNPRIVILEGED_ADMIN_PORT,
            serve__public__host=f"unix:{self.FOLDER}/public.sock",
            serve__public__socket={"owner": user, "group": user, "mode": 0o666},
        )
        self.user = user
        self.socket = self.FOLDER / "public.sock"
        shutil.rmtree(self.FOLDER, ignore_errors=True)
        self.FOLDER.mkdir(mode=0o755)
        shutil.chown(self.FOLDER, user, user)

    def spawn(self, argv: list[str], **further: Any) -> None:
        # Its program may stand where only root can reach it.
        program = WORLD / "open/kratos-of-a-person"
        if not program.exists():
            program.touch()
            subprocess.run(["mount", "--bind", kratos_program(), program], check=True)
        super().spawn([str(program), *argv[1:]], user=self.user, **further)

    def public(self, method: str, path: str, body: Any = None, **further: Any) -> Answer:
        connection = SocketConnection(self.socket)
        connection.request(method, path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return self._answer(answer, answer.read())


class TestUnixSocket:
    @pytest.fixture
    def socket_kratos(self, stopped_daemon: Daemon) -> Iterator[Callable[..., SocketKratos]]:
        """Makes one, which alice is known to."""
        made: list[SocketKratos] = []

        def make(user: str = "root") -> SocketKratos:
            server = SocketKratos(user)
            made.append(server)
            server.start()
            person(server)
            stopped_daemon.configure(Kratos={"PublicURL": f"unix:{server.socket}", "AdminURL": None})
            return server

        yield make
        for server in made:
            server.kill()

    def test_of_root(self, stopped_daemon: Daemon, socket_kratos: Callable[..., SocketKratos]) -> None:
        server = socket_kratos()
        start(stopped_daemon)
        logs_in_and_out(server)
        assert login("alice", "wrong") == BAD

    @pytest.mark.parametrize(
        ("user", "result"), [("bob", GRANTED), ("carol", UNAVAILABLE), (None, UNAVAILABLE)]
    )
    def test_rule_30_of_a_user(
        self,
        stopped_daemon: Daemon,
        socket_kratos: Callable[..., SocketKratos],
        journal: Journal,
        user: str | None,
        result: str,
    ) -> None:
        """bob's Kratos in bob's folder: only if that is what the configuration says."""
        server = socket_kratos("bob")
        stopped_daemon.configure(Kratos={"ServerUser": user})
        start(stopped_daemon)
        assert login("alice", PASSWORD) == result
        if result != GRANTED:
            assert reason(journal) == "kratos-unreachable"
            assert server.sessions() == []

    def test_rule_30_a_peer_of_another_uid(
        self, stopped_daemon: Daemon, socket_kratos: Callable[..., SocketKratos]
    ) -> None:
        """The folder is root's, but whoever serves in it is bob."""
        server = socket_kratos("bob")
        shutil.chown(server.FOLDER, "root", "root")
        start(stopped_daemon)
        assert login("alice", PASSWORD) == UNAVAILABLE
        stopped_daemon.configure(Kratos={"ServerUser": "bob"})
        start(stopped_daemon)
        logs_in_and_out(server)

    @pytest.mark.parametrize(
        ("owner", "group", "mode", "result"),
        [
            ("root", "root", 0o755, GRANTED),
            ("root", "alice", 0o755, GRANTED),
            ("root", "root", 0o775, GRANTED),
            ("root", "alice", 0o775, UNAVAILABLE),
            ("root", "root", 0o757, UNAVAILABLE),
            ("root", "root", 0o1777, UNAVAILABLE),
            ("alice", "root", 0o755, UNAVAILABLE),
            ("kratosd", "kratosd", 0o755, UNAVAILABLE),
        ],
    )
    @pytest.mark.parametrize("which", ["folder", "folder above"])
    def test_rule_30_a_folder(
        self,
        stopped_daemon: Daemon,
        socket_kratos: Callable[..., SocketKratos],
        owner: str,
        group: str,
        mode: int,
        result: str,
        which: str,
    ) -> None:
        """Nobody but root and ServerUser= could have put another socket, or folder, there."""
        server = socket_kratos()
        folder = server.FOLDER
        if which == "folder above":
            moved = WORLD / "above/kratos"
            shutil.rmtree(moved.parent, ignore_errors=True)
            moved.parent.mkdir()
            server.FOLDER.rename(moved)
            server.socket = moved / "public.sock"
            stopped_daemon.configure(Kratos={"PublicURL": f"unix:{server.socket}"})
            folder = moved.parent
        shutil.chown(folder, owner, group)
        folder.chmod(mode)
        start(stopped_daemon)
        assert login("alice", PASSWORD, AUTHENTICATE) == result
        assert len(server.sessions()) == (1 if result == GRANTED else 0)

    def test_a_link_leads_where_it_leads(
        self, stopped_daemon: Daemon, socket_kratos: Callable[..., SocketKratos]
    ) -> None:
        """A link in a safe folder into one where anybody could have put the socket."""
        server = socket_kratos()
        link = WORLD / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(server.FOLDER)
        stopped_daemon.configure(Kratos={"PublicURL": f"unix:{link}/public.sock"})
        start(stopped_daemon)
        logs_in_and_out(server)
        server.FOLDER.chmod(0o777)
        assert login("alice", PASSWORD, AUTHENTICATE) == UNAVAILABLE
        assert len(server.sessions()) == 1


    @pytest.mark.parametrize("what", ["folder", "link", "socket"])
    def test_rule_30_a_link_in_another_persons_folder(
        self, stopped_daemon: Daemon, socket_kratos: Callable[..., SocketKratos], what: str
    ) -> None:
        """It leads to the right place today: a safe folder, by a safe link, or the socket itself."""
        server = socket_kratos()
        hers, ours = WORLD / "hers", WORLD / "ours"
        for folder in hers, ours:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        shutil.chown(hers, "alice", "alice")
        (hers / "link").symlink_to(server.FOLDER)
        (hers / "socket").symlink_to(server.socket)
        (ours / "link").symlink_to("../hers/link")
        (ours / "socket").symlink_to(hers / "socket")
        way = {"folder": hers / "link/public.sock", "link": ours / "link/public.sock", "socket": ours / "socket"}
        stopped_daemon.configure(Kratos={"PublicURL": f"unix:{way[what]}"})
        start(stopped_daemon)
        assert login("alice", PASSWORD, AUTHENTICATE) == UNAVAILABLE
        shutil.chown(hers, "root", "root")
        assert login("alice", PASSWORD, AUTHENTICATE) == GRANTED


class TlsKratos(Kratos):
    """A Kratos whose public API speaks TLS."""

    def __init__(self, certificates: Path, name: str) -> None:
        folder = str(certificates)
        tls = {"cert": {"path": f"{folder}/{name}.pem"}, "key": {"path": f"{folder}/{name}.key"}}
        super().__init__(
            "kratos-tls",
            public_port=OTHER_PUBLIC_PORT,
            admin_port=OTHER_ADMIN_PORT,
            serve__public__tls=tls,
        )
        self.public_url = f"https://localhost:{OTHER_PUBLIC_PORT}"

    def public(self, method: str, path: str, body: Any = None, **further: Any) -> Answer:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.public_port, context=context)
        connection.request(method, path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return self._answer(answer, answer.read())


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class TestProxy:
    """Proxy= is for https, of which a proxy sees nothing. It would see the passwords of all else."""

    @pytest.fixture
    def listener(self, stopped_daemon: Daemon) -> Iterator[FaultServer]:
        """The proxy of the configuration, which never gets anything to see."""
        with FaultServer(PROXY_PORT) as server:
            stopped_daemon.configure(Kratos={"Proxy": f"http://127.0.0.1:{PROXY_PORT}"})
            yield server
            assert server.connections == 0 and server.requests == []

    def test_rule_26_not_for_plain_http(
        self, stopped_daemon: Daemon, kratos: Kratos, listener: FaultServer
    ) -> None:
        start(stopped_daemon)
        person(kratos)
        logs_in_and_out(kratos)

    def test_rule_26_not_for_a_socket(self, stopped_daemon: Daemon, listener: FaultServer) -> None:
        server = SocketKratos()
        server.start()
        try:
            person(server)
            stopped_daemon.configure(Kratos={"PublicURL": f"unix:{server.socket}", "AdminURL": None})
            start(stopped_daemon)
            logs_in_and_out(server)
        finally:
            server.kill()

    def test_it_is_used_for_https(
        self, stopped_daemon: Daemon, kratos: Kratos, journal: Journal
    ) -> None:
        """Or else the tests above would show nothing: it is asked for a tunnel, and not for more."""
        person(kratos)
        with socket.create_server(("127.0.0.1", PROXY_PORT)) as listener:
            listener.settimeout(10)
            stopped_daemon.configure(
                Kratos={"PublicURL": "https://localhost:443", "AdminURL": None}
                | {"Proxy": f"http://127.0.0.1:{PROXY_PORT}", "TimeoutSec": "3s", "ConnectTimeoutSec": "2s"}
            )
            start(stopped_daemon)
            assert login("alice", PASSWORD) == UNAVAILABLE
            connection, _ = listener.accept()
            with connection:
                asked = connection.recv(65536)
        assert asked.startswith(b"CONNECT localhost:443 HTTP/1.1\r\n")
        assert PASSWORD.encode() not in asked


class TestTls:
    @pytest.fixture(scope="class")
    def certificates(self) -> Path:
        """The authorities ca.pem and other-ca.pem; of the first, certificates for localhost (right),
        for another host (wrong) and one that is over (old)."""
        folder = WORLD / "tls"
        folder.mkdir()
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for name in "ca", "other-ca":
            files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
            openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", *files)
        hosts = ("right", "localhost", 2), ("wrong", "id.example.org", 2), ("old", "localhost", -1)
        for name, host, days in hosts:
            request = folder / f"{name}.csr"
            files = ["-keyout", folder / f"{name}.key", "-out", request]
            openssl("req", *key, "-subj", f"/CN={host}", *files)
            extensions = folder / f"{name}.ext"
            extensions.write_text(f"subjectAltName=DNS:{host}\n")
            signed_by = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial"]
            openssl(
                *("x509", "-req", "-in", request, *signed_by, "-days", str(days)),
                *("-extfile", extensions, "-out", folder / f"{name}.pem"),
            )
        return folder

    @pytest.fixture
    def tls_kratos(self, certificates: Path) -> Iterator[Callable[[str], TlsKratos]]:
        made: list[TlsKratos] = []

        def make(name: str) -> TlsKratos:
            made.append(TlsKratos(certificates, name))
            made[-1].start()
            person(made[-1])
            return made[-1]

        yield make
        for server in made:
            server.kill()

    @pytest.mark.parametrize(
        ("certificate", "authority", "result"),
        [
            ("right", "ca", GRANTED),
            ("right", "other-ca", UNAVAILABLE),
            ("right", None, UNAVAILABLE),
            ("wrong", "ca", UNAVAILABLE),
            ("old", "ca", UNAVAILABLE),
        ],
    )
    def test_certificates(
        self,
        stopped_daemon: Daemon,
        certificates: Path,
        tls_kratos: Callable[[str], TlsKratos],
        journal: Journal,
        certificate: str,
        authority: str | None,
        result: str,
    ) -> None:
        server = tls_kratos(certificate)
        ca = f"{certificates}/{authority}.pem" if authority else None
        stopped_daemon.configure(Kratos={"PublicURL": server.public_url, "AdminURL": None, "CAFile": ca})
        start(stopped_daemon)
        if result == GRANTED:
            logs_in_and_out(server)
        else:
            assert login("alice", PASSWORD) == result
            assert reason(journal) == "kratos-unreachable"
            assert server.sessions() == []


@pytest.mark.parametrize("port", [1024, 4433])
def test_rule_30_plain_http_to_a_port_that_anybody_could_take(
    stopped_daemon: Daemon, port: int
) -> None:
    stopped_daemon.configure(Kratos={"PublicURL": f"http://127.0.0.1:{port}"})
    result = stopped_daemon.check_config()
    assert result.returncode == os.EX_CONFIG
    assert "kratosd.conf:4: error: PublicURL=" in result.stderr and "below 1024" in result.stderr
