# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd would do with a service: which signals it sends, and how long it waits."""

import os
import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats import systemd_show
from ..host import Host

PROGRAMS = ("/usr/bin/systemctl", "/bin/systemctl")
PROPERTIES = (
    "Id,LoadState,FragmentPath,ActiveState,UnitFileState,Type,MainPID,KillSignal,KillMode,SendSIGKILL,TimeoutStopUSec,"
    "Restart,ExecStart,ExecReload,ExecStop"
)
ANSWER_SECONDS = 10.0
ANSWER_LIMIT = 4 * 1024 * 1024
CGROUP_LIMIT = 64 * 1024
NAMES_LIMIT = 500
# An instance has a name after its @; systemctl refuses to show a template, which has none.
NAME = re.compile(r"(?!-)[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\@-]+)?\.service\Z")


class ServiceUnit(NamedTuple):
    """A service of systemd, as ``systemctl show`` says it.

    name: php8.2-fpm.service. file: its unit file, None for one without. state: active, failed, inactive and so on.
    enabled: UnitFileState. main_pid: 0 for none. kill_signal: by number. kill_mode: control-group, mixed, process or
    none. stop_seconds: how long a stop may take before it escalates, None for ever. start, reload and stop: the
    commands of ExecStart, ExecReload and ExecStop, each as its words joined by spaces.
    """

    name: str
    file: Optional[str]
    state: str
    enabled: str
    type: str
    main_pid: int
    kill_signal: int
    kill_mode: str
    send_sigkill: bool
    stop_seconds: Optional[float]
    restart: str
    start: Tuple[str, ...]
    reload: Tuple[str, ...]
    stop: Tuple[str, ...]


def unit_of(host: Host, pid: int) -> Optional[str]:
    """Return the service that a process belongs to, by its cgroup (cgroups(7)); None outside of any."""
    paths: Dict[str, str] = {}
    for line in os.fsdecode(host.read(f"/proc/{pid}/cgroup", CGROUP_LIMIT)).split("\n"):
        if line.count(":") >= 2:
            _number, controllers, path = line.split(":", 2)
            paths[controllers] = path
    # systemd's own hierarchy of version 1, or the one of version 2; a host may have both, of which one is empty.
    return _service(paths.get("name=systemd", "")) or _service(paths.get("", ""))


def show(host: Host, names: Sequence[str]) -> Dict[str, ServiceUnit]:
    """Return the units by name; one that systemd does not know is left out. Raises CannotLook without systemd."""
    asked = [name for name in dict.fromkeys(names) if NAME.match(name)][:NAMES_LIMIT]
    if not asked:
        return {}
    said = ask(host, ["show", f"--property={PROPERTIES}", "--", *asked])
    blocks = systemd_show.parse(said)
    if len(blocks) != len(asked):
        raise CannotLook(f"systemctl show: it tells of {len(blocks)} units, where it was asked for {len(asked)}")
    return {name: _unit(block) for name, block in zip(asked, blocks) if _one(block, "LoadState") != "not-found"}


def named_like(host: Host, *patterns: str) -> Tuple[str, ...]:
    """Return the installed services whose names match a pattern of glob(7). Raises CannotLook without systemd."""
    said = ask(host, ["list-unit-files", "--no-legend", "--no-pager", "--type=service", *patterns], none=1)
    names = (line.split()[0] for line in said.split("\n") if line.strip())
    return tuple(name for name in dict.fromkeys(names) if NAME.match(name))


def _service(path: str) -> Optional[str]:
    """Return the unit of a cgroup: the first part that is no slice; a part is escaped by ``_`` (systemd, cg_escape)."""
    part = next((part for part in path.split("/") if part and not part.endswith(".slice")), "")
    part = part[1:] if part.startswith("_") else part
    return part if NAME.match(part) else None


def ask(host: Host, arguments: List[str], none: int = 0, seconds: float = ANSWER_SECONDS) -> str:
    """Return what systemctl says; ``none`` is the status it may also end with when it finds nothing to say."""
    program = _program(host)
    ran = host.run([program, *arguments], seconds, ANSWER_LIMIT)
    said = os.fsdecode(ran.output)
    if ran.status != 0 and (ran.status != none or said.strip()):
        raise CannotLook(f"systemctl {arguments[0]}: it ends with {ran.status}: {said[:200].strip()!r}")
    return said


def _program(host: Host) -> str:
    try:
        host.stat("/run/systemd/system")  # sd_booted(3)
    except Missing as error:
        raise Missing("this host is not run by systemd") from error
    for path in PROGRAMS:
        try:
            host.stat(path, follow=True)
        except Missing:
            continue
        return path
    raise CannotLook("systemctl(1) is in none of its usual places, so services cannot be seen")


def _unit(block: systemd_show.Block) -> ServiceUnit:
    name = _one(block, "Id")
    try:
        return ServiceUnit(
            name=name,
            file=_one(block, "FragmentPath") or None,
            state=_one(block, "ActiveState"),
            enabled=_one(block, "UnitFileState"),
            type=_one(block, "Type"),
            main_pid=int(_one(block, "MainPID") or 0),
            kill_signal=int(_one(block, "KillSignal")),
            kill_mode=_one(block, "KillMode"),
            send_sigkill=_one(block, "SendSIGKILL") != "no",
            stop_seconds=systemd_show.seconds(_one(block, "TimeoutStopUSec")),
            restart=_one(block, "Restart"),
            start=_commands(block, "ExecStart"),
            reload=_commands(block, "ExecReload"),
            stop=_commands(block, "ExecStop"),
        )
    except (ValueError, Malformed) as error:
        raise CannotLook(f"systemctl show {name[:200]}: it cannot be read: {error}") from error


def _one(block: systemd_show.Block, name: str) -> str:
    return block.get(name, [""])[0]


def _commands(block: systemd_show.Block, name: str) -> Tuple[str, ...]:
    return tuple(systemd_show.command(value) for value in block.get(name, ()))
