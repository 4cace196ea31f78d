"""What can go wrong with an HTTP answer. Each function returns a fault for FaultServer.set().

Most faults let the request have its effect, as a server does whose answer is lost or spoilt on the way;
those that do not say so.
"""

import asyncio
import copy
import json
import threading
from collections.abc import Iterator
from typing import Any

from faultserver.server import Answer, Exchange, Fault

Json = Any
Path = tuple[str | int, ...]

HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Sorry</h1></body></html>\n"


# Servers that do not answer.


def black_hole() -> Fault:
    """Takes the request, and never answers. No effect."""

    async def fault(exchange: Exchange) -> None:
        await exchange.client_gone()

    return fault


def lost_answer() -> Fault:
    """The request has its effect, and no answer ever comes."""

    async def fault(exchange: Exchange) -> None:
        await exchange.process()
        await exchange.client_gone()

    return fault


def closed(effect: bool = True, reset: bool = False) -> Fault:
    """The connection is closed instead of an answer, with a reset if one is wanted."""

    async def fault(exchange: Exchange) -> None:
        if effect:
            await exchange.process()
        exchange.reset() if reset else exchange.close()

    return fault


class Hold:
    """Stops requests until a test lets them go: before they have their effect, or after, before the
    answer. reached is set when one is there."""

    def __init__(self, after: bool) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()
        self.finished = threading.Event()
        self._after = after

    def wait(self, timeout: float = 10.0) -> None:
        assert self.reached.wait(timeout), "no request came"

    def release(self) -> None:
        self.released.set()

    async def __call__(self, exchange: Exchange) -> None:
        answer = await exchange.process() if self._after else None
        self.reached.set()
        while not self.released.is_set():
            await asyncio.sleep(0.005)
        answer = answer or await exchange.process()
        self.finished.set()
        if not exchange.gone.is_set():
            await exchange.send(answer)


def hold(after: bool = True) -> Hold:
    return Hold(after)


def delayed(seconds: float) -> Fault:
    """The whole answer, late."""

    async def fault(exchange: Exchange) -> None:
        answer = await exchange.process()
        await asyncio.sleep(seconds)
        await exchange.send(answer)

    return fault


# Answers that come in pieces.


def slow(pause: float = 0.1) -> Fault:
    """Byte by byte."""

    async def fault(exchange: Exchange) -> None:
        for byte in (await exchange.process()).encode():
            await exchange.write(bytes([byte]))
            await asyncio.sleep(pause)

    return fault


def slow_head(pause: float = 0.1) -> Fault:
    """The headers without end, byte by byte."""

    async def fault(exchange: Exchange) -> None:
        await exchange.process()
        await exchange.write(b"HTTP/1.1 200 OK\r\nX-Filling: ")
        while not exchange.gone.is_set():
            await exchange.write(b"x")
            await asyncio.sleep(pause)

    return fault


def cut(keep: float = 0.5) -> Fault:
    """The connection is closed in the middle of the body, at this share of it."""

    async def fault(exchange: Exchange) -> None:
        answer = await exchange.process()
        data = answer.encode()
        missing = int(len(answer.body) * (1 - keep)) or 1
        await exchange.write(data[:-missing])
        exchange.close()

    return fault


