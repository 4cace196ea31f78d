"""A manual page as it is read: sections, and in them entries, each with its tags and its text."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from world.paths import TREE

DOC = TREE / "doc"

ESCAPES = {r"\-": "-", r"\~": " ", r"\(bu": "•", r"\(dq": '"', r"\(aq": "'", r"\e": "\\"}
IN_TURN = ("BI", "BR", "IB", "IR", "RB", "RI")


def unescape(text: str) -> str:
    text = re.sub(r"\\f[BIRP]", "", text)
    return re.sub(r"\\\(\w\w|\\.", lambda match: ESCAPES[match[0]], text)


def arguments(text: str) -> list[str]:
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]


@dataclass
class Entry:
    """What a tag, or several, stand for; text before the first tag is an entry without one."""

    tags: list[str] = field(default_factory=list)
    text: str = ""

    @property
    def names(self) -> list[str]:
        """The first words of the tags, and what a comma parts from them."""
        return [word.split()[0] for tag in self.tags for word in tag.split(", ")]


@dataclass
class Page:
    """The entries of each section: of "SH", and of "SH/SS"."""

    file: Path
    sections: dict[str, list[Entry]] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str) -> "Page":
        page = cls(DOC / name)
        heading = ""
        section = page.sections.setdefault("", [Entry()])
        tag = False
        depth = 0  # what is set in belongs to the entry around it
        for line in page.file.read_text().splitlines():
            macro, _, rest = line.partition(" ") if line.startswith((".", "'")) else ("", "", line)
            words = arguments(rest)
            if macro in (".SH", ".SS"):
                name = " ".join(words)
                heading, name = (name, name) if macro == ".SH" else (heading, f"{heading}/{unescape(name)}")
                section = page.sections.setdefault(name, [Entry()])
            elif macro in (".TP", ".TQ") and not depth:
                tag = True
                if macro == ".TP":
                    section.append(Entry())
            elif macro and macro[1:] not in (*IN_TURN, "B", "I"):
                depth += {".RS": 1, ".RE": -1}.get(macro, 0)
                section[-1].text += "\n"
            else:
                joined = unescape(("" if macro[1:] in IN_TURN else " ").join(words) if macro else rest)
                if tag:
                    section[-1].tags.append(joined)
                    tag = False
                else:
                    section[-1].text += f" {joined}"
        return page

    def entries(self, section: str) -> list[Entry]:
        return [entry for entry in self.sections[section] if entry.tags]

    def names(self, section: str) -> list[str]:
        return [name for entry in self.entries(section) for name in entry.names]

    def under(self, section: str) -> dict[str, list[Entry]]:
        """The entries of each of its parts."""
        return {
            name.partition("/")[2]: self.entries(name)
            for name in self.sections
            if name.startswith(f"{section}/")
        }

    @property
    def text(self) -> str:
        """All of it, with one space between words."""
        parts = [
            "\n".join((name, *entry.tags, entry.text))
            for name, entries in self.sections.items()
            for entry in entries
        ]
        return re.sub(r"\s+", " ", "\n".join(parts))


PAGES = {name: Page.read(name) for name in ("pam_kratos.8", "kratosd.8", "kratosd.conf.5")}
