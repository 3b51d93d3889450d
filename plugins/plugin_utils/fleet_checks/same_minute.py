# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs of several hosts that stop a service, or cut its requests, in the same minute, and the pools that this hits.

A line that came to every host by a template fires on all of them at once: the balancer has nobody left to turn to.
What a job does was judged on its host; here the findings of the hosts are only put side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

CHECK = "scheduled_restart.same_minute"
# What these find stops a service or cuts its requests whenever it runs.
HARMS = tuple(f"scheduled_restart.{verdict}" for verdict in ("kills_in_flight", "stops_service", "escalates_to_kill"))
WHOLE_RUN, NO_GROUP = "all", "ungrouped"  # Ansible's own groups; the first is told of this run, the second is no pool
MANY = 0.25  # of a pool; what is left has to carry a third more, and few pools have more room than that
HALF = 0.5
POOLS_SHOWN = 10
EXAMPLES = 5

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
    return [
        _finding(minutes, {job: found[job] for job in sorted(jobs)}, pools, unseen)
        for minutes, jobs in _together(_by_minute(found))
        if (pools := _pools({job.host for job in jobs}, looks, groups))
    ]


def _harmful(looks: Mapping[str, Look]) -> dict[Job, Mapping[str, Any]]:
    """Return the evidence of each job that stops something or cuts requests."""
    return {
        Job(host, finding["object"]): finding["evidence"]
        for host, look in looks.items()
        for finding in look.get("findings") or []
        if finding["check"] in HARMS
    }


def _is_unseen(look: Look) -> bool:
    checks = look.get("checks") or []
    return not checks or any(check["id"] in HARMS and check["verdict"] == "unknown" for check in checks)


def _by_minute(found: Mapping[Job, Mapping[str, Any]]) -> dict[int, set[Job]]:
    """Return the jobs that fire in each minute since the epoch."""
    minutes: dict[int, set[Job]] = {}
    for job, evidence in found.items():
        for moment in evidence.get("next_runs") or []:
            minutes.setdefault(int(moment // 60), set()).add(job)
    return minutes


def _together(minutes: dict[int, set[Job]]) -> Iterator[tuple[list[int], set[Job]]]:
    """Yield sets of jobs of several hosts with the minutes that they share, the largest sets first.

    Hosts that were looked at a little earlier still had a run before them that others had behind them, so of the
    minutes of a job the one counts in which most hosts are hit.
    """
    told: set[Job] = set()
    for _minute, jobs in sorted(minutes.items(), key=lambda item: (-_hosts(item[1]), item[0])):
        if _hosts(jobs) > 1 and not jobs <= told:
            told |= jobs
            yield sorted(minute for minute, others in minutes.items() if others == jobs), jobs


def _hosts(jobs: set[Job]) -> int:
    return len({job.host for job in jobs})


def _pools(down: set[str], looks: Mapping[str, Look], groups: Mapping[str, Sequence[str]]) -> list[Pool]:
    """Return the pools of which too many are down at once, the worst first."""
    members = {**groups, WHOLE_RUN: list(looks), NO_GROUP: []}
    pools = [Pool(group, len(down.intersection(hosts)), len(hosts)) for group, hosts in members.items()]
    hit = [pool for pool in pools if pool.down > 1 and pool.share >= MANY]
    return sorted(hit, key=lambda pool: (-pool.share, -pool.down, pool.group == WHOLE_RUN, pool.group))


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
        "examples": [f"{job.host}: {job.object}" for job in list(jobs)[:EXAMPLES]],
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
    of = "this run" if pool.group == WHOLE_RUN else pool.group
    return f"all {pool.hosts} of {of}" if pool.share >= 1 else f"{pool.down} of {pool.hosts} of {of}"


def _utc(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
