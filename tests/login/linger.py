"""Sends the User interface a message with a TCP socket that lingers: its peer reads nothing, so that
whoever closes it last waits. linger.py SECONDS; prints "sent".
"""

import os
import socket
import struct
import sys
import time

import dbus
import dbus.bus
import dbus.lowlevel

SECONDS = int(sys.argv[1])

bus = dbus.bus.BusConnection("unix:path=/run/dbus/system_bus_socket")
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1)
lingering = socket.socket()
lingering.connect(listener.getsockname())
peer, _ = listener.accept()
# Another process keeps the peer: the socket would not linger for one that is gone.
if os.fork() == 0:
    lingering.close()
    os.close(1)
    os.close(2)
    time.sleep(SECONDS)
    os._exit(0)
lingering.setblocking(False)
try:
    while True:
        lingering.send(bytes(65536))
except BlockingIOError:
    pass
lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, SECONDS))
message = dbus.lowlevel.MethodCallMessage(
    "org.kratosd1.User", "/org/kratosd1/User", "org.kratosd1.User", "Answer"
)
message.append("0" * 32, dbus.types.UnixFd(lingering.fileno()), signature="sh")
message.set_no_reply(True)
bus.send_message(message)
bus.flush()
# The bus has passed it on meanwhile, or has not. A process that ends does not wait itself.
time.sleep(0.5)
print("sent", flush=True)
os._exit(0)
