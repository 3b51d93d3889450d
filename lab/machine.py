# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the machine under a lab must have: a few programs, and room for many systemds."""

import os
import shutil
from pathlib import Path

from command import LabError, run, tell

# Package, and a program of it.
PACKAGES = {
    "systemd-container": "systemd-nspawn",
    "mmdebstrap": "mmdebstrap",
    "iproute2": "ip",
    "openssh-client": "ssh",
    "util-linux": "setpriv",
}

# Every systemd takes about ten, and all hosts count as one user here; the kernel's default is 128. Source: inotify(7).
INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_INOTIFY_INSTANCES = 8192


def prepare() -> None:
    """Install what is missing and raise what is too low; nothing is ever lowered."""
    install_packages()
    if int(INOTIFY_INSTANCES.read_text()) < ENOUGH_INOTIFY_INSTANCES:
        tell(f"machine: raising fs.inotify.max_user_instances to {ENOUGH_INOTIFY_INSTANCES}, until the next boot")
        INOTIFY_INSTANCES.write_text(str(ENOUGH_INOTIFY_INSTANCES))


def install_packages() -> None:
    missing = [package for package, program in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    tell(f"machine: installing {' '.join(missing)}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *missing]
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    try:
        run(install)
    except LabError:
        run(["apt-get", "update"])  # the package lists are missing or too old
        run(install)
