# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where nginx hands requests to php-fpm, by its configuration."""

from typing import Any, Dict, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import (
    fastcgi_fronts,
    nginx_configuration,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fastcgi_fronts import Fronts, serves
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

TITLE = "nginx: master process /usr/sbin/nginx -c /etc/nginx/nginx.conf"


def described(text: str, files: Any = None, **more: Any) -> DescribedHost:
    process = dict(pid=51, executable="/usr/sbin/nginx", title=TITLE)
    written: Dict[str, Any] = {"/etc/nginx/nginx.conf": "pid /run/nginx.pid;\n" + text}
    written.update(files or {})
    return DescribedHost(dict(processes=[dict(pid=1), process], files=written, directories=["/run"], **more))


def fronts(text: str, files: Any = None, **more: Any) -> Fronts:
    return fastcgi_fronts.gather(described(text, files, **more), policy_from({}))


def only(text: str, **more: Any) -> fastcgi_fronts.Front:
    found = fronts(text, **more)
    assert len(found.fronts) == 1 and not found.unseen, found
    return found.fronts[0]


def location(text: str, outside: str = "", server: str = "") -> str:
    return f"http {{ {outside}\nserver {{ listen 80; {server}\nlocation / {{ {text} }} }} }}"


def test_a_socket_with_the_defaults_of_nginx() -> None:
    assert only(location("fastcgi_pass unix:/run/a.sock;")) == fastcgi_fronts.Front(
        master=51,
        address="/run/a.sock",
        where="server 80 location /",
        source="/etc/nginx/nginx.conf:4",
        read_timeout=60.0,
        read_timeout_source=None,
        send_timeout=60.0,
        connect_timeout=60.0,
        keeps_connections=False,
        next_upstream=("error", "timeout"),
    )


@pytest.mark.parametrize(
    ("outside", "server", "inside", "expected"),
    [
        ("fastcgi_read_timeout 5m;", "", "", (300.0, "/etc/nginx/nginx.conf:2")),
        ("fastcgi_read_timeout 5m;", "fastcgi_read_timeout 1500ms;", "", (1.5, "/etc/nginx/nginx.conf:3")),
        ("fastcgi_read_timeout 5m;", "", "fastcgi_read_timeout 10;", (10.0, "/etc/nginx/nginx.conf:4")),
    ],
)
def test_the_innermost_block_that_says_it_holds(
    outside: str, server: str, inside: str, expected: Tuple[float, str]
) -> None:
    # The order of statements in a block does not matter.
    front = only(location("fastcgi_pass unix:/run/a.sock;" + inside, outside, server))
    assert (front.read_timeout, front.read_timeout_source) == expected


def test_what_a_sibling_says_does_not_hold() -> None:
    text = "http { server { listen 80; location /x { fastcgi_read_timeout 1; } location / { fastcgi_pass a:1; } } }"
    assert only(text).read_timeout == 60.0


def test_the_other_settings() -> None:
    settings = "fastcgi_send_timeout 2; fastcgi_connect_timeout 3s; fastcgi_next_upstream off;"
    front = only(location("fastcgi_pass 10.0.0.7:9000;", settings))
    assert (front.address, front.send_timeout, front.connect_timeout) == ("10.0.0.7:9000", 2.0, 3.0)
    assert front.next_upstream == ("off",)


def test_an_upstream_has_a_front_for_each_address() -> None:
    upstream = "upstream php { server unix:/run/a.sock; server [::1]:9000 backup; server LocalHost:9001; server web; }"
    found = fronts(location("fastcgi_pass php;", upstream)).fronts
    assert [front.address for front in found] == ["/run/a.sock", "[::1]:9000", "127.0.0.1:9001", "web:80"]


@pytest.mark.parametrize(
    ("keepalive", "keep_conn", "keeps"),
    [
        ("keepalive 16;", "on", True),
        ("keepalive 0;", "on", False),
        ("", "on", False),
        ("keepalive 16;", "off", False),
    ],
)
def test_connections_are_kept_only_where_both_sides_say_so(keepalive: str, keep_conn: str, keeps: bool) -> None:
    outside = f"upstream php {{ server 127.0.0.1:9000; {keepalive} }} fastcgi_keep_conn {keep_conn};"
    assert only(location("fastcgi_pass php;", outside)).keeps_connections is keeps


def test_includes_and_nested_locations() -> None:
    files = {
        "/etc/nginx/sites/shop": "server { server_name shop.example www; include snippets/php.conf; }",
        "/etc/nginx/snippets/php.conf": "location /a {\n location ~ \\.php$ { include pass.conf; } }",
        "/etc/nginx/pass.conf": "\nif ($x) { fastcgi_pass unix:/run/a.sock; }",
    }
    front = only("http { include sites/*; }", files=files)
    assert front.where == "server shop.example location /a location ~ \\.php$ if ($x)"
    assert front.source == "/etc/nginx/pass.conf:2"


def test_links_to_the_socket_are_resolved() -> None:
    links = {
        "/var/run": "/run",
        "/run/php-fpm.sock": "/etc/alternatives/php",
        "/etc/alternatives/php": "../../run/8.sock",
    }
    files = {"/run/8.sock": dict(kind="socket")}
    text = location("fastcgi_pass unix:/var/run/php-fpm.sock;")
    assert only(text, links=links, files=files).address == "/run/8.sock"
    loop = {"/run/a.sock": "/run/b.sock", "/run/b.sock": "/run/a.sock"}
    assert only(location("fastcgi_pass unix:/run/a.sock;"), links=loop).address == "/run/a.sock"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (location("fastcgi_pass $pool;"), "/etc/nginx/nginx.conf:4: fastcgi_pass $pool is a variable"),
        (location("fastcgi_pass unix:/run/$host.sock;"), "is a variable"),
        (location("fastcgi_pass a:1; fastcgi_read_timeout never;"), "'never' is no time of nginx"),
        ("http { include gone.conf; }", "/etc/nginx/gone.conf: there is no such file"),
        ("http { include nginx.conf; }", "includes itself"),
        ("http { server {", "it ends within a statement or a block"),
    ],
)
def test_what_cannot_be_known_is_said(text: str, reason: str) -> None:
    found = fronts(text)
    assert not found.fronts
    assert any(reason in one for one in found.unseen), found


