# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which labs exist, what belongs to each, and where it is kept."""

import contextlib
import fcntl
import ipaddress
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from command import LabError, run

STATE = Path("/var/lib/phpfleet-lab")
# RFC 2544 sets these addresses aside for tests: nobody routes them, so a lab collides with no real network.
ADDRESSES = ipaddress.IPv4Network("198.18.0.0/15")
SUBNETS = list(ADDRESSES.subnets(new_prefix=24))
MOST_WEB_HOSTS = 200


class Host(NamedTuple):
    """One host of a lab: its name, its IPv4 address, and its Ansible group (`php` or `balancers`)."""

    name: str
    address: str
    group: str


class Lab(NamedTuple):
    """One lab. `subnet` counts the /24 networks of 198.18.0.0/15; `base` is the path of the image its hosts lie on."""

    name: str
    subnet: int
    web_hosts: int
    base: str
    boot_id: str

    @property
    def directory(self) -> Path:
        return STATE / self.name

    @property
    def network(self) -> ipaddress.IPv4Network:
        return SUBNETS[self.subnet]

    @property
    def controller(self) -> str:
        """The machine's own address in the lab."""
        return str(self.network[1])

    @property
    def hosts(self) -> list[Host]:
        web = [Host(f"web{n}", str(self.network[10 + n]), "php") for n in range(1, self.web_hosts + 1)]
        return [Host("lb1", str(self.network[2]), "balancers"), *web]

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yml"

    @property
    def ssh_config(self) -> Path:
        return self.directory / "ssh_config"

    def host_directory(self, host: Host) -> Path:
        return self.directory / "hosts" / host.name

    def namespace(self, host: Host) -> str:
        """The name of the host's network namespace, as `ip netns` lists it."""
        return f"phpfleet-{self.name}-{host.name}"

    def host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        names = ", ".join(host.name for host in self.hosts)
        raise LabError(f"lab `{self.name}` has no host `{name}`; its hosts are {names}")


def check_name(name: str) -> str:
    """The name goes into paths, namespaces and cgroups, so it is kept plain and short."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
        raise LabError(f"`{name}` can't name a lab: use 1 to 20 of a-z, 0-9 and -, beginning with a letter")
    return name


def boot_id() -> str:
    """Which boot of this machine it is: namespaces and mounts of an earlier one are gone."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def prepare() -> None:
    """Make the state directory. Overlayfs takes no upper directory that is itself on overlayfs (a container's root)."""
    STATE.mkdir(parents=True, exist_ok=True)
    with locked(STATE):
        if run(["stat", "--file-system", "--format=%T", str(STATE)]).strip() == "overlayfs":
            run(["mount", "-t", "tmpfs", "-o", "mode=0755", "phpfleet-lab", str(STATE)])


def load(name: str) -> Lab | None:
    """The lab of that name, or None when there is none."""
    path = STATE / name / "lab.json"
    try:
        return Lab(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LabError(f"{path} is not a lab's description ({error}): remove {path.parent} by hand") from error


def mark_complete(lab: Lab) -> None:
    (lab.directory / "complete").touch()


def mark_unfinished(lab: Lab) -> None:
    (lab.directory / "complete").unlink()


def is_complete(lab: Lab) -> bool:
    """Whether an `up` in this boot of the machine got as far as having the network and all disks."""
    return (lab.directory / "complete").exists() and lab.boot_id == boot_id()


def names() -> list[str]:
    return sorted(path.parent.name for path in STATE.glob("*/lab.json"))


def allocate(name: str, web_hosts: int, base: Path) -> Lab:
    """Take a free subnet for a new lab and write its description, before anything of it exists."""
    with locked(STATE):
        used = {lab.subnet for lab in map(load, names()) if lab} | set(routed_subnets())
        free = (number for number in range(len(SUBNETS)) if number not in used)
        subnet = next(free, None)
        if subnet is None:
            raise LabError(f"all of {ADDRESSES} is taken: `lab --lab NAME down` one of {', '.join(names())}")
        lab = Lab(name, subnet, web_hosts, str(base), boot_id())
        draft = lab.directory / "lab.json.new"
        draft.write_text(json.dumps(lab._asdict(), indent=2) + "\n")
        draft.replace(lab.directory / "lab.json")
    return lab


def routed_subnets() -> Iterator[int]:
    """Subnets that the machine routes somewhere by itself; the labs' own guards lead nowhere and don't count."""
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "root", str(ADDRESSES)]) or "[]"):
        if route.get("type") != "unreachable":
            routed = ipaddress.IPv4Network(route["dst"])
            yield from (number for number, subnet in enumerate(SUBNETS) if subnet.overlaps(routed))


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Hold an exclusive lock on a directory, and give its inode; the kernel drops it when the holder is killed."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lab_locked(name: str) -> Iterator[None]:
    """Let one command at a time make, change or remove the lab `name`; its directory is there meanwhile."""
    directory = STATE / name
    while True:
        directory.mkdir(mode=0o755, exist_ok=True)
        with locked(directory) as inode:
            # Who held the lock before may have removed the directory: then this lock is on nothing.
            if directory.exists() and directory.stat().st_ino == inode:
                yield
                return
