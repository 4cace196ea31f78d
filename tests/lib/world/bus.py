"""The system bus of the world: a real dbus-daemon with Debian's configuration and our policy."""

import os
import select
import shutil
from pathlib import Path

from world.processes import Service

SOCKET = Path("/run/dbus/system_bus_socket")
POLICY = Path("/usr/share/dbus-1/system.d/org.kratosd1.conf")


class Bus(Service):
    """dbus-daemon, which turns itself from root into messagebus, at the compiled-in address."""

    def __init__(self) -> None:
        super().__init__("dbus-daemon")

    def start(self) -> None:
        """Starts it, and returns when it listens."""
        SOCKET.unlink(missing_ok=True)
        ready, address_fd = os.pipe()
        try:
            self.spawn(
                ["dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog"]
                + [f"--print-address={address_fd}"],
                pass_fds=(address_fd,),
            )
        finally:
            os.close(address_fd)
        with open(ready, "rb", 0) as pipe:
            started = select.select([pipe], [], [], 10)[0] and pipe.read(1)
        if not started:
            raise AssertionError(f"dbus-daemon did not start:\n{self.log()}")

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove_policy(self) -> None:
        """As on a host where our policy was never installed; it counts from the next start on."""
        shutil.move(POLICY, "/run/world/org.kratosd1.conf")

    def restore_policy(self) -> None:
        shutil.move("/run/world/org.kratosd1.conf", POLICY)