def test_an_nginx_that_is_apart_hands_nothing_to_pools_of_the_host() -> None:
    found = fronts(location("fastcgi_pass a:1;"), links={"/proc/51/ns/pid": "pid:[7]"})
    assert not found.fronts and not found.unseen


def test_the_number_of_statements_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(nginx_configuration, "STATEMENTS_LIMIT", 50)
    files = {f"/etc/nginx/d/{number}": "a b;" * 10 for number in range(9)}
    assert "more than 50 statements" in fronts("http { include d/*; }", files=files).unseen[0]


def test_the_number_of_fronts_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(fastcgi_fronts, "FRONTS_LIMIT", 2)
    found = fronts(location("if (a) { fastcgi_pass a:1; }" * 3))
    assert len(found.fronts) == 2 and "only 2" in found.unseen[0]


@pytest.mark.parametrize(
    ("front", "pool", "same"),
    [
        ("/run/a.sock", "/run/a.sock", True),
        ("/run/a.sock", "/run/b.sock", False),
        ("127.0.0.1:9000", "127.0.0.1:9000", True),
        ("127.0.0.1:9000", "*:9000", True),
        ("10.0.0.7:9000", "[::]:9000", True),
        ("127.0.0.1:9000", "127.0.0.2:9000", False),
        ("127.0.0.1:9000", "*:9001", False),
        ("/run/a.sock", "*:9000", False),
    ],
)
def test_which_pool_a_front_leads_to(front: str, pool: str, same: bool) -> None:
    assert serves(front, pool) is same


def test_blocks_are_bounded_through_includes() -> None:
    text = "http { " + "a { " * 50 + "include deeper.conf;" + " }" * 50 + " }"
    files = {"/etc/nginx/deeper.conf": "a { " * 60 + " }" * 60}
    assert "blocks in one another" in fronts(text, files=files).unseen[0]
