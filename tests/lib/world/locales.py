"""A language other than English."""

import subprocess
from pathlib import Path

GERMAN = {"LANG": "de_DE.UTF-8"}
CATALOGUES = Path("/usr/share/locale")


def install_german() -> None:
    """Where also a program with AT_SECURE finds it, which takes none of the caller's."""
    target = Path("/usr/lib/locale/de_DE.utf8")
    if not target.exists():
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", "--no-archive", target], check=True)
