"""The unit, the system user, the configuration as it is shipped, and what the documentation says of
names: each held against what else in the tree has to agree with it."""

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from world.daemon import PROGRAM, Daemon

TREE = Path(__file__).resolve().parents[2]
UNIT = TREE / "systemd/kratosd.service"


def settings(path: Path = UNIT) -> dict[str, list[str]]:
    """The settings of a unit by name, each with its words."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            found.setdefault(key, []).extend(value.split() or [""])
    return found


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s)", text)
    assert match, text
    return int(match[1]) / (1000 if match[2] == "ms" else 1)


def source(name: str) -> str:
    return (TREE / name).read_text()


class TestUnit:
    def test_it_is_confined(self) -> None:
        result = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
            capture_output=True,
            text=True,
            check=True,
        )
        score = re.search(r"Overall exposure level for kratosd.service: ([\d.]+)", result.stdout)
        assert score and float(score[1]) <= 1.2, result.stdout

    def test_systemd_understands_it(self, tmp_path: Path) -> None:
        unit = tmp_path / UNIT.name
        # Where nothing is installed, the program that the unit names is not there.
        program = PROGRAM if Path(PROGRAM).exists() else "/bin/true"
        unit.write_text(UNIT.read_text().replace(PROGRAM, program))
        result = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
        )
        assert result.returncode == 0 and result.stderr == "", result.stderr

    def test_it_waits_for_nothing_that_waits_for_it(self) -> None:
        unit = settings()
        assert unit["After"] == ["dbus.socket"]
        assert "Requires" not in unit and "BindsTo" not in unit and "PartOf" not in unit
        assert "nss-user-lookup.target" in unit["Before"]
        assert "nss-user-lookup.target" in unit["Wants"]
        assert unit["Environment"] == ["SYSTEMD_BYPASS_USERDB=1"]

    def test_a_hung_daemon_is_back_within_10_s(self) -> None:
        unit = settings()
        (watchdog,), (abort,), (restart,) = (
            unit[key] for key in ("WatchdogSec", "TimeoutAbortSec", "RestartSec")
        )
        assert seconds(watchdog) + seconds(abort) + seconds(restart) < 9
        assert unit["Type"] == ["notify"] and unit["NotifyAccess"] == ["main"]
        assert unit["Restart"] == ["always"] and unit["StartLimitIntervalSec"] == ["0"]

    def test_it_is_its_own_user_and_sees_others_as_they_are(self) -> None:
        unit = settings()
        assert unit["User"] == ["kratosd"] and "DynamicUser" not in unit
        assert "PrivateUsers" not in unit

    def test_rule_14_its_state_is_its_own(self) -> None:
        unit = settings()
        assert unit["StateDirectoryMode"] == ["0700"]
        # Lockers pass through to the sockets of their logins; nobody can list anything there.
        assert unit["RuntimeDirectoryMode"] == ["0711"]
        assert unit["RuntimeDirectoryPreserve"] == ["yes"]
        assert unit["PrivateTmp"] == ["yes"] and unit["UMask"] == ["0077"]

    def test_rule_22_no_core_dumps(self) -> None:
        assert settings()["LimitCORE"] == ["0"]

    def test_there_is_room_for_10_000_lifelines(self) -> None:
        assert int(settings()["LimitNOFILE"][0]) > 11_000

    def test_its_memory_is_bounded(self) -> None:
        """There is room for what anybody may send: 32 MiB on each connection to the bus."""
        unit = settings()
        (limit,) = unit["MemoryMax"]
        assert limit.endswith("M") and 4 * 32 <= int(limit[:-1]) <= 512
        assert unit["MemorySwapMax"] == ["0"]

    def test_nothing_newer_than_systemd_252(self) -> None:
        newer = {"ImportCredential", "RestartSteps", "RestartMaxDelaySec", "PrivatePIDs", "RestartMode"}
        assert not newer & settings().keys()
        assert "notify-reload" not in UNIT.read_text()

    def test_the_system_user(self) -> None:
        result = subprocess.run(
            ["systemd-sysusers", "--dry-run", "--cat-config", TREE / "systemd/kratosd.sysusers"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        lines = [line for line in source("systemd/kratosd.sysusers").splitlines() if line[0] != "#"]
        assert [line.split()[:3] for line in lines] == [["u", "kratosd", "-"]]


class TestUserDatabase:
    def test_the_name_is_there_while_the_daemon_is(self) -> None:
        """tests/system boots with it; here, that both sides mean the same."""
        unit, header = settings(), source("common/interface.h")
        socket, service = (
            re.search(rf"#define USERDB_{key} \"(.*)\"", header) for key in ("SOCKET", "SERVICE")
        )
        assert socket and service
        name = "/run/systemd/userdb/" + service[1]
        # As root, and so without a look-up of groups.
        assert unit["ExecStartPost"] == ["+/bin/ln", "-sfT", socket[1], name]
        assert unit["ExecStopPost"] == ["+/bin/rm", "-f", name]

    def test_no_socket_is_there_before_the_daemon(self) -> None:
        """systemd looks up the groups of User= before it executes it: everybody there is asked."""
        assert "Sockets" not in settings()
        assert list((TREE / "systemd").glob("*.socket")) == []


class TestConfiguration:
    """etc/kratosd.conf names every key with its default, and sets none."""

    TEXT = source("etc/kratosd.conf")
    KEY = re.compile(r"^#([A-Z][A-Za-z]+)=(.*)$", re.M)

    def keys_of_the_text(self) -> list[tuple[str, str]]:
        """Each with its section; those of [Service NAME] have the same name for all of them."""
        parts = re.split(r"^\[(\w+)(?: \w+)?\]$", self.TEXT, flags=re.M)
        sections = zip(parts[1::2], parts[2::2], strict=True)
        assert not self.KEY.search(parts[0])
        return [(section, key) for section, text in sections for key, _ in self.KEY.findall(text)]

    def keys_of_the_source(self) -> set[tuple[str, str]]:
        table = source("kratosd/config-options.c")
        return set(re.findall(r'\{ "(\w+)", "(\w+)", set_', table))

    def test_every_key_is_there_and_commented_out(self) -> None:
        keys = self.keys_of_the_text()
        assert len(keys) == len(set(keys)) > 30
        assert set(keys) == self.keys_of_the_source()
        active = [line for line in self.TEXT.splitlines() if line and line[0] not in "#["]
        assert not active

    def test_it_lacks_only_the_name_of_a_kratos(self) -> None:
        if not Path(PROGRAM).exists():
            pytest.skip("no kratosd is installed here")
        Daemon.write_configuration(self.TEXT)
        result = Daemon.check_config()
        assert result.returncode == 0 and "warning: PublicURL=" in result.stderr

    def test_the_defaults_that_it_shows_are_taken(self) -> None:
        if not Path(PROGRAM).exists():
            pytest.skip("no kratosd is installed here")
        text = self.KEY.sub(r"\1=\2", self.TEXT).replace("PublicURL=", "PublicURL=https://id.example")
        Daemon.write_configuration(text)
        result = Daemon.check_config()
        assert result.returncode == 0, result.stdout + result.stderr
        assert "warning" not in (result.stdout + result.stderr).lower()

    def test_the_shipped_list_of_local_users_maps_nobody(self) -> None:
        assert all(line.startswith("#") or not line for line in source("etc/local-users").splitlines())


class TestDocumentation:
    def test_rule_9_the_interface_is_the_one_in_the_source(self) -> None:
        header = source("common/interface.h")
        for kind in "Manager", "User":
            text = source(f"doc/org.kratosd1.{kind}.xml")
            node = ElementTree.fromstring(text)
            names = dict(re.findall(rf'#define ({kind.upper()}_(?:PATH|INTERFACE)) "(.+)"', header))
            assert node.get("name") == names[f"{kind.upper()}_PATH"]
            interface = node.find("interface")
            assert interface is not None
            assert interface.get("name") == names[f"{kind.upper()}_INTERFACE"]
        errors = set(re.findall(r'ERROR_PREFIX "(\w+)"', header))
        told = set(re.findall(r"org\.kratosd1\.Error\.(\w+) ", source("doc/org.kratosd1.Manager.xml")))
        assert told == errors

    def test_what_users_may_call_is_what_root_calls(self) -> None:
        methods = {}
        for kind in "Manager", "User":
            node = ElementTree.fromstring(source(f"doc/org.kratosd1.{kind}.xml"))
            methods[kind] = {
                method.get("name"): [tuple(sorted(arg.attrib.items())) for arg in method]
                for method in node.iter("method")
            }
        # But for the secret, which root hands over in a descriptor.
        (secret,) = [arg for arg in methods["Manager"]["Answer"] if ("name", "secret") in arg]
        methods["Manager"]["Answer"].remove(secret)
        assert methods["User"].items() <= methods["Manager"].items()
        assert methods["Manager"].keys() - methods["User"].keys() == {
            "OpenSession", "ChangePassword", "CloseSession", "AddAccount", "Unpin",
            "RevokeAll",
        }  # fmt: skip

    def test_the_event_ids_agree(self) -> None:
        ids = dict(re.findall(r'EVENT_ID_(\w+) "([0-9a-f]{32})"', source("kratosd/event-ids.h")))
        rows = re.findall(r"^\| `([a-z-]+)` \| `([0-9a-f]{32})` \|", source("doc/journal.md"), re.M)
        assert {name.upper().replace("-", "_"): id for name, id in rows} == ids
        assert len(set(ids.values())) == len(rows) == 9

    def test_the_reason_codes_agree(self) -> None:
        text = source("doc/journal.md")
        told = set(re.findall(r"^\| (?:`(?:session|login|password)-\w+` \| )?`([a-z-]+)` \|", text, re.M))
        told -= set(re.findall(r"^\| `([a-z-]+)` \| `[0-9a-f]{32}`", text, re.M))
        code = "".join(path.read_text() for path in sorted((TREE / "kratosd").glob("*.c")))
        said = set(re.findall(r'return "([a-z]+-[a-z-]+)"', code))
        said |= set(re.findall(r'\{ VERDICT_\w+, "([a-z-]+)",', code))
        said |= set(re.findall(r'\brefuse\(ret, VERDICT_\w+, "([a-z-]+)",', code))
        # Of two reasons, one or the other.
        for call in re.findall(r"\blog_event\(([^;]*)\);", code):
            said |= set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', call))
        for call in r"\w*refuse\w*", r"end_\w+":
            said |= set(re.findall(rf'\b{call}\([^;"]*"([a-z]+(?:-[a-z]+)*)"\)', code))
        said |= set(re.findall(r'\blogin_refuse_\w+\(\s*l,[^;"]*"([a-z]+(?:-[a-z]+)*)",', code))
        said |= set(re.findall(r'\bfinish\(\s*c, VERDICT_\w+, "([a-z-]+)",', code))
        assert said == told
