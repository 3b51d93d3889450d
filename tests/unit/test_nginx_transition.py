# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is planned for an nginx, what is refused, and what is taken for a proof."""

import signal
from typing import Any, Dict, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Refused, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.nginx_masters import NginxWorker
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.transition import Plan
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions import nginx, nginx_state, nginx_waits
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions.nginx_state import State
from described_host import NOW, DescribedHost

PROGRAM = "/usr/sbin/nginx"
CONFIGURATION = "/etc/nginx/nginx.conf"
SHOW = (
    "Id=nginx.service\nLoadState=loaded\nFragmentPath=/lib/systemd/system/nginx.service\nActiveState=active\n"
    "UnitFileState=enabled\nType={type}\nMainPID=51\nKillSignal=15\nKillMode=mixed\nSendSIGKILL=yes\nTimeoutStopUSec=5s\n"
    "Restart={restart}\n"
)
SHOW_COMMAND = (
    "/usr/bin/systemctl show --property=Id,LoadState,FragmentPath,ActiveState,UnitFileState,Type,MainPID,KillSignal,"
    "KillMode,SendSIGKILL,TimeoutStopUSec,Restart,ExecStart,ExecReload,ExecStop -- nginx.service"
)
TEST = f"-t -c {CONFIGURATION}"


def process(pid: int, title: str, parent: int = 1, started: float = NOW - 7200, **more: Any) -> Dict[str, Any]:
    return dict(pid=pid, parent=parent, started=started, executable=PROGRAM, title="nginx: " + title, **more)


MASTER = process(51, f"master process {PROGRAM} -c {CONFIGURATION}")
WORKER = process(53, "worker process", 51)
NEW_MASTER = process(60, f"master process {PROGRAM} -c {CONFIGURATION}", 51, NOW - 60)
NEW_WORKER = process(61, "worker process", 60, NOW - 60)


def described(*processes: Dict[str, Any], **more: Any) -> DescribedHost:
    files: Dict[str, Any] = {
        CONFIGURATION: "pid /run/nginx.pid; http { server { } }",
        "/run/nginx.pid": "51\n",
        PROGRAM: "",
        "/proc/51/status": "Tgid:\t51\nSigCgt:\t0000000018016a07\n",
    }
    files.update(more.pop("files", {}))
    commands = {f"/proc/51/exe {TEST}": "successful", f"{PROGRAM} {TEST}": "successful"}
    commands.update(more.pop("commands", {}))
    links = {"/proc/51/fd/0": "/dev/null", "/proc/53/fd/0": "/dev/null", **more.pop("links", {})}
    first = dict(pid=1, parent=0, executable="/sbin/init", title="init")
    return DescribedHost(
        dict(processes=[first, *(processes or (MASTER, WORKER))], files=files, commands=commands, links=links, **more)
    )


def in_unit(kind: str = "forking", restart: str = "no", pidfile: str = "PIDFile=/run/nginx.pid") -> Dict[str, Any]:
    return dict(
        files={
            "/proc/51/cgroup": "0::/system.slice/nginx.service\n",
            "/usr/bin/systemctl": "",
            "/lib/systemd/system/nginx.service": f"[Service]\n{pidfile}\n",
        },
        directories=["/run/systemd/system"],
        commands={SHOW_COMMAND: SHOW.format(type=kind, restart=restart)},
    )


def replaced() -> Dict[str, Any]:
    return dict(links={"/proc/51/exe": PROGRAM + " (deleted)"})


def wish(state: str, **params: Any) -> nginx_state.Wanted:
    given: Dict[str, Any] = dict(pid=None, pidfile=None, unit=None, newer_than=None, allow_loss=False, timeout=0)
    given.update(params, state=state)
    return nginx.read(given)


def planned(host: DescribedHost, state: str, **params: Any) -> Plan:
    wanted = wish(state, **params)
    return nginx.TRANSITION.plan(nginx.TRANSITION.look(host, wanted), wanted)


