"""A journal for the world: it takes what programs send to journald and to syslog, and lets a test ask.

It speaks the native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram per entry, or
a memfd with it; a field is NAME=VALUE, or NAME, newline, the length as 64 bits, and the bytes.
"""

import array
import os
import re
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from world.paths import LOGS

NATIVE = Path("/run/systemd/journal/socket")
SYSLOG = Path("/run/systemd/journal/dev-log")
DATAGRAM_MAX = 1 << 20
SYSLOG_LINE = re.compile(
    r"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?([^\s:\[]+)(?:\[(\d+)\])?: (.*)", re.S
)


@dataclass(frozen=True)
class Entry:
    """One message: its fields as journald would show them, _PID and _UID as the kernel saw them."""

    fields: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    def matches(self, wanted: dict[str, str]) -> bool:
        return all(self[name] == str(value) for name, value in wanted.items())

    def __str__(self) -> str:
        shown = "".join(
            f" {name[8:].lower()}={value}"
            for name, value in self.fields.items()
            if name.startswith("KRATOSD_") and value
        )
        return f"{self['SYSLOG_IDENTIFIER'] or '?'}[{self['_PID']}]: {self['MESSAGE']}{shown}"


def parse_native(data: bytes) -> dict[str, str]:
    """The fields of an entry. A datagram that breaks the protocol is an AssertionError."""
    fields = {}
    while data:
        line, newline, rest = data.partition(b"\n")
        assert newline, f"no newline at the end of {line!r}"
        if b"=" in line:
            name, _, value = line.partition(b"=")
        elif line:
            name, (size,) = line, struct.unpack_from("<Q", rest)
            assert rest[8 + size : 9 + size] == b"\n", f"no newline after the bytes of {line!r}"
            value, rest = rest[8 : 8 + size], rest[9 + size :]
        else:
            name = value = b""
        if name:
            fields[name.decode()] = value.decode(errors="surrogateescape")
        data = rest
    return fields


def parse_syslog(data: bytes) -> dict[str, str]:
    text = data.rstrip(b"\0\n").decode(errors="surrogateescape")
    match = SYSLOG_LINE.fullmatch(text)
    if not match:
        return {"MESSAGE": text}
    priority, identifier, pid, message = match.groups()
    return {
        "MESSAGE": message,
        "PRIORITY": str(int(priority) & 7),
        "SYSLOG_FACILITY": str(int(priority) >> 3),
        "SYSLOG_IDENTIFIER": identifier,
        "SYSLOG_PID": pid or "",
    }


class Journal:
    """Both sockets, and all that came through them. Entries are also written to a file as they come."""

    def __init__(self) -> None:
        self.log_file = LOGS / "journal.log"
        self.faults: list[str] = []
        self._entries: list[Entry] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        selector = selectors.DefaultSelector()
        for path, parse in (NATIVE, parse_native), (SYSLOG, parse_syslog):
            path.unlink(missing_ok=True)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            sock.bind(str(path))
            os.chmod(path, 0o666)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            selector.register(sock, selectors.EVENT_READ, parse)
        self._stopper, wakeup = socket.socketpair()
        selector.register(wakeup, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, args=(selector,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes and removes the sockets, as on a host without a journal."""
        if not self._thread:
            return
        self._stopper.close()
        self._thread.join()
        self._thread = None
        for path in NATIVE, SYSLOG:
            path.unlink(missing_ok=True)

    def _run(self, selector: selectors.BaseSelector) -> None:
        with self.log_file.open("a", buffering=1, errors="backslashreplace") as log:
            while True:
                for key, _ in selector.select():
                    if not key.data:
                        for other in list(selector.get_map().values()):
                            other.fileobj.close()
                        return
                    entry = self._receive(key.fileobj, key.data)
                    log.write(f"{entry}\n")
                    with self._changed:
                        self._entries.append(entry)
                        self._changed.notify_all()

    def _receive(self, sock: socket.socket, parse) -> Entry:
        credentials = struct.Struct("3i")
        data, ancillary, _, _ = sock.recvmsg(
            DATAGRAM_MAX, socket.CMSG_SPACE(credentials.size) + socket.CMSG_SPACE(4)
        )
        pid = uid = 0
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                pid, uid, _ = credentials.unpack(content[: credentials.size])
            elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                (fd,) = array.array("i", content[:4])
                with open(fd, "rb") as memfd:
                    data = os.pread(memfd.fileno(), 1 << 30, 0)
        try:
            fields = parse(data)
        except (AssertionError, struct.error, UnicodeDecodeError) as fault:
            self.faults.append(f"{fault}: {data!r}")
            fields = {"MESSAGE": repr(data)}
        return Entry(fields | {"_PID": str(pid), "_UID": str(uid)})

    def clear(self) -> None:
        """Forgets what came so far; the file keeps it."""
        with self._changed:
            self._entries.clear()

    def mark(self) -> int:
        """A place in the journal: now."""
        with self._changed:
            return len(self._entries)

    def entries(self, since: int = 0, **fields: str) -> list[Entry]:
        """The entries whose fields have exactly these values."""
        with self._changed:
            return [entry for entry in self._entries[since:] if entry.matches(fields)]

    def wait(self, since: int = 0, timeout: float = 5.0, **fields: str) -> Entry:
        """The first such entry, which may still have to come."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for entry in self._entries[since:]:
                    if entry.matches(fields):
                        return entry
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    seen = "\n".join(str(entry) for entry in self._entries[since:][-40:])
                    raise AssertionError(f"no entry with {fields} within {timeout} s, but:\n{seen}")

    def text_file(self) -> str:
        """What a person would read: a line for each entry since the start."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def text(self, since: int = 0) -> str:
        """Every field of every entry, for a search."""
        return "\n".join(
            f"{name}={value}" for entry in self.entries(since) for name, value in entry.fields.items()
        )
