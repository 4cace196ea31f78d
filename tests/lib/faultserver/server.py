"""The server: connections, requests, and which fault meets which of them."""

import asyncio
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from faultserver.imitation import Imitation

Json = Any

ENDPOINTS = [
    ("flow", "GET", r"/self-service/login/api"),
    ("renewal", "GET", r"/self-service/login/api\?refresh=true"),
    ("second", "GET", r"/self-service/login/api\?aal=aal2(?:&refresh=true)?"),
    ("elsewhere", "GET", r"/self-service/login/browser"),
    ("login", "POST", r"/self-service/login"),
    ("settings-flow", "GET", r"/self-service/settings/api"),
    ("settings-submit", "POST", r"/self-service/settings"),
    ("logout", "DELETE", r"/self-service/logout/api"),
    ("old-logout", "DELETE", r"/sessions"),
    ("whoami", "GET", r"/sessions/whoami"),
    ("sessions", "GET", r"/sessions"),
    ("session", "DELETE", r"/sessions/([^/]+)"),
    ("admin-sessions", "GET", r"/admin/identities/([^/]+)/sessions"),
    ("identities", "GET", r"/admin/identities"),
    ("identity", "GET", r"/admin/identities/([^/]+)"),
    ("admin-session", "DELETE", r"/admin/sessions/([^/]+)"),
]


