"""kratosd.conf(5) and etc/kratosd.conf: every key of the code's own table, with what it takes and what it is
without a word; what is said of a value is tried."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from manual import PAGES, Entry
from world.daemon import Daemon
from world.paths import CONFIGURATION, TREE, build

PAGE = PAGES["kratosd.conf.5"]
LEAST = "[Kratos]\nPublicURL=https://id.example\n"
UNITS = {"us": 1, "ms": 10**3, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6}

Key = tuple[str, str]
Probe = tuple[str, bool]


@dataclass
class Shown:
    """What is shown of a key: what it takes, and its default, "" for none."""

    takes: str
    default: str


def source(path: str) -> str:
    return (TREE / path).read_text()


def table() -> set[Key]:
    """The keys that the code has."""
    folder = build()
    if not folder or not (folder / "unit/config-keys").exists():
        pytest.skip("nothing is built")
    lines = subprocess.check_output([folder / "unit/config-keys", "list"], text=True).splitlines()
    keys = [(section, key) for section, key in map(str.split, lines)]
    assert len(keys) == len(set(keys)) > 40
    return set(keys)


def section_of(heading: str) -> str:
    """"[Service NAME]" is "Service"."""
    return heading.strip("[]").split()[0]


def shown(entry: Entry) -> Shown:
    """The first paragraph of a key says what it takes, and then its default."""
    first = entry.text.strip().partition("\n")[0]
    match = re.fullmatch(r"(.*)\. Default: (.*)\.", first)
    assert match, f"{entry.tags}: {first}"
    return Shown(match[1], "" if match[2] == "none" else match[2])


def in_page() -> dict[Key, Shown]:
    keys: dict[Key, Shown] = {}
    for heading, entries in PAGE.under("KEYS").items():
        for entry in entries if heading != "[Groups]" else []:
            for tag in entry.tags:
                key = (section_of(heading), tag.partition("=")[0])
                assert "=" in tag and key not in keys
                keys[key] = shown(entry)
    return keys


def in_file() -> dict[Key, Shown]:
    """The keys of etc/kratosd.conf, each with the comment above it."""
    keys: dict[Key, Shown] = {}
    section = comment = ""
    after_a_key = False
    for line in source("etc/kratosd.conf").splitlines():
        if line.startswith("["):
            section = section_of(line)
        elif match := re.fullmatch(r"#([A-Z][A-Za-z]+)=(.*)", line):
            keys[section, match[1]] = Shown(comment, match[2])
            after_a_key = True
        else:
            comment = line if after_a_key or not line else f"{comment} {line.lstrip('# ')}"
            after_a_key = False
    return keys


def test_every_key_is_there_and_no_other() -> None:
    assert set(in_page()) == set(in_file()) == table()


def test_the_sections_are_the_code_s_own() -> None:
    assert {section_of(heading) for heading in PAGE.under("KEYS")} == {
        section for section, _ in table()
    } | {"Groups"}


def test_both_show_the_same_defaults() -> None:
    page, file = in_page(), in_file()
    assert {key: page[key].default for key in page} == {key: file[key].default for key in file}


def configuration(values: dict[Key, str]) -> str:
    """A file with these values, and PublicURL=."""
    text = ""
    for section in sorted({section for section, _ in values}):
        text += f"[{'Service sshd' if section == 'Service' else section}]\n"
        text += "".join(f"{key}={value}\n" for (s, key), value in values.items() if s == section)
    return text + LEAST


def differing(folder: Path, one: str, other: str) -> set[Key]:
    table()
    files = []
    for number, text in enumerate((one, other)):
        files.append(folder / f"{number}.conf")
        files[-1].write_text(text)
    result = subprocess.run(
        [f"{build()}/unit/config-keys", "differ", *files], capture_output=True, text=True
    )
    assert result.returncode == 0 and not result.stderr, result.stderr
    return {(section, key) for section, key in map(str.split, result.stdout.splitlines())}


@pytest.mark.parametrize("keys", [in_page, in_file])
def test_what_is_shown_as_default_is_what_it_is_without_a_word(
    tmp_path: Path, keys: Callable[[], dict[Key, Shown]]
) -> None:
    text = configuration({key: entry.default for key, entry in keys().items()})
    assert differing(tmp_path, LEAST, text) == set()


def test_a_default_that_is_another_would_be_seen(tmp_path: Path) -> None:
    """Each key with another value than its default."""
    others = {
        "Addresses": "https://other.example", "An address": "https://proxy.example:3128",
        "A file": "/etc/passwd", "A user": "daemon", "A span": "4s", "A number": "77", "A list of numbers": "1000",
        "A list": "web", "Yes or no": "yes", "At most": "x-%u", "A JSON": "/traits/x", "A domain": "x.example",
        "A range": "1879048192-1879148192", "An absolute": "/srv", "A program": "/bin/sh",
    }  # fmt: skip
    values = {}
    for key, entry in in_page().items():
        if entry.takes.startswith("One of"):
            known = (entry.default, "aal2-if-enrolled")
            values[key] = next(word for word in words(entry.takes) if word not in known)
        else:
            values[key] = next(value for begin, value in others.items() if entry.takes.startswith(begin))
    values["Throttle", "Enabled"] = "no"
    values["Kratos", "ConnectTimeoutSec"] = "2s"
    text = configuration(values)
    assert differing(tmp_path, LEAST, text) == table()


# What may be said of a key, and the values by which that is tried: in their order, each with whether it is
# right. Lists go on from value to value.


def words(takes: str) -> list[str]:
    """Those of "One of a, b or c"."""
    return re.split(r", | or ", takes.removeprefix("One of "))


def usec(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", text).groups()
    return int(number) * UNITS[unit]


def no_span() -> list[Probe]:
    return [("", False), ("soon", False), ("-1s", False), ("1.5s", False), ("1s x", False), ("1y", False)]


def span_below(most: str) -> list[Probe]:
    return [*no_span(), ("0", False), ("1us", True), (most, True), (f"{usec(most) + 1}us", False)]


def span_from(least: str) -> list[Probe]:
    return [*no_span(), ("0", False), (f"{usec(least) - 1}us", False), (least, True), *longest()]


def longest() -> list[Probe]:
    return [("3660d", True), ("3660d 1us", False)]


def number(least: str, most: str) -> list[Probe]:
    return [(str(int(least) - 1), False), (least, True), (most, True), (str(int(most) + 1), False), ("", False)]


def many(count: str, words: list[str]) -> list[Probe]:
    """Of a list as many as it may hold, in lines that are not too long, and one more."""
    assert len(words) == int(count) + 1
    return [("", True), *((word, True) for word in words[:-1]), (words[-1], False), ("", True)]


def one_of(*right: str) -> list[Probe]:
    return [*((word, True) for word in right), ("nonsense", False), (right[0].upper(), False)]


def numbers(least: str, first: str, last: str) -> list[Probe]:
    low, high, size = int(first), int(last), int(least)
    return [
        (f"{low}-{low + size - 1}", True), (f"{low}-{low + size - 2}", False), (f"{low}-{high}", True),
        (f"{low - 1}-{high}", False), (f"{low}-{high + 1}", False), ("", False),
    ]  # fmt: skip


PHRASES: list[tuple[str, Callable[..., list[Probe]]]] = [
    (
        r"Addresses, at most (\d+)",
        lambda n: [
            *many(n, [f"https://{i}.example" for i in range(int(n) + 1)]),
            *(("unix:/s", True), ("unix:/s:/path", True), ("unix:s", False), ("ftp://x", False), ("", True)),
            *(("http://127.0.0.1:443/path", True), ("http://[::1]:443", True), ("http://localhost:443", True)),
            *(("http://127.0.0.1:1024", False), ("http://192.0.2.1:443", False), ("https://a@b", False)),
        ],
    ),
    (
        r"An address http://HOST:PORT or https://HOST:PORT",
        lambda: [("http://p:3128", True), ("https://p:3128", True), ("socks5://p:1", False), ("", True)],
    ),
    (
        r"A file that kratosd can read, by its absolute path",
        lambda: [("/etc/passwd", True), ("/nowhere", False), ("/etc", False), ("etc/passwd", False), ("", True)],
    ),
    (r"A user of /etc/passwd", lambda: [("daemon", True), ("no-such-user", False), ("", True)]),
    (r"A span of time above 0, at most (\S+)", span_below),
    (r"A span of time above 0", lambda: [*no_span(), ("0", False), ("1us", True), *longest()]),
    (r"A span of time, at least (\S+)", span_from),
    (r"A span of time, or 0", lambda: [*no_span(), ("0", True), ("1us", True), *longest()]),
    (r"A number from (\d+) to (\d+)", number),
    (r"One of (.*)", lambda _: []),
    (r"Yes or no", lambda: [*one_of(*"yes true on 1 no false off 0".split()), ("", False)]),
    (
        r"At most (\d+) bytes of ASCII, with %u in it once and no other %",
        lambda n: [
            *(("%u" + "a" * (int(n) - 2), True), ("%u" + "a" * (int(n) - 1), False), ("%u%u", False)),
            *(("%u%", False), ("a", False), ("%uä", False), ("", False), ("%u", True)),
        ],
    ),
    (
        r"A list of words, each at most (\d+) bytes of ASCII",
        lambda n: [("a" * int(n), True), ("a" * (int(n) + 1), False), ("ä", False), ("a b", True), ("", True)],
    ),
    (
        r"A JSON pointer to a trait, at most (\d+) bytes of ASCII without spaces",
        lambda n: [
            *(("/traits/" + "a" * (int(n) - 8), True), ("/traits/" + "a" * (int(n) - 7), False)),
            *(("/traits/a b", False), ("/metadata_public/a", False), ("/traits/ä", False), ("", True)),
        ],
    ),
    (r"A domain name", lambda: [("a.example", True), ("a", True), ("a.", False), ("a b", False), ("", True)]),
    (r"A range of at least (\d+) numbers within (\d+)-(\d+)", numbers),
    (
        r"A list of numbers or ranges, at most (\d+)",
        lambda n: [
            *many(n, [str(1000 + i) for i in range(int(n) + 1)]),
            *(("1000-59999", True), ("0", False), ("999", False), ("60001-60577", False), ("61184", False)),
            *(("65534", False), ("65535", False), ("2147352576", False)),
            *(("60000", True), ("100000-2147352575", True)),
        ],
    ),
    (
        r"An absolute path of ASCII, without spaces, colons and a slash at its end",
        lambda: [
            *(("/srv/home", True), ("srv", False), ("/srv home", False), ("/srv:", False), ("/srv/", False)),
            *(("/srvä", False), ("", False)),
        ],
    ),
    (
        r"A program, by its absolute path",
        lambda: [
            *(("/bin/sh", True), ("/bin/no-such-shell", False), ("/etc/passwd", False), ("sh", False)),
            ("", False),
        ],
    ),
    (
        r"A list of patterns",
        lambda: [
            *(("a" * 64, True), ("a" * 65, False), ("web-* [a-f]?_.", True), ("A", False), ("[", False)),
            ("", True),
            *((" ".join(["a"] * n), True) for n in (85, 85, 86)),
            *(("a", False), ("", True)),
        ],
    ),
]  # fmt: skip


def probes(takes: str) -> list[Probe]:
    for pattern, values in PHRASES:
        if match := re.fullmatch(pattern, takes):
            return one_of(*words(takes)) if takes.startswith("One of") else values(*match.groups())
    raise AssertionError(f"nothing tries this: {takes}")


def test_each_value_is_taken_or_refused_as_the_page_says() -> None:
    lines, right = [], {}
    for (section, key), entry in in_page().items():
        lines.append(f"[{'Service sshd' if section == 'Service' else section}]")
        for value, good in probes(entry.takes):
            lines.append(f"{key}={value}")
            right[len(lines)] = good
    Daemon.write_configuration("\n".join(lines) + "\n")
    told = Daemon.check_config().stderr
    wrong = {int(n) for n in re.findall(rf"^{CONFIGURATION}:(\d+): error: ", told, re.M)}
    assert len(right) > 200 and not re.search(r":\d+: warning:", told)
    assert [lines[n - 1] for n in right if right[n] == (n in wrong)] == []


def test_of_words_the_page_names_all() -> None:
    """kratosd says which there are, where it is given another."""
    choices = {key: entry for key, entry in in_page().items() if entry.takes.startswith("One of ")}
    assert len(choices) == 5
    for (section, key), entry in choices.items():
        Daemon.write_configuration(configuration({(section, key): "nonsense"}))
        (sentence,) = re.findall(rf"{key}=nonsense: (.*) is wanted", Daemon.check_config().stderr)
        assert sentence == entry.takes.removeprefix("One of ")


def test_the_file_tells_the_same_limits() -> None:
    """Of numbers and of times."""
    limits = re.compile(r"from \d+ to \d+|at (?:most|least) \d+[a-z]*")
    told = {key: limits.findall(entry.takes) for key, entry in in_page().items()}
    told = {
        key: said
        for key, said in told.items()
        if said and key[1].endswith(("Sec", "Tries", "PerHour", "Range"))
    }
    assert len(told) == 10
    comments = in_file()
    assert [key for key in told for limit in told[key] if limit not in comments[key].takes.lower()] == []


def constant(path: str, name: str) -> int:
    (value,) = re.findall(rf"#define {name} \(?([0-9 *]+)\)?", source(path))
    return eval(value)  # noqa: S307


@pytest.mark.parametrize(
    ("path", "name", "sentence"),
    [
        ("kratosd/config.c", "LINE_MAX_BYTES", r"A line has at most (\d+) bytes, and a file \d+\."),
        ("kratosd/config.c", "FILE_MAX_BYTES", r"A line has at most \d+ bytes, and a file (\d+)\."),
        ("kratosd/config.h", "CONFIG_WORDS_MAX", r"At most (\d+) words, unless another"),
        ("kratosd/config.h", "CONFIG_SERVICES_MAX", r"At most (\d+) services\."),
        ("kratosd/config.h", "CONFIG_SERVICE_NAME", r"at most (\d+) bytes of a-z, 0-9 and _ \. @ \+ -\."),
        ("kratosd/config.h", "CONFIG_GROUPS_MAX", r"At most (\d+) groups\."),
        ("kratosd/config-accounts.c", "PATTERN_MAX", r"at most (\d+) bytes of a-z, 0-9, and _ \. -"),
        ("common/local-users.c", "LINE_LENGTH_MAX", r"A line has at most (\d+) bytes, and the file \d+\."),
        ("common/local-users.c", "LIST_MAX", r"A line has at most \d+ bytes, and the file (\d+)\."),
    ],
)
def test_the_limits_are_the_code_s_own(path: str, name: str, sentence: str) -> None:
    (told,) = re.findall(sentence, PAGE.text)
    assert int(told) == constant(path, name)


def test_the_units_of_time_are_the_code_s_own() -> None:
    (rows,) = re.findall(r"\} units\[\] = \{(.*?)\};", source("kratosd/timespan.c"), re.S)
    (told,) = re.findall(r"A whole number and a unit, (.*?), or several", PAGE.text)
    assert re.split(r", or |, | or ", told) == re.findall(r'"(\w+)"', rows)


def test_the_strict_sections_are_the_code_s_own() -> None:
    (rows,) = re.findall(r"\bsections\[\] = \{(.*?)\};", source("kratosd/config-options.c"), re.S)
    (told,) = re.findall(r"whose names begin with (.*?), in whatever capitals", PAGE.text)
    assert set(re.split(r", | or ", told)) == set(re.findall(r'"(\w+)"', rows))


def test_without_a_server_it_is_as_the_page_says() -> None:
    Daemon.write_configuration("")
    result = Daemon.check_config()
    assert result.returncode == 0 and "warning: PublicURL= " in result.stderr
    assert "Until it is, kratosd runs, nobody can log in with Kratos, and nothing else changes" in PAGE.text


def test_the_examples_have_no_mistake() -> None:
    text = PAGE.file.read_text().replace(r"\-", "-")
    examples = [part for part in re.findall(r"^\.EX\n(.*?)^\.EE", text, re.M | re.S) if "[" in part]
    assert len(examples) == 3
    for example in examples:
        example = example.replace("/etc/kratosd/client.pem", "/etc/passwd").replace("=kratos\n", "=daemon\n")
        Daemon.write_configuration(example)
        result = Daemon.check_config()
        assert result.returncode == 0 and "warning" not in result.stderr, result.stderr
