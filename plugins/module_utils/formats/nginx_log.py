# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of nginx's error log on an upstream that failed (nginx, src/core/ngx_log.c, ngx_http_upstream.c).

The request is logged as the client sent it, so what stands in one is the client's word.
"""

import re
from typing import Iterator, NamedTuple, Optional

from .fpm_log import LINE_LIMIT, When

RESET = 104  # ECONNRESET: the worker went away with the request, or before it began with it

_STAMP = re.compile(
    r"(20[0-9]{2})/([01][0-9])/([0-3][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) \[[a-z]+\] [0-9]+#[0-9]+: "
)
_FAILED = re.compile(r"(?:\*[0-9]+ )?[^,\"]{0,400}?(?:failed|timed out) \(([0-9]{1,4}): [^,\"]{0,400} upstream\Z")
_CLIENT = ", client: "
_REQUEST = re.compile(
    r", request: \"([A-Z]{1,20}) ([^\s\"?]{0,4096})[^\"]*\"(?:, subrequest: \"[^\"]*\")?, upstream: \"([^\"]{0,500})\""
)
_FASTCGI = "fastcgi://"


class UpstreamFailed(NamedTuple):
    """A FastCGI upstream failed a request by an errno: 104 reset, 111 refused, 2 no socket, 32 broken pipe, 110 late.

    request: method and path without the query. address: a path, or host:port, as FpmPool.address has it.
    """

    when: When
    errno: int
    request: str
    address: str


def parse(text: str) -> Iterator[UpstreamFailed]:
    """Yield the failures of FastCGI upstreams that a log tells of, in order; all else is left out."""
    for line in text.split("\n"):
        stamp = _STAMP.match(line) if len(line) <= LINE_LIMIT else None
        failed = _failed(line, stamp.end()) if stamp else None
        if stamp and failed:
            year, month, day, hour, minute, second = map(int, stamp.groups())
            yield failed._replace(when=(year, month, day, hour, minute, second))


def first_time(text: str) -> Optional[When]:
    """Return the time of the first line that has one."""
    for line in text.split("\n"):
        stamp = _STAMP.match(line)
        if stamp:
            year, month, day, hour, minute, second = map(int, stamp.groups())
            return year, month, day, hour, minute, second
    return None


def _failed(line: str, begin: int) -> Optional[UpstreamFailed]:
    end = line.find(_CLIENT, begin)
    failed = _FAILED.match(line[begin:end]) if end > 0 else None
    request = _REQUEST.search(line, end) if failed else None
    if not failed or not request or not request.group(3).startswith(_FASTCGI):
        return None
    said = f"{request.group(1)} {request.group(2)}"
    return UpstreamFailed((0, 0, 0, 0, 0, 0), int(failed.group(1)), said, _address(request.group(3)))


def _address(upstream: str) -> str:
    """Return ``/run/x.sock`` of ``fastcgi://unix:/run/x.sock:``, and ``127.0.0.1:9000`` of ``fastcgi://…``."""
    address = upstream[len(_FASTCGI) :]
    return address[len("unix:") :].rstrip(":") if address.startswith("unix:") else address
