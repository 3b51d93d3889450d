# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every part of the lab shares: its one error, running a command, and telling how far it is."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

# Handed on to the programs that this one starts, so that all of them count from the same moment.
STARTED = float(os.environ.setdefault("PHPFLEET_LAB_STARTED", str(time.monotonic())))


class LabError(Exception):
    """The lab can't do what was asked; the message says what was wrong, where, and what to do."""


def tell(text: str) -> None:
    """Print one progress line to standard error, led by the seconds since the program started."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str], stdin: str = "") -> str:
    """Run `command` with `stdin` as its whole input and return its standard output; LabError when it fails."""
    try:
        done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise LabError(f"`{command[0]}` is not installed: run `lab up`, which installs what the lab needs") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or "nothing"
        raise LabError(f"`{' '.join(command)}` ended with {done.returncode} and said: {said[-2000:]}")
    return done.stdout
