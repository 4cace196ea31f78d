"""doc/account-document.md and its schema; what kratosd takes for a document must be the same."""

import json
import re
import subprocess
from typing import Any

import jsonschema
import pytest

from world.kratos import Kratos
from world.paths import TREE, build

DOC = (TREE / "doc/account-document.md").read_text()
SCHEMA = json.loads((TREE / "etc/account-document.schema.json").read_text())

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGiCtyUAg8RF1cd3Btq7mtBoV5a2LE5V/18lOLq2uSF"
SK = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8Q"
    "ERITFBUWFxgZGhscHR4fAAAABHNzaDo="
)
OPTIONS = [
    "restrict", "verify-required", "restrict,pty", "no-pty,no-port-forwarding,no-agent-forwarding",
    "no-X11-forwarding,no-user-rc", "port-forwarding,agent-forwarding,X11-forwarding,user-rc",
    'from="192.0.2.0/24,!*.example.org"', r'command="echo \"a, b\" \\\"c\\ # d"', 'command="x y",restrict',
    'permitopen="[::1]:*",permitopen="db:5432"', 'permitlisten="8080",permitlisten="*:1"',
    'expiry-time="20260131"', 'expiry-time="202601312359Z"', 'expiry-time="20260131235959"',
]  # fmt: skip
KEYS = [
    ED25519, SK, f"{ED25519} ", f"{ED25519}  Ålunds \"dator\"", *(f"{o} {ED25519} me" for o in OPTIONS)
]  # fmt: skip

# Documents, or their text: those that are right …
GOOD: list[Any] = [
    {},
    {"name": "alice"}, {"name": "_a.b-c_0"}, {"name": "a" * 32},
    {"uid": 1000}, {"uid": 2147352575}, {"gid": 70000},
    {"groups": []}, {"groups": ["a", "b", {"name": "c", "gid": 70000}]},
    {"groups": [f"g{i}" for i in range(128)]},
    {"shell": "/bin/sh"}, {"shell": "/opt/g++-1.2/.x/..y/..."}, {"shell": "/" + "a" * 254},
    {"home": "/home/alice"}, {"home": "/h"}, {"home": "/home/Ålund, A/.x/..."},
    {"gecos": ""}, {"gecos": "Alice Ålund,12,,"}, {"gecos": "a" * 255},
    {"sshKeys": []}, *({"sshKeys": [key]} for key in KEYS), {"sshKeys": [ED25519] * 64},
    {"hosts": []}, {"hosts": ["*", "Web-?.example.org", "a" * 64]},
    {"services": []}, {"services": ["sshd", "gdm-*"]},
    {"notBefore": "2026-01-31"}, {"notBefore": "2026-01-31T23:59:59Z"}, {"notAfter": "1970-01-01"},
    {"notAfter": "9999-12-31"}, {"passwordChangeNow": True}, {"passwordChangeNow": False},
    '{"n\\u0061me":"\\u0061"}',
]  # fmt: skip

BAD_NAMES = [
    "", "A", "0a", "-a", ".a", "a b", "a\n", "a:b", "a/b", "é", "a" * 33, "a\n:x:0:0", 1, True, None, ["a"]
]  # fmt: skip
BAD_NUMBERS = [0, 1, 999, -1, -70000, 2147352576, 4294967295, 4294967296, 2**63, 2**64, 2**64 + 70000,
               70000.5, "70000", True, None, [70000]]  # fmt: skip
