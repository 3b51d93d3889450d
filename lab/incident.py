# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The incidents: programs that break a host the way the real thing does."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from command import LabError
from state import Host, Lab

INCIDENTS = Path(__file__).parent / "incidents"
RUN_STDIN = """set -eu
program=$(mktemp)
trap 'rm -f "$program"' EXIT
cat > "$program"
chmod 700 "$program"
"$program"
"""


def names() -> list[str]:
    return sorted(path.name for path in INCIDENTS.iterdir() if path.is_file())


def summary(name: str) -> str:
    """The first line of the comment that heads the incident: what real event it is."""
    return next(comments(INCIDENTS / name))


def comments(path: Path) -> Iterator[str]:
    for line in path.read_text().splitlines():
        if line.startswith("# "):
            yield line[2:]


def inject(name: str, lab: Lab, host: Host) -> None:
    """Run the incident on the host, as root, by the interpreter that its first line names."""
    if name not in names():
        raise LabError(f"there is no incident `{name}`; there are: {', '.join(names())}")
    program = INCIDENTS / name
    done = subprocess.run(
        ["ssh", "-F", str(lab.ssh_config), host.name, RUN_STDIN], input=program.read_bytes(), check=False
    )
    if done.returncode != 0:
        raise LabError(f"incident `{name}` ended with {done.returncode} on {host.name}; what it said is above")