def signals(host: DescribedHost, plan: Plan) -> List[Any]:
    guards = [step.guard(host) for step in plan.steps]
    return [(guard.process.pid, guard.number) for guard in guards]  # type: ignore[attr-defined]


def test_a_reload_is_one_signal() -> None:
    host = described()
    plan = planned(host, "reloaded")
    assert plan.refusal is None and signals(host, plan) == [(51, signal.SIGHUP)]


def test_an_upgrade_is_three_signals_each_with_its_way_back() -> None:
    host = described(**replaced())
    plan = planned(host, "upgraded")
    assert plan.refusal is None
    assert signals(host, plan) == [(51, signal.SIGUSR2), (51, signal.SIGWINCH), (51, signal.SIGQUIT)]
    start, silence, end = plan.steps
    assert [step.does.split(":")[0] for step in start.otherwise] == ["SIGQUIT"]
    assert [step.does.split(":")[0] for step in silence.otherwise] == ["SIGHUP", "SIGQUIT"]
    assert not end.otherwise


@pytest.mark.parametrize(
    ("state", "newer_than", "changes"),
    [
        ("reloaded", NOW - 7300, False),
        ("reloaded", NOW - 7000, True),
        ("upgraded", NOW - 7300, False),
        ("upgraded", NOW - 7000, True),
        ("upgraded", None, False),
    ],
)
def test_nothing_is_done_where_it_is_so(state: str, newer_than: Any, changes: bool) -> None:
    plan = planned(described(), state, newer_than=None if newer_than is None else str(int(newer_than)))
    assert plan.refusal is None and bool(plan.steps) is changes


@pytest.mark.parametrize("state", ["reloaded", "upgraded"])
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (dict(commands={f"/proc/51/exe {TEST}": dict(status=1, output="nginx: [emerg] no"),
                        f"{PROGRAM} {TEST}": dict(status=1, output="nginx: [emerg] no")}), "[emerg] no"),
        (dict(commands={}, files={"/run/nginx.pid": None}), "pidfile"),
        (dict(root=False), "only root can test"),
    ],
    ids=["refused", "no pidfile", "ordinary user"],
)  # fmt: skip
def test_what_is_not_tested_is_not_read(state: str, more: Dict[str, Any], reason: str) -> None:
    host = described(**more)
    if more.get("files"):
        del host._files["/run/nginx.pid"]
    plan = planned(host, state, newer_than=str(int(NOW)))
    assert reason in (plan.refusal or "") and not plan.steps


def test_who_asks_for_a_reload_has_it_tested_whoever_wrote_the_files() -> None:
    host = described(files={CONFIGURATION: dict(content="pid /run/nginx.pid;", uid=1000)})
    assert planned(host, "reloaded").refusal is None


@pytest.mark.parametrize(
    ("state", "unit", "reason"),
    [
        ("upgraded", in_unit(kind="simple"), "Type=forking"),
        ("upgraded", in_unit(pidfile=""), "no PIDFile"),
        ("stopped", in_unit(restart="always"), "Restart=always"),
    ],
)
def test_what_systemd_would_fight_is_refused(state: str, unit: Dict[str, Any], reason: str) -> None:
    plan = planned(described(**unit), state, newer_than=str(int(NOW)) if state == "upgraded" else None, allow_loss=True)
    assert reason in (plan.refusal or "")


def test_debian_s_unit_may_be_upgraded() -> None:
    assert planned(described(**in_unit()), "upgraded", newer_than=str(int(NOW))).refusal is None


@pytest.mark.parametrize("state", ["upgraded", "stopped"])
def test_what_a_supervisor_started_is_its_own(state: str) -> None:
    supervisor = dict(pid=40, executable="/usr/bin/supervisord", title="supervisord")
    host = described(supervisor, dict(MASTER, parent=40), WORKER, **replaced())
    assert "started by process 40" in (planned(host, state, allow_loss=True).refusal or "")


