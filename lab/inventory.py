# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How Ansible and SSH reach the hosts of a lab."""

from disk import make_key
from state import Host, Lab


def write_access(lab: Lab) -> None:
    """Write the lab's key, its SSH configuration and its Ansible inventory."""
    make_key(lab.directory / "key", f"phpfleet-lab-{lab.name}")
    (lab.directory / "control").mkdir(mode=0o700)
    lab.ssh_config.write_text(ssh_configuration(lab))
    lab.inventory.write_text(ansible_inventory(lab))


def write_known_hosts(lab: Lab) -> None:
    """Write down the hosts' own keys, so that host key checking works as it would in production."""
    lines = []
    for host in lab.hosts:
        key = lab.host_directory(host) / "upper/etc/ssh/ssh_host_ed25519_key.pub"
        lines.append(f"{host.name},{host.address} {' '.join(key.read_text().split()[:2])}\n")
    (lab.directory / "known_hosts").write_text("".join(lines))


def ssh_configuration(lab: Lab) -> str:
    """The key exchange is the one that costs least: nobody listens, and a test run has some thousand connections."""
    names = "".join(f"Host {host.name}\n    HostName {host.address}\n" for host in lab.hosts)
    return f"""{names}
Host *
    User root
    IdentityFile {lab.directory}/key
    IdentitiesOnly yes
    UserKnownHostsFile {lab.directory}/known_hosts
    StrictHostKeyChecking yes
    ConnectTimeout 10
    KexAlgorithms curve25519-sha256
    LogLevel ERROR
"""


def ansible_inventory(lab: Lab) -> str:
    """The inventory as YAML; `-F` keeps the user's own SSH settings out."""
    groups = {group: [host for host in lab.hosts if host.group == group] for group in ("balancers", "php")}
    return f"""# Written by `lab up`; gone with `lab down`.
all:
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: {lab.directory}/key
    ansible_ssh_common_args: -F {lab.ssh_config}
    ansible_control_path_dir: {lab.directory}/control
    ansible_ssh_pipelining: true
    ansible_python_interpreter: /usr/bin/python3
  children:
{"".join(f"    {group}:{chr(10)}      hosts:{chr(10)}{lines(hosts)}" for group, hosts in groups.items())}"""


def lines(hosts: list[Host]) -> str:
    return "".join(f"        {host.name}:\n          ansible_host: {host.address}\n" for host in hosts)
