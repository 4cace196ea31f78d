"""make install, and make uninstall: what is where, and what stays."""

import subprocess
from pathlib import Path

import pytest

from manual import PAGES
from world.paths import TREE, build


def make(target: str, folder: Path, *settings: str) -> None:
    command = ["make", "-s", "-o", "all", target, f"BUILD={build()}", f"DESTDIR={folder}", *settings]
    result = subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout


def files(folder: Path) -> set[str]:
    return {f"/{path.relative_to(folder)}" for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = build()
    if not folder or not (folder / "kratosd").exists():
        pytest.skip("nothing is built")
    make("install", tmp_path)
    return tmp_path


def test_pages_and_completion_are_where_they_are_looked_for(root: Path) -> None:
    for page in PAGES.values():
        installed = root / f"usr/share/man/man{page.file.suffix[1:]}" / page.file.name
        assert installed.read_bytes() == page.file.read_bytes() and installed.stat().st_mode & 0o777 == 0o644
    completion = root / "usr/share/bash-completion/completions/kratosd"
    assert completion.read_text() == (TREE / "etc/bash-completion/kratosd").read_text()


def test_elsewhere(tmp_path: Path, root: Path) -> None:
    make("install", tmp_path / "other", "prefix=/opt")
    assert (tmp_path / "other/opt/share/man/man8/kratosd.8").exists()


def test_what_is_uninstalled_is_all_but_the_configuration(root: Path) -> None:
    before = files(root)
    make("uninstall", root)
    configuration = {path for path in before if path.startswith("/etc/")}
    assert files(root) == configuration == {"/etc/kratosd/kratosd.conf", "/etc/kratosd/local-users"}
    assert len(before) > 12
