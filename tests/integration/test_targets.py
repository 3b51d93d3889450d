# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every target of tests/integration/targets on a host of the lab, new for each; some under both ends of ansible-core.

The targets are laid out as ansible-test has them: a role, with its aliases beside it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TARGETS = Path(__file__).parent / "targets"
NAMES = sorted(tasks.parents[1].name for tasks in TARGETS.glob("*/tasks/main.yml"))
# Roles, which look at a host and change it, and what runs on the controller. Every module runs under both cores in
# tests/unit/controller/test_documentation.py; what it does on a host is not the core's doing.
ON_BOTH_CORES = ("roles", "select")
assert set(ON_BOTH_CORES) < set(NAMES), f"no such target in {TARGETS}"
RUNS = [("test", name) for name in NAMES] + [("oldest", name) for name in ON_BOTH_CORES]


@pytest.fixture(scope="session")
def lab(run: Callable[..., str]) -> Iterator[list[object]]:
    """The command of a lab of one web host, made for these tests and taken down after them."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the lab needs root: run this as root")
    command = [CHECKOUT / "lab/lab", "--lab", f"i{os.getpid()}"]
    try:
        run(*command, "up", 1)
        yield command
    finally:
        run(*command, "down")


@pytest.mark.parametrize(("core", "name"), RUNS, indirect=["core"])
def test_target(
    name: str, core: str, lab: list[object], run: Callable[..., str], environment: dict[str, str], tmp_path: Path
) -> None:
    run(*lab, "reset", "web1")
    playbook = tmp_path / "target.yml"
    playbook.write_text(f"- hosts: php\n  roles:\n    - {name}\n", encoding="utf-8")
    (tmp_path / "collections").symlink_to(CHECKOUT / ".cache/collections")
    inventory = run(*lab, "inventory").strip()
    command = [f"{core}/ansible-playbook", "--inventory", inventory, playbook]
    printed = run(*command, cwd=tmp_path, env={**environment, "ANSIBLE_ROLES_PATH": str(TARGETS)})
    assert "DEPRECATION" not in printed
