# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A PHP daemon that runs older code than its host has."""

from typing import List, NamedTuple, Optional, Sequence

from ..facts import php_daemon
from ..facts.daemon_code import Code
from ..facts.php_daemon import PhpDaemon, PhpDaemons, Release
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_daemon_evidence import called, verdict

GONE = "what it runs was removed, so that the next class or file it needs fails to load"
SWITCHED = "another release was made the current one since it was started"
REPLACED = "its script was replaced since it was started"
CHANGED = "its code was written to since it was started"
UPGRADED = "PHP itself was replaced since it was started"
SLACK_SECONDS = 2.0  # times of processes and of files come from different clocks


class Evidence(NamedTuple):
    """runs: the file or directory that it runs. now: what its name leads to now, and since when (epoch seconds)."""

    owner: str
    cause: str
    pid: int
    started: float
    keeper: Optional[str]
    script: Optional[str]
    runs: Optional[str]
    now: Optional[str]
    since: Optional[float]


class Old(NamedTuple):
    severity: str
    cause: str
    runs: Optional[str]
    now: Optional[str]
    since: Optional[float]


def find(seen: PhpDaemons, policy: Policy) -> Verdict:
    judged = [(one, _old(one, seen.releases)) for one in seen.daemons]
    return verdict(seen, [_finding(daemon, old) for daemon, old in judged if old is not None], _blind(seen))


def _blind(seen: PhpDaemons) -> List[str]:
    return [one.unknown[0] for one in seen.daemons if one.code is None and one.unknown]


def _old(daemon: PhpDaemon, releases: Sequence[Release]) -> Optional[Old]:
    """Return the worst of what is old about a daemon."""
    code = daemon.code
    if code is not None:
        old = _gone(code) or _switched(code) or _written(daemon, code, releases)
        if old is not None:
            return old
    return Old(LOW, UPGRADED, daemon.executable, None, None) if daemon.replaced else None


def _gone(code: Code) -> Optional[Old]:
    for place in (code.opened, code.directory):
        # A script that was replaced by another of its name was unlinked too, and is there again.
        if place is not None and place.gone and not (place is code.opened and code.changed is not None):
            return Old(HIGH, GONE, place.path, None, None)
    return None


def _switched(code: Code) -> Optional[Old]:
    for left in code.left:
        return Old(MEDIUM, SWITCHED, left.release, f"{left.link.path} -> {left.link.target}", left.link.made)
    if code.same is False and code.changed is not None:
        return Old(MEDIUM, REPLACED, code.opened.path if code.opened else None, code.script, code.changed)
    return None


def _written(daemon: PhpDaemon, code: Code, releases: Sequence[Release]) -> Optional[Old]:
    after = daemon.started + SLACK_SECONDS
    if code.changed is not None and code.changed > after:
        return Old(MEDIUM, CHANGED, code.script, code.script, code.changed)
    for release in releases:
        if release.newest > after and _runs_below(code, release.path):
            return Old(MEDIUM, CHANGED, code.script, release.path, release.newest)
    return None


def _runs_below(code: Code, path: str) -> bool:
    places = [code.script, code.directory.path, code.opened.path if code.opened else None]
    return any(place is not None and f"{place}/".startswith(path.rstrip("/") + "/") for place in places)


def _finding(daemon: PhpDaemon, old: Old) -> Finding:
    now = f", and now {old.now}" if old.now else ""
    return Finding(
        CHECK.id,
        f"process {daemon.pid}",
        old.severity,
        f"{called(daemon)} runs old code: {old.cause} ({old.runs}{now}); restart it after each release",
        Evidence(
            owner=daemon.user,
            cause=old.cause,
            pid=daemon.pid,
            started=daemon.started,
            keeper=daemon.supervised.name if daemon.supervised else daemon.unit.name if daemon.unit else None,
            script=daemon.code.script if daemon.code else None,
            runs=old.runs,
            now=old.now,
            since=old.since,
        ),
        None,
        None,
    )


CHECK = Check(id="php_daemon.old_code", gathers=(php_daemon.gather,), find=find)
