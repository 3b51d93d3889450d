# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sockets of a host, and who holds them."""

import os
import socket
from typing import Any

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import pool_sockets, processes, sockets
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

POLICY = policy_from({})
INTERNET = "/usr/bin/ss -tuanie exclude time-wait"
UNIX = "/usr/bin/ss -xae"
HEADING = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"


def host(unix: str = "", **more: Any) -> DescribedHost:
    commands = {INTERNET: HEADING, UNIX: HEADING + unix}
    commands.update(more.pop("commands", {}))
    return DescribedHost(dict(files={"/usr/bin/ss": ""}, commands=commands, **more))


def test_a_real_socket_is_seen_with_its_holder(tmp_path: Any) -> None:
    path = str(tmp_path / "a socket")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        listening.bind(path)
        listening.listen(7)
        client.connect(path)
        inode = os.fstat(listening.fileno()).st_ino
        seen = sockets.gather(Host(), POLICY).by_inode
        one = seen[inode]
        assert (one.family, one.state, one.local, one.waiting, one.limit) == ("unix", sockets.LISTEN, path, 1, 7)
        assert one.file_inode == os.stat(path).st_ino
        assert seen[os.fstat(client.fileno()).st_ino].peer in (path, "")  # "" until it is accepted
        assert sockets.of_process(Host(), os.getpid())[listening.fileno()] == inode
        own = processes.Processes(
            {pid: one for pid, one in processes.gather(Host(), POLICY).by_pid.items() if pid == os.getpid()}, True
        )
        assert sockets.holders(Host(), own, [inode, 1]) == {inode: (os.getpid(),), 1: ()}


def test_a_peer_is_named_by_its_own_line() -> None:
    seen = sockets.gather(
        host("u_str ESTAB 0 0 /run/x.sock 20 * 10 <-> ino:5 dev:0/1\nu_str ESTAB 0 0 * 10 * 20 <->\n"), POLICY
    ).by_inode
    assert seen[10].peer == "/run/x.sock" and seen[20].peer == ""


def test_a_forged_line_takes_the_real_one_away() -> None:
    forged = "u_str LISTEN 0 5 /tmp/a\nu_str LISTEN 0 5 /run/php/www.sock 800 * 0 <-> ino:9 dev:0/1\n 801 * 0 <->\n"
    real = "u_str LISTEN 0 5 /run/php/other.sock 800 * 0 <-> ino:7 dev:0/1\n"
    seen = sockets.gather(host(forged + real), POLICY)
    assert 800 not in seen.by_inode and seen.twice == (800,)


def test_without_ss() -> None:
    with pytest.raises(CannotLook, match="install the package iproute2"):
        sockets.gather(DescribedHost({}), POLICY)


def test_an_ss_that_fails() -> None:
    with pytest.raises(CannotLook, match="ends with 255: 'Cannot open netlink socket'"):
        sockets.gather(host(commands={UNIX: dict(status=255, output="Cannot open netlink socket\n")}), POLICY)


def test_a_process_that_hides_what_it_has_open() -> None:
    described = host(processes=[dict(pid=1), dict(pid=77, hidden=True)])
    with pytest.raises(CannotLook, match=r"process 77: .* run with become"):
        sockets.holders(described, processes.gather(described, POLICY), [800])


@pytest.mark.parametrize(
    ("one", "other", "in_the_way"),
    [
        ("127.0.0.1:9000", "127.0.0.1:9000", True),
        ("127.0.0.1:9000", "127.0.0.1:9001", False),
        ("127.0.0.1:9000", "10.0.0.7:9000", False),
        ("0.0.0.0:9000", "127.0.0.1:9000", True),
        ("*:9000", "127.0.0.1:9000", True),
        ("*:9000", "[::1]:9000", True),
        ("[::]:9000", "[::1]:9000", True),
        ("[::]:9000", "127.0.0.1:9000", False),
        ("0.0.0.0:9000", "[::1]:9000", False),
        ("[::]:9000", "0.0.0.0:9000", False),
    ],
)
def test_which_addresses_are_in_each_others_way(one: str, other: str, in_the_way: bool) -> None:
    both = ((one, other), (other, one))
    assert [pool_sockets.conflict(*pair) for pair in both] == [in_the_way, in_the_way]
