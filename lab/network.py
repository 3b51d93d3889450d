# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab's own network: one namespace a host, joined by a bridge in one more namespace, the switch.

The machine's own namespace gets a single interface, so its firewall rules for bridges (Docker's, for one) don't apply
between hosts. Nothing leaves: hosts have no gateway, the machine forwards nothing that comes from the lab, and a route
of last resort makes the lab's addresses unreachable whenever the lab's interface is not there.
"""

import json
from pathlib import Path

from command import run
from state import Lab

# Any real route to the lab's addresses has a lower metric, and is preferred while it exists.
GUARD_METRIC = 4278198272


def interface(lab: Lab) -> str:
    """The machine's own interface in the lab (the kernel allows 15 characters)."""
    return f"phplab{lab.subnet}"


def switch(lab: Lab) -> str:
    return f"phpfleet-{lab.name}-switch"


def guard(lab: Lab) -> None:
    """Never taken away: an Ansible run that outlives its lab must not send packets to the default route."""
    run(["ip", "route", "replace", "unreachable", str(lab.network), "metric", str(GUARD_METRIC)])


def create(lab: Lab) -> None:
    """Make the lab's network, the guard first."""
    guard(lab)
    run(["ip", "netns", "add", switch(lab)])
    uplink = interface(lab)
    batch(
        f"-n {switch(lab)}",
        "link add bridge type bridge",
        "link set bridge up",
        f"link add uplink type veth peer name {uplink} netns 1",
        "link set uplink master bridge up",
    )
    Path(f"/proc/sys/net/ipv4/conf/{uplink}/forwarding").write_text("0")
    Path(f"/proc/sys/net/ipv6/conf/{uplink}/disable_ipv6").write_text("1")
    run(["ip", "address", "add", f"{lab.controller}/24", "dev", uplink])
    run(["ip", "link", "set", uplink, "alias", f"phpfleet lab {lab.name}", "up"])
    for host in lab.hosts:
        attach(lab, host.name, host.address, lab.namespace(host))


def attach(lab: Lab, name: str, address: str, namespace: str) -> None:
    """Make one host's namespace, with `eth0` on the lab's bridge."""
    run(["ip", "netns", "add", namespace])
    batch(
        f"-n {switch(lab)}",
        f"link add {name} type veth peer name eth0 netns {namespace}",
        f"link set {name} master bridge up",
    )
    batch(f"-n {namespace}", "link set lo up", f"address add {address}/24 dev eth0", "link set eth0 up")


def batch(options: str, *lines: str) -> None:
    run(["ip", *options.split(), "-batch", "-"], stdin="\n".join(lines) + "\n")


def remove(lab: Lab) -> None:
    """Take away whatever there is of the network, but leave the guard."""
    uplink = interface(lab)
    if Path(f"/sys/class/net/{uplink}").exists():
        # Deleting a namespace is asynchronous and would leave the name taken for a while.
        run(["ip", "link", "delete", uplink])
    mine = {switch(lab), *(lab.namespace(host) for host in lab.hosts)}
    for namespace in json.loads(run(["ip", "-json", "netns", "list"]) or "[]"):
        if namespace["name"] in mine:
            run(["ip", "netns", "delete", namespace["name"]])
