"""Calls methods on the system bus as whoever runs it, on one connection, and keeps what it is given.

caller.py: one JSON object a line on stdin, one JSON object a line on stdout for each.
  {"to", "path", "interface", "member", "signature", "arguments"}: calls. "secret": bytes in hexadecimal,
      sent as the last argument, in a memfd sealed with "seals", or in what "kind" says instead. The
      answer has "values", where a descriptor is the number under which it is kept, or "error" and "text".
      With "written", the bytes go to the socket of the login that is the first argument instead.
      With "later", no answer is waited for.
  {"drop": NUMBER}: closes a descriptor.
"""

import fcntl
import json
import os
import socket
import sys
import threading

import dbus
import dbus.bus
import dbus.lowlevel

ADDRESS = "unix:path=/run/dbus/system_bus_socket"
PATIENCE_SEC = 20
GROWN_MAX = 1 << 16


def pipe(content: bytes) -> int:
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    return read


def file(content: bytes) -> int:
    fd = os.open("/run/world/open", os.O_RDWR | os.O_TMPFILE)
    os.write(fd, content)
    return fd


def grow(fd: int) -> None:
    """Byte by byte, for as long as anybody may look at it."""
    size = os.fstat(fd).st_size
    while size < GROWN_MAX:
        size += 1
        os.ftruncate(fd, size)


def memfd(content: bytes, seals: int, grows: bool = False) -> int:
    fd = os.memfd_create("secret", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    if grows:
        threading.Thread(target=grow, args=[os.dup(fd)], daemon=True).start()
    return fd


def secret(content: bytes, kind: str, seals: int) -> dbus.types.UnixFd:
    """The descriptor in which an answer is sent. An honest one is a sealed memfd."""
    fd = {
        "memfd": lambda: memfd(content, seals),
        "growing": lambda: memfd(content, seals, grows=True),
        "pipe": lambda: pipe(content),
        "file": lambda: file(content),
        "zeros": lambda: os.open("/dev/zero", os.O_RDWR),
    }[kind]()
    sent = dbus.types.UnixFd(fd)
    os.close(fd)
    return sent


def write(login: str, content: bytes) -> None:
    """As the module does it; whoever may not goes on all the same, as a stranger would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
        try:
            if content:
                way.sendto(content, f"/run/kratosd/answers/{login}")
        except (PermissionError, FileNotFoundError):
            return


def build(order: dict) -> dbus.lowlevel.Message:
    message = dbus.lowlevel.MethodCallMessage(
        order["to"], order["path"], order["interface"], order["member"]
    )
    arguments = list(order["arguments"])
    if "secret" in order:
        content, kind = bytes.fromhex(order["secret"]), order.get("kind", "memfd")
        arguments.append(secret(content, kind, order.get("seals", 0)))
    message.append(*arguments, signature=order["signature"])
    return message


def plain(value: object) -> object:
    if isinstance(value, dbus.types.UnixFd):
        return value.take()
    if isinstance(value, dict):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, str):
        return str(value)
    return bool(value) if isinstance(value, dbus.Boolean) else int(value)


def run(connection: dbus.bus.BusConnection, order: dict) -> dict:
    if "drop" in order:
        os.close(order["drop"])
        return {"values": []}
    try:
        if "written" in order:
            write(order["arguments"][0], bytes.fromhex(order["written"]))
    except OSError as error:
        return {"error": type(error).__name__, "text": str(error)}
    if order.get("later"):
        connection.send_message(build(order))
        connection.flush()
        return {"values": []}
    try:
        reply = connection.send_message_with_reply_and_block(build(order), PATIENCE_SEC)
    except dbus.DBusException as refusal:
        return {"error": refusal.get_dbus_name(), "text": refusal.get_dbus_message() or ""}
    return {"values": [plain(value) for value in reply.get_args_list()]}


def main() -> None:
    connection = dbus.bus.BusConnection(ADDRESS)
    for line in sys.stdin:
        print(json.dumps(run(connection, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
