# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab of one's own for the fleet tests: booted once a session, taken down at its end."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[2]
LAB = CHECKOUT / "lab/lab"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file follow one another on one lab, whatever runs beside them: some build on what others left."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


class Host(NamedTuple):
    """One host of a lab."""

    lab: str
    name: str

    def run(self, command: str) -> str:
        """Run a shell command on the host as root and return what it printed; fail the test when it fails."""
        return lab_command(self.lab, "ssh", self.name, command)


class Lab(NamedTuple):
    """One lab that is up."""

    name: str
    inventory: Path

    def host(self, name: str) -> Host:
        return Host(self.name, name)

    def command(self, *arguments: str) -> str:
        return lab_command(self.name, *arguments)


def attempt(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing to read and return what became of it, whatever the exit status."""
    return subprocess.run(
        list(map(str, command)), check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options
    )


def lab_command(lab: str, *arguments: str) -> str:
    """Run `lab/lab` and return what it printed; fail the test when it fails."""
    done = attempt(LAB, "--lab", lab, *arguments)
    assert done.returncode == 0, f"lab {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def require_a_lab() -> None:
    """Skip where no lab can be booted, with the reason; in CI, where it must be possible, fail."""
    reasons = {
        "a lab needs root": os.geteuid() != 0,
        "a lab is built from the machine's own Debian": platform.freedesktop_os_release().get("ID") != "debian",
    }
    for reason in (reason for reason, holds in reasons.items() if holds):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab with lb1 and web1 to web3, which tests leave as they found it: what breaks a host takes `fresh_host`."""
    require_a_lab()
    name = f"t{os.getpid()}"
    try:
        lab_command(name, "up", "3")
        yield Lab(name, Path(lab_command(name, "inventory").strip()))
    finally:
        lab_command(name, "down")


@pytest.fixture
def fresh_host(lab: Lab) -> Host:
    """web1 as it was new: the test may break it."""
    lab.command("reset", "web1")
    return lab.host("web1")


@pytest.fixture
def ansible_playbook(lab: Lab, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `ansible-playbook` on the lab: `ansible_playbook("phpfleet.remediation.audit", "--limit", "web1")`.

    It returns what became of it, whatever the exit status. `core` is the directory with the commands of an
    ansible-core, by default the one beside the Python that runs the tests. Relative paths lead into `tmp_path`.
    """

    def run(*arguments: str, core: str = str(Path(sys.executable).parent)) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache/collections"),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
        }
        command = [f"{core}/ansible-playbook", "--inventory", lab.inventory, *arguments]
        return attempt(*command, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def ask(ansible_playbook: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> Callable[..., list[dict]]:
    """Runs modules of the collection on web1, each `(name, options)`, one after the other, and returns what each said.

    `ended` in it: when it had, in seconds since the epoch. What a module failed with is its result, too.
    """

    def run(*wanted: tuple[str, dict[str, Any]]) -> list[dict]:
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        tasks: list[dict[str, Any]] = []
        for number, (module, options) in enumerate(wanted):
            destination = {"content": "{{ said | to_json }}", "dest": f"{place}/{number}.json", "mode": "0600"}
            tasks += [
                {f"phpfleet.remediation.{module}": options, "register": "said", "ignore_errors": True},
                {"ansible.builtin.copy": destination, "delegate_to": "localhost"},
            ]
        play = place / "play.yml"
        play.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        ran = ansible_playbook(str(play))
        assert ran.returncode == 0, ran.stdout + ran.stderr
        said = [(json.loads(path.read_text("utf-8")), path.stat().st_mtime) for path in sorted(place.glob("*.json"))]
        assert not any("Traceback" in json.dumps(result) for result, _ended in said), said
        return [{**result, "ended": ended} for result, ended in said]

    return run
