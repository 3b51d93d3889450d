# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ss(8) prints, of iproute2 6.1 and of the 4.11 of CentOS 7."""

from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.socket_table import (
    InternetRow,
    UnixRow,
    parse_internet,
    parse_unix,
)
from hypothesis import given
from hypothesis import strategies as st

NEW = """\
Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
udp   ESTAB  0      0          10.0.0.7:40022       10.0.0.2:53   uid:33 ino:903 sk:9 <->
tcp   LISTEN 3      511          0.0.0.0:80        0.0.0.0:*     ino:5012370 sk:a cgroup:/system.slice/nginx.service <->
\t bbr cwnd:10
tcp   LISTEN 0      128             [::]:22           [::]:*     ino:5012414 sk:1e v6only:1 <->
\t bbr cwnd:10
tcp   ESTAB  7      9        127.0.0.1:38022     127.0.0.1:6379  timer:(keepalive,119min,0) uid:33 ino:5013895 sk:11 <->
\t ts sack bbr lastsnd:4 lastrcv:12345 lastack:4 rcv_space:14480
tcp   CLOSE-WAIT 1      0        127.0.0.1:38023     127.0.0.1:6379  ino:0 sk:12 <->
"""
OLD = """\
State      Recv-Q Send-Q Local Address:Port               Peer Address:Port
LISTEN     0      128    127.0.0.1:9000                     *:*                   ino:19035 sk:ffff8800362f8000 <->
\t cubic cwnd:10
ESTAB      0      0      10.0.2.15:22                 10.0.2.2:50010        timer:(keepalive,97min,0) ino:22 sk:f <->
\t cubic wscale:2,9 rto:201 lastsnd:12 lastrcv:13 lastack:12
"""
UNIX = """\
Netid State  Recv-Q Send-Q       Local Address:Port    Peer Address:Port   Process
u_str ESTAB  0      0                        * 5013488            * 0       ---
u_str ESTAB  0      0   /run/systemd/journal/stdout 5012319            * 5012318 <-- ino:43 dev:0/58
u_dgr UNCONN 0      0   /run/systemd/notify 5014566            * 0       <-> ino:14 dev:0/79
u_str LISTEN 2      4096 /run/php/php8.2-fpm.sock 5012481            * 0       <-> ino:124 dev:0/58 peers:
u_str LISTEN 0      5      @/tmp/.X11-unix/X0 77            * 0       <->
"""
OLD_UNIX = "u_str  LISTEN     0      128    /run/php/php-fpm.sock 12345                 * 0                     <->"


def test_internet_sockets() -> None:
    assert list(parse_internet(NEW)) == [
        InternetRow("udp", "ESTAB", 0, 0, "10.0.0.7:40022", "10.0.0.2:53", 903, None),
        InternetRow("tcp", "LISTEN", 3, 511, "0.0.0.0:80", "0.0.0.0:*", 5012370, None),
        InternetRow("tcp", "LISTEN", 0, 128, "[::]:22", "[::]:*", 5012414, None),
        InternetRow("tcp", "ESTAB", 7, 9, "127.0.0.1:38022", "127.0.0.1:6379", 5013895, 12345),
        InternetRow("tcp", "CLOSE-WAIT", 1, 0, "127.0.0.1:38023", "127.0.0.1:6379", 0, None),
    ]


def test_internet_sockets_of_an_old_ss() -> None:
    assert [(row.family, row.state, row.local, row.inode, row.heard) for row in parse_internet(OLD)] == [
        ("tcp", "LISTEN", "127.0.0.1:9000", 19035, None),
        ("tcp", "ESTAB", "10.0.2.15:22", 22, 13),
    ]


def test_stream_sockets() -> None:
    assert list(parse_unix(UNIX)) == [
        UnixRow("ESTAB", 0, 0, "", 5013488, 0, None),
        UnixRow("ESTAB", 0, 0, "/run/systemd/journal/stdout", 5012319, 5012318, 43),
        UnixRow("LISTEN", 2, 4096, "/run/php/php8.2-fpm.sock", 5012481, 0, 124),
        UnixRow("LISTEN", 0, 5, "@/tmp/.X11-unix/X0", 77, 0, None),
    ]


def test_a_stream_socket_of_an_old_ss() -> None:
    assert list(parse_unix(OLD_UNIX)) == [UnixRow("LISTEN", 0, 128, "/run/php/php-fpm.sock", 12345, 0, None)]


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")) | st.just(" ")))
def test_a_name_cannot_pass_for_other_columns(name: str) -> None:
    line = f"u_str LISTEN 1 128 /tmp/{name}. 4711            * 0       <-> ino:8 dev:0/58 peers:"
    assert list(parse_unix(line)) == [UnixRow("LISTEN", 1, 128, f"/tmp/{name}.", 4711, 0, 8)]


def test_a_name_that_looks_like_other_columns() -> None:
    name = "/tmp/x 99 * 0 <-> ino:5 dev:0/1"
    rows = list(parse_unix(f"u_str LISTEN 0 5 {name} 4711 * 0 <-> ino:8 dev:0/58 peers:"))
    assert rows == [UnixRow("LISTEN", 0, 5, name, 4711, 0, 8)]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    list(parse_internet(text))
    list(parse_unix(text))
