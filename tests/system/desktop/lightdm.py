"""lightdm with its gtk greeter, on an X server without hardware."""

import re

from screens import PATIENCE, Screen, letters

from world.box import Box
from world.processes import wait_until

# What the greeter says where it has not been told anything else.
INCORRECT = "Your password is incorrect. Please try again."

# What can be read in the field for answers as long as another one is written into.
FIELD_LEFT = letters("your pass")

LOG = "/var/log/lightdm/lightdm.log"

# lightdm passes what a real X server knows, and this one does not: a seat and a virtual terminal. And it
# begins anew when its last client leaves, which may be the test's own look at the screen: whoever comes at
# that moment is cut off.
X_SERVER = """\
#!/bin/bash
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    :*) arguments+=("$1") ;;
    -auth) arguments+=("$1" "$2"); shift ;;
    -seat | -layout | -config | -background) shift ;;
    esac
    shift
done
exec Xvfb "${arguments[@]}" -screen 0 1024x768x24 -nolisten tcp -noreset
"""

LIGHTDM = """\
[LightDM]
logind-check-graphical=false
[Seat:*]
type=local
xserver-command=/usr/local/bin/x-server
greeter-session=lightdm-gtk-greeter
greeter-hide-users=true
user-session=plain
"""

GREETER = """\
[greeter]
background=#204060
font-name=DejaVu Sans 14
indicators=
"""

DESKTOP = """\
[Desktop Entry]
Name=plain
Exec=/usr/local/bin/plain-session
Type=Application
"""

# The terminal lies under the pointer, and so has what is typed.
SESSION = """\
#!/bin/sh
exec xterm -geometry 80x24+20+20 -fa 'DejaVu Sans Mono' -fs 12 -e sh -c 'id -un; exec sh'
"""

# A seat without virtual terminals, for logind.
NO_TERMINAL = "session required pam_env.so envfile=/etc/lightdm/no-terminal.env\n"


def set_up(box: Box) -> None:
    """On a host that has lightdm."""
    box.write("/usr/local/bin/x-server", X_SERVER, 0o755)
    box.write("/usr/local/bin/plain-session", SESSION, 0o755)
    box.write("/usr/share/xsessions/plain.desktop", DESKTOP)
    box.write("/etc/lightdm/lightdm.conf", LIGHTDM)
    box.write("/etc/lightdm/lightdm-gtk-greeter.conf", GREETER)
    box.write("/etc/lightdm/no-terminal.env", "XDG_VTNR=0\n")
    for service in "lightdm", "lightdm-greeter":
        lines = box.path(f"/etc/pam.d/{service}").read_text().splitlines(keepends=True)
        first = next(i for i, line in enumerate(lines) if line.startswith("session"))
        lines.insert(first, NO_TERMINAL)
        box.write(f"/etc/pam.d/{service}", "".join(lines))


class Lightdm(Screen):
    """The screen on which lightdm's greeter is, and then a session."""

    def __init__(self, box: Box) -> None:
        super().__init__(box, ":0", "/run/lightdm/root/:0")

    def start(self) -> "Lightdm":
        """Starts it anew, and waits for the greeter."""
        self.stop()
        self.box.run("systemctl", "start", "lightdm")
        return self.wait_for_greeter()

    def stop(self) -> None:
        """Ends it, and the session on it. Asked to end while a session does, it may not."""
        self.box.run("systemctl", "stop", "--no-block", "lightdm")
        self.box.run("systemctl", "kill", "--signal=KILL", "lightdm", check=False)
        # Where the display is still in use, the next lightdm takes another one.
        wait_until(lambda: not self._runs("Xvfb"), "the X server has ended", PATIENCE)
        self.box.run("systemctl", "stop", "lightdm")

    def _runs(self, program: str) -> bool:
        return self.box.run("pgrep", "-x", program, check=False).returncode == 0

    def wait_for_greeter(self) -> "Lightdm":
        try:
            self.wait_for_window("lightdm-gtk-greeter")
        except AssertionError as late:
            raise AssertionError(f"{late}; its log:\n{self._log()[-4000:]}") from late
        return self

    def name(self, name: str) -> "Lightdm":
        """Types a name, and waits for the first question that it leads to."""
        before = self._questions()
        self.type(name)
        wait_until(lambda: self._questions() > before, f"{name} is asked for something", PATIENCE)
        # What is typed before the greeter has turned to the question goes into the field for names.
        wait_until(lambda: FIELD_LEFT not in letters(self.read()), "the greeter waits for the answer", PATIENCE)
        return self

    def _questions(self) -> int:
        return self._log().count("Prompt greeter with")

    def _log(self) -> str:
        return self.box.path(LOG).read_text()

    def refused(self, answer: str, sentence: str) -> "Lightdm":
        """Types an answer that ends a login, reads why, and waits until the next one has begun."""
        ended = r"Authentication complete with return value [1-9].*Prompt greeter with"
        before = len(self._log())
        self.type(answer)
        wait_until(
            lambda: re.search(ended, self._log()[before:], re.S), "the login is refused", PATIENCE
        )
        self.shows(sentence)
        return self

    def wait_for_session(self, name: str) -> None:
        self.wait_for_window("xterm")
        self.shows(name)

    def logout(self) -> None:
        self.box.run("pkill", "-x", "xterm")
        self.wait_for_greeter()
