# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd's timers start, and when (systemd.timer(5))."""

import calendar
import os
import re
import shlex
from itertools import chain
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats import systemd_calendar, systemd_show
from ..formats.systemd_show import Block
from ..host import Host
from ..policy import Policy
from . import service_units, unit_commands
from .job import NEXT_RUNS, TIMER, Job, Jobs
from .unit_commands import Commands

ANALYZE = ("/usr/bin/systemd-analyze", "/bin/systemd-analyze")
ANSWER_SECONDS = 10.0
ANSWER_LIMIT = 1024 * 1024
STAT_LIMIT = 4 * 1024 * 1024
ENVIRONMENT_LIMIT = 1024 * 1024
TIMERS_LIMIT = 1000
SHOWN_AT_ONCE = 200
_TIMER = (
    "Id,LoadState,FragmentPath,SourcePath,ActiveState,UnitFileState,Unit,TimersCalendar,TimersMonotonic,"
    "NextElapseUSecRealtime,NextElapseUSecMonotonic,RandomizedDelayUSec"
)
_UNIT = "Id,LoadState,FragmentPath,DropInPaths,User,Environment,EnvironmentFiles,Conflicts,Requires,Wants"
_NAME = re.compile(r"(?!-)[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\@-]+)?\.timer\Z")
_STARTED = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]+\.(?:service|target)\Z")
_SAID = re.compile(r"\{ (On\w+)=(.*?) ; next_elapse=(.*) \}\Z")
# systemd-cron makes timers of what cron reads; those jobs are told where they are said.
_OF_CRON = ("/etc/cron", "/etc/anacrontab", "/var/spool/cron/")


class _Timer(NamedTuple):
    """A timer. calendars, others: what it says in OnCalendar=, and in OnBootSec= and its like, as NAME=VALUE."""

    name: str
    starts: str
    calendars: Tuple[str, ...]
    others: Tuple[str, ...]
    block: Block


def gather(host: Host, policy: Policy) -> Jobs:
    """Return one job a timer; of a host that systemd does not run, none."""
    unseen: List[str] = []
    try:
        shown = _show(host, _names(host, unseen), _TIMER)
    except Missing:
        return Jobs((), ())
    except CannotLook as error:
        return Jobs((), (str(error),))
    blocks = [block for block in shown.values() if not _one(block, "SourcePath").startswith(_OF_CRON)]
    timers = list({one.name: one for one in map(_timer, blocks)}.values())  # a timer may be listed by several names
    units = _started(host, timers, unseen)
    times = _calendar_times(host, {text for one in timers if _is_active(one) for text in one.calendars})
    return Jobs(tuple(_jobs(host, timers, units, times, unseen)), tuple(unseen))


def _names(host: Host, unseen: List[str]) -> List[str]:
    """Return the timers that have a file, and those that are loaded without one or as an instance."""
    files = service_units.ask(host, ["list-unit-files", "--no-legend", "--no-pager", "--type=timer"], none=1)
    loaded = service_units.ask(host, ["list-units", "--all", "--no-legend", "--no-pager", "--plain", "--type=timer"])
    words = (line.split()[0] for line in chain(files.split("\n"), loaded.split("\n")) if line.strip())
    names = [name for name in dict.fromkeys(words) if _NAME.match(name)]
    if len(names) > TIMERS_LIMIT:
        unseen.append(f"systemd has {len(names)} timers, of which {TIMERS_LIMIT} were looked at")
    return names[:TIMERS_LIMIT]


def _show(host: Host, names: Sequence[str], properties: str) -> Dict[str, Block]:
    """Return what systemd says of units, by the names that they were asked for by."""
    found: Dict[str, Block] = {}
    for begin in range(0, len(names), SHOWN_AT_ONCE):
        asked = names[begin : begin + SHOWN_AT_ONCE]
        blocks = systemd_show.parse(service_units.ask(host, ["show", f"--property={properties}", "--", *asked]))
        if len(blocks) != len(asked):
            raise CannotLook(f"systemctl show: it tells of {len(blocks)} units, where it was asked for {len(asked)}")
        found.update(zip(asked, blocks))
    return found


