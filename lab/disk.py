# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disks of hosts: a layer for each over the shared base image, with all that tells one host from another."""

import uuid
from pathlib import Path

import image
from command import run
from state import Host, Lab

GROUP_SERVICES = {"php": ("nginx", "php-fpm"), "balancers": ("haproxy",)}


def make(lab: Lab, host: Host) -> None:
    """Make the host's own layer: identity, keys, the names of its neighbours, and the services of its group."""
    directory = lab.host_directory(host)
    for part in ("upper", "work", "root"):
        (directory / part).mkdir(parents=True)
    disk = directory / "upper"
    write(disk / "etc/hostname", f"{host.name}\n")
    # A host without a machine-id would take this for its first boot and turn every service on.
    write(disk / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    neighbours = "".join(f"{other.address} {other.name}\n" for other in lab.hosts)
    write(disk / "etc/hosts", f"127.0.0.1 localhost\n{neighbours}")
    write(disk / "root/.ssh/authorized_keys", (lab.directory / "key.pub").read_text(), mode=0o600)
    (disk / "root").chmod(0o700)
    (disk / "root/.ssh").chmod(0o700)
    host_key = disk / "etc/ssh/ssh_host_ed25519_key"
    host_key.parent.mkdir(parents=True)
    make_key(host_key, host.name)
    wants = disk / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    for service in GROUP_SERVICES[host.group]:
        unit = image.unit_of(Path(lab.base), service)
        (wants / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")
    if host.group == "balancers":
        write(disk / "etc/haproxy/haproxy.cfg", haproxy_configuration(lab))


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def make_key(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def haproxy_configuration(lab: Lab) -> str:
    template = (Path(__file__).parent / "haproxy.cfg").read_text()
    servers = [f"    server {host.name} {host.address}:80 check" for host in lab.hosts if host.group == "php"]
    return template + "\n".join(servers) + "\n"


def remove(lab: Lab, host: Host) -> None:
    """Remove the host's layer; the host is off, and mounted it only in a namespace of its own."""
    remove_tree(lab.host_directory(host))


def remove_all(lab: Lab) -> None:
    """Empty the lab's directory, its description last; its hosts are off."""
    for child in lab.directory.iterdir():
        if child.is_dir():
            remove_tree(child)
    for child in sorted(lab.directory.iterdir(), key=lambda path: path.name == "lab.json"):
        child.unlink()


def remove_tree(directory: Path) -> None:
    """Remove a directory, however deep: users of a host may have made thousands, one in the other."""
    run(["rm", "--recursive", "--force", "--one-file-system", "--", str(directory)])