BAD_PATHS = [
    "", "/", "//", "sh", "./sh", "/bin//sh", "/bin/sh/", "/bin/../sh", "/..", "/.", "/bin/./sh", "/../root",
    "/bin/sh:", "/bin/sh\n", "/bin/s\th", "/bin/sh\x7f", "/bin/sh\x85", "/" + "a" * 255, 1, None,
]  # fmt: skip
BAD_SHELLS = ["/bin/sh -c id", "/bin/sh;id", "/bin/$SHELL", "/bin/`id`", "/bin/s*", "/bin/sé", "/bin/s\\h"]
BAD_GECOS = ["a:b", "a\nroot:x:0:0::/:/bin/sh", "a\t", "a\x1b", "a\x7f", "a\x80", "\ufffd", "a" * 256, 1, None]
BAD_PATTERNS = ["", "a b", "a,b", "a/b", "a\n", "[ab]", "!a", "é", "a" * 65, 1, None]
BAD_OPTIONS = [
    "cert-authority", 'environment="A=b"', 'principals="a"', 'tunnel="0"', "no-touch-required", "unknown",
    "no-restrict", "no-verify-required", "RESTRICT", "restrict,", ",restrict", "restrict, pty", 'pty="x"',
    "from", "from=a", 'from=""', 'from="a b"', 'from="a', 'command="x\\"', 'command=""', 'command="a"b',
    'permitopen="80"', 'permitopen="a:0"', 'permitopen="a:http"', 'permitopen="::1:80"', 'permitlisten=""',
    'expiry-time="never"', 'expiry-time="2026-01-31"', 'expiry-time="2026013112"',
]  # fmt: skip
BAD_KEYS = [
    "", "x", f" {ED25519}", f"{ED25519}\n", f"{ED25519} a\n{ED25519}", f"{ED25519}\tme", f"#{ED25519}",
    "ssh-ed25519", "ssh-ed25519 ", "ssh-dss AAAAB3NzaC1kc3MAAAABAQ==", "ssh-ed25519-cert-v01@openssh.com AAAA",
    "restrict", f"restrict restrict {ED25519}", f"ssh-ed25519 {ED25519}", "ssh-ed25519 AA-_", 1, None,
    f"{ED25519} " + "x" * 8192, *(f"{o} {ED25519}" for o in BAD_OPTIONS),
]  # fmt: skip
BAD_MOMENTS = [
    "", "2026", "2026-1-31", "2026-01-32", "2026-13-01", "2026-00-01", "2026-01-00", "1969-12-31",
    "10000-01-01", "2026-01-31Z", "2026-01-31T00:00Z", "2026-01-31T00:00:00", "2026-01-31t00:00:00Z",
    "2026-01-31T24:00:00Z", "2026-01-31T00:60:00Z", "2026-01-31T23:59:60Z", "2026-01-31T00:00:00.0Z",
    "2026-01-31T00:00:00+00:00", "2026-01-31\n", "never", 1769817600, True, None,
]  # fmt: skip

# … those that the schema refuses as well …
BAD: list[Any] = [
    [], "null", '"alice"', "1", {"notafter": "2020-01-01"}, {"": 1}, {"Name": "a"}, {"unknown": None},
    *({"name": v} for v in BAD_NAMES), *({"uid": v} for v in BAD_NUMBERS), *({"gid": v} for v in BAD_NUMBERS),
    *({"groups": [v]} for v in BAD_NAMES), *({"groups": [{"name": "a", "gid": v}]} for v in BAD_NUMBERS),
    {"groups": "a"}, {"groups": ["a", "a"]}, {"groups": [{"name": "a"}]}, {"groups": [{"gid": 70000}]},
    {"groups": [{"name": "a", "gid": 70000, "x": 1}]}, {"groups": [f"g{i}" for i in range(129)]}, {"groups": None},
    *({"shell": v} for v in BAD_PATHS + BAD_SHELLS), *({"home": v} for v in BAD_PATHS + ["/a:b", "/\ufffd"]),
    *({"gecos": v} for v in BAD_GECOS),
    *({"sshKeys": [v]} for v in BAD_KEYS), {"sshKeys": ED25519}, {"sshKeys": [ED25519] * 65}, {"sshKeys": None},
    *({"hosts": [v]} for v in BAD_PATTERNS), {"hosts": "*"}, {"hosts": ["a"] * 65}, {"hosts": None},
    *({"services": [v]} for v in BAD_PATTERNS + ["ssh?"]), {"services": ["a"] * 65}, {"services": None},
    *({"notBefore": v} for v in BAD_MOMENTS), *({"notAfter": v} for v in BAD_MOMENTS),
    *({"passwordChangeNow": v} for v in ("true", 0, 1, None, [])),
    '{"gecos":"a\\u0000"}', '{"gecos":' + "[" * 900 + "]" * 900 + "}",
]  # fmt: skip

# … and those whose fault no schema can tell.
BEYOND_THE_SCHEMA: dict[str, Any] = {
    "a name that stands twice": '{"uid":70000,"uid":70000}',
    "a fraction of nothing": '{"uid":70000.0}',
    "an exponent": '{"uid":7e4}',
    "a number of DynamicUser=": {"uid": 61184},
    "nobody": {"uid": 65534},
    "a group twice, once with its number": {"groups": ["a", {"name": "a", "gid": 70000}]},
    "a number of two groups": {"groups": [{"name": "a", "gid": 70000}, {"name": "b", "gid": 70000}]},
    "half of a surrogate pair": '{"gecos":"\\ud800"}',
    "bytes, not characters, of gecos": {"gecos": "é" * 128},
    "bytes, not characters, of home": {"home": "/" + "é" * 128},
    "a day that the calendar lacks": {"notAfter": "2026-02-29"},
    "such a day in a key": {"sshKeys": [f'expiry-time="20260229" {ED25519}']},
    "a key of another type": {"sshKeys": [ED25519.replace("ssh-ed25519", "ssh-rsa")]},
    "a key cut short": {"sshKeys": [ED25519[:-4]]},
    "a comment instead of the key": {"sshKeys": ["ssh-ed25519 alice"]},
    "from= twice": {"sshKeys": [f'from="a",from="b" {ED25519}']},
    "command= twice": {"sshKeys": [f'command="a",command="b" {ED25519}']},
    "no such port": {"sshKeys": [f'permitopen="a:65536" {ED25519}']},
    "larger than 64 KiB": json.dumps({"name": "alice"}) + " " * 65536,
}