def cut_head() -> Fault:
    """The connection is closed in the middle of the headers."""

    async def fault(exchange: Exchange) -> None:
        data = (await exchange.process()).encode()
        await exchange.write(data[: data.index(b"\r\n\r\n") // 2])
        exchange.close()

    return fault


# Other answers.


def answer(status: int, body: bytes = b"", **headers: str) -> Fault:
    """This answer, and no effect. Underscores in header names become dashes."""

    async def fault(exchange: Exchange) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await exchange.send(Answer(status, body, named))

    return fault


def redirect(status: int = 303, location: str = "http://127.0.0.1:9/elsewhere") -> Fault:
    return answer(status, Location=location)


def html(status: int) -> Fault:
    return answer(status, HTML, Content_Type="text/html; charset=utf-8")


def rate_limited(retry_after: str | None = None, reset: str | None = None) -> Fault:
    """429 in the words of a proxy (Retry-After) or of Ory Network (x-ratelimit-reset)."""
    headers = {}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    if reset is not None:
        headers |= {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0"}
        headers["x-ratelimit-reset"] = reset
    return answer(429, HTML, Content_Type="text/html", **headers)


def failure(status: int = 500) -> Fault:
    """A 5xx in Kratos's own words."""
    about = {"code": status, "status": "Internal Server Error", "message": "An error occurred"}
    return answer(status, json.dumps({"error": about}).encode())


def failure_after_effect(status: int = 500) -> Fault:
    """A 5xx, although the request has had its effect: a proxy that gave up too early."""

    async def fault(exchange: Exchange) -> None:
        await exchange.process()
        await failure(status)(exchange)

    return fault


# Answers of another size than expected.


def huge(size: int = 100 << 20) -> Fault:
    """A body of this size, announced."""

    async def fault(exchange: Exchange) -> None:
        status = (await exchange.process()).status
        await exchange.write(Answer(status, headers={"Content-Length": str(size)}).encode())
        for _ in range(size >> 16):
            await exchange.write(b" " * (1 << 16))

    return fault


def endless(chunk: bytes = b" " * 4096) -> Fault:
    """A chunked body without end."""

    async def fault(exchange: Exchange) -> None:
        status = (await exchange.process()).status
        head = f"HTTP/1.1 {status} OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        await exchange.write(head.encode())
        while not exchange.gone.is_set():
            await exchange.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    return fault


def header_flood(size: int = 10 << 20) -> Fault:
    """Headers of this size before the answer's own."""

    async def fault(exchange: Exchange) -> None:
        data = (await exchange.process()).encode()
        first, _, rest = data.partition(b"\r\n")
        await exchange.write(first + b"\r\n")
        line = b"X-Filling: " + b"x" * 1000 + b"\r\n"
        for _ in range(size // len(line)):
            await exchange.write(line)
        await exchange.write(rest)

    return fault


def wrong_length(difference: int) -> Fault:
    """A Content-Length that is wrong by so much. Too little leaves bytes in the connection; too much
    never comes to an end."""

    async def fault(exchange: Exchange) -> None:
        right = await exchange.process()
        length = str(max(0, len(right.body) + difference))
        right.headers["Content-Length"] = length
        await exchange.send(right)
        if difference > 0:
            await exchange.client_gone()

    return fault


def two_lengths() -> Fault:
    """Two Content-Lengths that contradict each other."""

    async def fault(exchange: Exchange) -> None:
        right = await exchange.process()
        head, _, body = right.encode().partition(b"\r\n\r\n")
        await exchange.write(head + b"\r\nContent-Length: 5\r\n\r\n" + body)

    return fault


def http_1_0(close: bool = True) -> Fault:
    """An answer of HTTP/1.0, which is a right one; without a length the end is the connection's."""

    async def fault(exchange: Exchange) -> None:
        right = await exchange.process()
        data = right.encode("HTTP/1.0")
        if close:
            head, _, body = data.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
            data = b"\r\n".join(lines) + b"\r\n\r\n" + body
        await exchange.write(data)
        exchange.close()

    return fault


def garbage(data: bytes = b"SSH-2.0-OpenSSH_9.2\r\n") -> Fault:
    """Something that is no HTTP."""

    async def fault(exchange: Exchange) -> None:
        await exchange.write(data)
        exchange.close()

    return fault


# Bodies that are not what they ought to be.


def body(change) -> Fault:
    """The right answer with another body: change takes and returns bytes."""

    async def fault(exchange: Exchange) -> None:
        right = await exchange.process()
        await exchange.send(Answer(right.status, change(right.body), right.headers))

    return fault


def json_body(change) -> Fault:
    """The right answer with its JSON changed: change takes the value and returns another."""
    return body(lambda data: json.dumps(change(json.loads(data))).encode())


def empty() -> Fault:
    return body(lambda _: b"")


def deep(depth: int = 100_000) -> Fault:
    """The right answer, with a member that nests this deep."""
    nest = b'{"deep":' + b"[" * depth + b"]" * depth + b","
    return body(lambda data: nest + data.lstrip()[1:])


def invalid_utf8() -> Fault:
    """The right answer, with a byte that is not UTF-8 in a string."""
    return body(lambda data: b'{"extra":"\xff",' + data.lstrip()[1:])


def trailing(more: bytes = b"{}") -> Fault:
    """Something more after the right body."""
    return body(lambda data: data + more)


def byte_order_mark() -> Fault:
    return body(lambda data: b"\xef\xbb\xbf" + data)


def paths(value: Json, here: Path = ()) -> Iterator[Path]:
    """The path of every member and element of a JSON value, at every depth."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield (*here, key)
            yield from paths(member, (*here, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield (*here, index)
            yield from paths(member, (*here, index))


def at(value: Json, path: Path) -> Json:
    for step in path:
        value = value[step]
    return value


def changed(value: Json, path: Path, new: Json) -> Json:
    """The value with another member at a path."""
    value = copy.deepcopy(value)
    at(value, path[:-1])[path[-1]] = new
    return value


def without(path: Path) -> Fault:
    """The member at a path is missing."""

    def change(value: Json) -> Json:
        del at(value, path[:-1])[path[-1]]
        return value

    return json_body(change)


def with_value(path: Path, new: Json) -> Fault:
    """The member at a path is another."""
    return json_body(lambda value: changed(value, path, new))


def duplicate(path: Path, first: Json) -> Fault:
    """The member at a path stands there twice: at first with another value."""

    def change(value: Json) -> Json:
        place = at(value, path[:-1])
        members = list(place.items())
        place.clear()
        for key, member in members:
            if key == path[-1]:
                place[key + "\0"] = first
            place[key] = member
        return value

    return body(lambda data: json.dumps(change(json.loads(data))).replace("\\u0000", "").encode())


def nul_in(path: Path) -> Fault:
    """The string at a path goes on after a NUL."""
    return json_body(lambda value: changed(value, path, at(value, path) + "\0suffix"))


def another_login(identity: str | None = None) -> Fault:
    """The answer to somebody else's login: whole and valid, but without the nonce of this one. Its
    identity is the right one unless another is named."""

    def change(value: Json) -> Json:
        session = value["session"]
        for device in session.get("devices", []):
            device["user_agent"] = "0" * 32 + " kratosd/0 (elsewhere; sshd; )"
        if identity:
            session["identity"]["id"] = identity
        return value

    return json_body(change)
