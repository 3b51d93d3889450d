# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base image that all hosts lie on: this machine's own Debian release, built once and cached by its recipe."""

import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from pathlib import Path

from command import LabError, run, tell
from state import STATE, load, locked, names

CACHE = Path("/var/cache/phpfleet-lab")
APT = Path("/etc/apt")
FILES = Path(__file__).parent / "image"
KEEP_DAYS = 14

# Names without a version: the release decides which PHP it is. SysV IPC (sysvshm, sysvsem, sysvmsg) comes with it.
PACKAGES = (
    "systemd systemd-sysv dbus libpam-systemd openssh-server cron logrotate "
    "php-fpm php-cli php-apcu nginx haproxy "
    "python3 python3-psutil python3-apt sudo acl "
    "procps iproute2 iputils-ping util-linux util-linux-extra curl socat ca-certificates"
)

# Each kind of host turns on its own.
SERVICES = ("nginx", "haproxy", "php-fpm")
NEVER_WANTED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer")


def build() -> Path:
    """The directory of the base image, built when no earlier command left it."""
    release = debian_release()
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE):
        base = CACHE / f"base-{release}-{recipe(release)}"
        remove_unfinished()
        if base.exists():
            tell(f"image: {base}")
        else:
            build_aside(release, base)
        os.utime(base)
        remove_unused()
    return base


def debian_release() -> str:
    system = platform.freedesktop_os_release()
    if system["ID"] != "debian":
        raise LabError(f"the lab is built from the machine's own Debian, and this is {system['PRETTY_NAME']}")
    return system["VERSION_CODENAME"]


def debian_sources(release: str) -> list[str]:
    """The machine's own sources of Debian itself, as apt sees them, in apt's one-line form."""
    sources = read_debian_sources(release)
    if not sources:
        run(["apt-get", "update"])
        sources = read_debian_sources(release)
    if not sources:
        raise LabError(f"apt knows no source of Debian {release}: see /etc/apt/sources.list.d, then `apt-get update`")
    return sources


def read_debian_sources(release: str) -> list[str]:
    wanted = (release, f"{release}-updates", f"{release}-security")
    fields = "$(ORIGIN) $(RELEASE) $(COMPONENT) $(REPO_URI)"
    sources = []
    for line in run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]).splitlines():
        origin, suite, component, address = line.split(" ", 3)
        if origin == "Debian" and suite in wanted and component == "main":
            keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
            sources.append(f"deb [signed-by={keyring}] {address} {suite} {component}")
    return sorted(set(sources))


def apt_settings() -> list[str]:
    """The machine's own settings for fetching (a proxy, retries), which mmdebstrap would not take over."""
    kept = re.compile(r"Acquire::(https?|Retries|Check-Date|Check-Valid-Until|ForceIPv[46])\b.* \"[^\"]+\";")
    return [line for line in run(["apt-config", "dump"]).splitlines() if kept.match(line)]


def recipe(release: str) -> str:
    """A short hash over all that decides what the image holds, this program included."""
    digest = hashlib.sha256(repr((release, platform.machine(), Path(__file__).read_bytes())).encode())
    for directory, pattern in ((APT, "sources.list*"), (APT, "sources.list.d/*"), (FILES, "**/*")):
        for path in sorted(directory.glob(pattern)):
            if path.is_file():
                digest.update(repr((str(path.relative_to(directory)), mode(path), path.read_bytes())).encode())
    return digest.hexdigest()[:12]


def build_aside(release: str, base: Path) -> None:
    tell(f"image: building Debian {release}, which takes half a minute to a minute")
    aside = Path(tempfile.mkdtemp(prefix="building-", dir=CACHE))
    root = aside / "root"
    bootstrap(release, debian_sources(release), root)
    add_files(root)
    turn_off_services(root)
    forget_identity(root)
    root.rename(base)
    aside.rmdir()
    tell(f"image: {base}")


def bootstrap(release: str, sources: list[str], root: Path) -> None:
    """Run mmdebstrap in namespaces of its own, so that with this program everything it started and mounted ends too."""
    run(
        [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet"),
            f"--include={PACKAGES}",
            *(f"--aptopt={setting}" for setting in apt_settings()),
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
            "--dpkgopt=force-unsafe-io",
            *(f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("doc", "man", "locale", "info")),
            release,
            str(root),
            "-",
        ],
        stdin="\n".join(sources) + "\n",
    )


def add_files(root: Path) -> None:
    """Copy the files beside this program into the image: root's, and executable only where git says so."""
    for source in sorted(FILES.rglob("*")):
        target = root / source.relative_to(FILES)
        if source.is_dir():
            target.mkdir(mode=0o755, exist_ok=True)
        else:
            shutil.copyfile(source, target)
            target.chmod(mode(source))
    (root / "etc/nginx/sites-enabled/default").unlink()
    (root / "etc/nginx/sites-enabled/shop").symlink_to("../sites-available/shop")


def mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def turn_off_services(root: Path) -> None:
    units = [unit_of(root, service) for service in SERVICES] + list(NEVER_WANTED)
    run(["systemctl", f"--root={root}", "disable", "--quiet", *units])
    run(["systemctl", f"--root={root}", "enable", "--quiet", "sysv-sysctls.service"])


def unit_of(root: Path, service: str) -> str:
    """The service's unit: Debian names php-fpm's after its version."""
    unit = "php*-fpm.service" if service == "php-fpm" else f"{service}.service"
    found = sorted(path.name for path in (root / "usr/lib/systemd/system").glob(unit))
    if len(found) != 1:
        raise LabError(f"{root} has {found or 'nothing'} where one {unit} was expected: remove {CACHE} and try again")
    return found[0]


def forget_identity(root: Path) -> None:
    """What tells hosts apart is made for each host, never shared through the image."""
    for path in [*root.glob("etc/ssh/ssh_host_*"), root / "etc/hostname", root / "etc/resolv.conf"]:
        path.unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("")


def remove_unfinished() -> None:
    """Remove what a killed build left. Its mounts went with its namespaces; were one left, nothing below is touched."""
    mounts = Path("/proc/self/mounts").read_text()
    for aside in CACHE.glob("building-*"):
        if f" {aside}/" in mounts:
            raise LabError(f"something is still mounted below {aside}: unmount it, then try again")
        shutil.rmtree(aside)


def remove_unused() -> None:
    """Remove images that no lab lies on and none has asked for in a long time."""
    in_use = {lab.base for lab in map(load, names()) if lab} if STATE.exists() else set()
    for base in CACHE.glob("base-*"):
        if str(base) not in in_use and base.stat().st_mtime < time.time() - KEEP_DAYS * 86400:
            shutil.rmtree(base)
