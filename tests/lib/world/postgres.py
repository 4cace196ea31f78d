"""Debian's PostgreSQL, as a database for a Kratos that must stand many logins at once."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from world.paths import LOGS
from world.processes import Service, wait_until

DATA = Path("/run/world/postgres")
SOCKETS = Path("/run/postgresql")


def _program(name: str) -> str:
    """PostgreSQL's own folder of programs, which is not on PATH; the newest version of them."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    assert found, f"PostgreSQL's {name} is not installed"
    return str(found[-1])


class Postgres(Service):
    """A server on a fresh cluster in memory, on a unix socket and 127.0.0.1, trusting everybody."""

    def __init__(self) -> None:
        super().__init__("postgres")

    def start(self) -> None:
        if not DATA.exists():
            self._make()
        self.spawn(
            [_program("postgres"), "-D", str(DATA), "-k", str(SOCKETS)]
            + ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"],
            user="postgres",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1"]
        wait_until(
            lambda: subprocess.run(ready).returncode == 0 or not self.running, "PostgreSQL is ready"
        )
        assert self.running, self.log()

    def _make(self) -> None:
        owner = pwd.getpwnam("postgres")
        for folder in DATA, SOCKETS:
            folder.mkdir(mode=0o700 if folder == DATA else 0o755, exist_ok=True)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        with (LOGS / "initdb.log").open("wb") as log:
            subprocess.run(
                [_program("initdb"), "-D", DATA, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
                + ["--no-sync"],
                user="postgres",
                cwd="/",
                stdout=log,
                stderr=log,
                check=True,
            )

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Runs one statement. Returns the rows, columns separated by |."""
        return subprocess.run(
            ["psql", "-h", SOCKETS, "-U", "postgres", "-AtXq", "-c", statement, database],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
        ).stdout.strip()

    def script(self, statements: str, database: str) -> None:
        """Runs statements, with the rows of COPY … FROM STDIN among them: all of them or none."""
        subprocess.run(
            ["psql", "-h", SOCKETS, "-U", "postgres", "-Xq1", "-v", "ON_ERROR_STOP=1"]
            + ["-f", "-", database],
            input=statements,
            check=True,
            text=True,
            cwd="/",
        )

    def create(self, database: str) -> str:
        """Makes an empty database. Returns its address, as Kratos's dsn."""
        self.sql(f'CREATE DATABASE "{database}"')
        return f"postgres://postgres@127.0.0.1:5432/{database}?sslmode=disable&max_conns=80"

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(DATA, ignore_errors=True)
