"""What people of ours do on a machine besides logging in: su, sudo, passwd, cron and at. What of it is a
session in Kratos, and what is none. More of sudo is in test_sitting.py."""

from collections.abc import Callable

import pytest
from counting import active, ever, over
from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

Make = Callable[..., Identity]
# crond and atd have nothing to wait for.
RUN_WITHIN = 20.0


def reasons(box: Box, event: str, user: str) -> list[str]:
    told = box.run(
        *("journalctl", f"KRATOSD_EVENT={event}", f"KRATOSD_USER={user}"),
        *("--output=cat", "--output-fields=KRATOSD_REASON"),
    )
    return [line for line in told.stdout.split() if not line.startswith("--")]


def restart_cron(box: Box) -> None:
    """As after a boot: what is to run @reboot runs at once."""
    box.sh("systemctl stop cron; rm -f /run/crond.reboot; systemctl start cron")


class TestSu:
    def test_to_another_person(self, shared: Box, kratos: Kratos, make: Make) -> None:
        """It has a session of its own, for as long as it lasts."""
        anna, berta = make("anna"), make("berta")
        shell = SshSession("anna").login(anna.password)
        shell.type("su - berta").login(berta.password)
        assert shell.run("id -un; pwd") == "berta\n/home/berta"
        assert (active(kratos, anna), active(kratos, berta)) == (1, 1)
        # And no id of a login is handed on to whoever is there: rule_27.
        assert "KRATOS" not in shell.run("env").upper()
        shell.type("exit").shell()
        over(kratos, berta, made=1)
        assert shell.run("id -un") == "anna"
        assert (active(kratos, anna), ever(kratos, anna)) == (1, 1)
        shell.logout()
        over(kratos, anna, made=1)

    def test_rule_2_with_ones_own_password(self, shared: Box, kratos: Kratos, make: Make) -> None:
        carla, dora = make("carla"), make("dora")
        shell = SshSession("carla").login(carla.password)
        for user in "dora", "root", "lokal":
            before = len(shell.output)
            shell.type(f"su - {user}").answer(carla.password).shell()
            assert "su: Authentication failure" in shell.output[before:], shell.output[before:]
            assert shell.run("id -un") == "carla"
        assert ever(kratos, dora) == 0
        shell.logout()
        over(kratos, carla, made=1)

    def test_from_root(self, shared: Box, heard: None, kratos: Kratos, make: Make) -> None:
        """No password was typed, so there is nothing of it in Kratos; a disabled person is refused."""
        eva = make("eva")
        assert shared.run("su", "-", "eva", "-c", "id -un; pwd").stdout == "eva\n/home/eva\n"
        kratos.set_state(eva.id, "inactive")
        refused = shared.run("su", "-", "eva", "-c", "true", check=False)
        assert refused.returncode != 0 and "Your account is disabled." in refused.stdout
        assert ever(kratos, eva) == 0


def test_sudo_for_a_shell(shared: Box, kratos: Kratos, make: Make) -> None:
    """sudo -i, and sudo -u: the session that is there is renewed, and the other person has none."""
    shared.write("/etc/sudoers.d/franka", "Defaults lecture=never\nfranka ALL=(ALL) ALL\n", 0o440)
    franka, gerda = make("franka"), make("gerda")
    SshSession("gerda", key=True).shell().logout()
    shell = SshSession("franka").login(franka.password)
    (before,) = kratos.active_sessions(franka.id)
    shell.type("sudo -p 'Pass''word: ' -i").answer(franka.password)
    shell.child.expect(r"root@testhost\S*# ")
    assert shell.type("PS1='[\\u@\\h]\\$ '").shell().run("id -un; pwd") == "root\n/root"
    (now,) = kratos.active_sessions(franka.id)
    assert now["id"] == before["id"] and now["authenticated_at"] > before["authenticated_at"]
    shell.type("exit").shell()
    # sudo does not ask again so soon.
    assert shell.run("sudo -i -u gerda id -un") == "gerda"
    assert shell.run("sudo -k; sudo -n id -un").endswith("a password is required")
    assert (active(kratos, franka), ever(kratos, gerda)) == (1, 0)
    shell.logout()
    over(kratos, franka, made=1)


