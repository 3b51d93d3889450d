# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One more PHP than the distribution's: php-fpm of another Debian release, in a tree of its own, run by chroot(8)."""

import hashlib
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import image
from command import LabError, run, tell
from state import Host, Lab, locked

PACKAGES = "php-fpm,php-yac"  # Yac is here because Debian lets nobody install it beside APCu, which the hosts have
OTHER_RELEASE = {"bookworm": "trixie", "trixie": "bookworm"}
PLACE = "/srv/other-php"  # on a host

# Its packages are unpacked and never configured, so that files which they would make are made here.
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nwww-data:x:33:\n",
    "etc/php/other-fpm.conf": """[global]
pid = /run/other-fpm.pid
error_log = /var/log/other-fpm.log

[other]
user = www-data
group = www-data
listen = 127.0.0.1:9099
pm = static
pm.max_children = 2
""",
    "run/.keep": "",
    "var/log/.keep": "",
}
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

UNPACK = f"mkdir -p {PLACE}/dev && tar --extract --directory {PLACE}"
START = f"""set -eu
mountpoint --quiet {PLACE}/dev || mount --bind /dev {PLACE}/dev
cd {PLACE}/usr/sbin
chroot {PLACE} php-fpm[0-9]* --daemonize --fpm-config /etc/php/other-fpm.conf
"""


def add(lab: Lab, host: Host) -> None:
    """Put the other PHP on a host and start its php-fpm there, chrooted to PLACE."""
    tree = build()
    with subprocess.Popen(
        ["tar", "--create", "--directory", tree, "--exclude=./dev", "."], stdout=subprocess.PIPE
    ) as packed:
        on_host(lab, host, UNPACK, packed.stdout)
    on_host(lab, host, START)


def on_host(lab: Lab, host: Host, command: str, stdin: IO[bytes] | int | None = subprocess.DEVNULL) -> None:
    ssh = ["ssh", "-F", str(lab.ssh_config), host.name, command]
    if subprocess.run(ssh, stdin=stdin, check=False).returncode != 0:
        raise LabError(f"the other PHP could not be put on {host.name}; what it said is above")


def build() -> Path:
    """The tree, built when no earlier command left it; as any image it goes when nobody asks for long."""
    release = OTHER_RELEASE.get(image.debian_release())
    if release is None:
        raise LabError(
            f"which release has another PHP than {image.debian_release()} is not known: name it in {__file__}"
        )
    image.CACHE.mkdir(parents=True, exist_ok=True)
    with locked(image.CACHE):
        tree = image.CACHE / f"base-other-php-{release}-{recipe(release)}"
        image.remove_unfinished()
        if not tree.exists():
            build_aside(release, tree)
        tree.touch()
    return tree


def recipe(release: str) -> str:
    return hashlib.sha256(repr((release, platform.machine(), Path(__file__).read_bytes())).encode()).hexdigest()[:12]


def build_aside(release: str, tree: Path) -> None:
    tell(f"other PHP: unpacking that of Debian {release}, which takes some twenty seconds")
    aside = Path(tempfile.mkdtemp(prefix="building-", dir=image.CACHE))
    root = aside / "root"
    unpack(release, root)
    for name, target in LINKS.items():
        if not (root / name).exists():
            (root / name).symlink_to(target)
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    root.rename(tree)
    aside.rmdir()
    tell(f"other PHP: {tree}")


def unpack(release: str, root: Path) -> None:
    """Unpack the packages and what they depend on, without running any of their programs."""
    run(
        [
            *("setpriv", "--pdeathsig", "KILL"),
            *("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory", "--quiet"),
            f"--include={PACKAGES}",
            *(f"--aptopt={setting}" for setting in image.apt_settings()),
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
            *(release, str(root), "-"),
        ],
        stdin="\n".join(sources(release)) + "\n",
    )


def sources(release: str) -> list[str]:
    """The machine's own source of its release, and in its place the other one."""
    own = image.debian_release()
    of_own = [line for line in image.debian_sources(own) if f" {own} " in line]
    return [line.replace(f" {own} ", f" {release} ") for line in of_own]
