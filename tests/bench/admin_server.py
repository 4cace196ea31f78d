"""Kratos's admin API as far as a refresh asks it, and a watch on how often it does."""

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from people import Person

PORT = 435


class Watch:
    """Answers requests for people by their ids, at once, or as a Kratos does on the port of another
    admin API; until it has been asked for as many people as there are."""

    url = f"http://127.0.0.1:{PORT}"

    def __init__(self, people: list[Person], kratos_port: int | None = None) -> None:
        self.kratos_port = kratos_port
        self.waiting = {one.id for one in people}
        self.bodies = {} if kratos_port else {one.id: json.dumps(one.identity()) for one in people}
        self.requests = 0
        self.answering = 0.0  # seconds, of all requests
        self.begun = self.ended = 0.0
        self.done = threading.Event()
        self._upstream = threading.local()
        watch = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                watch.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        begun = time.monotonic()
        self.begun = self.begun or begun
        url = urlsplit(handler.path)
        ids = parse_qs(url.query).get("ids", [])
        assert url.path == "/admin/identities" and ids, handler.path
        body = self._ask(handler.path) if self.kratos_port else self._list(ids)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        if not self.done.is_set():
            self.requests += 1
            self.ended = time.monotonic()
            self.answering += self.ended - begun
            self.waiting.difference_update(ids)
            if not self.waiting:
                self.done.set()

    def _list(self, ids: list[str]) -> bytes:
        return ("[" + ",".join(self.bodies[id] for id in ids) + "]").encode()

    def _ask(self, path: str) -> bytes:
        if not hasattr(self._upstream, "connection"):
            self._upstream.connection = http.client.HTTPConnection("127.0.0.1", self.kratos_port)
        self._upstream.connection.request("GET", path, headers={"Accept": "application/json"})
        return self._upstream.connection.getresponse().read()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
