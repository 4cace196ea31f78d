"""greetd with its own greeter, agreety, in a terminal on an X server without hardware."""

from screens import PATIENCE, Screen

from world.box import Box
from world.processes import wait_until

CONFIGURATION = """\
[terminal]
vt = "none"
[default_session]
command = "/usr/local/bin/greeter"
user = "_greetd"
"""

GREETER = """\
#!/bin/bash
/usr/bin/Xvfb :7 -screen 0 1024x768x24 -nolisten tcp -noreset -ac &
trap "kill $!" EXIT
for ((i = 0; i < 100; i++)); do
    xdpyinfo -display :7 >/dev/null 2>&1 && break
    sleep 0.1
done
xterm -display :7 -geometry 90x30+20+20 -fa 'DejaVu Sans Mono' -fs 12 -e /usr/sbin/agreety --cmd /usr/local/bin/quiet-session
"""

# It ends as soon as somebody takes the file away.
SESSION = """\
#!/bin/sh
id -un >"$HOME/here"
while [ -e "$HOME/here" ]; do sleep 0.1; done
"""


def set_up(box: Box) -> None:
    """On a host that has greetd."""
    box.write("/etc/greetd/config.toml", CONFIGURATION)
    box.write("/usr/local/bin/greeter", GREETER, 0o755)
    box.write("/usr/local/bin/quiet-session", SESSION, 0o755)


class Greetd(Screen):
    """The screen on which agreety is."""

    def __init__(self, box: Box) -> None:
        super().__init__(box, ":7")

    def start(self) -> "Greetd":
        """Starts it anew, and waits until it asks for a name."""
        self.box.run("systemctl", "stop", "greetd")
        self.box.run("systemctl", "reset-failed", "greetd", check=False)
        self.box.run("systemctl", "start", "greetd")
        return self.wait_for_greeter()

    def wait_for_greeter(self) -> "Greetd":
        self.wait_for_window("xterm")
        self.shows("testhost login")
        return self

    def stop(self) -> None:
        self.box.run("systemctl", "stop", "greetd")

    def name(self, name: str) -> "Greetd":
        """Types a name, and waits for the first question that it leads to."""
        self.type(name)
        self.shows("Password")
        return self

    def wait_for_session(self, name: str) -> None:
        here = self.box.path(f"/home/{name}/here")
        wait_until(lambda: here.exists() and here.read_text() == f"{name}\n", "the session is there", PATIENCE)

    def logout(self, name: str) -> None:
        self.box.path(f"/home/{name}/here").unlink()
        self.wait_for_greeter()
