"""The catalogues: everything that a person sees is in them, and they are complete."""

import re
import subprocess
from pathlib import Path

import pytest

from world.paths import TREE

PO = TREE / "po"
LANGUAGES = sorted(path.stem for path in PO.glob("*.po"))
SHIPPED = ("common", "kratosd", "pam_kratos")
UNIT = r'(?:\s*"(?:\\.|[^"\\])*")+'


def run(*argv: object) -> str:
    argv = tuple(str(argument) for argument in argv)
    result = subprocess.run(argv, cwd=TREE, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout


def joined(literals: str) -> str:
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', literals))


def messages(catalogue: str) -> dict[str, str]:
    """Each message and its translation."""
    found = re.findall(rf"^msgid({UNIT})\nmsgstr({UNIT})", catalogue, re.M)
    return {joined(message): joined(text) for message, text in found if joined(message)}


def sources() -> dict[str, str]:
    paths = [path for folder in SHIPPED for path in sorted((TREE / folder).glob("*.[ch]"))]
    return {str(path.relative_to(TREE)): path.read_text() for path in paths}


def test_template_is_up_to_date() -> None:
    """make po brings it there."""
    template = (PO / "kratosd.pot").read_text()
    assert run(PO / "extract") == template
    assert len(messages(template)) > 30


def test_every_file_with_messages_is_searched() -> None:
    marked = {path for path, text in sources().items() if re.search(r'\bN_\(\s*"', text)}
    assert sorted(marked) == (PO / "POTFILES").read_text().split()


def test_what_a_person_sees_is_marked() -> None:
    """Prompts and sentences: as arguments of what shows them, and as macros that are."""
    shows = (
        r"(?:call_tell\(\w+, [^,]+,|words_add\(\w[\w>.-]*,|add\(l,|add_way\(\w+, [\w+]+,|\.sentence = |"
        r"(?:_saying|refuse)\([^;\"]*\"[\w-]+\",)\s*"
    )
    separator = r"\"(?:[ ,:]*)\""
    for path, text in sources().items():
        found = re.findall(rf'(?:{shows})("(?:\\.|[^"\\])*")', text)
        assert not [one for one in found if not re.fullmatch(separator, one)], path
        if path != "kratosd/adoption.h":
            assert not re.findall(r'#define \w+_SENTENCE\s*(?:\\\n\s*)?"', text), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_complete(language: str) -> None:
    """No message is missing, left over, doubtful, or has lost a place or the space at its end."""
    path = PO / f"{language}.po"
    run("msgfmt", "--check", "-o", "/dev/null", path)
    text = path.read_text()
    assert not re.findall(r"^#,.*fuzzy|^#~", text, re.M)
    translated = messages(text)
    assert translated.keys() == messages((PO / "kratosd.pot").read_text()).keys()
    for message, translation in translated.items():
        assert translation, message
        assert sorted(re.findall(r"%\d", message)) == sorted(re.findall(r"%\d", translation)), message
        assert message[-1] == translation[-1] and translation == translation.lstrip(), message


def test_german_is_there() -> None:
    assert "de" in LANGUAGES
    assert messages((PO / "de.po").read_text())["Password: "] == "Passwort: "
