# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks, run by Ansible on this machine, in namespaces that keep its own IPC, processes and /run out of it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import OPTIONS

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text(encoding="utf-8"))
PLAYBOOK = [f"{Path(sys.executable).parent}/ansible-playbook", "--connection", "local", "--inventory", "localhost,"]
PYTHON = f"ansible_python_interpreter={sys.executable}"
# Two segments that nobody can use: no key, and their maker has ended. A pidfile of a php-fpm that has.
BROKEN = f"""
ipcmk --shmem 4096 > /dev/null
{sys.executable} -c 'import ctypes; [ctypes.CDLL(None).shmget(0, ctypes.c_size_t(4096), 0o1600) for _a in range(2)]'
mkdir /run/php
printf 4194000 > /run/php/php8.2-fpm.pid
sleep 2
"""
POLICY = {"phpfleet_audit_policy": {"sysv_ipc": {"min_age": 1}, "pidfile": {}}}
STATE = "ipcs --all; ls -lAR --time-style=full-iso /run; cat /run/php/*"


class Namespaces(NamedTuple):
    """Where the playbooks write to, and how they are run."""

    directory: Path

    def run(self, *steps):
        """Run shell commands after another, as the first processes of new namespaces, and return what they printed."""
        script = "\n".join(["set -eu", "mount -t tmpfs tmpfs /run", *steps])
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_NOCOLOR": "1",
        }
        ran = subprocess.run(
            ["unshare", "--ipc", "--pid", "--mount", "--fork", "--mount-proc", "bash", "-c", script],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        printed = ran.stdout + ran.stderr
        assert ran.returncode == 0, printed
        assert "DEPRECATION" not in printed and "[WARNING]" not in printed, printed
        return ran.stdout

    def report(self, name="audit"):
        text = (self.directory / "phpfleet-report" / f"{name}.json").read_text(encoding="utf-8")
        report = json.loads(text)
        jsonschema.validate(report, SCHEMA)
        return report


@pytest.fixture
def namespaces(tmp_path):
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("namespaces need root: run this as root")
    return Namespaces(tmp_path)


def play(name, *options, ends=0, variables=None, inventory=None):
    """Return the shell command that runs a playbook and demands that it ends with ``ends``."""
    given = json.dumps({**POLICY, "phpfleet_cleanup_state_dir": "/run/state", **(variables or {})})
    command = [*PLAYBOOK, f"phpfleet.remediation.{name}", "--extra-vars", given, *options]
    if inventory is None:
        command += ["--extra-vars", PYTHON]
    else:
        command[1:5] = ["--inventory", inventory]
    return f"status=0; {shlex.join(command)} || status=$?; echo ended with $status; test $status -eq {ends}"


def test_an_audit_reports_and_changes_nothing(namespaces):
    printed = namespaces.run(BROKEN, STATE, "echo CUT", play("audit"), "echo CUT", STATE)
    before, ran, after = printed.split("CUT\n")
    assert before == after and "shm" in before.lower() and "4194000" in before
    assert "changed=0" in ran
    report = namespaces.report()
    assert report["passed"] and report["hosts"]["localhost"]["state"] == "found"
    found = [(entry["check"], entry["severity"]) for entry in report["findings"] if entry["count"] == 1]
    assert found.count(("sysv_ipc.orphaned_segment", "medium")) == 2
    assert found.count(("pidfile.dead_process", "medium")) == 1
    assert "| medium | `localhost` | `sysv_ipc.orphaned_segment` |" in (
        namespaces.directory / "phpfleet-report/audit.md"
    ).read_text(encoding="utf-8")
    assert f"{namespaces.directory}/phpfleet-report/audit.md" in ran


def test_what_the_expression_selects_fails_the_audit_after_its_report(namespaces):
    fail_on = {"phpfleet_audit_fail_on": "[?check=='pidfile.dead_process']", "phpfleet_audit_report_dir": "a/b"}
    printed = namespaces.run(BROKEN, play("audit", variables=fail_on, ends=2))
    assert "failed=1" in printed and "/run/php/php8.2-fpm.pid" in printed.rpartition("TASK")[2]
    report = json.loads((namespaces.directory / "a/b/audit.json").read_text(encoding="utf-8"))
    assert [reason["cause"] for reason in report["failures"]["localhost"]] == ["finding"] and not report["passed"]


def test_a_bad_expression_ends_the_audit_before_it_looks(namespaces):
    printed = namespaces.run(play("audit", variables={"phpfleet_audit_fail_on": "[?severity==]"}, ends=2))
    assert "bad expression at character 13" in printed and "Look at the host" not in printed
    assert not (namespaces.directory / "phpfleet-report").exists()


def test_hosts_that_give_no_answer_are_named_and_the_others_reported(namespaces):
    (namespaces.directory / "hosts").write_text(
        f"good ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        "away ansible_host=127.0.0.1 ansible_port=1\n"
        "bare ansible_connection=local ansible_python_interpreter=/nonexistent/python\n"
    )
    printed = namespaces.run(BROKEN, play("audit", inventory="hosts", ends=2))
    report = namespaces.report()
    assert {name: host["state"] for name, host in report["hosts"].items()} == {
        "good": "found",
        "away": "unreachable",
        "bare": "failed",
    }
    assert "Connection refused" in report["failures"]["away"][0]["message"]
    assert "/nonexistent/python" in report["failures"]["bare"][0]["message"]
    recap = printed.rpartition("PLAY RECAP")[2]
    assert [line.split()[0] for line in recap.splitlines() if "failed=1" in line] == ["away", "bare"]


SERIAL = """
- hosts: all
  gather_facts: false
  serial: {serial}
  roles:
    - role: phpfleet.remediation.audit
"""


def in_batches(namespaces, serial, *names, ends=0):
    """Return the shell command that audits hosts in batches; the one that is called away gives no answer."""
    here = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    lines = [f"{name} {'ansible_host=127.0.0.1 ansible_port=1' if name == 'away' else here}\n" for name in names]
    (namespaces.directory / "hosts").write_text("".join(lines))
    (namespaces.directory / "batches.yml").write_text(SERIAL.format(serial=serial))
    return play("audit", inventory="hosts", ends=ends).replace("phpfleet.remediation.audit", "batches.yml")


def test_a_play_in_batches_reports_the_batches_so_far_and_in_the_end_all(namespaces):
    printed = namespaces.run(in_batches(namespaces, 2, "one", "away", "two", ends=2))
    assert {name: host["state"] for name, host in namespaces.report()["hosts"].items()} == {
        "one": "clean",
        "away": "unreachable",
        "two": "clean",
    }
    first, last = printed.split("Show what was found]")[1:]
    assert "1 of 2 hosts are clean" in first and "2 of 3 hosts are clean" in last


def test_hosts_whose_batch_did_not_come_are_not_reported_as_failed(namespaces):
    namespaces.run(in_batches(namespaces, 1, "away", "two", ends=2))
    assert list(namespaces.report()["hosts"]) == ["away"]


def test_a_limit_is_kept_to(namespaces):
    (namespaces.directory / "hosts").write_text(
        f"one ansible_connection=local ansible_python_interpreter={sys.executable}\naway ansible_host=127.0.0.1\n"
    )
    namespaces.run(play("audit", "--limit", "one", inventory="hosts"))
    assert list(namespaces.report()["hosts"]) == ["one"]


def test_a_host_without_psutil_is_not_clean(namespaces):
    (namespaces.directory / "hidden").mkdir()
    (namespaces.directory / "hidden/psutil.py").write_text("raise ImportError('not here')\n")
    python = namespaces.directory / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={namespaces.directory}/hidden exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (namespaces.directory / "hosts").write_text(f"bare ansible_connection=local ansible_python_interpreter={python}\n")
    namespaces.run(BROKEN, play("audit", inventory="hosts", ends=2))
    report = namespaces.report()
    assert {reason["cause"] for reason in report["failures"]["bare"]} == {"unknown"}
    unknown = {entry["check"]: entry["reason"] for entry in report["unknown_checks"]}
    assert "phpfleet.remediation.prerequisites" in unknown["sysv_ipc.orphaned_segment"]
    assert "pidfile.dead_process" in unknown and "sysv_ipc.near_limit" not in unknown
    tolerant = {"phpfleet_audit_unknown_fails": "false"}
    namespaces.run(BROKEN, play("audit", inventory="hosts", variables=tolerant))
    assert namespaces.report()["unknown_checks"] == report["unknown_checks"]


@pytest.mark.parametrize(
    "policy, says",
    [
        ({"sysv_ipc": {"min_age": -1}}, "sysv_ipc.min_age: -1 is out of range"),
        ({"sysv_ipc": {"keys": ["6104e88b"]}}, "write it as ipcs prints it"),
        ({"opcache": {}}, "opcache"),
    ],
)
def test_a_wrong_policy_is_explained(namespaces, policy, says):
    assert says in namespaces.run(play("audit", variables={"phpfleet_audit_policy": policy}, ends=2))


@pytest.mark.parametrize("role, module", [("audit", "findings_info"), ("cleanup", "remedy")])
def test_a_role_hands_on_the_policy_of_every_subject(role, module):
    (task,) = yaml.safe_load((ROOT / f"roles/{role}/tasks/act.yml").read_text(encoding="utf-8"))
    handed = {name: value for name, value in task[f"phpfleet.remediation.{module}"].items() if name in OPTIONS}
    assert handed == {name: f"{{{{ phpfleet_audit_policy.{name} | default({{}}) }}}}" for name in OPTIONS}
    specs = yaml.safe_load((ROOT / "roles/audit/meta/argument_specs.yml").read_text(encoding="utf-8"))
    taken = specs["argument_specs"]["main"]["options"]["phpfleet_audit_policy"]["options"]
    assert set(taken) == set(OPTIONS)


def test_what_a_host_says_is_never_a_template(namespaces):
    planted = "/run/{{ 6 * 7 }}.pid"
    pidfile = {"phpfleet_audit_policy": {"pidfile": {"paths": [planted]}}}
    (namespaces.directory / "vars.json").write_text(json.dumps(pidfile).replace("{{", "{{ '{{' }}"))
    named = play("audit", "--extra-vars", "@vars.json")
    namespaces.run(f"printf 'no pid {{{{ 6 * 7 }}}}' > {shlex.quote(planted)}", named)
    report = namespaces.report()
    assert [entry["object"] for entry in report["findings"]] == [planted]
    markdown = (namespaces.directory / "phpfleet-report/audit.md").read_text(encoding="utf-8")
    assert f"`{planted}`" in markdown and "/run/42.pid" not in markdown


def test_a_cleanup_does_what_its_check_mode_says_once_and_undo_puts_it_back(namespaces):
    printed = namespaces.run(
        BROKEN,
        STATE,
        "echo CUT",
        play("cleanup", "--check", "--diff"),
        "echo CUT",
        STATE,
        "echo CUT",
        "cp phpfleet-report/cleanup.json planned.json",
        play("cleanup", "--diff"),
        "cp phpfleet-report/cleanup.json done.json",
        "ipcs --shmems; ls /run/php",
        "echo CUT",
        play("cleanup"),
        "echo CUT",
        play("undo", variables={"phpfleet_undo_report": "done.json"}),
        play("undo", variables={"phpfleet_undo_report": "done.json"}),
        "ls -l /run/php; cat /run/php/php8.2-fpm.pid",
    )
    before, planned, unchanged, done, again, undone = printed.split("CUT\n")
    assert unchanged == before
    assert "changed=1" in planned and "changed=1" in done and "changed=0" in again
    assert diff(planned) == diff(done) != []
    plan, report = (json.loads((namespaces.directory / name).read_text()) for name in ("planned.json", "done.json"))
    jsonschema.validate(plan, SCHEMA)
    jsonschema.validate(report, SCHEMA)
    assert plan["check_mode"] and plan["runs"] == {} and not report["check_mode"]
    assert plan["totals"]["changes"]["planned"] == report["totals"]["changes"]["done"] == 3
    assert "0x00000000" in before and "0x00000000" not in done.rpartition("PLAY RECAP")[2]
    assert report["runs"]["localhost"] in done and "phpfleet_undo_report=" in done
    assert namespaces.report("cleanup")["changes"] == []
    first, second = undone.split("PLAY RECAP")[1:]
    assert "changed=1" in first and "changed=0" in second and "4194000" in second
    assert "it had no key" in undone


def diff(printed):
    return [line for line in printed.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---", "")]


def test_a_cleanup_that_fails_says_so_and_a_radius_is_kept(namespaces):
    printed = namespaces.run(
        BROKEN, play("cleanup", variables={"phpfleet_cleanup_max_changes": 1}, ends=2), "ipcs --shmems"
    )
    assert "sysv_ipc: 2 objects would change, more than max_changes=1" in printed
    report = namespaces.report("cleanup")
    assert [reason["cause"] for reason in report["failures"]["localhost"]] == ["remedy"]
    assert report["totals"]["changes"]["done"] == 1  # the pidfile: another subject
    assert printed.rpartition("PLAY RECAP")[2].count("0x00000000") == 2


def test_an_undo_that_is_not_told_which_run_says_how_to(namespaces):
    assert "Which run shall be undone?" in namespaces.run(play("undo", ends=2))
