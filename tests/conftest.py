# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Both ends of the supported range of ansible-core, for the tests that run its commands, and how they run them."""

import os
import subprocess

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(params=["oldest", "test"], ids=["core-oldest", "core-newest"], scope="session")
def core(request):
    """The directory that holds ansible-playbook, ansible-galaxy and the Python of one ansible-core."""
    directory = os.path.join(CHECKOUT, ".venv", request.param)
    if not os.path.exists(os.path.join(directory, "ready")):
        reason = f"{directory} is not there: run `make .venv/{request.param}/ready`, which says which Python it needs"
        # In CI nothing is skipped: a run that is to prove something may not leave a part out in silence.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return os.path.join(directory, "bin")


@pytest.fixture
def environment(core, tmp_path):
    """The environment of a run of Ansible: that core, and of collections those below tmp_path/collections alone."""
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "ANSIBLE_NOCOLOR": "true",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([core, "/usr/local/bin", "/usr/bin", "/bin"]),
    }


@pytest.fixture(scope="session")
def run():
    """Run a command, and return what it printed; its failure is the test's."""

    def run_command(*command, **options):
        done = subprocess.run(
            list(map(str, command)),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            timeout=600,
            **options,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    return run_command
