# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm's status page as JSON (php-src, sapi/fpm/fpm/fpm_status.c): ``?json``, and with ``?full`` its workers too.

Its counters of idle and active processes are not read: they drift, and count a kept connection as active. What a
worker's own line says was right whenever it was measured.
"""

import json
from typing import Any, Dict, NamedTuple, Optional, Tuple

from ..errors import Malformed

TEXT_LIMIT = 200  # characters of a path
_NUMBER_LIMIT = 1 << 53
_SECONDS_LIMIT = 10 * 365 * 86400
_NOTHING = ("", "-")


class WorkerStatus(NamedTuple):
    """A worker's line. state: Idle, Running, Reading headers, Getting request informations, Finishing or Ending.

    started: seconds since the epoch. requests: how many it took, the present one included. request: method and path of
    the present or last one, its query left out: it may hold secrets. request_seconds: how long that runs or took.
    """

    pid: int
    state: str
    started: Optional[float]
    requests: Optional[int]
    request: Optional[str]
    request_seconds: Optional[float]
    script: Optional[str]


class Status(NamedTuple):
    """A pool's page. started: seconds since the epoch. accepted: connections since then, this one included.

    workers: None where the page lists none: php-fpm before 5.3.9 knows no ``full``.
    """

    pool: str
    started: Optional[float]
    accepted: Optional[int]
    listen_queue: Optional[int]
    max_children_reached: Optional[int]
    workers: Optional[Tuple[WorkerStatus, ...]]


def parse(body: bytes) -> Status:
    """Return what a status page says. Raises Malformed where it is none."""
    try:
        page = json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is no status page in JSON ({str(error)[:100]})") from error
    if not isinstance(page, dict) or not isinstance(page.get("pool"), str):
        raise Malformed("it is no status page: it names no pool")
    processes = page.get("processes")
    listed = [one for one in processes if isinstance(one, dict)] if isinstance(processes, list) else None
    return Status(
        pool=page["pool"][:TEXT_LIMIT],
        started=_number(page, "start time"),
        accepted=_number(page, "accepted conn"),
        listen_queue=_number(page, "listen queue"),
        max_children_reached=_number(page, "max children reached"),
        workers=None if listed is None else tuple(_worker(one) for one in listed if _number(one, "pid")),
    )


def _worker(said: Dict[str, Any]) -> WorkerStatus:
    # In microseconds; a page that is made while a request begins can say some 2^64 of them.
    duration = _number(said, "request duration")
    return WorkerStatus(
        pid=_number(said, "pid") or 0,
        state=_text(said, "state") or "",
        started=_number(said, "start time"),
        requests=_number(said, "requests"),
        request=_request(said),
        request_seconds=duration / 1e6 if duration is not None and duration / 1e6 < _SECONDS_LIMIT else None,
        script=_text(said, "script"),
    )


def _request(said: Dict[str, Any]) -> Optional[str]:
    uri = _text(said, "request uri")
    path = uri.split("?", 1)[0] if uri else None
    method = _text(said, "request method")
    return " ".join(word for word in (method, path) if word) or None


def _number(said: Dict[str, Any], name: str) -> Optional[int]:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < _NUMBER_LIMIT else None


def _text(said: Dict[str, Any], name: str) -> Optional[str]:
    value = said.get(name)
    return value[:TEXT_LIMIT] if isinstance(value, str) and value not in _NOTHING else None
