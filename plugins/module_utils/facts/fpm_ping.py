# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a pool of php-fpm for its own word, over its socket, whether or not a web server stands in front of it."""

from typing import Dict, NamedTuple, Optional

from ..errors import CannotLook, Malformed
from ..formats import fastcgi, fpm_status
from ..formats.fpm_status import Status
from ..host import Host
from .fpm_masters import FpmMaster, FpmPool

ANSWER_SECONDS = 2.0
ANSWER_LIMIT = 4 * 1024 * 1024  # bytes; a page has some 400 for each worker
_SAID_LIMIT = 200  # bytes of a strange answer that are told


class Place(NamedTuple):
    """Where a page of a pool is to be had. own: by the pool's own workers, so that asking is a request to them."""

    address: str
    path: str
    own: bool


def status_place(pool: FpmPool) -> Optional[Place]:
    """Return where a pool's status page is, None where it has none."""
    path = pool.settings.get("pm.status_path")
    if not path or pool.address is None:
        return None
    apart = pool.settings.get("pm.status_listen")
    if not apart:
        return Place(pool.address, path, True)
    return Place(apart if "/" in apart or ":" in apart else f"*:{apart}", path, False)


def ask_status(host: Host, master: FpmMaster, pool: FpmPool) -> Status:
    """Return a pool's status page. Raises CannotLook where it has none or does not answer in time."""
    place = status_place(pool)
    if place is None:
        raise CannotLook(f"pool {pool.name}: it has no status page; set pm.status_path for it and reload php-fpm")
    try:
        status = fpm_status.parse(_page(host, master, pool, place, "full&json"))
    except Malformed as error:
        raise CannotLook(f"pool {pool.name}: what answers {place.path} at {place.address} is wrong: {error}") from error
    if status.pool != pool.name:
        raise CannotLook(f"pool {pool.name}: at {place.address} answers another pool, {status.pool!r}")
    return status


def ping(host: Host, master: FpmMaster, pool: FpmPool) -> None:
    """Demand that a worker of the pool answers: by ping.path where there is one, else for FastCGI's variables.

    Those are answered without a script, a log line or any configuration; but like every connection they count as one
    that was accepted, and the page's ``active processes`` shows them for up to a second. Raises CannotLook.
    """
    if pool.address is None:
        raise CannotLook(f"pool {pool.name}: its configuration does not say where it listens; set `listen` for it")
    path = pool.settings.get("ping.path")
    try:
        if path:
            _page(host, master, pool, Place(pool.address, path, True), "")
        else:
            fastcgi.values(_ask(host, master, pool, pool.address, fastcgi.ask_values("FCGI_MPXS_CONNS")))
    except Malformed as error:
        raise CannotLook(f"pool {pool.name}: what answers at {pool.address} is wrong: {error}") from error


def _page(host: Host, master: FpmMaster, pool: FpmPool, place: Place, query: str) -> bytes:
    said = _ask(host, master, pool, place.address, fastcgi.request(_parameters(place.path, query)))
    document = fastcgi.document(fastcgi.answer(said).output)
    if document.status != 200:
        raise CannotLook(
            f"{place.path} at {place.address}: it answers {document.status}, so its configuration is not yet in force, "
            f"or it is another's socket: {document.body[:_SAID_LIMIT]!r}"
        )
    return document.body


def _parameters(path: str, query: str) -> Dict[str, str]:
    return dict(
        GATEWAY_INTERFACE="CGI/1.1",
        SERVER_PROTOCOL="HTTP/1.1",
        REQUEST_METHOD="GET",
        REQUEST_URI=path,
        SCRIPT_NAME=path,
        SCRIPT_FILENAME=path,
        QUERY_STRING=query,
    )


def _ask(host: Host, master: FpmMaster, pool: FpmPool, address: str, request: bytes) -> bytes:
    if not address.startswith("/") and pool.listening is None:
        # It may have a network of its own, or not be reloaded yet: then somebody else is at that address.
        raise CannotLook(
            f"pool {pool.name}: {address} is not asked, because its master is not seen to listen for the pool"
        )
    # The socket's path is the master's word, and it may be chrooted, or have mounts of its own (PrivateTmp=).
    its = host.within(master.process.pid) if host.is_root() else host
    said = its.ask(address, request, ANSWER_SECONDS, ANSWER_LIMIT, fastcgi.Answered())
    if not said:
        raise CannotLook(
            f"{address}: it closes the connection without an answer; listen.allowed_clients must name 127.0.0.1 for it"
        )
    return said
