# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a web server hands requests to php-fpm, and how long it waits for them."""

import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed
from ..formats.nginx import seconds
from ..host import Host
from ..policy import Policy
from . import nginx, nginx_configuration
from .masters import Master
from .nginx_configuration import Said, Tree, named

# The defaults of ngx_http_fastcgi_module.
TIMEOUT_SECONDS = 60.0
NEXT_UPSTREAM = ("error", "timeout")
UPSTREAM_PORT = 80  # of a server of an upstream that names none

FRONTS_LIMIT = 10000
LINKS_LIMIT = 40
_UNIX = "unix:"
_ANY = ("*", "0.0.0.0", "[::]")
_SETTINGS = (
    "fastcgi_read_timeout",
    "fastcgi_send_timeout",
    "fastcgi_connect_timeout",
    "fastcgi_keep_conn",
    "fastcgi_next_upstream",
)
_INNER = ("location", "if", "limit_except")


class Front(NamedTuple):
    """One fastcgi_pass of a running nginx, for one address of the upstream that it names.

    address: a path, or host:port, as FpmPool.address. where: the server and location it stands in, in nginx's words.
    source: ``file:line`` of the fastcgi_pass. *_timeout: seconds; *_source: where they are said, None for the default.
    keeps_connections: fastcgi_keep_conn is on and the upstream has keepalive. next_upstream: its words.
    """

    master: int
    address: str
    where: str
    source: str
    read_timeout: float
    read_timeout_source: Optional[str]
    send_timeout: float
    connect_timeout: float
    keeps_connections: bool
    next_upstream: Tuple[str, ...]


class Fronts(NamedTuple):
    """unseen: why there may be more; fastcgi_pass with a variable is one such."""

    fronts: Tuple[Front, ...]
    unseen: Tuple[str, ...]


class _Upstream(NamedTuple):
    addresses: Tuple[str, ...]
    keepalive: bool


class _Pass(NamedTuple):
    """A fastcgi_pass with where it stands and the settings that hold there, by name."""

    target: str
    source: str
    where: str
    settings: Mapping[str, Said]


def gather(host: Host, policy: Policy) -> Fronts:
    """Return the fronts of every running nginx that is not apart. Raises CannotLook where processes cannot be seen."""
    fronts: List[Front] = []
    unseen: List[str] = []
    trees = host.once(nginx_configuration.gather, policy)
    for master in host.once(nginx.believed, policy).masters:
        if master.apart is not None:
            continue
        tree = trees.get(master.process.pid)
        if isinstance(tree, Tree):
            _add(host, master, tree, fronts, unseen)
        else:
            unseen.append(str(tree) if tree else master.unknown or f"nginx {master.process.pid}: it is not known")
    return Fronts(tuple(fronts), tuple(unseen))


def serves(front: str, pool: str) -> bool:
    """Whether a front's address leads to a pool that listens on another: the same, or the pool's port on any address.

    A front's path is physical, so a pool's must be as physical() has it.
    """
    if front.startswith("/") or pool.startswith("/"):
        return front == pool
    front_host, _unused, front_port = front.rpartition(":")
    pool_host, _unused, pool_port = pool.rpartition(":")
    return front_port == pool_port and (front_host == pool_host or pool_host in _ANY)


def physical(host: Host, address: str) -> str:
    """Return an address with the links of its path resolved: nginx may name a pool's socket by one, as on Debian."""
    path = address
    for _unused in range(LINKS_LIMIT):
        if not path.startswith("/"):
            return address
        try:
            path = host.physical(path)
            path = os.path.normpath(os.path.join(os.path.dirname(path), host.link(path)))
        except CannotLook:
            return path  # it is no link, or is not there, or where it leads cannot be seen
    return address


