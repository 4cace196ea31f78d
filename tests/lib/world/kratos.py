"""A real Ory Kratos, and its API as an administrator and as a plain client see it."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from world.paths import LOGS, TREE, WORLD
from world.processes import Service

FILES = TREE / "tests/kratos"
PUBLIC_PORT, ADMIN_PORT = 433, 434

Json = Any


def kratos_program() -> str:
    """The server's program, built by tests/kratos/build unless $KRATOS names one."""
    return os.environ.get("KRATOS") or subprocess.check_output(
        [FILES / "build"], text=True
    ).strip()


def totp_code(secret: str, when: float | None = None) -> str:
    """RFC 6238 with the usual six digits and 30 s, from a base32 secret."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = int(time.time() if when is None else when) // 30
    digest = hmac.digest(key, counter.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


@dataclass(frozen=True)
class Identity:
    id: str
    username: str
    password: str


@dataclass
class Answer:
    """An HTTP answer: the status, and the body as JSON, or as text where it is none."""

    status: int
    body: Json
    headers: dict[str, str]


@dataclass(frozen=True)
class Request:
    """A request that was answered. Times are in seconds: since 1970, and for how long."""

    path: str
    begun: float
    took: float


class RequestLog:
    """The requests, for a path and all below it, that a server answers from now on, as its log tells."""

    def __init__(self, log_file: Path, path: str) -> None:
        self._path = path
        self._log = log_file.open("rb")
        self._log.seek(0, os.SEEK_END)
        self._found: list[Request] = []

    def read(self) -> list[Request]:
        """All of them so far."""
        for line in self._lines():
            if b'"completed handling request"' not in line:
                continue
            entry = json.loads(line)
            path, took = entry["http_request"]["path"], entry["http_response"]["took"] / 1e9
            begun = datetime.fromisoformat(entry["time"]).timestamp() - took
            if f"{path}/".startswith(f"{self._path}/"):
                self._found.append(Request(path, begun, took))
        return self._found

    def _lines(self) -> Iterator[bytes]:
        """Those that are written to their ends."""
        while (line := self._log.readline()).endswith(b"\n"):
            yield line
        self._log.seek(-len(line), os.SEEK_CUR)

    def close(self) -> None:
        self._log.close()


class Kratos(Service):
    """A server. `dsn: memory` forgets everything when it ends, and cannot do logins at once."""

    def __init__(
        self,
        name: str = "kratos",
        *,
        dsn: str = "memory",
        public_port: int = PUBLIC_PORT,
        admin_port: int = ADMIN_PORT,
        **options: Json,
    ) -> None:
        """Further options are configuration keys with __ for the dots and - for nothing else, such
        as session__whoami__required_aal="aal1" or hashers__bcrypt__cost=12."""
        super().__init__(name)
        self.dsn = dsn
        self.public_port, self.admin_port = public_port, admin_port
        self.public_url = f"http://127.0.0.1:{public_port}"
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self.options = options
        self._connections: dict[int, http.client.HTTPConnection] = {}

    # The server.

    def _configuration(self) -> Json:
        settings: Json = {
            "dsn": self.dsn,
            "serve": {
                "public": {"port": self.public_port, "base_url": self.public_url + "/"},
                "admin": {"port": self.admin_port, "base_url": self.admin_url + "/"},
            },
            "identity": {
                "schemas": [
                    {"id": "default", "url": f"file://{FILES}/identity.schema.json"},
                    {"id": "email", "url": f"file://{FILES}/email.schema.json"},
                ]
            },
        }
        for path, value in self.options.items():
            *folders, key = path.split("__")
            place = settings
            for folder in folders:
                place = place.setdefault(folder, {})
            place[key] = value
        return settings

    def configure(self, **options: Json) -> None:
        """Changes options; they count from the next start on."""
        self.options.update(options)

    def start(self) -> None:
        """Starts it, migrates its database before where that is needed, and waits until it is ready."""
        override = WORLD / f"{self.name}.json"
        override.write_text(json.dumps(self._configuration()))
        common = ["--config", str(FILES / "kratos.yml"), "--config", str(override)]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(WORLD / "home-of-kratos"), "LANG": "C.UTF-8"}
        if self.dsn != "memory":
            self._migrate(common, env)
        self.spawn([kratos_program(), "serve", "--dev", "--sqa-opt-out", *common], env=env)
        deadline = time.monotonic() + 20
        while not self._ready():
            if not self.running or time.monotonic() > deadline:
                raise AssertionError(f"Kratos did not become ready:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def _migrate(self, common: list[str], env: dict[str, str]) -> None:
        argv = [kratos_program(), "migrate", "sql", "--yes", "-e", *common]
        with (LOGS / f"{self.name}-migrate.log").open("ab") as log:
            subprocess.run(argv, env=env | {"DSN": self.dsn}, stdout=log, stderr=log, check=True)

    def _ready(self) -> bool:
        try:
            return (
                self.public("GET", "/health/ready").status == 200
                and self.admin("GET", "/admin/health/ready").status == 200
            )
        except OSError:
            return False

    def restart(self) -> None:
        self.stop()
        self.start()

    def follow(self, path: str) -> RequestLog:
        return RequestLog(self.log_file, path)

    # HTTP.

    def request(
        self,
        port: int,
        method: str,
        path: str,
        body: Json = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 20.0,
    ) -> Answer:
        """One request on a kept connection, repeated once on a new one where the old had been closed."""
        payload = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "application/json"} | (headers or {})
        if payload is not None:
            sent["Content-Type"] = "application/json"
        for fresh in False, True:
            if fresh or port not in self._connections:
                self._forget(port)
                self._connections[port] = http.client.HTTPConnection(
                    "127.0.0.1", port, timeout=timeout
                )
            connection = self._connections[port]
            try:
                connection.request(method, path, payload, sent)
                response = connection.getresponse()
                return self._answer(response, response.read())
            except (http.client.HTTPException, OSError) as fault:
                self._forget(port)
                if fresh:
                    raise OSError(f"{method} {path} on port {port}: {fault!r}") from fault
        raise AssertionError

    def _forget(self, port: int) -> None:
        connection = self._connections.pop(port, None)
        if connection:
            connection.close()

    @staticmethod
    def _answer(response: http.client.HTTPResponse, data: bytes) -> Answer:
        try:
            body = json.loads(data) if data else None
        except ValueError:
            body = data.decode(errors="replace")
        return Answer(response.status, body, dict(response.getheaders()))

    def public(self, method: str, path: str, body: Json = None, **further: Any) -> Answer:
        return self.request(self.public_port, method, path, body, **further)

    def admin(self, method: str, path: str, body: Json = None, **further: Any) -> Answer:
        return self.request(self.admin_port, method, path, body, **further)

    def _must(self, status: int, method: str, path: str, body: Json = None) -> Json:
        """An administrator's request that has to succeed. Returns the body. SQLite in memory refuses a
        change that meets another one, such as a revocation that has not quite ended: then once more."""
        for _ in range(20):
            answer = self.admin(method, path, body)
            if answer.status != 400 or "serialize access" not in str(answer.body):
                break
            time.sleep(0.05)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    # Identities.

    def create_identity(
        self,
        username: str,
        password: str | None = None,
        *,
        hashed_password: str | None = None,
        email: str | None = None,
        state: str = "active",
        schema: str = "default",
        **further: Json,
    ) -> Identity:
        """Further keys (metadata_public, metadata_admin, …) go into the request as they are."""
        traits = {"username": username} if schema == "default" else {}
        if email is not None:
            traits["email"] = email
        request = {"schema_id": schema, "traits": traits, "state": state, **further}
        if password is not None or hashed_password is not None:
            config = {"password": password, "hashed_password": hashed_password}
            config = {key: value for key, value in config.items() if value is not None}
            request["credentials"] = {"password": {"config": config}}
        created = self._must(201, "POST", "/admin/identities", request)
        return Identity(created["id"], username, password or "")

    def identity(self, id: str) -> Json:
        return self._must(200, "GET", f"/admin/identities/{id}")

    def identities(self) -> list[Json]:
        """Up to 1,000 of them."""
        return self._must(200, "GET", "/admin/identities?page_size=1000")

    def patch(self, id: str, *operations: Json) -> Json:
        """JSON Patch operations on an identity."""
        return self._must(200, "PATCH", f"/admin/identities/{id}", list(operations))

    def set_state(self, id: str, state: str) -> None:
        """"active" or "inactive"."""
        self.patch(id, {"op": "replace", "path": "/state", "value": state})

    def set_username(self, id: str, username: str) -> None:
        self.patch(id, {"op": "replace", "path": "/traits/username", "value": username})

    def rename_self(self, person: Identity, username: str) -> None:
        """What any person can do with what it has: it changes its own traits, in Kratos's settings."""
        token = {"X-Session-Token": self.login(person.username, person.password).body["session_token"]}
        flow = self.public("GET", "/self-service/settings/api", headers=token)
        path = f"/self-service/settings?flow={flow.body['id']}"
        request = {"method": "profile", "traits": {"username": username}}
        answer = self.public("POST", path, request, headers=token)
        assert answer.status == 200, answer
        assert answer.body["identity"]["traits"]["username"] == username
        self._must(204, "DELETE", f"/admin/identities/{person.id}/sessions")

    def set_totp(self, id: str, secret: str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP") -> str:
        """Gives an identity a second factor. Returns its base32 secret, for totp_code."""
        url = (
            "otpauth://totp/test:person?algorithm=SHA1&digits=6&issuer=test&period=30"
            f"&secret={secret}"
        )
        credential = {"type": "totp", "identifiers": [id], "config": {"totp_url": url}}
        self.patch(id, {"op": "add", "path": "/credentials/totp", "value": credential})
        return secret

    def delete_identity(self, id: str) -> None:
        self._must(204, "DELETE", f"/admin/identities/{id}")

    def delete_all_identities(self) -> None:
        for identity in self.identities():
            self.delete_identity(identity["id"])

    # Sessions.

    def sessions(self, id: str | None = None, active: bool | None = None) -> list[Json]:
        """Sessions with their devices, of one identity or of all; up to 1,000."""
        path = "/admin/sessions?page_size=1000&expand=devices&expand=identity"
        if active is not None:
            path += f"&active={str(active).lower()}"
        found = self._must(200, "GET", path) or []
        return [one for one in found if id is None or (one["identity"] or {}).get("id") == id]

    def active_sessions(self, id: str | None = None) -> list[Json]:
        return self.sessions(id, active=True)

    def session(self, id: str) -> Json:
        return self._must(200, "GET", f"/admin/sessions/{id}?expand=devices&expand=identity")

    def login(self, identifier: str, password: str, **further: Any) -> Answer:
        """What a plain client does: takes a login flow and posts the password."""
        flow = self.public("GET", "/self-service/login/api", **further)
        assert flow.status == 200, flow
        request = {"method": "password", "identifier": identifier, "password": password}
        return self.public("POST", f"/self-service/login?flow={flow.body['id']}", request, **further)

    def whoami(self, token: str) -> Answer:
        return self.public("GET", "/sessions/whoami", headers={"X-Session-Token": token})
