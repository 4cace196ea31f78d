"""Sends calls and signals with descriptors to kratosd's names, on so many connections, and waits for no
answer. flood_descriptors.py CONNECTIONS SECONDS NAME…; says "begun" when all connections are there.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

import dbus
import dbus.bus
import dbus.lowlevel

ADDRESS = "unix:path=/run/dbus/system_bus_socket"
PAUSE_SEC = 0.05
# What each message carries: one, as an answer of root's, and as many as the bus takes.
COUNTS = (1, 16)

PLACES = {
    "org.kratosd1": ("/org/kratosd1", "org.kratosd1.Manager"),
    "org.kratosd1.User": ("/org/kratosd1/User", "org.kratosd1.User"),
}


def messages(fd: int) -> Iterator[dbus.lowlevel.Message]:
    for name in sys.argv[3:]:
        path, interface = PLACES[name]
        for count in COUNTS:
            answer = dbus.lowlevel.MethodCallMessage(name, path, interface, "Answer")
            answer.set_no_reply(True)
            answer.append("0" * 32, signature="s")
            signal = dbus.lowlevel.SignalMessage(path, interface, "Flood")
            signal.set_destination(name)
            for message in answer, signal:
                for _ in range(count):
                    message.append(dbus.types.UnixFd(fd), signature="h")
                yield message


def flood(connection: dbus.bus.BusConnection, end: float) -> None:
    fd = os.memfd_create("flood")
    while time.monotonic() < end:
        # No descriptor is left for one more while the bus is behind.
        with contextlib.suppress(MemoryError):
            for message in messages(fd):
                connection.send_message(message)
                connection.flush()
        time.sleep(PAUSE_SEC)


def main() -> None:
    connections = [dbus.bus.BusConnection(ADDRESS) for _ in range(int(sys.argv[1]))]
    for connection in connections:
        connection.set_exit_on_disconnect(False)
    print("begun", flush=True)
    end = time.monotonic() + float(sys.argv[2])
    threads = [threading.Thread(target=flood, args=(one, end), daemon=True) for one in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
