"""The manual pages: their form, and that what they name is what the code has: options, exit statuses,
signals, arguments, results. The code's own lists are read from the source; the keys are in
test_manual_keys.py."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from manual import DOC, PAGES
from world.daemon import PROGRAM, unit
from world.paths import TREE

KRATOSD, MODULE = PAGES["kratosd.8"], PAGES["pam_kratos.8"]


def source(path: str) -> str:
    return (TREE / path).read_text()


def sources(folder: str) -> str:
    return "".join(path.read_text() for path in sorted((TREE / folder).glob("*.[ch]")))


class TestForm:
    def test_there_are_these_pages(self) -> None:
        assert {path.name for path in DOC.glob("*.[1-9]")} == set(PAGES)

    @pytest.mark.parametrize("name", PAGES)
    def test_man_has_no_warnings(self, name: str) -> None:
        if not shutil.which("man"):
            pytest.skip("there is no man here")
        command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(DOC / name)]
        result = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
        )
        assert (result.returncode, result.stderr) == (0, "") and len(result.stdout) > 5000

    @pytest.mark.parametrize("name", PAGES)
    def test_mandoc_has_nothing_to_say(self, name: str) -> None:
        if not shutil.which("mandoc"):
            pytest.skip("there is no mandoc here")
        result = subprocess.run(["mandoc", "-Tlint", str(DOC / name)], capture_output=True, text=True)
        lines = (result.stdout + result.stderr).splitlines()
        assert [line for line in lines if "input text line longer than 80 bytes" not in line] == []

    @pytest.mark.parametrize("name", PAGES)
    def test_lines_are_not_too_long(self, name: str) -> None:
        assert max(map(len, (DOC / name).read_text().splitlines())) <= 110

    def test_each_page_leads_to_the_others(self) -> None:
        for page in PAGES.values():
            others = {re.sub(r"\.(\d)$", r"(\1)", name) for name in PAGES if name != page.file.name}
            assert others <= set(re.findall(r"[\w.]+\(\d\)", page.sections["SEE ALSO"][0].text))


class TestNoOtherNames:
    """What looks like a name of ours is one."""

    def test_keys(self) -> None:
        known = set(re.findall(r'\{ "\w+", "(\w+)", set_', source("kratosd/config-options.c")))
        for page in PAGES.values():
            text = page.text.replace("GROUP=", "").replace("KEY=", "").replace("NAME=", "")
            named = set(re.findall(r"(?<![\w.])([A-Z]\w+)=", text)) - {"KRATOSD_EVENT", "KRATOSD_USER"}
            assert named - known - set(unit()) == set()

    def test_options(self) -> None:
        for page in PAGES.values():
            assert set(re.findall(r"--[a-z][a-z-]*", page.text)) <= options_of_the_code()

    def test_files(self) -> None:
        """Each is named in the source, at least by its last part."""
        code = sources("kratosd") + sources("pam_kratos") + sources("common")
        code += source("systemd/kratosd.service") + source("Makefile") + source("kratosd/aside.h")
        for page in PAGES.values():
            for path in page.names("FILES"):
                assert path.startswith("/")
                assert re.search(rf'[/"$). ]{re.escape(Path(path).name)}\b', code) or path.endswith(
                    ("*.conf", ".corrupt")
                ), path


def options_of_the_code() -> set[str]:
    (table,) = re.findall(r"struct option options\[\] = \{(.*?)\};", source("kratosd/main.c"), re.S)
    return {f"--{name}" for name in re.findall(r'\{ "([a-z-]+)",', table)}


class TestCommandLine:
    def test_the_options(self) -> None:
        assert set(KRATOSD.names("OPTIONS")) == options_of_the_code()
        assert len(KRATOSD.names("OPTIONS")) == len(options_of_the_code()) == 7

    def test_the_synopsis(self) -> None:
        synopsis = KRATOSD.sections["SYNOPSIS"][0].text
        assert set(re.findall(r"--[a-z-]+", synopsis)) == options_of_the_code()

    def test_the_help(self) -> None:
        told = subprocess.check_output([PROGRAM, "--help"], text=True)
        assert set(re.findall(r"--[a-z-]+", told)) == options_of_the_code()

    def test_the_arguments_are_those_of_the_help(self) -> None:
        told = subprocess.check_output([PROGRAM, "--help"], text=True)
        for tag in (tag for entry in KRATOSD.entries("OPTIONS") for tag in entry.tags):
            assert re.search(rf"^  kratosd {tag.replace('~', ' ')}(?: |$)", told, re.M), tag

    def test_the_exit_statuses(self) -> None:
        said = set(re.findall(r"\bEX_[A-Z]+\b", sources("kratosd")))
        told = {int(e.tags[0]): e.text.split()[0].rstrip(":") for e in KRATOSD.entries("EXIT STATUS")}
        assert told == {getattr(os, name): name for name in said}

    def test_the_status_that_keeps_systemd_from_trying_again(self) -> None:
        (status,) = unit()["RestartPreventExitStatus"]
        final = [e for e in KRATOSD.entries("EXIT STATUS") if "does not start the daemon again" in e.text]
        assert [e.tags for e in final] == [[status]]


class TestDaemon:
    def test_the_signals(self) -> None:
        taken = re.findall(r"sigaddset\(&set, (SIG\w+)\)", source("kratosd/manager.c"))
        assert sorted(KRATOSD.names("SIGNALS")) == sorted(taken)

    def test_the_credentials(self) -> None:
        assert sorted(KRATOSD.names("CREDENTIALS")) == sorted(unit()["LoadCredential"])
        assert set(KRATOSD.names("CREDENTIALS")) == set(
            re.findall(r'#define \w+ "(kratosd\.[a-z-]+)"', sources("kratosd"))
        )

    def test_the_environment(self) -> None:
        (kept,) = re.findall(r"\bkept\[\] = \{(.*?)\};", source("kratosd/environment.c"), re.S)
        told = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", KRATOSD.sections["ENVIRONMENT"][0].text)
        assert sorted(told) == sorted(re.findall(r'"(\w+)"', kept))

    def test_the_names_on_the_bus(self) -> None:
        header = source("common/interface.h")
        names = re.findall(r'#define (?:MANAGER|USER)_NAME "(.*)"', header)
        assert sorted(KRATOSD.names("BUS")) == sorted(names)
        others = r'#define (?:MANAGER_|USER_|USERDB_)(?:PATH|INTERFACE|SERVICE) "(.*)"'
        for name in re.findall(others, header):
            assert f" {name}" in KRATOSD.text

    def test_the_events(self) -> None:
        (table,) = re.findall(r"\} events\[\] = \{(.*?)\n\};", source("kratosd/log.c"), re.S)
        events = re.findall(r'= \{ "([a-z-]+)", EVENT_ID_', table)
        assert KRATOSD.names("JOURNAL") == events and len(events) == 9
        fields = re.findall(r'"(KRATOSD_[A-Z]+)=', source("kratosd/log.c"))
        assert set(re.findall(r"KRATOSD_[A-Z]+", KRATOSD.text)) == set(fields)


class TestModule:
    def test_the_arguments(self) -> None:
        taken = re.findall(r'strcmp\(argv\[i\], "([^"]+)"\)', source("pam_kratos/options.c"))
        assert sorted(MODULE.names("OPTIONS")) == sorted(taken)
        synopsis = MODULE.sections["SYNOPSIS"][0].text.replace("pam_kratos.so", "")
        assert sorted(re.findall(r"[a-z]+[-_][a-z_=]+[a-z]", synopsis)) == sorted(taken)

    def test_the_functions(self) -> None:
        exported = re.findall(r"pam_sm_\w+", source("pam_kratos/pam_kratos.map"))
        assert sorted(MODULE.under("RETURN VALUES")) == sorted(exported)

    def test_the_table_of_results(self) -> None:
        header = dict(re.findall(r'#define (ERROR_\w+) ERROR_PREFIX "(\w+)"', source("common/interface.h")))
        (rows,) = re.findall(r"\} table\[\] = \{(.*?)\};", source("pam_kratos/result.c"), re.S)
        expected = {header[error]: code for error, code in re.findall(r"\{ (ERROR_\w+), (PAM_\w+) \}", rows)}
        (table,) = re.findall(r"^\.TS\n(.*?)^\.TE", MODULE.file.read_text(), re.S | re.M)
        told = dict(re.findall(r"^([A-Z]\w+)\|(PAM_\w+)\|", table, re.M))
        assert told == expected and len(told) == 7

    def test_the_rest_of_the_table(self) -> None:
        code = source("pam_kratos/result.c")
        (lost,) = re.findall(r"CLIENT_UNREACHABLE \|\| r == CLIENT_LOST\)\s+return (PAM_\w+);", code)
        (fault,) = re.findall(r"\n        return (PAM_\w+);\n\}", code)
        page = MODULE.file.read_text()
        assert f"\n(no answer)|{lost}|" in page and f"\n(anything else)|{fault}|" in page

    def test_the_codes(self) -> None:
        """Each that the module can return, and none that it cannot."""
        header = Path("/usr/include/security/_pam_types.h").read_text()
        values = header[header.index("return values") : header.index("_PAM_RETURN_VALUES")]
        codes = set(re.findall(r"^#define (PAM_\w+) ", values, re.M))
        code = re.sub(r"/\*.*?\*/", "", sources("pam_kratos"), flags=re.S)
        said = set(re.findall(r"\bPAM_\w+", code)) & codes
        assert set(re.findall(r"\bPAM_\w+", MODULE.text)) & codes == said
        assert len(codes) == 32 and len(said) == 14

    def test_the_variable(self) -> None:
        assert f'"{MODULE.names("ENVIRONMENT")[0]}"' in source("common/interface.h")

    def test_the_times(self) -> None:
        header = source("common/interface.h")
        usec = dict(re.findall(r"#define (\w+)_DEADLINE_USEC UINT64_C\((\d+)000000\)", header))
        assert re.search(
            rf"waits {usec['BEGIN']} s at most .* {usec['ANSWER']} s for what takes Kratos, "
            rf"and {usec['CALL']} s in all",
            MODULE.text,
        )

    def test_the_examples_are_the_profile_of_sshd(self) -> None:
        profile = {" ".join(line.split()) for line in source("etc/pam/sshd").splitlines()}
        page = MODULE.file.read_text().replace("\\-", "-").replace("\\e\n", " ")
        for example in re.findall(r"^\.EX\n(.*?)^\.EE", page, re.S | re.M):
            for line in example.splitlines():
                assert " ".join(line.split()) in profile
