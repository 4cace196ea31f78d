"""Calls the User interface as fast as the bus takes it, and waits for no answer. flood.py SECONDS; says
"begun" first."""

import sys
import time

import dbus
import dbus.bus
import dbus.lowlevel

USER = "org.kratosd1.User"
AT_ONCE = 200

connection = dbus.bus.BusConnection("unix:path=/run/dbus/system_bus_socket")
print("begun", flush=True)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    for _ in range(AT_ONCE):
        message = dbus.lowlevel.MethodCallMessage(USER, "/org/kratosd1/User", USER, "CheckAccount")
        message.append("ghost", {}, signature="sa{sv}")
        message.set_no_reply(True)
        connection.send_message(message)
    connection.flush()