def test_two_masters_of_an_upgrade() -> None:
    host = described(MASTER, WORKER, NEW_MASTER, NEW_WORKER, files={"/run/nginx.pid": "60\n"})
    host.description["commands"][f"/proc/60/exe {TEST}"] = "successful"
    assert signals(host, planned(host, "reloaded")) == [(60, signal.SIGHUP)]
    assert "nginx 60 runs beside it" in (planned(host, "reloaded", pid=51).refusal or "")
    assert "nginx 60 runs beside it" in (planned(host, "stopped", pid=51, allow_loss=True).refusal or "")
    again = planned(host, "upgraded", newer_than=str(int(NOW)))
    assert "whose old master, 51, has not ended" in (again.refusal or "")


def test_several_are_not_chosen_among() -> None:
    host = described(MASTER, WORKER, process(70, "master process nginx -c /etc/nginx/two.conf"))
    plan = planned(host, "reloaded")
    assert "several nginx run: 51 (/etc/nginx/nginx.conf), 70" in (plan.refusal or "")
    assert planned(host, "reloaded", pidfile="/run/nginx.pid").refusal is None
    assert "no such nginx runs" in (planned(host, "reloaded", pid=52).refusal or "")


def test_who_is_connected_decides_about_a_stop() -> None:
    host = described()
    unseen = planned(host, "stopped")
    assert "who is connected cannot be seen" in (unseen.refusal or "") and not unseen.passing
    assert signals(host, planned(host, "stopped", allow_loss=True)) == [(51, signal.SIGQUIT)]


def test_a_stop_waits_for_clients_to_go() -> None:
    state = look(described())
    assert state.master is not None
    connected = [state.master.workers[0]._replace(clients=2)]
    busy = state._replace(master=state.master._replace(workers=tuple(connected)))
    plan = nginx.TRANSITION.plan(busy, wish("stopped"))
    assert plan.passing and "2 connections" in (plan.refusal or "")


@pytest.mark.parametrize(
    ("state", "refused"), [("stopped", False), ("reloaded", True), ("upgraded", True), ("logs_reopened", True)]
)
def test_where_none_runs_it_is_stopped(state: str, refused: bool) -> None:
    plan = planned(described(dict(pid=2)), state)
    assert bool(plan.refusal) is refused and not plan.steps


def test_workers_without_a_master_are_no_stopped_nginx() -> None:
    plan = planned(described(process(90, "worker process"), links={"/proc/90/fd/0": "/dev/null"}), "stopped")
    assert "workers without one do (90)" in (plan.refusal or "")


def test_an_ordinary_user_does_not_know_that_none_runs() -> None:
    plan = planned(described(dict(pid=2, hidden=True)), "stopped")
    assert "run with become" in (plan.refusal or "")


BUILD = {"/proc/51/exe -V": "configure arguments: --prefix=/usr"}
LOGS = "pid /run/nginx.pid; error_log /var/log/e.log; http { access_log /var/log/access.log; }"


@pytest.mark.parametrize(
    ("log", "changes"),
    [("/var/log/access.log", False), ("/var/log/access.log.1", True), ("/var/log/access.log (deleted)", True)],
)
def test_logs_are_reopened_where_they_are_not_open(log: str, changes: bool) -> None:
    files = {
        CONFIGURATION: dict(content=LOGS, mtime=NOW - 90000),
        "/var/log/access.log": "",
        "/var/log/access.log.1": "",
        "/var/log/access.log (deleted)": "",
        "/var/log/e.log": "",
    }
    links = {f"/proc/{pid}/fd/{fd}": name for pid in (51, 53) for fd, name in ((3, log), (4, "/var/log/e.log"))}
    host = described(files=files, links=links, commands=BUILD)
    plan = planned(host, "logs_reopened")
    assert bool(plan.steps) is changes and plan.refusal is None
    if changes:
        assert plan.steps[0].until(host) == "not open yet: /var/log/access.log"
        host = described(files=dict(files, **{CONFIGURATION: LOGS}), links=links, commands=BUILD)
        pending = planned(host, "logs_reopened")
        assert "changed since it was reloaded" in pending.notes[0] and pending.steps[0].until(host) is None


