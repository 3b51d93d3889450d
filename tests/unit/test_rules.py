# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of docs/flow.md that the source itself can be asked about.

The others are held where the flow is tested: check mode is the plan, unknown is not clean, and guards in
test_remediate.py, test_audit.py and test_undo.py; nothing is lost unsaid in test_journal.py and test_undo.py; what
Ansible really ships in controller/test_payload.py; a page for every check in controller/test_documentation.py.
"""

import ast
import glob
import os
from functools import lru_cache

import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.apply import VERBS
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import OPTIONS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULE_UTILS = os.path.join(ROOT, "plugins", "module_utils")
SOURCES = sorted(
    os.path.relpath(path, MODULE_UTILS) for path in glob.glob(os.path.join(MODULE_UTILS, "**", "*.py"), recursive=True)
)
HURTS = {
    "chmod", "chown", "fchmod", "fchown", "ftruncate", "kill", "killpg", "lchown", "link", "makedirs", "mkdir",
    "mkfifo", "mknod", "pwrite", "remove", "removedirs", "rename", "renames", "replace", "rmdir", "sendfile",
    "setxattr", "symlink", "system", "truncate", "unlink", "utime", "write",
}  # fmt: skip
SYSTEM_CALLS = {
    "shmctl",
    "shmget",
    "semget",
    "semop",
    "msgctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "kill",
    "unlink",
    "ptrace",
}


PROBE_FILE = "probe.py"  # makes and removes the temporary files of the one look that writes


@lru_cache(maxsize=None)
def tree(name):
    with open(os.path.join(MODULE_UTILS, name), encoding="utf-8") as source:
        return ast.parse(source.read())


def imports(name):
    """Return the module_utils that a file imports, as paths, the way AnsiballZ finds them: by reading the source."""
    found = set()
    for node in ast.walk(tree(name)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        package = os.path.dirname(name).split("/")[: None if node.level == 1 else 1 - node.level]
        base = "/".join([part for part in package if part] + (node.module or "").split(".")).strip("/")
        found.add(base)
        found.update(f"{base}/{alias.name}".strip("/") for alias in node.names)
    return {path for path in SOURCES for one in found if path in (f"{one}.py", f"{one}/__init__.py")}


def reached(name):
    seen, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo.extend(imports(one))
    return seen


def calls(name):
    """Return each call of a file as (module or object, function)."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield getattr(node.func.value, "id", ""), node.func.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id


def test_rule_1_what_looks_does_not_reach_what_changes():
    assert "actions/apply.py" in reached("remedy_module.py")
    assert "actions/signals.py" in reached("transition_module.py")
    assert not [name for name in reached("info_module.py") if name.startswith("actions")]


def test_rule_5_everything_that_can_hurt_a_host_is_in_actions():
    hurting = {(name, called) for name in SOURCES for of, called in calls(name) if of == "os" and called in HURTS}
    elsewhere = {pair for pair in hurting if not pair[0].startswith("actions/")}
    # The look ends a program that it has started itself, with all that this program started; and one look writes.
    assert {pair for pair in elsewhere if pair[0] != PROBE_FILE} <= {("host.py", "killpg")}
    assert ("actions/pidfile.py", "unlink") in hurting


def test_rule_5_system_calls_that_change_are_made_in_actions():
    named = {
        name for name in SOURCES for node in ast.walk(tree(name)) if getattr(node, "attr", None) in SYSTEM_CALLS
    } | {name for name in SOURCES for _unused, called in calls(name) if called in SYSTEM_CALLS - {"kill"}}
    # The one kill elsewhere ends the program that the look itself has started; a probe takes its own file away again.
    assert {name for name in named if not name.startswith("actions/")} <= {"host.py", PROBE_FILE}
    assert "actions/ipc_calls.py" in named


def test_rule_5_the_one_look_that_writes_is_a_probe_and_nobody_else_writes_by_it():
    assert {name for name in SOURCES if {"ProbeFiles", "probe"} & imported_names(name)} == {"facts/pool_probe.py"}
    assert not [name for name in SOURCES if name.startswith("checks/") and "facts/pool_probe.py" in imports(name)]


def test_rule_5_only_the_host_starts_programs():
    starting = {name for name in SOURCES if "subprocess" in imported_names(name)}
    assert starting == {"host.py"}


def imported_names(name):
    nodes = [node for node in ast.walk(tree(name)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {alias.name for node in nodes for alias in node.names}


def test_facts_do_not_judge_and_checks_do_not_look():
    for name in SOURCES:
        below = name.split("/")[0]
        if below == "facts":
            assert not [one for one in imports(name) if one.startswith(("checks/", "actions/"))], name
        if below == "checks" and not name.endswith("index.py"):
            assert "Host" not in imported_names(name), name
            assert not [one for one in imports(name) if one.startswith("actions/")], name
            assert not [called for of, called in calls(name) if of in ("os", "open", "ctypes")], name


def test_what_is_planned_of_a_change_of_state_does_nothing():
    planning = [name for name in SOURCES if name.startswith("transitions/")] + ["transition.py"]
    for name in planning:
        assert not [one for one in reached(name) if one.startswith("actions/")], name
        assert not [called for of, called in calls(name) if of in ("os", "ctypes") and called in HURTS], name


def test_three_files_end_a_module():
    ending = {name for name in SOURCES if "AnsibleModule" in imported_names(name)}
    assert ending == {"info_module.py", "remedy_module.py", "transition_module.py"}


@lru_cache(maxsize=None)
def expected_verdicts():
    """Return what each captured host is expected to show, by check; read once, not once a check."""
    verdicts = []
    for path in glob.glob(os.path.join(ROOT, "tests", "unit", "hosts", "*", "expected.yml")):
        with open(path, encoding="utf-8") as expected:
            verdicts.append(yaml.safe_load(expected).get("verdicts", {}))
    return verdicts


# What it has to say is that something is not known, so that it is never found.
SAYS_UNKNOWN = {"scheduled_restart.unknown_command"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_rule_7_a_check_is_one_file_and_a_captured_host(check):
    assert "checks/{}.py".format(check.id.replace(".", "_")) in SOURCES
    wanted = {"unknown" if check.id in SAYS_UNKNOWN else "found", "clean"}
    missing = wanted - {verdicts.get(check.id) for verdicts in expected_verdicts()}
    assert not missing, f"no captured host shows {check.id} {missing}"


def test_rule_7_every_file_of_a_check_is_in_the_index():
    named = {"checks/{}.py".format(check.id.replace(".", "_")) for check in CHECKS}
    defining = {name for name in SOURCES if name.startswith("checks/") and "CHECK = Check(" in open_source(name)}
    assert defining == named


def open_source(name):
    with open(os.path.join(MODULE_UTILS, name), encoding="utf-8") as source:
        return source.read()


def test_every_plan_uses_verbs_that_exist():
    subjects = {check.subject for check in CHECKS if check.plan}
    assert subjects <= set(OPTIONS) and VERBS
    for name, verb in VERBS.items():
        assert all(callable(step) for step in verb), name
