"""A store full of people, written into kratosd's database as kratosd itself would write them."""

import json
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from world.paths import STATE

DATABASE = STATE / "kratosd.db"
FIRST_UID = 1_879_100_000
FIRST_GID = 1_900_000_000
# A public key whose other half was never kept.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGiCtyUAg8RF1cd3Btq7mtBoV5a2LE5V/18lOLq2uSF"


@dataclass
class Person:
    number: int
    groups: int = 1
    gecos: str = "A Person"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def name(self) -> str:
        return f"person{self.number:06}"

    @property
    def uid(self) -> int:
        return FIRST_UID + self.number

    def group_names(self) -> list[str]:
        return [f"group{number:03}" for number in range(self.groups)]

    def document(self) -> dict[str, object]:
        """In the order in which PostgreSQL keeps it: short keys first."""
        return {
            "uid": self.uid,
            "name": self.name,
            "gecos": self.gecos,
            "shell": "/bin/bash",
            "groups": self.group_names(),
            "sshKeys": [f"{KEY} {self.name}@laptop"],
        }

    def document_text(self) -> str:
        """As json-c writes it: what Kratos says is compared with it."""
        return json.dumps(self.document(), separators=(",", ":")).replace("/", "\\/")

    def identity(self) -> dict[str, object]:
        """What is theirs alone at Kratos."""
        return {"traits": {"username": self.name}, "metadata_public": {"posix": self.document()}}


def write_store(empty: Path, path: Path, people: Iterable[Person], checked: int | None = None) -> None:
    """Makes a database of them at a path, from a copy of an empty one of kratosd's. Kratos has told of
    them at that time, or just now."""
    shutil.copy(empty, path)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    if checked is None:
        checked = int(time.time())
    groups = set[str]()
    with database:
        for one in people:
            rows = {
                "account": (one.id, one.name, one.uid, one.uid, 0, one.document_text()),
                "pin": (one.name, one.id),
                "number": (one.uid, f"user:{one.id}"),
                "standing": (one.id, 1, checked),
            }
            for table, row in rows.items():
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO {table} VALUES ({marks})", row)
            members = [(group, one.id) for group in one.group_names()]
            database.executemany("INSERT INTO membership VALUES (?, ?)", members)
            groups.update(one.group_names())
        numbers = [(FIRST_GID + int(name[5:]), f"group:{name}") for name in groups]
        database.executemany("INSERT INTO number VALUES (?, ?)", numbers)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    Path(f"{path}-wal").unlink(missing_ok=True)
    Path(f"{path}-shm").unlink(missing_ok=True)


def install_store(path: Path) -> None:
    """Gives a database to a kratosd that does not run."""
    owner = STATE.stat()
    for old in STATE.glob("kratosd.db*"):
        old.unlink()
    shutil.copy(path, DATABASE)
    os.chown(DATABASE, owner.st_uid, owner.st_gid)


def read_store() -> dict[str, tuple[str, int, int]]:
    """What a kratosd that does not run knows of each identity that is an account: its document,
    whether it is active, and whether Kratos has ever told of it."""
    query = "SELECT identity, document, active, checked > 0 FROM account JOIN standing USING (identity)"
    with closing(sqlite3.connect(DATABASE)) as database:
        return {identity: tuple(known) for identity, *known in database.execute(query)}