@pytest.mark.parametrize(
    "text",
    [
        "pid /run/nginx.pid; http { access_log /var/log/a.log; }",
        "pid /run/nginx.pid; error_log /var/log/a.log; http { server { access_log /var/log/a.log; } }",
        "pid /run/nginx.pid; error_log /var/log/a.log; http { access_log /var/log/a.log; access_log /var/log/$host; }",
    ],
)
def test_where_a_log_is_not_named_they_are_reopened_in_any_case(text: str) -> None:
    files = {CONFIGURATION: dict(content=text, mtime=NOW - 90000), "/var/log/a.log": ""}
    links = {"/proc/51/fd/3": "/var/log/a.log", "/proc/53/fd/3": "/var/log/a.log"}
    assert len(planned(described(files=files, links=links, commands=BUILD), "logs_reopened").steps) == 1


def look(host: DescribedHost, state: str = "reloaded") -> State:
    found: State = nginx_state.look(host, wish(state))
    return found


RENEWED = process(54, "worker process", 51, NOW)
ENDING = process(53, "worker process is shutting down", 51)


@pytest.mark.parametrize(
    ("workers", "missing"),
    [
        ((WORKER,), "no new worker has been started"),
        ((WORKER, RENEWED), "workers of the old generation still take connections: 53"),
        ((ENDING, RENEWED), None),
        ((RENEWED,), None),
    ],
)
def test_when_a_reload_has_worked(workers: Any, missing: Any) -> None:
    before = look(described())
    step = nginx.TRANSITION.plan(before, wish("reloaded")).steps[0]
    after = described(MASTER, *workers)
    assert step.until(after) == missing
    assert bool(nginx.TRANSITION.prove(before, look(after), wish("reloaded"))) is (missing is not None)


def test_a_reload_that_nginx_could_not_do_is_not_waited_for() -> None:
    before = look(described())._replace(now=0.0)
    step = nginx.TRANSITION.plan(before, wish("reloaded")).steps[0]
    said = "2026/11/22 05:41:31 [emerg] 51#51: bind() to 0.0.0.0:81 failed (98: Address already in use)\n"
    log = dict(links={"/proc/51/fd/2": "/var/log/e.log"}, files={"/var/log/e.log": said})
    with pytest.raises(CannotAct, match="bind"):
        step.until(described(**log))
    log["files"] = {"/var/log/e.log": said.replace("51#51", "77#77")}
    assert step.until(described(**log)) == "no new worker has been started"


def test_what_nginx_logged_before_is_of_no_reload() -> None:
    before = look(described())._replace(now=NOW)
    step = nginx.TRANSITION.plan(before, wish("reloaded")).steps[0]
    said = "2020/11/22 05:41:31 [emerg] 51#51: bind() to 0.0.0.0:81 failed (98: Address already in use)\n"
    log = dict(links={"/proc/51/fd/2": "/var/log/e.log"}, files={"/var/log/e.log": said})
    assert step.until(described(**log)) == "no new worker has been started"


def test_a_master_that_ended_is_not_waited_for() -> None:
    before = look(described())
    step = nginx.TRANSITION.plan(before, wish("reloaded")).steps[0]
    with pytest.raises(CannotAct, match="nginx 51 has ended"):
        step.until(described(dict(MASTER, started=NOW), WORKER))
    assert nginx.TRANSITION.prove(before, look(described(dict(pid=2))), wish("reloaded")) == [
        "nginx 51 does not run any more"
    ]


def upgrade() -> Any:
    before = look(described(**replaced()), "upgraded")
    return before, nginx.TRANSITION.plan(before, wish("upgraded")).steps