class TestPasswd:
    NEW = "a wholly new one"

    def passwd(self, shell: SshSession, *answers: str) -> str:
        before = len(shell.output)
        shell.type("passwd")
        for answer in answers:
            shell.answer(answer)
        shell.shell()
        return shell.output[before:]

    def test_of_ours(self, shared: Box, kratos: Kratos, make: Make) -> None:
        """It is changed at Kratos. The login goes on, and what passwd needed for itself is gone."""
        hanna = make("hanna")
        shell = SshSession("hanna").login(hanna.password)
        (session,) = kratos.active_sessions(hanna.id)
        shown = self.passwd(shell, hanna.password, self.NEW, self.NEW)
        assert "password updated successfully" in shown, shown
        wait_until(lambda: active(kratos, hanna) == 1, "passwd's session is revoked")
        assert kratos.active_sessions(hanna.id)[0]["id"] == session["id"]
        assert ever(kratos, hanna) == 2
        assert kratos.login("hanna", hanna.password).status == 400
        SshSession("hanna", source="127.0.0.5").answer(hanna.password).refused()
        other = SshSession("hanna").login(self.NEW)
        assert other.logout().status == shell.logout().status == 0
        over(kratos, hanna, made=3)
        assert "hanna" not in shared.path("/etc/shadow").read_text()

    def test_wrong_old_password(self, shared: Box, kratos: Kratos, make: Make) -> None:
        ida = make("ida")
        shell = SshSession("ida").login(ida.password)
        shown = self.passwd(shell, "wrong")
        assert "password unchanged" in shown, shown
        shell.logout()
        over(kratos, ida, made=1)
        SshSession("ida").login(ida.password).logout()

    def test_of_a_local_person(self, shared: Box, kratos: Kratos) -> None:
        """As without us: nobody at Kratos hears of it."""
        shared.run("useradd", "--create-home", "--shell=/bin/bash", "ingrid")
        shared.run("chpasswd", input="ingrid:the old local one\n")
        shell = SshSession("ingrid").login("the old local one")
        shown = self.passwd(shell, "the old local one", self.NEW, self.NEW)
        assert "password updated successfully" in shown, shown
        assert shell.logout().status == 0
        SshSession("ingrid").login(self.NEW).logout()
        assert not kratos.sessions()


class TestJobs:
    """They run when nobody is there, and as nobody who is logged in."""

    SCRIPT = "cd; (id -un; id -Gn; pwd) > new; mv new ran"

    def at(self, shell: SshSession) -> None:
        assert "job " in shell.run(f"echo '{self.SCRIPT}' | at now")

    def cron(self, shell: SshSession) -> None:
        shell.run(f"echo '@reboot {self.SCRIPT}' | crontab -")
        assert shell.run("crontab -l") == f"@reboot {self.SCRIPT}"

    START = {"cron": restart_cron, "at": lambda box: box.run("systemctl", "start", "atd")}

    @pytest.mark.parametrize("kind", START)
    def test_runs(self, shared: Box, kratos: Kratos, make: Make, kind: str) -> None:
        jana = make("jana" + kind, groups=["developers"])
        shell = SshSession(jana.username).login(jana.password)
        getattr(self, kind)(shell)
        shell.logout()
        over(kratos, jana, made=1)
        self.START[kind](shared)
        ran = shared.path(f"/home/{jana.username}/ran")
        wait_until(ran.exists, "the job has run", RUN_WITHIN)
        name = jana.username
        assert ran.read_text().splitlines() == [name, f"{name} developers", f"/home/{name}"]
        assert reasons(shared, "session-opened", name) == ["opened"]
        assert ever(kratos, jana) == 1

    @pytest.mark.parametrize("kind", START)
    def test_rule_5_of_a_disabled_person(
        self, shared: Box, heard: None, kratos: Kratos, make: Make, kind: str
    ) -> None:
        karin = make("karin" + kind)
        shell = SshSession(karin.username).login(karin.password)
        shared.run("systemctl", "stop", "atd")
        getattr(self, kind)(shell)
        shell.logout()
        kratos.set_state(karin.id, "inactive")
        self.START[kind](shared)
        said = f"refused {karin.username}: AccountDisabled"
        wait_until(lambda: said in shared.run("journalctl", "--boot").stdout, "it is refused", RUN_WITHIN)
        shared.run("systemctl", "is-active", {"cron": "cron", "at": "atd"}[kind])
        assert not shared.path(f"/home/{karin.username}/ran").exists()
        assert ever(kratos, karin) == 1
