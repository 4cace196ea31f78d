"""Sends messages to the bus as whoever runs it, and says what the bus made of each.

probe.py ADDRESS: takes a JSON list of messages on stdin, and prints a list of answers: the name of the
error, or "passed" where the bus let the message through (nobody reads it, so no reply comes).
"""

import json
import os
import sys

import dbus
import dbus.bus
import dbus.lowlevel

PATIENCE_SEC = 0.2


def build(order: dict) -> dbus.lowlevel.Message:
    if order.get("signal"):
        message = dbus.lowlevel.SignalMessage("/probe", order["interface"], order["member"])
        message.set_destination(order["to"])
        message.set_no_reply(False)
    else:
        message = dbus.lowlevel.MethodCallMessage(
            order["to"], "/probe", order.get("interface"), order["member"]
        )
    for _ in range(order.get("fds", 0)):
        fd = os.memfd_create("probe")
        message.append(dbus.types.UnixFd(fd))
        os.close(fd)
    return message


def send(connection: dbus.bus.BusConnection, order: dict) -> str:
    if "own" in order:
        try:
            connection.request_name(order["own"])
        except dbus.DBusException as refusal:
            return refusal.get_dbus_name()
        return "passed"
    try:
        connection.send_message_with_reply_and_block(build(order), PATIENCE_SEC)
    except dbus.DBusException as refusal:
        name = refusal.get_dbus_name()
        return "passed" if name == "org.freedesktop.DBus.Error.NoReply" else name
    return "passed"


def main() -> None:
    connection = dbus.bus.BusConnection(sys.argv[1])
    orders = json.load(sys.stdin)
    answers = [send(connection, order) for order in orders]
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
