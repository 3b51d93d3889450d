# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs of several hosts that stop a service, or cut its requests, in the same minute, and the pools that this hits.

A line that came to every host by a template fires on all of them at once: the balancer has nobody left to turn to.
What a job does was judged on its host; here the findings of the hosts are only put side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timezone
from typing import Any, NamedTuple

CHECK = "scheduled_restart.same_minute"
# What these find stops a service or cuts its requests whenever it runs, unless a condition decides (``certain``).
HARMS = tuple(f"scheduled_restart.{verdict}" for verdict in ("kills_in_flight", "stops_service", "escalates_to_kill"))
LOW = ("low", "info")
EVERY_HOST, NO_GROUP = "all", "ungrouped"  # Ansible's own groups; the second is no pool
MANY = 0.25  # of a pool; what is left has to carry a third more, and few pools have more room than that
HALF = 0.5
POOLS_SHOWN = 10
EXAMPLES_SHOWN = 5

Look = Mapping[str, Any]


class Job(NamedTuple):
    host: str
    object: str


class Pool(NamedTuple):
    """How many of the hosts of a group are down at once. hosts: how many the inventory has in it."""

    group: str
    down: int
    hosts: int

    @property
    def share(self) -> float:
        return self.down / self.hosts


def find(looks: Mapping[str, Look], groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return a finding for each set of hosts that are hit together, in the first minute in which most of them are.

    looks holds the registered result of findings_info by host, groups the hosts of each group of the inventory.
    """
    found = _harmful(looks)
    unseen = sorted(host for host, look in looks.items() if _is_unseen(look))
    members = {name: set(hosts) for name, hosts in {EVERY_HOST: list(looks), **groups, NO_GROUP: []}.items()}
    return [
        _finding(minutes, {job: found[job] for job in sorted(jobs)}, pools, unseen)
        for minutes, jobs in _together(_by_minute(found))
        if (pools := _pools({job.host for job in jobs}, members))
    ]


def _harmful(looks: Mapping[str, Look]) -> dict[Job, Mapping[str, Any]]:
    """Return the evidence of each job that stops something or cuts requests whenever it runs, at a time that is known.

    A watchdog that looks each minute on every host, and restarts what is ill, does not restart all of them at once. Nor
    does a job that sleeps for a random time first: it has no ``delay``. And what its host takes for a low risk, such as
    a reload that waits for requests of which nobody says how long they take, is no outage of a pool.
    """
    return {
        Job(host, finding["object"]): finding["evidence"]
        for host, look in looks.items()
        for finding in look.get("findings") or []
        if finding["check"] in HARMS and finding["severity"] not in LOW and _is_timed(finding["evidence"])
    }


def _is_timed(evidence: Mapping[str, Any]) -> bool:
    return bool(evidence.get("certain")) and evidence.get("delay") is not None


def _is_unseen(look: Look) -> bool:
    checks = look.get("checks") or []
    return not checks or any(check["id"] in HARMS and check["verdict"] == "unknown" for check in checks)


def _by_minute(found: Mapping[Job, Mapping[str, Any]]) -> dict[int, set[Job]]:
    """Return the jobs that fire in each minute since the epoch."""
    timetables = {job: _timetable(evidence) for job, evidence in found.items()}
    seen_last: dict[tuple[str, str], list[float]] = {}
    for job, evidence in found.items():
        runs = list(evidence.get("next_runs") or [])
        seen_last[timetables[job]] = max(seen_last.get(timetables[job], []), runs)
    minutes: dict[int, set[Job]] = {}
    for job, evidence in found.items():
        for moment in _runs(evidence, seen_last[timetables[job]]):
            minutes.setdefault(int((moment + evidence["delay"]) // 60), set()).add(job)
    return minutes


def _timetable(evidence: Mapping[str, Any]) -> tuple[str, str]:
    """Return a schedule and how far its clock is from UTC: jobs with the same of both fire at the same times."""
    clocks = [local[-6:] for local in evidence.get("next_runs_local") or []]
    return evidence.get("schedule") or "", "".join(clocks[:1])


def _runs(evidence: Mapping[str, Any], seen_last: Sequence[float]) -> Sequence[float]:
    """Return the next runs of a job; where they were over when the last host was looked at, those that followed.

    A thousand hosts take minutes to look at, and three runs of every minute are over by then. A single run was drawn by
    chance or counts from the boot of its host, and nothing follows from it.
    """
    own: Sequence[float] = evidence.get("next_runs") or []
    return seen_last if len(own) > 1 and own[-1] < seen_last[0] else own


def _together(minutes: dict[int, set[Job]]) -> Iterator[tuple[list[int], Set[Job]]]:
    """Yield sets of jobs of several hosts with the minutes that they share, the largest sets first.

    Hosts that were looked at a little earlier still had a run before them that others had behind them, so of the
    minutes of a job the one counts in which most hosts are hit.
    """
    shared: dict[frozenset[Job], list[int]] = {}
    for minute, jobs in sorted(minutes.items()):
        shared.setdefault(frozenset(jobs), []).append(minute)
    told: set[Job] = set()
    for together, its_minutes in sorted(shared.items(), key=lambda item: (-_hosts(item[0]), item[1])):
        if _hosts(together) > 1 and not together <= told:
            told |= together
            yield its_minutes, together


def _hosts(jobs: Set[Job]) -> int:
    return len({job.host for job in jobs})


def _pools(down: set[str], members: Mapping[str, set[str]]) -> list[Pool]:
    """Return the pools of which too many are down at once, the worst first."""
    pools = [Pool(group, len(down & hosts), len(hosts)) for group, hosts in members.items()]
    hit = [pool for pool in pools if pool.down > 1 and pool.share >= MANY]
    return sorted(hit, key=lambda pool: (-pool.share, -pool.down, pool.group == EVERY_HOST, pool.group))


def _finding(
    minutes: list[int], jobs: Mapping[Job, Mapping[str, Any]], pools: list[Pool], unseen: list[str]
) -> dict[str, Any]:
    hosts = list(dict.fromkeys(job.host for job in jobs))
    names = sorted({name for evidence in jobs.values() for name in evidence.get("names") or []})
    when = [_utc(minute) for minute in minutes]
    return {
        "hosts": hosts,
        "check": CHECK,
        "object": when[0],
        "severity": _severity(pools[0]),
        "summary": _summary(len(hosts), names, when[0], pools),
        "evidence": {
            "minutes": [minute * 60 for minute in minutes],
            "minutes_utc": when,
            "names": names,
            "pools": [{**pool._asdict(), "share": round(pool.share, 3)} for pool in pools[:POOLS_SHOWN]],
            "unseen_hosts": unseen,
        },
        "remedy": None,
        "risk": None,
        "count": len(jobs),
        "examples": [f"{job.host}: {job.object}" for job in list(jobs)[:EXAMPLES_SHOWN]],
    }


def _severity(worst: Pool) -> str:
    if worst.share >= 1:
        return "high"
    return "medium" if worst.share >= HALF else "low"


def _summary(hosts: int, names: list[str], when: str, pools: list[Pool]) -> str:
    services = ", ".join(names[:3]) or "a web service"
    shares = ", ".join(_share(pool) for pool in pools[:3])
    return (
        f"{hosts} hosts stop {services} or cut its requests in the same minute, next at {when}: {shares}; "
        "give each host a minute of its own, or make the jobs graceful with a splay (scheduled_restart)"
    )


def _share(pool: Pool) -> str:
    of = "the inventory" if pool.group == EVERY_HOST else pool.group
    return f"all {pool.hosts} of {of}" if pool.share >= 1 else f"{pool.down} of {pool.hosts} of {of}"


def _utc(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