def text_of(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def verdict(document: Any) -> str:
    """What kratosd says: "ok", or the sentence with which it refuses."""
    folder = build()
    assert folder, "KRATOSD_BUILD names the build"
    run = subprocess.run(
        [folder / "unit/parse-document"], input=text_of(document).encode(), capture_output=True, check=True
    )
    return run.stdout.decode().strip()


def pattern(validator: Any, expected: str, instance: Any, _schema: Any) -> Any:
    """In ECMA 262, which JSON Schema follows, $ is the end alone; in Python also before a last newline."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", expected), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match")


Validator = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": pattern})


def follows_the_schema(document: Any) -> bool:
    return Validator(SCHEMA).is_valid(json.loads(text_of(document)))


def short(document: Any) -> str:
    return text_of(document)[:60]


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("document", GOOD, ids=short)
def test_right_documents(document: Any) -> None:
    assert verdict(document) == "ok"
    assert follows_the_schema(document)


@pytest.mark.parametrize("document", BAD, ids=short)
def test_rule_10_wrong_documents(document: Any) -> None:
    said = verdict(document)
    assert said != "ok"
    if isinstance(document, dict) and len(document) == 1 and (field := next(iter(document))) in SCHEMA["properties"]:
        assert said.startswith((f"{field}: ", "the document has a NUL"))
    assert not follows_the_schema(document)


@pytest.mark.parametrize("document", BEYOND_THE_SCHEMA.values(), ids=BEYOND_THE_SCHEMA.keys())
def test_rule_10_faults_that_no_schema_can_tell(document: Any) -> None:
    assert verdict(document) != "ok"
    assert follows_the_schema(document)


@pytest.mark.parametrize("line", KEYS)
def test_openssh_reads_the_same_key(line: str) -> None:
    """ssh-keygen reads a line as sshd does: past the options to the key."""
    run = subprocess.run(
        ["ssh-keygen", "-l", "-f", "/dev/stdin"], input=f"{line}\n", capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.rstrip().endswith("(ED25519-SK)" if line == SK else "(ED25519)")


class TestPage:
    """What doc/account-document.md says."""

    def test_its_example_is_a_document(self) -> None:
        (example,) = re.findall(r"```json\n(.*?)```", DOC, re.S)
        assert verdict(example) == "ok" and follows_the_schema(example)
        assert list(json.loads(example)) == list(SCHEMA["properties"])

    def test_its_table_has_each_field(self) -> None:
        table = DOC[DOC.index("## Fields") : DOC.index("## A value")]
        assert re.findall(r"^\| `(\w+)`", table, re.M) == list(SCHEMA["properties"])

    def test_its_options_are_those_that_are_taken(self) -> None:
        table = DOC[DOC.index("| option |") : DOC.index("All others")]
        column = "\n".join(re.findall(r"^\|(.*?)\|", table, re.M))
        named = set(re.findall(r"`([\w-]+)", column))
        tried = set(re.findall(r'(?:^|,)([\w-]+)(?=$|,|=")', "\n".join(OPTIONS), re.M))
        assert named == tried

    def test_its_commands_set_a_document(self, kratos: Kratos) -> None:
        person = kratos.create_identity("alice", "a long enough password")
        commands = re.findall(r"```sh\n(.*?)```", DOC, re.S)
        assert len(commands) == 2
        for command in commands:
            env = {"PATH": "/usr/bin:/bin", "ADMIN_URL": kratos.admin_url, "ID": person.id}
            subprocess.run(["sh", "-euc", command], env=env, check=True, capture_output=True, timeout=20)
            document = kratos.identity(person.id)["metadata_public"]["posix"]
            assert document["name"] == "alice" and verdict(document) == "ok"
        assert "notAfter" in document and "shell" not in document
