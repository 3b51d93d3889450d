# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Both ends of the supported range of ansible-core, for the tests that run its commands."""

import os

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
