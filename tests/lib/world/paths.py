"""Where things are in the world."""

import os
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
WORLD = Path("/run/world")
LOGS = WORLD / "log"

ETC = Path("/etc/kratosd")
CONFIGURATION = ETC / "kratosd.conf"
LOCAL_USERS = ETC / "local-users"
STATE = Path("/var/lib/kratosd")
RUNTIME = Path("/run/kratosd")


def build() -> Path | None:
    """The build folder that is to be installed, if one was named."""
    name = os.environ.get("KRATOSD_BUILD")
    return TREE / name if name else None
