"""The fault server itself: it does what its words say, before anything is concluded from it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from faultserver import FaultServer, faults
from faultserver.faults import at, paths

IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
AGENT = "00112233445566778899aabbccddeeff kratosd/0 (host; sshd; pts/0)"
LOGIN = {"method": "password", "identifier": "alice", "password_identifier": "alice"}


class Client:
    """A plain client with a connection of its own."""

    def __init__(self, server: FaultServer) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)

    def ask(self, method: str, path: str, body=None, **headers: str) -> tuple[int, bytes]:
        payload = None if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, payload, {"User-Agent": AGENT} | named)
        response = self.connection.getresponse()
        return response.status, response.read()

    def login(self, password: str = "right") -> tuple[int, bytes]:
        status, body = self.ask("GET", "/self-service/login/api")
        assert status == 200
        path = f"/self-service/login?flow={json.loads(body)['id']}"
        return self.ask("POST", path, LOGIN | {"password": password})


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        server.kratos.add("alice", "right", IDENTITY)
        yield server


@pytest.fixture
def client(server: FaultServer) -> Client:
    return Client(server)


def test_a_login_of_today(server: FaultServer, client: Client) -> None:
    assert client.login("wrong")[0] == 400
    status, body = client.login()
    answer = json.loads(body)
    token, session = answer["session_token"], answer["session"]
    assert status == 200 and session["active"] and session["identity"]["id"] == IDENTITY
    assert session["devices"][0]["user_agent"] == AGENT
    assert len(server.kratos.active_sessions(IDENTITY)) == 1

    other = json.loads(client.login()[1])
    listed = json.loads(client.ask("GET", "/sessions", X_Session_Token=token)[1])
    assert [one["id"] for one in listed] == [other["session"]["id"]]
    listed = json.loads(client.ask("GET", f"/admin/identities/{IDENTITY}/sessions?active=true")[1])
    assert len(listed) == 2
    assert client.ask("DELETE", f"/sessions/{session['id']}", X_Session_Token=token)[0] == 400
    assert client.ask("DELETE", f"/sessions/{listed[1]['id']}", X_Session_Token=token)[0] == 204
    assert len(server.kratos.active_sessions()) == 1
    assert client.ask("DELETE", "/self-service/logout/api", {"session_token": token})[0] == 204
    assert client.ask("DELETE", "/self-service/logout/api", {"session_token": "none"})[0] == 403
    assert not server.kratos.active_sessions()
    assert client.ask("DELETE", "/sessions", {"session_token": token})[0] == 401
    assert client.ask("DELETE", f"/admin/sessions/{session['id']}")[0] == 204
    assert client.ask("DELETE", "/admin/sessions/none")[0] == 404


def test_a_login_of_the_oldest() -> None:
    with FaultServer(age="old") as server:
        server.kratos.add("alice", "right", IDENTITY)
        client = Client(server)
        flow = json.loads(client.ask("GET", "/self-service/login/api")[1])["id"]
        request = {"method": "password", "identifier": "alice", "password": "right"}
        assert client.ask("POST", f"/self-service/login?flow={flow}", request)[0] == 400
        answer = json.loads(client.login()[1])
        token, session = answer["session_token"], answer["session"]
        assert not {"devices", "authenticator_assurance_level"} & session.keys()
        assert "state" not in session["identity"]
        assert client.ask("DELETE", "/self-service/logout/api", {"session_token": token})[0] == 404
        assert client.ask("GET", "/sessions", X_Session_Token=token)[0] == 404
        assert client.ask("DELETE", "/sessions", {"session_token": token})[0] == 204
        assert not server.kratos.active_sessions()


def test_what_was_asked_is_recorded(server: FaultServer, client: Client) -> None:
    client.login()
    flow, login = server.requests
    assert flow.endpoint == "flow" and login.endpoint == "login"
    assert login.json == LOGIN | {"password": "right"}
    assert login.header("User-Agent") == AGENT and login.nonce == AGENT[:32]
    assert login.header("cookie") is None
    assert flow.connection == login.connection == 1
    Client(server).login()
    assert server.wait("login", 2).connection == 2


def test_a_prefix() -> None:
    with FaultServer(prefix="/api/kratos/public") as server:
        client = Client(server)
        assert server.url.endswith("/api/kratos/public")
        assert client.ask("GET", "/self-service/login/api")[0] == 404
        assert client.ask("GET", "/api/kratos/public/self-service/login/api")[0] == 200


def test_refused_and_back(server: FaultServer, client: Client) -> None:
    client.login()
    server.refuse()
    with pytest.raises(OSError):
        Client(server).login()
    with pytest.raises((OSError, http.client.HTTPException)):
        client.login()
    server.listen()
    assert Client(server).login()[0] == 200


def test_nothing_comes(server: FaultServer) -> None:
    for fault, sessions in (faults.black_hole(), 0), (faults.lost_answer(), 1):
        server.set("login", fault)
        client = Client(server)
        client.connection.timeout = 0.3
        with pytest.raises(TimeoutError):
            client.login()
        client.connection.close()
        assert len(server.kratos.active_sessions()) == sessions
    for fault in faults.closed(), faults.closed(reset=True), faults.closed(effect=False):
        server.set("login", fault)
        with pytest.raises((OSError, http.client.HTTPException)):
            Client(server).login()


@pytest.mark.parametrize("after", [True, False])
def test_hold(server: FaultServer, after: bool) -> None:
    held = faults.hold(after)
    server.set("login", held, times=1)
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(Client(server).login()[0]))
    thread.start()
    held.wait()
    assert len(server.kratos.active_sessions()) == after
    assert Client(server).login()[0] == 200
    assert not results
    held.release()
    thread.join(5)
    assert results == [200]


def test_a_held_request_counts_also_when_its_client_is_gone(server: FaultServer) -> None:
    held = faults.hold(after=False)
    server.set("login", held)
    client = Client(server)
    client.connection.timeout = 0.2
    with pytest.raises(TimeoutError):
        client.login()
    client.connection.close()
    held.release()
    assert held.finished.wait(5)
    assert len(server.kratos.active_sessions()) == 1


def test_in_pieces(server: FaultServer, client: Client) -> None:
    server.set("flow", faults.slow(0.0005))
    before = time.monotonic()
    assert client.login()[0] == 200
    assert time.monotonic() - before > 0.3
    server.clear()
    for fault in faults.cut(), faults.cut(0.999):
        server.set("login", fault)
        with pytest.raises((OSError, http.client.HTTPException)):
            Client(server).login()
    for fault in faults.cut_head(), faults.slow_head(0.01):
        server.set("flow", fault)
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(b"GET /self-service/login/api HTTP/1.1\r\n\r\n")
            data = b""
            while len(data) < 60 and (more := raw.recv(10)):
                data += more
            assert data.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\n\r\n" not in data


def test_other_answers(server: FaultServer) -> None:
    for fault, status in (
        (faults.redirect(), 303),
        (faults.html(400), 400),
        (faults.rate_limited(retry_after="7"), 429),
        (faults.failure(503), 503),
        (faults.http_1_0(), 200),
        (faults.http_1_0(close=False), 200),
        (faults.header_flood(10_000), 200),
        (faults.huge(1 << 20), 200),
        (faults.delayed(0.1), 200),
    ):
        server.set("login", fault)
        assert Client(server).login()[0] == status


def test_rate_limits(server: FaultServer, client: Client) -> None:
    server.set("flow", faults.rate_limited(retry_after="7", reset="9"))
    client.connection.request("GET", "/self-service/login/api")
    response = client.connection.getresponse()
    assert response.status == 429
    assert response.getheader("Retry-After") == "7" and response.getheader("x-ratelimit-reset") == "9"


def test_without_end(server: FaultServer) -> None:
    server.set("flow", faults.endless())
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"GET /self-service/login/api HTTP/1.1\r\n\r\n")
        size = 0
        while size < 10 << 20:
            size += len(raw.recv(1 << 20))


def test_wrong_lengths(server: FaultServer) -> None:
    server.set("login", faults.wrong_length(-3))
    assert not Client(server).login()[1].endswith(b"}")
    server.set("login", faults.wrong_length(3))
    client = Client(server)
    client.connection.timeout = 0.3
    with pytest.raises((TimeoutError, http.client.IncompleteRead)):
        client.login()


def test_changed_bodies(server: FaultServer) -> None:
    def body(fault) -> bytes:
        server.set("login", fault)
        status, data = Client(server).login()
        assert status == 200
        return data

    right = json.loads(Client(server).login()[1])
    for path in paths(right):
        missing = json.loads(body(faults.without(path)))
        assert len(list(paths(missing))) < len(list(paths(right))), path
    yes = json.loads(body(faults.with_value(("session", "active"), "yes")))
    assert yes["session"]["active"] == "yes"
    twice = body(faults.duplicate(("session", "identity", "id"), "other"))
    pairs: list[list[tuple[str, object]]] = []
    json.loads(twice, object_pairs_hook=pairs.append)
    assert any([value for key, value in one if key == "id"][0:1] == ["other"] for one in pairs)
    assert b"\\u0000suffix" in body(faults.nul_in(("session_token",)))
    assert b"\xff" in body(faults.invalid_utf8())
    assert body(faults.deep(50)).count(b"[") > 50
    assert body(faults.empty()) == b""
    other = json.loads(body(faults.another_login()))
    assert AGENT[:32] not in other["session"]["devices"][0]["user_agent"]
    assert at(other, ("session", "identity", "id")) == IDENTITY


def test_upstream(server: FaultServer) -> None:
    with FaultServer(upstream=(server.port, server.port)) as proxy:
        assert Client(proxy).login()[0] == 200
        assert Client(proxy).login("wrong")[0] == 400
        proxy.set("login", faults.lost_answer(), times=1)
        client = Client(proxy)
        client.connection.timeout = 0.5
        with pytest.raises(TimeoutError):
            client.login()
        assert len(server.kratos.active_sessions()) == 2
        assert server.of("login")[2].nonce == AGENT[:32]