def _add(host: Host, master: Master, tree: Tree, fronts: List[Front], unseen: List[str]) -> None:
    upstreams: Dict[str, _Upstream] = {}
    passes: List[_Pass] = []
    for http in named(tree.said, "http"):
        block = http.block or ()
        upstreams.update(_upstreams(block))
        passes += _passes(block, {}, "")
    for one in passes:
        if len(fronts) >= FRONTS_LIMIT:
            unseen.append(f"{one.source}: only {FRONTS_LIMIT} places that hand on to php-fpm were looked at")
            return
        try:
            fronts += _fronts(host, master.process.pid, one, upstreams)
        except Malformed as error:
            unseen.append(f"{one.source}: {error}")


def _upstreams(http: Sequence[Said]) -> Iterator[Tuple[str, _Upstream]]:
    for one in named(http, "upstream"):
        block = one.block or ()
        addresses = tuple(_of_upstream(server.arguments[0]) for server in named(block, "server") if server.arguments)
        keepalive = any(said.arguments[:1] != ("0",) for said in named(block, "keepalive"))
        yield " ".join(one.arguments), _Upstream(addresses, keepalive)


def _of_upstream(server: str) -> str:
    """Return the address of a server of an upstream, where a missing port is 80."""
    if server.startswith(_UNIX) or ":" in server.rpartition("]")[2]:
        return server
    return f"{server}:{UPSTREAM_PORT}"


def _passes(block: Sequence[Said], outer: Mapping[str, Said], where: str) -> Iterator[_Pass]:
    """Yield each fastcgi_pass of a block and of those in it; what a block does not set holds as around it."""
    settings = dict(outer, **{one.name: one for one in named(block, *_SETTINGS)})
    for one in block:
        if one.name == "fastcgi_pass" and one.arguments:
            yield _Pass(one.arguments[0], one.source, where, settings)
        elif one.name == "server" and one.block is not None:
            yield from _passes(one.block, settings, _name(one.block))
        elif one.name in _INNER and one.block is not None:
            yield from _passes(one.block, settings, " ".join([where, one.name, *one.arguments]))


def _name(server: Sequence[Said]) -> str:
    """Return what a server is told by: its first name, else what it listens on."""
    for name in ("server_name", "listen"):
        for one in named(server, name):
            if one.arguments and one.arguments[0] not in ("", "_"):
                return f"server {one.arguments[0]}"
    return "server"


def _fronts(host: Host, pid: int, one: _Pass, upstreams: Mapping[str, _Upstream]) -> Iterator[Front]:
    """Return one front an address. Raises Malformed where it cannot be known."""
    if "$" in one.target:
        raise Malformed(f"fastcgi_pass {one.target} is a variable, so it is not known which pools it leads to")
    upstream = upstreams.get(one.target, _Upstream((one.target,), False))
    keeps = _word(one.settings.get("fastcgi_keep_conn")) == "on" and upstream.keepalive
    again = one.settings.get("fastcgi_next_upstream")
    read = one.settings.get("fastcgi_read_timeout")
    return (
        Front(
            master=pid,
            address=address,
            where=one.where,
            source=one.source,
            read_timeout=_time(read),
            read_timeout_source=read.source if read else None,
            send_timeout=_time(one.settings.get("fastcgi_send_timeout")),
            connect_timeout=_time(one.settings.get("fastcgi_connect_timeout")),
            keeps_connections=keeps,
            next_upstream=again.arguments if again else NEXT_UPSTREAM,
        )
        for written in upstream.addresses
        for address in [_address(host, written)]
    )


def _address(host: Host, written: str) -> str:
    """Return an address as sockets are named: a physical path, or host:port with a host name in lower case."""
    if written.startswith(_UNIX):
        return physical(host, written[len(_UNIX) :])
    name, _unused, port = written.lower().rpartition(":")
    return f"127.0.0.1:{port}" if name == "localhost" else f"{name}:{port}"


def _word(said: Optional[Said]) -> str:
    return said.arguments[0] if said and said.arguments else ""


def _time(said: Optional[Said]) -> float:
    return seconds(_word(said)) if said else TIMEOUT_SECONDS