def _timer(block: Block) -> _Timer:
    said = [_SAID.match(value) for value in block.get("TimersCalendar", []) + block.get("TimersMonotonic", [])]
    pairs = [(one.group(1), one.group(2)) for one in said if one]
    return _Timer(
        name=_one(block, "Id"),
        starts=_one(block, "Unit"),
        calendars=tuple(value for name, value in pairs if name == "OnCalendar"),
        others=tuple(f"{name.replace('USec', 'Sec')}={value}" for name, value in pairs if name != "OnCalendar"),
        block=block,
    )


def _is_active(timer: _Timer) -> bool:
    return _one(timer.block, "ActiveState") == "active"


def _started(host: Host, timers: Sequence[_Timer], unseen: List[str]) -> Dict[str, Block]:
    """Return the units that timers start, and of a target among them those that it starts."""
    names = [one.starts for one in timers if _STARTED.match(one.starts)]
    try:
        units = _show(host, sorted(set(names)), _UNIT)
        below = {name for unit, block in units.items() if unit.endswith(".target") for name in _pulled_in(block)}
        units.update(_show(host, sorted(below - set(units)), _UNIT))
    except CannotLook as error:
        unseen.append(str(error))
        return {}
    return units


def _pulled_in(block: Block) -> List[str]:
    words = f"{_one(block, 'Requires')} {_one(block, 'Wants')}".split()
    return [word for word in words if word.endswith(".service") and service_units.NAME.match(word)]


def _jobs(
    host: Host,
    timers: Sequence[_Timer],
    units: Mapping[str, Block],
    times: Mapping[str, Tuple[float, ...]],
    unseen: List[str],
) -> Iterator[Job]:
    for timer in timers:
        for name in _services(timer, units):
            try:
                commands = unit_commands.read(host, name, _files(units[name]))
            except CannotLook as error:
                unseen.append(f"{timer.name}: {error}")
                continue
            shell = _shell(units[name], commands)
            if shell:
                yield _job(host, timer, name, units[name], commands, shell, times)


def _services(timer: _Timer, units: Mapping[str, Block]) -> List[str]:
    if timer.starts not in units:
        return []
    names = _pulled_in(units[timer.starts]) if timer.starts.endswith(".target") else [timer.starts]
    return [name for name in names if name in units and name.endswith(".service")]


def _files(block: Block) -> List[str]:
    return [path for path in (_one(block, "FragmentPath"), *_one(block, "DropInPaths").split()) if path]


def _job(
    host: Host,
    timer: _Timer,
    unit: str,
    block: Block,
    commands: Commands,
    shell: str,
    times: Mapping[str, Tuple[float, ...]],
) -> Job:
    never = _never(timer, unit, block)
    return Job(
        kind=TIMER,
        object=timer.name,
        path=commands.path or _one(timer.block, "FragmentPath"),
        line=0,
        text=b"",
        schedule=_schedule(timer),
        cron=None,
        zone=None,
        next_runs=() if never else _next_runs(host, timer, times),
        user=_one(block, "User") or "root",
        shell=shell,
        first_line=commands.number,
        environment=_environment(host, block),
        unit=_one(block, "Id") or unit,
        never=never,
    )


def _shell(block: Block, commands: Commands) -> str:
    """Return all that the start of a unit comes to; what it conflicts with, systemd stops."""
    others = [name for name in _one(block, "Conflicts").split() if service_units.NAME.match(name)]
    stops = [f"systemctl stop {shlex.quote(name)}" for name in others]
    return "; ".join([*stops, commands.shell] if commands.shell else stops)


