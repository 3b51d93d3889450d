# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd of a described host: what systemctl(1) prints of units that a test describes by their files.

units:
  php8.2-fpm.service: "[Service]\nType=notify\nExecStart=/usr/sbin/php-fpm8.2 …"     # runs, and is enabled
  nightly.timer: {file: "[Timer]\nOnCalendar=04:00\n", state: inactive, enabled: disabled}
  php8.2-fpm.service: {file: …, pid: 45, names: [php-fpm.service]}                   # main process, aliases

Each has the file /lib/systemd/system/NAME as well. Values that a file does not say are systemd's own defaults.
"""

import fnmatch
import shlex
import signal
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Sequence, Tuple

PLACE = "/lib/systemd/system"
SYSTEMCTL = ("/usr/bin/systemctl", "/bin/systemctl")
NONE_FITS = 1  # what `list-unit-files` ends with when no file fits

_SERVICE = dict(
    Type="simple",
    Restart="no",
    TimeoutStopUSec="1min 30s",
    MainPID="0",
    KillMode="control-group",
    KillSignal="15",
    SendSIGKILL="yes",
)
_EXECS = ("ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")


class Unit:
    """A described unit. said: each setting of its file in order, by name; ``ExecStart=`` with nothing clears a list."""

    def __init__(self, name: str, described: Any) -> None:
        described = dict(file=described) if isinstance(described, str) else described
        self.name = name
        self.file: str = described["file"]
        self.names: List[str] = [name, *described.get("names", ())]
        self.said = _parse(self.file)
        oneshot = self.said.get("Type") == ["oneshot"]
        self.state = described.get("state", "inactive" if oneshot else "active")
        self.enabled = described.get("enabled", "static" if oneshot else "enabled")
        self.path = described.get("path", f"{PLACE}/{name}")
        self.pid = described.get("pid", 0)

    def properties(self) -> List[Tuple[str, str]]:
        shown = self._service() if self.name.endswith(".service") else self._timer()
        return [
            *shown,
            ("Id", self.name),
            ("Names", " ".join(self.names)),
            ("LoadState", "masked" if self.enabled == "masked" else "loaded"),
            ("ActiveState", self.state),
            ("FragmentPath", self.path),
            ("UnitFileState", self.enabled),
            ("Description", self._last("Description", self.name)),
        ]

    def _service(self) -> List[Tuple[str, str]]:
        values = dict(_SERVICE, MainPID=str(self.pid))
        for name in ("Type", "Restart", "KillMode", "SendSIGKILL"):
            values[name] = self._last(name, values[name])
        values["KillSignal"] = str(_signal(self._last("KillSignal", "SIGTERM")))
        values["TimeoutStopUSec"] = _span(self._last("TimeoutStopSec", self._last("TimeoutSec", "90")))
        commands = [(name, _command(text)) for name in _EXECS for text in self.said.get(name, ())]
        others = [(name, self._last(name, "")) for name in ("User", "Conflicts") if name in self.said]
        environment = [("Environment", " ".join(self.said["Environment"]))] if "Environment" in self.said else []
        can_reload = ("CanReload", "yes" if self.said.get("ExecReload") else "no")
        return [*values.items(), *commands, *others, *environment, can_reload]

    def _timer(self) -> List[Tuple[str, str]]:
        unit = self._last("Unit", self.name.replace(".timer", ".service"))
        shown = [("Unit", unit), ("Triggers", unit)]
        next_elapse = self._last("X-Next", "Mon 2026-11-23 04:00:00 UTC")
        for text in self.said.get("OnCalendar", ()):
            shown.append(("TimersCalendar", f"{{ OnCalendar={text} ; next_elapse={next_elapse} }}"))
        for name in ("OnBootSec", "OnActiveSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"):
            for text in self.said.get(name, ()):
                shown.append(("TimersMonotonic", f"{{ {name[:-3]}USec={_span(text)} ; next_elapse={_span(text)} }}"))
        elapses = next_elapse if "OnCalendar" in self.said and self.state == "active" else ""
        return [*shown, ("NextElapseUSecRealtime", elapses), ("LastTriggerUSec", "")]

    def _last(self, name: str, default: str) -> str:
        said = self.said.get(name)
        return said[-1] if said else default


def units_of(described: Mapping[str, Any]) -> Dict[str, Unit]:
    return {name: Unit(name, one) for name, one in described.items()}


def answer(units: Mapping[str, Unit], arguments: Sequence[str]) -> Dict[str, Any]:
    """Return what systemctl says and ends with, asked with one of VERBS."""
    options = [word for word in arguments[1:] if word.startswith("-") and word != "--"]
    names = [word for word in arguments[1:] if not word.startswith("-")]
    return VERBS[arguments[0]](units, options, names)


def _show(units: Mapping[str, Unit], options: Sequence[str], names: Sequence[str]) -> Dict[str, Any]:
    asked = next((word.partition("=")[2].split(",") for word in options if word.startswith("--property=")), None)
    found: List[List[Tuple[str, str]]] = []
    for name in names:
        if any(character in name for character in "*?["):
            # show(1) with a pattern tells of what is loaded.
            found += [one.properties() for key, one in sorted(units.items()) if fnmatch.fnmatchcase(key, name)]
        else:
            found.append(_of_name(units, name))
    blocks = ["".join(f"{key}={value}\n" for key, value in one if asked is None or key in asked) for one in found]
    return dict(output="\n".join(blocks))


def _of_name(units: Mapping[str, Unit], name: str) -> List[Tuple[str, str]]:
    for unit in units.values():
        if name in unit.names:
            return unit.properties()
    nothing = [("Id", name), ("Names", name), ("LoadState", "not-found"), ("ActiveState", "inactive")]
    return [*(_SERVICE.items() if name.endswith(".service") else ()), *nothing]


def _list_unit_files(units: Mapping[str, Unit], options: Sequence[str], names: Sequence[str]) -> Dict[str, Any]:
    kinds = [word.partition("=")[2] for word in options if word.startswith("--type=")]
    lines = []
    for name, unit in sorted(units.items()):
        if kinds and name.rpartition(".")[2] not in kinds[0].split(","):
            continue
        if not names or any(fnmatch.fnmatchcase(name, pattern) for pattern in names):
            lines.append(f"{name:40} {unit.enabled:15} enabled\n")
    return dict(output="".join(lines), status=0 if lines or not names else NONE_FITS)


def _parse(text: str) -> Dict[str, List[str]]:
    said: Dict[str, List[str]] = {}
    for line in text.replace("\\\n", " ").split("\n"):
        name, sign, value = line.partition("=")
        if not sign or line.startswith(("#", ";")):
            continue
        said.setdefault(name.strip(), [])
        said[name.strip()] = [*said[name.strip()], value.strip()] if value.strip() else []
    return said


def _signal(text: str) -> int:
    return int(text) if text.isdigit() else int(signal.Signals[text if text.startswith("SIG") else f"SIG{text}"])


def _span(text: str) -> str:
    """Return a time span as systemd prints it, of one that is a plain number of seconds or is printed so already."""
    if not text.isdigit():
        return text
    minutes, seconds = divmod(int(text), 60)
    parts = [f"{minutes}min"] if minutes else []
    return " ".join([*parts, *([f"{seconds}s"] if seconds else [])]) or "0"


@lru_cache(maxsize=None)
def _command(text: str) -> str:
    words = shlex.split(text.lstrip("-@:+!"))
    ignored = "yes" if "-" in text[: len(text) - len(text.lstrip("-@:+!"))] else "no"
    return (
        f"{{ path={words[0]} ; argv[]={' '.join(words)} ; ignore_errors={ignored} ; start_time=[n/a] ; "
        "stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
    )


def _list_units(units: Mapping[str, Unit], options: Sequence[str], names: Sequence[str]) -> Dict[str, Any]:
    kinds = [word.partition("=")[2] for word in options if word.startswith("--type=")]
    loaded = [unit for name, unit in sorted(units.items()) if name.rpartition(".")[2] in kinds]
    return dict(output="".join(f"{unit.name} loaded {unit.state} {unit.state} {unit.name}\n" for unit in loaded))


VERBS = {"show": _show, "list-unit-files": _list_unit_files, "list-units": _list_units}
