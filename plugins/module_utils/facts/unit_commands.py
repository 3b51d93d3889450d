# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands that systemd runs when it starts a service, in order, read from its unit files (systemd.service(5))."""

import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..formats import unit_file
from ..host import Host

FILE_LIMIT = 4 * 1024 * 1024
FILES_LIMIT = 100
_STARTING = ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost")
_ENDING = ("ExecStop", "ExecStopPost")

Source = Tuple[str, str, int]  # what is said, in which file, in which line


class Commands(NamedTuple):
    """shell: all as one line for a shell. path, number: where the first is said, "" and 0 where there is none."""

    shell: str
    path: str
    number: int


def read(host: Host, unit: str, files: Sequence[str]) -> Commands:
    """Return the commands of a unit; ``files`` are its own and its drop-ins, in order. Raises CannotLook."""
    said: Dict[str, List[Source]] = {}
    for path in files[:FILES_LIMIT]:
        for setting in unit_file.parse(os.fsdecode(host.read(path, FILE_LIMIT, follow=True))):
            if setting.section == "Service":
                before = said.setdefault(setting.name, [])
                said[setting.name] = [*before, (setting.value, path, setting.number)] if setting.value else []
    starting = [source for name in _STARTING for source in said.get(name, ())]
    ending = [source for name in _ENDING for source in said.get(name, ())] if _ends_by_itself(said) else []
    first = (starting or ending or [("", "", 0)])[0]
    return Commands(
        "; ".join(filter(None, [_chain(unit, starting), *(_chain(unit, [one]) for one in ending)])), *first[1:]
    )


def _ends_by_itself(said: Dict[str, List[Source]]) -> bool:
    """Whether what it starts is a job: its ExecStop= is run when that has ended, and not only when it is stopped."""
    return _last(said, "Type") == "oneshot" and _last(said, "RemainAfterExit") not in ("yes", "true", "on", "1")


def _last(said: Dict[str, List[Source]], name: str) -> Optional[str]:
    sources = said.get(name)
    return sources[-1][0].lower() if sources else None


def _chain(unit: str, sources: Sequence[Source]) -> str:
    """Return commands of which each is only run where the one before did not fail, or may fail."""
    known = unit_file.specifiers(unit)
    commands = [one for source in sources for one in unit_file.commands(source[0], known)]
    needed = [f"{{ {one.shell} || :; }}" if one.ignored else one.shell for one in commands[:-1]]
    return " && ".join([*needed, *(one.shell for one in commands[-1:])])
