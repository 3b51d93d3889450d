# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every target of tests/integration/targets on a host of the lab, new for each, under both ends of ansible-core.

The targets are laid out as ansible-test has them: a role, with its aliases beside it.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TARGETS = Path(__file__).parent / "targets"
NAMES = sorted(tasks.parents[1].name for tasks in TARGETS.glob("*/tasks/main.yml"))
assert NAMES, f"no target in {TARGETS}"


def run(*command: object, **options: object) -> str:
    """Run `command` and return what it printed, or fail with it."""
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        **options,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def lab() -> Iterator[list[object]]:
    """The command of a lab of one web host, made for these tests and taken down after them."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the lab needs root: run this as root")
    command = [CHECKOUT / "lab/lab", "--lab", f"i{os.getpid()}"]
    try:
        run(*command, "up", 1)
        yield command
    finally:
        run(*command, "down")


@pytest.mark.parametrize("name", NAMES)
def test_target(name: str, core: str, lab: list[object], tmp_path: Path) -> None:
    run(*lab, "reset", "web1")
    playbook = tmp_path / "target.yml"
    playbook.write_text(f"- hosts: php\n  roles:\n    - {name}\n", encoding="utf-8")
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache/collections"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_ROLES_PATH": str(TARGETS),
        "PATH": os.pathsep.join([core, os.environ["PATH"]]),
    }
    inventory = run(*lab, "inventory").strip()
    printed = run(f"{core}/ansible-playbook", "--inventory", inventory, playbook, cwd=tmp_path, env=environment)
    assert "DEPRECATION" not in printed
