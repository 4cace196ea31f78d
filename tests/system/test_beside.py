"""Our packages beside what else a host may have: Debian's passwd, further PAM modules, AppArmor, the other bus."""

import re
from collections.abc import Callable

from host import CONFIGURATION, INSTALL_TIMEOUT, LOCAL_PASSWORD, PASSWORD, install_packages
from world.box import Box
from world.kratos import Identity, Kratos
from world.ssh import SshSession

NEW_PASSWORD = "correct donkey battery staple"

# What an administrator of Debian writes to have pam_faillock count, before pam_unix and after.
FAILLOCK = {
    "faillock": """\
Name: refuse after too many wrong passwords
Default: yes
Priority: 300
Auth-Type: Primary
Auth:
	requisite pam_faillock.so preauth deny=2
Auth-Initial:
	requisite pam_faillock.so preauth deny=2
Account-Type: Primary
Account:
	required pam_faillock.so
Account-Initial:
	required pam_faillock.so
""",
    "faillock-count": """\
Name: count wrong passwords
Default: yes
Priority: 200
Auth-Type: Primary
Auth:
	[default=die] pam_faillock.so authfail deny=2
Auth-Initial:
	[default=die] pam_faillock.so authfail deny=2
""",
}


def further(box: Box, *packages: str) -> None:
    """Installs packages that wait on its disk."""
    names = " ".join(f"/var/cache/further/{name}_*.deb" for name in packages)
    box.sh(f"DEBIAN_FRONTEND=noninteractive dpkg --install {names}", timeout=INSTALL_TIMEOUT)


def install(box: Box) -> None:
    install_packages(box)
    box.write("/etc/kratosd/kratosd.conf.d/local.conf", CONFIGURATION)
    box.run("systemctl", "reload", "kratosd")


def changes_of_passwords(box: Box) -> str:
    """All that local people and root see when they change one: wrong, short, unlike, and right ones."""
    shell = SshSession("lokal").login(LOCAL_PASSWORD)
    begun = len(shell.output)
    shell.type("passwd").answer("wrong").shell()
    shell.type("passwd").answer(LOCAL_PASSWORD).answer("a").answer("a").answer("1 thing").answer("another").shell()
    shell.type("passwd").answer(LOCAL_PASSWORD).answer(NEW_PASSWORD).answer(NEW_PASSWORD).shell()
    seen = shell.output[begun:]
    shell.logout()
    for typed in f"{LOCAL_PASSWORD}\n{LOCAL_PASSWORD}\n", "one\nother\n":
        seen += box.run("passwd", "lokal", input=typed, check=False).stdout
    box.run("chage", "--lastday", "0", "lokal")
    aged = SshSession("lokal", methods="keyboard-interactive").answer(LOCAL_PASSWORD)
    for answer in LOCAL_PASSWORD, NEW_PASSWORD, NEW_PASSWORD:
        aged.answer(answer)
    seen += re.sub(r"(?s).*?assword: ", "", aged.shell().output, count=1)
    aged.logout()
    box.run("chpasswd", input=f"lokal:{LOCAL_PASSWORD}\n")
    return re.sub(r"Last login: .*\n", "", seen)


def test_rule_23_passwd_of_local_people_is_what_it_was(bare: Box, kratos: Kratos) -> None:
    before = changes_of_passwords(bare)
    assert "password updated successfully" in before and "unchanged" in before
    install(bare)
    assert changes_of_passwords(bare) == before


def test_further_modules(bare: Box, make: Callable[..., Identity]) -> None:
    """One that asks for new passwords, one that counts wrong ones, one that gives capabilities."""
    further(bare, "libcrack2", "libpwquality-common", "libpwquality1", "libpam-pwquality", "libpam-cap")
    # Its dictionary is a package of its own.
    bare.write("/etc/security/pwquality.conf", "dictcheck = 0\n")
    install(bare)
    for name, text in FAILLOCK.items():
        bare.write(f"/usr/share/pam-configs/{name}", text)
    bare.run("pam-auth-update", "--package")
    for module in "pam_pwquality", "pam_cap", "pam_faillock", "pam_kratos":
        assert bare.run("grep", "-rl", module, "/etc/pam.d").stdout, module
    dora = make("dora")

    login = SshSession("dora").login(dora.password)
    assert login.output.count("assword: ") == 1
    new = f"{PASSWORD} and more"
    begun = len(login.output)
    login.type("passwd").answer(dora.password).answer(new).answer(new).shell()
    assert login.output[begun:].count("assword: ") == 3, login.output
    assert "password updated successfully" in login.output
    login.logout()
    SshSession("dora").login(new).logout()
    # The one counts the wrong passwords of local people, kratosd those of ours.
    for user in "dora", "lokal":
        for _ in range(2):
            SshSession(user).answer("wrong").refused()
    SshSession("lokal").answer(LOCAL_PASSWORD).refused()
    told = bare.run("faillock", "--user", "dora").stdout
    assert "RHOST" not in told and "127.0.0.1" not in told, told
    bare.run("faillock", "--user", "lokal", "--reset")
    SshSession("lokal").login(LOCAL_PASSWORD).logout()


def test_stacks_that_were_changed_by_hand(bare: Box) -> None:
    """pam-auth-update leaves them alone, also when the module goes: that keeps nobody out."""
    install(bare)
    auth = bare.path("/etc/pam.d/common-auth")
    lines = auth.read_text().splitlines()
    (at,) = [number for number, line in enumerate(lines) if "pam_unix.so" in line]
    lines.insert(at, "auth\toptional\tpam_echo.so by hand")
    lines = [line.replace("success=2", "success=3") for line in lines]
    auth.write_text("\n".join(lines) + "\n")
    bare.run("apt-get", "--quiet", "--yes", "purge", "libpam-kratos", "kratosd", timeout=INSTALL_TIMEOUT)
    SshSession("lokal").login(LOCAL_PASSWORD).logout()
    SshSession("lokal").answer("wrong").refused()


def test_what_apparmor_confines_may_look_people_up(bare: Box) -> None:
    """There is none in the kernel of most test machines: that the profiles which include ours are right has to
    do."""
    further(bare, "apparmor")
    install_packages(bare)
    bare.write(
        "/etc/apparmor.d/looks-up",
        "abi <abi/3.0>,\ninclude <tunables/global>\n"
        "profile looks-up /usr/bin/looks-up {\n  include <abstractions/nameservice>\n}\n",
    )
    profiles = ["looks-up"]
    if bare.path("/etc/apparmor.d/unix-chkpwd").exists():
        profiles.append("unix-chkpwd")
    for profile in profiles:
        name = f"/etc/apparmor.d/{profile}"
        bare.run("apparmor_parser", "--skip-kernel-load", "--skip-cache", name)
        whole = bare.run("apparmor_parser", "--preprocess", name).stdout
        assert "kratosd/userdb rw," in whole, profile


def test_dbus_broker_takes_the_policy(bare: Box, make: Callable[..., Identity]) -> None:
    """Where it is the bus, the installation has it read the policy before kratosd starts."""
    further(bare, "dbus-broker")
    bare.run("systemctl", "enable", "dbus-broker.service")
    bare.reboot()
    assert "broker" in bare.show("dbus.service", "Id")[0]
    install(bare)
    bare.run("busctl", "status", "org.kratosd1")
    dora = make("dora")
    SshSession("dora").login(dora.password).logout()
