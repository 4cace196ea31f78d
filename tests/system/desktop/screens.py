"""Screens: what a person sees on them, and types."""

import re
import shutil
import time
from pathlib import Path

from host import suite

from world.box import Box
from world.paths import build
from world.processes import wait_until

# What somebody at a screen waits for, on a busy machine.
PATIENCE = 40.0
# Where pictures are made, on the machine's disk.
PICTURE = "/var/tmp/picture.png"


def letters(text: str) -> str:
    """What of a text is sure to be read right: neither spaces nor punctuation nor capitals."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


class Screen:
    """The screen of a machine's X display, and its keyboard."""

    def __init__(self, box: Box, display: str, authority: str = "") -> None:
        self.box = box
        self._env = ["env", f"DISPLAY={display}", f"XAUTHORITY={authority}"]

    def run(self, *argv: str, check: bool = True) -> str:
        """Runs a program of X as root."""
        return self.box.run(*self._env, *argv, check=check).stdout

    def press(self, *keys: str) -> None:
        # A display may end with the key that lets somebody in.
        self.run("xdotool", "key", *keys, check=False)

    def type(self, text: str) -> None:
        """Types it, and Enter."""
        self.run("xdotool", "type", "--delay", "15", text)
        self.press("Return")

    def has_window(self, name: str) -> bool:
        """Whether a window of that class is to be seen."""
        found = self.run("xdotool", "search", "--onlyvisible", "--class", name, check=False)
        return bool(re.search(r"^\d+$", found, re.M))

    def wait_for_window(self, name: str) -> None:
        wait_until(lambda: self.has_window(name), f"a window of {name} is there", PATIENCE)

    def _picture(self) -> None:
        self.run("maim", PICTURE)

    def keep(self, name: str) -> None:
        """Takes a picture for whoever wants to look at the tests' screens."""
        self._picture()
        folder = Path(build() or ".") / "check/screens"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.box.path(PICTURE), folder / f"{suite()}-{name}.png")

    def read(self) -> str:
        """The words that can be read on it."""
        self._picture()
        read = ["tesseract", PICTURE, "stdout", "--psm", "11", "--dpi", "100"]
        told = self.box.run("env", "OMP_THREAD_LIMIT=1", *read)
        return " ".join(told.stdout.split())

    def shows(self, *sentences: str, timeout: float = PATIENCE) -> str:
        """Waits until all of the sentences can be read on it. Returns what can be read then."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self.read()
            if all(letters(sentence) in letters(seen) for sentence in sentences):
                return seen
            assert time.monotonic() < deadline, f"{sentences} is not on the screen, but: {seen}"