@pytest.mark.parametrize(
    ("processes", "pidfile", "started", "silenced"),
    [
        ((MASTER, WORKER), 51, "no new master runs", CannotAct),
        ((MASTER, WORKER, NEW_MASTER), 60, "nginx 60 has no worker", "workers of the old master"),
        ((MASTER, WORKER, NEW_MASTER, NEW_WORKER), 51, "does not say 60", "workers of the old master"),
        ((MASTER, WORKER, NEW_MASTER, NEW_WORKER), 60, None, "workers of the old master"),
        ((MASTER, ENDING, NEW_MASTER, NEW_WORKER), 60, None, None),
    ],
)
def test_when_the_steps_of_an_upgrade_have_worked(processes: Any, pidfile: int, started: Any, silenced: Any) -> None:
    _unused, steps = upgrade()
    host = described(*processes, files={"/run/nginx.pid": f"{pidfile}\n"})
    said = steps[0].until(host)
    assert (started or "") in (said or "") and (said is None) is (started is None)
    if silenced is CannotAct:
        with pytest.raises(CannotAct, match="the new master has ended"):
            steps[1].until(host)
    else:
        said = steps[1].until(host)
        assert (silenced or "") in (said or "") and (said is None) is (silenced is None)


def test_what_is_taken_back_is_what_runs_below_the_old_master() -> None:
    _unused, steps = upgrade()
    (end,) = steps[0].otherwise
    (kill,) = end.otherwise
    new = described(MASTER, WORKER, NEW_MASTER, NEW_WORKER)
    assert end.guard(new)[:2] == (end.guard(new).process, signal.SIGQUIT) and end.guard(new).process.pid == 60
    with pytest.raises(Unneeded):
        kill.guard(new)
    asleep = dict(pid=70, parent=51, executable="/usr/bin/sleep", title="sleep 600", started=NOW + 3)
    other = described(MASTER, WORKER, asleep)
    assert (end.guard(other).process.pid, end.guard(other).number) == (70, signal.SIGTERM)
    assert (kill.guard(other).process.pid, kill.guard(other).number) == (70, signal.SIGKILL)
    assert "process 70" in end.until(other)
    for step in (end, kill):
        with pytest.raises(Unneeded):
            step.guard(described(MASTER, WORKER))
        with pytest.raises(Unneeded):  # a module of nginx started it, long before
            step.guard(described(MASTER, WORKER, dict(asleep, started=NOW - 60)))
        assert step.until(described(MASTER, WORKER)) is None
        assert "does not say 51 again" in step.until(described(MASTER, WORKER, files={"/run/nginx.pid": "60\n"}))


def test_the_proof_of_an_upgrade() -> None:
    before, _unused = upgrade()
    alone = described(dict(NEW_MASTER, parent=1), NEW_WORKER, files={"/run/nginx.pid": "60\n"})
    assert nginx.TRANSITION.prove(before, look(alone, "upgraded"), wish("upgraded")) == []
    both = described(MASTER, WORKER, NEW_MASTER, NEW_WORKER, files={"/run/nginx.pid": "60\n"})
    assert nginx.TRANSITION.prove(before, look(both, "upgraded"), wish("upgraded")) == [
        "nginx 51 still takes connections"
    ]
    neither = look(described(), "upgraded")
    assert nginx.TRANSITION.prove(before, neither, wish("upgraded")) == [
        "0 masters run that came from nginx 51, where one should"
    ]


def test_an_address_that_the_new_master_lacks_is_no_success() -> None:
    before, _unused = upgrade()
    assert before.master is not None
    listening = before._replace(master=before.master._replace(listening=("0.0.0.0:80",)))
    start, silence, _unused = nginx.TRANSITION.plan(listening, wish("upgraded")).steps
    host = described(MASTER, ENDING, NEW_MASTER, NEW_WORKER, files={"/run/nginx.pid": "60\n"})
    assert start.until(host) == silence.until(host) == "nginx 60 does not listen on 0.0.0.0:80"
    assert "nginx 60 does not listen on 0.0.0.0:80" in nginx.TRANSITION.prove(
        listening, look(host, "upgraded"), wish("upgraded")
    )


