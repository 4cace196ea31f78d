"""The socket on which a service tells its manager that it is ready, alive, reloading or stopping."""

import os
import socket
import struct
import threading
import time
from pathlib import Path

from world.processes import alive


class Notifications:
    """Collects sd_notify(3) messages, each with the pid of its sender, until it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._messages: list[tuple[int, dict[str, str], float]] = []
        self._changed = threading.Condition()
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))
        os.chmod(path, 0o666)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        credentials = struct.Struct("3i")
        while True:
            data, ancillary, _, _ = self._socket.recvmsg(
                65536, socket.CMSG_SPACE(credentials.size) + socket.CMSG_SPACE(4 * 16)
            )
            if not data:
                return
            pid = 0
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    pid = credentials.unpack(content[: credentials.size])[0]
            fields = dict(line.partition("=")[::2] for line in data.decode().splitlines())
            with self._changed:
                self._messages.append((pid, fields, time.monotonic()))
                self._changed.notify_all()

    def close(self) -> None:
        """Ends the collecting; what was collected stays."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self.path.unlink()

    def of(self, pid: int, key: str) -> list[str]:
        """The values that a process gave for a key so far, such as WATCHDOG."""
        with self._changed:
            return [fields[key] for sender, fields, _ in self._messages if sender == pid and key in fields]

    def wait(self, pid: int, key: str, *, count: int = 1, timeout: float = 10.0) -> bool:
        """Waits until a process has given a key so often. False if it ended or the time is over."""
        deadline = time.monotonic() + timeout
        while len(self.of(pid, key)) < count:
            if not alive(pid) or time.monotonic() > deadline:
                return len(self.of(pid, key)) >= count
            with self._changed:
                self._changed.wait(0.05)
        return True
