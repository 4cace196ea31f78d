"""The stack that pam-auth-update makes of our profiles, on a machine that runs: who is asked what, and what
ends it. Rules 5, 23 and 36."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host import LOCAL_PASSWORD, PASSWORD, key_is_in_vain, put_key
from world.box import Box
from world.fixtures import kept
from world.kratos import Identity, Kratos
from world.paths import TREE
from world.processes import wait_until
from world.ssh import SshSession

OLD_PASSWORD = "an old local password"

# Each phase as both suites write it: what is left of pam-auth-update's own lines is Debian's.
OURS = "ignore=ignore user_unknown=ignore module_unknown=ignore default=die] pam_kratos.so"
STACKS = {
    "common-auth": f"""\
[success=2 {OURS} login-id=env
[success=1 default=ignore] pam_unix.so nullok try_first_pass
requisite pam_deny.so
required pam_permit.so
""",
    "common-account": """\
[success=ok new_authtok_reqd=ok user_unknown=ignore module_unknown=ignore default=die] pam_kratos.so
[success=1 new_authtok_reqd=done default=ignore] pam_unix.so
requisite pam_deny.so
required pam_permit.so
""",
    "common-password": """\
[success=2 default=ignore] pam_unix.so obscure yescrypt
[success=1 user_unknown=ignore module_unknown=ignore default=die] pam_kratos.so
requisite pam_deny.so
required pam_permit.so
""",
    "common-session": """\
[default=1] pam_permit.so
requisite pam_deny.so
required pam_permit.so
[success=ok ignore=1 module_unknown=ignore default=die] pam_kratos.so login-id=env
optional pam_mkhomedir.so umask=0077
required pam_unix.so
optional pam_systemd.so
""",
    "common-session-noninteractive": """\
[default=1] pam_permit.so
requisite pam_deny.so
required pam_permit.so
[success=ok ignore=1 module_unknown=ignore default=die] pam_kratos.so login-id=env
optional pam_mkhomedir.so umask=0077
required pam_unix.so
""",
}

# Another directory: what /etc/userdb says, nss-systemd and systemd-userdbd serve, and not we.
ELSEWHERE = """\
{{"userName":"{name}","uid":3001,"gid":3001,"homeDirectory":"/home/{name}","shell":"/bin/bash",
"disposition":"regular"}}
"""

KEYRING = """\
Name: a keyring
Default: yes
Priority: 0
Auth-Type: Additional
Auth:
	optional	pam_exec.so expose_authtok quiet /usr/local/sbin/keyring
"""


@pytest.fixture(scope="module")
def _shared(_prepared: Path, _installed: Path) -> Iterator[Box]:
    box = Box("shared", _installed, _prepared)
    try:
        with kept(box):
            box.power_on()
            yield box
    finally:
        box.remove()


@pytest.fixture
def shared(_shared: Box, kratos: Kratos) -> Box:
    """A machine with our software that runs through all tests of the file which leave it as it was."""
    return _shared


@pytest.fixture
def mapped(shared: Box, kratos: Kratos) -> Iterator[Identity]:
    """A local account with an old local password, which is an identity's."""
    identity = kratos.create_identity("mia", f"{PASSWORD} of mia")
    shared.sh("useradd --create-home --shell=/bin/bash mia")
    shared.run("chpasswd", input=f"mia:{OLD_PASSWORD}\n")
    shared.write("/etc/kratosd/local-users", f"mia {identity.id}\n")
    yield identity
    shared.write("/etc/kratosd/local-users", "")
    shared.run("kratosd", "--unpin", "mia", check=False)
    shared.sh("pkill -KILL -u mia || true; userdel --force --remove mia")


def stack(box: Box, name: str) -> str:
    """The lines of a common- file without what all of them begin with, and without pam_umask, which Debian 13 has
    in its sessions."""
    text = box.path(f"/etc/pam.d/{name}").read_text()
    text = re.sub(r"(?m)^session.*pam_umask\.so.*\n", "", text)
    lines = [line.split(maxsplit=1)[1] for line in text.splitlines() if line and line[0] != "#"]
    return "".join(" ".join(line.split()) + "\n" for line in lines)


def prompts(login: SshSession) -> int:
    return len(re.findall("assword: ", login.output))


def wrong(user: str, password: str) -> SshSession:
    """One try over keyboard-interactive, in which sshd asks whatever PAM asks."""
    return SshSession(user, methods="keyboard-interactive").answer(password).refused()


def test_rules_5_and_36_what_is_written(shared: Box) -> None:
    written = {name: stack(shared, name) for name in STACKS}
    assert written == STACKS
    ((command, number),) = re.findall(r"`(grep [^`]+)` names (\w+) files", (TREE / "doc/pam.md").read_text())
    assert set(shared.sh(command).split()) == {f"/etc/pam.d/{name}" for name in STACKS}
    assert number == "five" and len(STACKS) == 5
    # What is written is what pam-auth-update takes for its own: the next profile finds no local changes.
    told = shared.run("pam-auth-update", "--package").stdout
    assert "ocal modifications" not in told, told
    assert {name: stack(shared, name) for name in STACKS} == STACKS


def test_nobody_is_asked_twice(shared: Box, make: Callable[..., Identity]) -> None:
    """Local people, ours and strangers."""
    make("ada")
    for user in "lokal", "ada", "nosuchname":
        assert prompts(wrong(user, "wrong")) == 1, user
    login = SshSession("lokal", methods="keyboard-interactive").login(LOCAL_PASSWORD)
    assert prompts(login) == 1
    login.logout()


def test_rule_36_an_old_local_password_is_none(shared: Box, mapped: Identity, kratos: Kratos) -> None:
    wrong("mia", OLD_PASSWORD)
    login = SshSession("mia").login(mapped.password)
    assert len(kratos.active_sessions(mapped.id)) == 1
    login.logout()


def test_rule_36_while_kratosd_is_away_too(shared: Box, mapped: Identity) -> None:
    put_key(shared, "mia")
    SshSession("mia", key=True).shell().logout()
    shared.run("systemctl", "stop", "kratosd")
    try:
        SshSession("mia", methods="keyboard-interactive").refused()
        # Not with a key either, for the account phase asks as well.
        key_is_in_vain(shared, "mia")
    finally:
        shared.run("systemctl", "start", "kratosd")


def test_rule_5_a_denial_is_final_though_the_password_has_aged(
    shared: Box, heard: None, mapped: Identity, kratos: Kratos
) -> None:
    """pam_unix ends the account phase with a yes then: ours must have been asked before."""
    put_key(shared, "mia")
    SshSession("mia", key=True).shell().logout()
    shared.run("chage", "--lastday", "0", "mia")
    kratos.set_state(mapped.id, "inactive")
    key_is_in_vain(shared, "mia")


def test_rule_5_a_denial_is_final_for_keys_su_cron_and_at(
    shared: Box, make: Callable[..., Identity]
) -> None:
    """Of a person who may come in, and of one who may not."""
    ida, eve = make("ida"), make("eve", hosts=["elsewhere"])
    put_key(shared, "eve")
    key_is_in_vain(shared, "eve")
    for person in ida, eve:
        assert shared.run("getent", "passwd", person.username).stdout
        shell = SshSession("lokal").login(LOCAL_PASSWORD)
        shell.type(f"su {person.username} -c 'id -un'").answer(person.password)
        shell.shell()
        assert (f"\n{person.username}\n" in shell.output) == (person is ida), shell.output
        shell.logout()
        mark = f"/var/tmp/at-{person.username}"
        shared.write(f"/var/spool/cron/crontabs/{person.username}", f"@reboot touch {mark}.cron\n", 0o600)
        shared.sh(f"chown {person.username}:crontab /var/spool/cron/crontabs/{person.username}")
        shared.sh(f"echo 'touch {mark}' | setpriv --reuid={person.username} --regid=nogroup --init-groups at now")
    shared.sh("rm -f /run/crond.reboot; systemctl restart cron")
    for what in "", ".cron":
        ran = f"/var/tmp/at-ida{what}"
        wait_until(lambda ran=ran: shared.path(ran).exists(), f"{ran} is there", 20)
    time.sleep(1.0)
    assert not list(shared.path("/var/tmp").glob("at-eve*"))
    shared.sh("rm -f /var/tmp/at-* /var/spool/cron/crontabs/*")


def test_rule_23_people_of_other_directories_need_no_kratosd(shared: Box) -> None:
    shared.write("/etc/userdb/erik.user", ELSEWHERE.format(name="erik"))
    hashed = shared.run("openssl", "passwd", "-6", OLD_PASSWORD).stdout.strip()
    shared.write(
        "/etc/userdb/erik.user-privileged", f'{{"privileged":{{"hashedPassword":["{hashed}"]}}}}\n', 0o600
    )
    shared.sh("ln -sf erik.user /etc/userdb/3001.user; install -d -o 3001 -m 700 /home/erik")
    shared.sh("cp /etc/skel/.profile /home/erik/")
    for command in "stop", "start":
        shared.run("systemctl", command, "kratosd")
        login = SshSession("erik").login(OLD_PASSWORD)
        assert login.run("id -un") == "erik"
        login.logout()
        wrong("erik", "wrong")
    shared.sh("rm /etc/userdb/erik* /etc/userdb/3001*")


def test_rule_23_local_people_do_not_wait_for_a_kratosd_that_hangs(shared: Box) -> None:
    """PAM does not ask us. Their groups are left to the files here: what asks for them waits (test_userdb.py)."""
    switch = shared.path("/etc/nsswitch.conf").read_text()
    shared.write("/etc/nsswitch.conf", switch.replace(" systemd", ""))
    (pid,) = shared.show("kratosd.service", "MainPID")
    shared.write("/etc/sudoers.d/lokal", "lokal ALL=(ALL) ALL\n", 0o440)
    login = SshSession("lokal").login(LOCAL_PASSWORD)
    shared.run("kill", "-STOP", pid)
    try:
        begun = time.monotonic()
        login.type("sudo -k -p 'Pass''word: ' id -un").answer(LOCAL_PASSWORD).shell()
        assert "\nroot\n" in login.output
        login.type("passwd").asked()
        assert time.monotonic() - begun < 2.0
        assert shared.show("kratosd.service", "MainPID") == [pid]
        login.type("wrong").shell()
    finally:
        shared.run("kill", "-CONT", pid, check=False)
        shared.write("/etc/nsswitch.conf", switch)
    login.logout()
    shared.sh("rm /etc/sudoers.d/lokal")


def test_keyrings_get_the_password(shared: Box, make: Callable[..., Identity]) -> None:
    """Of a module that comes after ours and pam_unix: the one that was typed, once."""
    person = make("kim")
    shared.write("/usr/local/sbin/keyring", "#!/bin/sh\ntr -d '\\0' >/var/tmp/keyring\n", 0o755)
    shared.write("/usr/share/pam-configs/keyring", KEYRING)
    shared.run("pam-auth-update", "--package")
    try:
        for user, password in ("kim", person.password), ("lokal", LOCAL_PASSWORD):
            login = SshSession(user).login(password)
            assert shared.path("/var/tmp/keyring").read_text() == password
            login.logout()
    finally:
        shared.run("pam-auth-update", "--package", "--remove", "keyring")
        shared.sh("rm /usr/share/pam-configs/keyring /var/tmp/keyring")
    assert {name: stack(shared, name) for name in STACKS} == STACKS


def test_homes_are_made_for_ours_alone(shared: Box, make: Callable[..., Identity]) -> None:
    person = make("hans")
    login = SshSession("hans").login(person.password)
    assert login.run("stat -c '%U %a' ~") == "hans 700"
    login.logout()
    shared.sh("useradd --no-create-home --shell=/bin/bash ohne")
    shared.run("chpasswd", input=f"ohne:{LOCAL_PASSWORD}\n")
    assert SshSession("ohne", "true").answer(LOCAL_PASSWORD).finish().status == 0
    assert not shared.path("/home/ohne").exists()
    shared.sh("userdel --force ohne")


def test_an_aged_local_password_leads_through_its_change(shared: Box) -> None:
    shared.run("chage", "--lastday", "0", "lokal")
    new = "quite another passphrase"
    login = SshSession("lokal", methods="keyboard-interactive").answer(LOCAL_PASSWORD)
    for answer in LOCAL_PASSWORD, new, new:
        login.answer(answer)
    login.shell().logout()
    assert "You are required to change your password immediately" in login.output
    SshSession("lokal").login(new).logout()
    shared.run("chpasswd", input=f"lokal:{LOCAL_PASSWORD}\n")


def test_passwd_of_mapped_people(shared: Box, mapped: Identity, kratos: Kratos) -> None:
    """It is the password at Kratos that it changes, and never the local one in its place."""
    shadow = shared.path("/etc/shadow").read_text()
    login = SshSession("mia").login(mapped.password)
    new = f"{PASSWORD} and more"
    login.type("passwd").answer(mapped.password).answer(new).answer(new).shell()
    assert "password updated successfully" in login.output, login.output
    assert shared.path("/etc/shadow").read_text() == shadow
    login.logout()
    SshSession("mia").login(new).logout()