@dataclass(frozen=True)
class Request:
    """What was asked: headers in their order, their names in lower case."""

    endpoint: str
    method: str
    path: str
    query: str
    argument: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    when: float

    def header(self, name: str) -> str | None:
        """The value of a header that must not stand there twice."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, f"{name} stands in the request {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    @property
    def nonce(self) -> str:
        """The first word of the user agent."""
        return (self.header("user-agent") or "").partition(" ")[0]

    def text(self) -> str:
        """All of it, for a search."""
        lines = [f"{self.method} {self.path}?{self.query}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\n".join([*lines, self.body.decode(errors="replace")])


@dataclass
class Answer:
    """What is sent back: what every answer needs (a length, a type) is added on the way."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    def encode(self, version: str = "HTTP/1.1") -> bytes:
        headers = {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"} | self.headers
        if self.body:
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        if self.status != 204:
            headers.setdefault("Content-Length", str(len(self.body)))
        phrase = http.client.responses.get(self.status, "Unknown")
        lines = [f"{version} {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class Exchange:
    """One request and what becomes of it: what a fault is given."""

    def __init__(self, server: "FaultServer", request: Request, writer: asyncio.StreamWriter):
        self.server = server
        self.request = request
        self.gone = asyncio.Event()
        self._writer = writer

    async def process(self) -> Answer:
        """Lets the request have its effect, and returns the answer that ought to be sent."""
        return await self.server.process(self.request)

    async def send(self, answer: Answer, version: str = "HTTP/1.1") -> None:
        await self.write(answer.encode(version))

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def client_gone(self) -> None:
        """Waits until the client has closed the connection, or the server stops."""
        await self.gone.wait()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Ends the connection with a reset."""
        self._writer.transport.abort()


Fault = Callable[[Exchange], Awaitable[None]]


async def no_fault(exchange: Exchange) -> None:
    await exchange.send(await exchange.process())


class FaultServer:
    """A server on a loopback port, or on a unix socket, in a thread of its own.

    With upstream, the ports of a real Kratos's public and admin API, it hands requests on to these;
    otherwise `kratos`, an imitation, answers them."""

    def __init__(
        self,
        port: int = 0,
        *,
        socket: str | None = None,
        age: str = "new",
        prefix: str = "",
        upstream: tuple[int, int] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port, self.socket, self.prefix = port, socket, prefix
        self.kratos = Imitation(age)
        self.requests: list[Request] = []
        self.connections = 0
        self._upstream, self._tls = upstream, tls
        self._faults: dict[str, tuple[Fault, int | None]] = {}
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pool = ThreadPoolExecutor(max_workers=96)

    # What tests call, from their own thread.

    @property
    def url(self) -> str:
        if self.socket:
            return f"unix:{self.socket}" + (f":{self.prefix}" if self.prefix else "")
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.prefix}"

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.listen()

    def stop(self) -> None:
        """Closes the port and every connection."""
        if not self._thread:
            return
        self.refuse()
        self._call(self._drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None
        self._pool.shutdown(wait=False)

    def __enter__(self) -> "FaultServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def listen(self) -> None:
        """Listens, again after refuse()."""
        if not self._listener:
            self._call(self._listen())

    def refuse(self) -> None:
        """Listens no more: connections are refused, and those that are open are closed."""
        self._call(self._refuse())

    def set(self, endpoint: str, fault: Fault, times: int | None = None) -> None:
        """From now on this fault meets the requests to an endpoint ("*": to any without its own); with
        times, only so many of them."""
        assert endpoint == "*" or endpoint in [name for name, _, _ in ENDPOINTS], endpoint
        self._faults[endpoint] = fault, times

    def clear(self) -> None:
        """No faults, and no requests remembered."""
        self._faults.clear()
        with self._changed:
            self.requests.clear()

    def of(self, endpoint: str) -> list[Request]:
        """The requests to an endpoint so far."""
        with self._changed:
            return [request for request in self.requests if request.endpoint == endpoint]

    def wait(self, endpoint: str, count: int = 1, timeout: float = 5.0) -> Request:
        """Waits for the count-th request to an endpoint, and returns it."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = [request for request in self.requests if request.endpoint == endpoint]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    seen = [f"{one.method} {one.path}" for one in self.requests]
                    raise AssertionError(f"{len(found)} of {count} requests {endpoint}: {seen}")

    # What runs in the server's thread.

    def _call(self, work: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self.socket:
            self._listener = await asyncio.start_unix_server(
                self._serve, self.socket, ssl=self._tls, limit=1 << 20
            )
            return
        self._listener = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, limit=1 << 20
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _drain(self) -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        try:
            while request := await self._read(reader, number):
                await self._handle(request, reader, writer)
                if writer.transport.is_closing() or request.header("connection") == "close":
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _handle(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Runs the fault. It goes on when the client goes away: what a request does, it does also
        when nobody waits for the answer."""
        exchange = Exchange(self, request, writer)
        fault = self._fault(request.endpoint)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        work = asyncio.ensure_future(fault(exchange))
        while not work.done():
            await asyncio.wait([work], timeout=0.02)
            if reader.at_eof() and not exchange.gone.is_set():
                exchange.gone.set()
                writer.transport.abort()
        await work

    def _fault(self, endpoint: str) -> Fault:
        for name in endpoint, "*":
            if name in self._faults:
                fault, times = self._faults[name]
                if times is None:
                    return fault
                self._faults[name] = fault, times - 1
                if times == 1:
                    del self._faults[name]
                return fault
        return no_fault

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Request | None:
        """One request, or None when the client has closed the connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        method, target, version = first.split(" ")
        assert version == "HTTP/1.1", first
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon, f"no header: {line!r}"
            headers.append((name.lower(), value.strip()))
        length = int(dict(headers).get("content-length", "0"))
        body = await reader.readexactly(length)
        path, _, query = target.partition("?")
        endpoint, argument = self._endpoint(method, path)
        if endpoint == "flow" and query:
            endpoint, argument = self._endpoint(method, target)
        when = time.monotonic()
        return Request(endpoint, method, path, query, argument, headers, body, number, when)

    def _endpoint(self, method: str, path: str) -> tuple[str, str]:
        if path.startswith(self.prefix):
            for name, of_method, pattern in ENDPOINTS:
                match = re.fullmatch(pattern, path[len(self.prefix) :])
                if match and method == of_method:
                    return name, match.group(1) if match.groups() else ""
        return "other", ""

    async def process(self, request: Request) -> Answer:
        if self._upstream:
            return await self._loop.run_in_executor(self._pool, self._forward, request)
        status, body = self.kratos.answer(request)
        return Answer(status, b"" if body is None else json.dumps(body).encode())

    def _forward(self, request: Request) -> Answer:
        assert self._upstream
        path = request.path.removeprefix(self.prefix)
        port = self._upstream[1 if path.startswith("/admin/") else 0]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        target = path + ("?" + request.query if request.query else "")
        unwanted = ("connection", "host")
        headers = {name: value for name, value in request.headers if name not in unwanted}
        connection.request(request.method, target, request.body or None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        unwanted = ("content-length", "transfer-encoding", "connection", "date")
        kept = {name: value for name, value in response.getheaders() if name.lower() not in unwanted}
        return Answer(response.status, body, kept)