def _schedule(timer: _Timer) -> str:
    said = [*(f"OnCalendar={text}" for text in timer.calendars), *timer.others]
    delay = _random_delay(timer)
    said += [f"delayed by up to {delay}"] if delay else []
    waits = not _is_active(timer) and _one(timer.block, "UnitFileState") == "enabled"
    return ", ".join([*said, "from the next boot on"] if waits else said)


def _never(timer: _Timer, unit: str, block: Block) -> Optional[str]:
    if _one(block, "LoadState") in ("not-found", "masked"):
        return f"it starts {unit}, which is {_one(block, 'LoadState')}"
    enabled = _one(timer.block, "UnitFileState")
    if _is_active(timer) or enabled == "enabled":
        return None
    return f"the timer is {_one(timer.block, 'ActiveState')} ({enabled or 'no file'}), so systemd starts nothing by it"


def _random_delay(timer: _Timer) -> Optional[str]:
    delay = _one(timer.block, "RandomizedDelayUSec")
    return delay if delay not in ("", "0") else None


def _next_runs(host: Host, timer: _Timer, times: Mapping[str, Tuple[float, ...]]) -> Tuple[float, ...]:
    """Return the next runs; with a random delay only the one that systemd has drawn by now."""
    by_calendar = sorted({moment for text in timer.calendars for moment in times.get(text, ())})
    elapse = systemd_calendar.time(_one(timer.block, "NextElapseUSecRealtime"))
    if by_calendar and not _random_delay(timer):
        return tuple(by_calendar[:NEXT_RUNS])
    if elapse is not None:
        return _moments(host, [elapse])
    return _since_boot(host, _one(timer.block, "NextElapseUSecMonotonic"))


def _since_boot(host: Host, text: str) -> Tuple[float, ...]:
    """Return a time that systemd counts from the boot on, in seconds since the epoch."""
    try:
        after = systemd_show.seconds(text) if text else None
        content = host.read("/proc/stat", STAT_LIMIT)
    except (Malformed, CannotLook):
        return ()
    booted = re.search(rb"^btime ([0-9]+)$", content, re.MULTILINE)
    return (int(booted.group(1)) + after,) if booted and after else ()


def _calendar_times(host: Host, texts: Iterable[str]) -> Dict[str, Tuple[float, ...]]:
    """Return the next times of calendar expressions; none where this systemd cannot tell of several (before 242)."""
    asked = sorted(texts)
    for program in ANALYZE if asked else ():
        argv = [program, "calendar", f"--iterations={NEXT_RUNS}", "--", *asked]
        try:
            ran = host.run(argv, ANSWER_SECONDS, ANSWER_LIMIT)
        except CannotLook:
            continue
        found = systemd_calendar.elapses(ran.output.decode("utf-8", "replace"))
        if ran.status == 0 and len(found) == len(asked):
            return {text: _moments(host, times) for text, times in zip(asked, found)}
    return {}


def _moments(host: Host, times: Sequence[systemd_calendar.Time]) -> Tuple[float, ...]:
    try:
        return tuple(
            float(calendar.timegm(one.wall.timetuple())) if one.utc else host.moment(one.wall) for one in times
        )
    except CannotLook:
        return ()  # the host's own zone cannot be read


def _environment(host: Host, block: Block) -> Dict[str, str]:
    """Return what is set for the commands, the files after the settings (systemd.exec(5))."""
    found = _assignments(_one(block, "Environment"))
    for text in block.get("EnvironmentFiles", []):
        try:
            content = host.read(text.partition(" (")[0], ENVIRONMENT_LIMIT, follow=True)
        except CannotLook:
            continue  # what it would set stays unknown, and a command that needs it is said to be
        for line in os.fsdecode(content).split("\n"):
            if not line.lstrip().startswith(("#", ";")):
                found.update(_assignments(line))
    return found


def _assignments(text: str) -> Dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError:
        return {}  # a quote that is not closed
    pairs = [word.partition("=") for word in words]
    return {name: value for name, sign, value in pairs if sign}


def _one(block: Block, name: str) -> str:
    return block.get(name, [""])[0]
