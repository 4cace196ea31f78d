"""Another directory on the same host, which has people of its own: elsa, and zero, who has uid 0."""

import os
import subprocess
from pathlib import Path

from world.paths import TREE


def another_directory() -> None:
    """Has the name service ask it first after the local files."""
    library = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/libnss_elsewhere.so.2")
    subprocess.run(
        ["cc", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
        + [TREE / "tests/pam/nss-elsewhere.c", "-o", library],
        check=True,
    )
    switch = Path("/etc/nsswitch.conf")
    switch.write_text(switch.read_text().replace("passwd: files", "passwd: files elsewhere"))
