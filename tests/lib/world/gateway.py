"""The gateway of etc/examples in front of Kratos's admin API, in Debian's nginx, and certificates."""

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

from world.paths import TREE, WORLD
from world.processes import Service

EXAMPLE = TREE / "etc/examples/nginx-admin-gateway.conf"
# Where the example looks for them.
UPSTREAM = Path("/run/kratos/admin.sock")
CERTIFICATES = Path("/etc/nginx/kratos-gateway")
PORT = 443
URL = "https://localhost"


class Authority:
    """A certificate authority, in a folder that everybody can read."""

    def __init__(self, name: str, folder: Path = WORLD / "open/certificates") -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self._make("ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def _make(self, name: str, *further: str) -> Path:
        files = ["-keyout", f"{self.folder}/{name}.key", "-out", f"{self.folder}/{name}.pem"]
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        argv += ["-nodes", "-days", "2", "-subj", f"/CN={name}", *files, *further]
        subprocess.run(argv, check=True, capture_output=True)
        (self.folder / f"{name}.key").chmod(0o644)
        return self.folder / f"{name}.pem"

    def sign(self, name: str, *extensions: str) -> tuple[Path, Path]:
        """A certificate and its key."""
        words = ["-CA", f"{self.certificate}", "-CAkey", f"{self.folder}/ca.key"]
        for extension in "basicConstraints=critical,CA:false", *extensions:
            words += ["-addext", extension]
        return self._make(name, *words), self.folder / f"{name}.key"

    def host(self, name: str) -> tuple[Path, Path]:
        """What the example says that a host's certificate is."""
        return self.sign(name, "extendedKeyUsage=clientAuth")

    def revoke(self, *certificates: Path) -> Path:
        """A list of revoked certificates."""
        database = self.folder / "index.txt"
        database.touch()
        (self.folder / "crlnumber").write_text("01\n")
        settings = self.folder / "ca.conf"
        settings.write_text(
            "[ca]\ndefault_ca = a\n[a]\n"
            f"database = {database}\ncrlnumber = {self.folder}/crlnumber\n"
            "default_md = sha256\ndefault_crl_days = 2\n"
        )
        common = ["openssl", "ca", "-config", settings, "-cert", self.certificate]
        common += ["-keyfile", self.folder / "ca.key"]
        for certificate in certificates:
            subprocess.run([*common, "-revoke", certificate], check=True, capture_output=True)
        made = self.folder / "ca.crl"
        subprocess.run([*common, "-gencrl", "-out", made], check=True, capture_output=True)
        return made


class Gateway(Service):
    """Debian's nginx with Debian's own nginx.conf and the example, as it is, in conf.d."""

    def __init__(self) -> None:
        super().__init__("nginx")
        self.hosts = Authority("hosts")
        self.servers = Authority("servers")
        CERTIFICATES.mkdir(exist_ok=True)
        shutil.copy(self.hosts.certificate, CERTIFICATES / "hosts-ca.pem")
        certificate, key = self.servers.sign("server", "subjectAltName=DNS:localhost")
        shutil.copy(certificate, CERTIFICATES / "server.pem")
        shutil.copy(key, CERTIFICATES / "server.key")
        Path("/etc/nginx/sites-enabled/default").unlink(missing_ok=True)
        self.configure()

    @staticmethod
    def configure(*changes: tuple[str, str]) -> None:
        """Installs the example, with what an administrator would change in it."""
        text = EXAMPLE.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"the example has {text.count(old)} times {old!r}"
            text = text.replace(old, new)
        Path("/etc/nginx/conf.d/kratos-gateway.conf").write_text(text)

    def start(self) -> None:
        for folder in "/var/log/nginx", "/var/lib/nginx":
            Path(folder).mkdir(exist_ok=True)
        self.spawn(["/usr/sbin/nginx", "-g", "daemon off;"])
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", PORT)).close()
                return
            except OSError:
                if not self.running or time.monotonic() > deadline:
                    raise AssertionError(f"nginx does not listen:\n{self.log()}") from None
                time.sleep(0.02)


class Client:
    """Sends bytes as they are over TLS, with a certificate or without."""

    def __init__(self, gateway: Gateway, pair: tuple[Path, Path] | None) -> None:
        self.context = ssl.create_default_context(cafile=str(gateway.servers.certificate))
        if pair:
            self.context.load_cert_chain(*pair)

    def send(self, data: bytes, timeout: float = 10.0) -> bytes:
        """All that comes back until nginx closes the connection, or says nothing more for a while."""
        received = b""
        try:
            with socket.create_connection(("127.0.0.1", PORT), timeout=timeout) as plain:
                with self.context.wrap_socket(plain, server_hostname="localhost") as connection:
                    connection.sendall(data)
                    while more := connection.recv(65536):
                        received += more
        except (ssl.SSLError, ConnectionError):
            pass
        return received

    @staticmethod
    def request(line: str, *headers: str) -> bytes:
        """A whole request, after which the connection is closed."""
        lines = [line, "Host: localhost", "Connection: close", *headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
