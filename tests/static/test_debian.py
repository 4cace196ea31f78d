"""The Debian packages, as they are built: what lintian has against them, and what is in them."""

import re
import subprocess
from pathlib import Path

import pytest

from world.paths import TREE, build

# Where the packages are not there yet, they are built first, on a machine that may have other things to do.
pytestmark = pytest.mark.timeout(400)

CONFIGURATION = {
    "/etc/apparmor.d/abstractions/nss-systemd.d/kratosd",
    "/etc/kratosd/kratosd.conf",
    "/etc/kratosd/local-users",
}


def output(*argv: str | Path) -> str:
    return subprocess.check_output(argv, cwd=TREE, text=True)


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder with the packages of this tree, built where they are not."""
    folder = build()
    assert folder
    return Path(output(TREE / "tests/system/package", folder).strip())


def package(packages: Path, name: str) -> Path:
    (found,) = packages.glob(f"{name}_*.deb")
    return found


def contents(file: Path) -> dict[str, tuple[str, str]]:
    """The files of a package by their names, with mode and owner."""
    lines = [line.split(maxsplit=5) for line in output("dpkg-deb", "--contents", file).splitlines()]
    return {line[5].removeprefix("./"): (line[0], line[1]) for line in lines}


def test_lintian_has_nothing_against_them(packages: Path) -> None:
    """The binary packages, and the source package."""
    both = sorted(packages.glob("*.changes"))
    assert len(both) == 2
    told = subprocess.run(
        ["lintian", "--allow-root", "--fail-on=error,warning", "--display-level=>=warning", *both],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert told.returncode == 0 and told.stdout == "", told.stdout


def test_the_version_is_that_of_the_makefile() -> None:
    (version,) = re.findall(r"^VERSION := (\S+)$", (TREE / "Makefile").read_text(), re.M)
    assert output("dpkg-parsechangelog", "--show-field=Version").strip() == version


def test_a_build_leaves_the_build_folder_of_a_developer_alone() -> None:
    rules = (TREE / "debian/rules").read_text()
    assert re.search(r"^directories := BUILD=debian/build ", rules, re.M)
    for step in "build", "install", "clean":
        assert re.search(rf"^\tdh_auto_{step} -- .*\$\(directories\)$", rules, re.M), step


def test_what_the_administrator_writes_stays(packages: Path) -> None:
    """Files of /etc are conffiles, each of them, and everybody can read them: no secret belongs there."""
    for name, wanted in ("kratosd", CONFIGURATION), ("libpam-kratos", set()):
        file = package(packages, name)
        control = output("dpkg-deb", "--info", file, "conffiles") if wanted else ""
        assert set(control.split()) == wanted
        for path, (mode, owner) in contents(file).items():
            assert owner == "root/root", path
            if path.startswith("etc/"):
                assert mode == ("drwxr-xr-x" if path.endswith("/") else "-rw-r--r--"), path
                assert path.endswith("/") or f"/{path}" in wanted


def test_what_there_is_to_read_is_there(packages: Path) -> None:
    files = contents(package(packages, "kratosd")).keys()
    found = {path.removeprefix("usr/share/doc/kratosd/").removesuffix(".gz") for path in files}
    documents = {path.name for pattern in ("*.md", "*.xml") for path in (TREE / "doc").glob(pattern)}
    assert {"README.md", "copyright", "changelog"} | documents <= found
    examples = {f"examples/{path.name}" for path in (TREE / "etc/examples").iterdir()}
    assert examples | {"examples/account-document.schema.json"} <= {path.rstrip("/") for path in found}
    pages = {path.name for path in (TREE / "doc").glob("*.[58]")}
    both = files | contents(package(packages, "libpam-kratos")).keys()
    assert pages == {Path(path).stem for path in both if re.search("^usr/share/man/.*\\.gz$", path)}


def test_it_is_built_alike_anywhere(packages: Path) -> None:
    """Nothing in it is newer than the changelog says, and no binary knows where it was built."""
    stamp = int(output("dpkg-parsechangelog", "--show-field=Timestamp"))
    for name in "kratosd", "libpam-kratos":
        tar = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", package(packages, name)], stdout=subprocess.PIPE, check=True
        )
        listed = subprocess.check_output(
            ["tar", "--list", "--verbose", "--full-time", "--utc"], input=tar.stdout, text=False
        ).decode()
        times = re.findall(r" (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ", listed)
        newest = output("date", "--utc", f"--date=@{stamp}", "+%Y-%m-%d %H:%M:%S").strip()
        assert times and max(times) <= newest
        assert str(packages.parent).encode() not in tar.stdout


def test_it_needs_what_it_is_built_upon_and_no_more(packages: Path) -> None:
    """libcurl, json-c, SQLite and inih, and libsodium, which seals tokens and hashes passwords; a system bus,
    and libnss-systemd, through which NSS sees our people: a usual Debian has both, a minimal one neither."""
    told = output("dpkg-deb", "--field", package(packages, "kratosd"), "Depends")
    needed = {re.sub(r"(t64)? .*", "", part.strip()).split(" ")[0] for part in told.split(",")}
    assert needed == {
        "default-dbus-system-bus", "libnss-systemd", "systemd", "libc6", "libsystemd0", "libcurl4", "libinih1",
        "libjson-c5", "libsodium23", "libsqlite3-0",
    }  # fmt: skip
    told = output("dpkg-deb", "--field", package(packages, "libpam-kratos"), "Depends")
    needed = {part.split()[0] for part in told.split(",")}
    assert needed == {"kratosd", "libpam-modules", "libpam-runtime", "libc6", "libpam0g", "libsystemd0"}
