"""doc/ documents the bus interfaces; the daemon's own tables must say the same."""

import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from world.bus import Bus
from world.daemon import Daemon
from world.processes import wait_until

DOC = Path(__file__).resolve().parents[2] / "doc"

Method = tuple[str, tuple[tuple[str, str, str], ...]]


def methods(text: str, interface: str) -> dict[str, Method]:
    """Each method's arguments: name, type and direction, in their order."""
    node = xml.fromstring(text[text.index("<node") :])
    (found,) = [i for i in node.iter("interface") if i.get("name") == interface]
    return {
        method.get("name"): tuple(
            (a.get("name"), a.get("type"), a.get("direction")) for a in method.iter("arg")
        )
        for method in found.iter("method")
    }


def introspect(name: str, path: str) -> str:
    """What the daemon itself says, asked as root."""
    run = subprocess.run(
        ["busctl", "--xml-interface", "introspect", name, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return run.stdout


@pytest.mark.parametrize(
    ("name", "path", "count"),
    [("org.kratosd1", "/org/kratosd1", 10), ("org.kratosd1.User", "/org/kratosd1/User", 4)],
)
def test_documentation_and_vtable_agree(
    bus: Bus, daemon: Daemon, name: str, path: str, count: int
) -> None:
    interface = {"org.kratosd1": "org.kratosd1.Manager"}.get(name, name)
    wait_until(lambda: name in subprocess.getoutput("busctl list --no-legend"), f"{name} is there")
    documented = methods((DOC / f"{interface}.xml").read_text(), interface)
    assert methods(introspect(name, path), interface) == documented
    assert len(documented) == count