def test_an_address_that_answered_before_has_to_answer_afterwards() -> None:
    before = look(described())
    after = look(described(MASTER, RENEWED))._replace(silent={"0.0.0.0:80": "0.0.0.0:80: nothing listens there"})
    assert nginx.TRANSITION.prove(before, after, wish("reloaded")) == []
    answered = before._replace(answering=("0.0.0.0:80",))
    assert nginx.TRANSITION.prove(answered, after, wish("reloaded")) == ["0.0.0.0:80: nothing listens there"]


def test_another_nginx_is_no_successor() -> None:
    before, _unused = upgrade()
    other = process(70, f"master process {PROGRAM} -c {CONFIGURATION}", 40, NOW)
    supervisor = process(40, f"master process {PROGRAM} -c /etc/nginx/two.conf")
    host = described(dict(NEW_MASTER, parent=1), NEW_WORKER, supervisor, other, files={"/run/nginx.pid": "60\n"})
    assert before.master is not None
    masters = look(host, "upgraded").masters
    assert [one.process.pid for one in nginx_state.successors(masters, before.master)] == [60]


def test_a_pidfile_that_lies_forbids_an_upgrade() -> None:
    plan = planned(described(files={"/run/nginx.pid": "4000\n"}), "upgraded", newer_than=str(int(NOW)))
    assert "its pidfile /run/nginx.pid says 4000" in (plan.refusal or "")


def test_an_old_master_may_wait_for_its_last_connections(monkeypatch: Any) -> None:
    _unused, steps = upgrade()
    lingering = described(MASTER, ENDING, NEW_MASTER, NEW_WORKER)
    assert "waits for connections of its workers 53" in steps[2].until(lingering)
    monkeypatch.setattr(nginx_waits, "LINGER_SECONDS", -1.0)
    assert steps[2].until(lingering) is None
    assert "still takes connections" in steps[2].until(described(MASTER, WORKER))
    assert steps[2].until(described(NEW_MASTER, NEW_WORKER)) is None


@pytest.mark.parametrize(
    ("params", "option"),
    [
        (dict(state="stopped", newer_than="1790000000"), "newer_than"),
        (dict(state="reloaded", newer_than="99999999999"), "newer_than"),
        (dict(state="reloaded", pid=1, unit="nginx"), "unit"),
        (dict(state="reloaded", pidfile="run/nginx.pid"), "pidfile"),
    ],
)
def test_options_that_make_no_sense(params: Dict[str, Any], option: str) -> None:
    with pytest.raises(Refused, match=option):
        wish(**params)


def test_addresses_where_http_is_served() -> None:
    text = """pid /run/nginx.pid;
    http { server { listen 80; listen [::]:81 default; } server { listen unix:/run/a.sock; } server { root /x; }
           server { listen 127.0.0.1; listen 83; } server { listen 10.0.0.1:82 ssl; server_name b; } }
    stream { server { listen 3306; } server { listen 10.0.0.9:83; } }
    """
    state = look(described(files={CONFIGURATION: text}))
    assert state.master is not None
    host = described(files={CONFIGURATION: text})
    tree = host.once(nginx_state.nginx_configuration.gather, nginx_state.POLICY)[51]
    listening = ("*:22", "/run/a.sock", "0.0.0.0:80", "0.0.0.0:3306", "10.0.0.1:82", "0.0.0.0:83", "[::]:81")
    asked = nginx_state.http_addresses(state.master._replace(listening=listening), tree)  # type: ignore[arg-type]
    assert asked == ("/run/a.sock", "0.0.0.0:80", "10.0.0.1:82", "[::]:81")


def test_clients_that_cannot_be_seen_are_not_none() -> None:
    seen = look(described()).master
    assert seen is not None and nginx_waits.clients(seen) is None
    worker = NginxWorker(Process(53, 51, 0.0, "", None, "", (0, 0, 0), False), "worker", False, 3, ())
    assert nginx_waits.clients(seen._replace(workers=(worker, worker))) == 6
