# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the jobs stand that touch a web service, as far as it decides whether and how one of them can be changed."""

import contextlib
import os
import re
import stat
from typing import Dict, Mapping, NamedTuple, Optional, Sequence

from ..errors import CannotLook, Missing
from ..formats import systemd_show
from ..host import Host
from ..policy import Policy
from . import file_packages, job_effects, service_units
from .job import PERIODIC, TIMER, Job
from .job_effects import JobEffects

MACHINE_ID = "/etc/machine-id"
MACHINE_ID_LIMIT = 4096
SCRIPT_LIMIT = 256 * 1024  # bytes
INIT_SCRIPTS = ("/etc/init.d/", "/etc/rc.d/")
_TIMER = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]+\.timer\Z")


class JobPlaces(NamedTuple):
    """packages: which package a job's file belongs to; unowned: why that is not known, None where it is.

    fixed: why a file cannot be changed without more than it. timers: UnitFileState of each (systemctl(1), is-enabled).
    scripts: the text of those that jobs run on their way, less init scripts. machine: what tells this host from all
    others (machine-id(5)), "" where it has none.
    """

    packages: Mapping[str, str]
    unowned: Optional[str]
    fixed: Mapping[str, str]
    timers: Mapping[str, str]
    scripts: Mapping[str, str]
    machine: str


def gather(host: Host, policy: Policy) -> JobPlaces:
    """Return the places of the jobs that touch a web service. Raises CannotLook as job_effects does."""
    effects = host.once(job_effects.gather, policy).jobs
    jobs = [one.job for one in effects]
    paths = list(dict.fromkeys(job.path for job in jobs))
    packages: Mapping[str, str] = {}
    unowned = None
    try:
        packages = file_packages.owners(host, paths) if paths else {}
    except CannotLook as error:
        unowned = str(error)
    fixed, timers, scripts = _fixed(host, paths), _timers(host, jobs), _scripts(host, effects)
    return JobPlaces(packages, unowned, fixed, timers, scripts, _machine(host))


def _fixed(host: Host, paths: Sequence[str]) -> Dict[str, str]:
    fixed = {}
    for path in paths:
        try:
            seen = host.stat(path)
            if stat.S_ISLNK(seen.mode):
                fixed[path] = f"{path} is a symbolic link to {host.link(path)}; change the file there by hand"
            elif seen.links > 1:
                fixed[path] = f"{path} has {seen.links} names (hard links), and one alone would change; do it by hand"
        except CannotLook:
            continue  # who wants to change it says why it cannot be opened
    return fixed


def _scripts(host: Host, effects: Sequence[JobEffects]) -> Dict[str, str]:
    """Return the scripts that jobs lead through; one that cannot be read is left out, and so nothing is known of it."""
    sources = [hop.source.rpartition(":")[0] for one in effects for hit in one.hits for hop in hit.hops]
    lines = {one.job.path for one in effects if one.job.kind != PERIODIC}
    scripts = {}
    for path in dict.fromkeys([*sources, *(one.job.path for one in effects if one.job.kind == PERIODIC)]):
        if path.startswith("/") and path not in lines and not path.startswith(INIT_SCRIPTS):
            with contextlib.suppress(CannotLook):
                scripts[path] = os.fsdecode(host.read(path, SCRIPT_LIMIT, follow=True))
    return scripts


def _timers(host: Host, jobs: Sequence[Job]) -> Dict[str, str]:
    names = list(dict.fromkeys(job.object for job in jobs if job.kind == TIMER and _TIMER.match(job.object)))
    if not names:
        return {}
    try:
        blocks = systemd_show.parse(service_units.ask(host, ["show", "--property=Id,UnitFileState", "--", *names]))
    except CannotLook:
        return {}
    return {block["Id"][0]: block.get("UnitFileState", [""])[0] for block in blocks if block.get("Id")}


def _machine(host: Host) -> str:
    try:
        return os.fsdecode(host.read(MACHINE_ID, MACHINE_ID_LIMIT, follow=True)).strip()
    except Missing:
        return ""
