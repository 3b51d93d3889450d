# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a timer of systemd out of force by ``systemctl disable --now``, and put it back as it was."""

from typing import Any, Dict, NamedTuple, Tuple, Type, Union, cast

from ..errors import CannotAct, CannotLook, Taken, Unneeded
from ..facts import service_units
from ..facts.job_guard import Guard
from ..formats import systemd_show
from ..host import Host
from ..journal_file import Intent
from ..model import Action
from .journal import Journal
from .verb import Prepared, Verb

# UnitFileState, as systemctl(1) has them under is-enabled. Only between these two it can be moved there and back.
ENABLED, DISABLED = "enabled", "disabled"
CHANGE_SECONDS = 60.0  # systemd reads all its units anew
_PROPERTIES = "LoadState,UnitFileState,ActiveState,WantedBy,RequiredBy"


class State(NamedTuple):
    """enabled: UnitFileState. active: it waits for its time. wanted_by: the units that start it."""

    enabled: str
    active: bool
    wanted_by: Tuple[str, ...]


class Back(NamedTuple):
    """What undo puts back: whether the timer is ENABLED or DISABLED, and whether it is active."""

    unit: str
    enabled: str
    active: bool


def look(action: Action) -> None:
    unit = _unit(action)
    _demand_in_force(unit, _state(unit))


def prepare(action: Action, journal: Journal) -> Prepared:
    unit = _unit(action)
    state = _state(unit)
    _demand_in_force(unit, state)
    return Prepared(action, _kept(unit, state))


def act(prepared: Prepared) -> str:
    unit = _unit(prepared.action)
    before = _state(unit)
    _demand_in_force(unit, before)
    _move(unit, DISABLED, False)
    wanted_by = _state(unit).wanted_by
    if wanted_by:
        _move(unit, before.enabled, before.active)
        raise CannotAct(f"{unit}: it is as it was, because {wanted_by[0]} starts it too; take it from there first")
    return "disabled and stopped"


def undo(intent: Intent) -> Union[Action, str]:
    back = Back(**intent.kept)
    risk = "the job does again what it did before, and at once where its timer is Persistent=true and was due meanwhile"
    return Action(intent.check, "put_back_timer", intent.object, back, risk)


def diff(action: Action) -> Tuple[str, str]:
    return f"{_unit(action)}: in force", f"{_unit(action)}: disabled"


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    _demand_other(back, _state(back.unit, Taken))


def prepare_back(action: Action, journal: Journal) -> Prepared:
    back = cast(Back, action.guard)
    state = _state(back.unit, Taken)
    _demand_other(back, state)
    return Prepared(action, _kept(back.unit, state))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    _demand_other(back, _state(back.unit, Taken))
    _move(back.unit, back.enabled, back.active)
    return "put back"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    return "", f"{back.unit}: {back.enabled}, {'active' if back.active else 'stopped'}"


VERBS: Dict[str, Verb] = {
    "disable_timer": Verb(look, prepare, act, undo, diff),
    "put_back_timer": Verb(look_back, prepare_back, act_back, undo, diff_back),
}


def _unit(action: Action) -> str:
    return cast(str, cast(Guard, action.guard).unit)


def _kept(unit: str, state: State) -> Dict[str, Any]:
    return dict(unit=unit, enabled=state.enabled, active=state.active)


def _demand_in_force(unit: str, state: State) -> None:
    if state.enabled == DISABLED and not state.active:
        raise Unneeded(f"{unit}: it is disabled and stopped")
    if state.enabled not in (ENABLED, DISABLED):
        raise CannotAct(f"{unit}: it is {state.enabled}, which `systemctl disable` cannot change and undo put back")


def _demand_other(back: Back, state: State) -> None:
    if (state.enabled, state.active) == (back.enabled, back.active):
        raise Unneeded(f"{back.unit}: it is as it was before the run")
    if state.enabled not in (ENABLED, DISABLED):
        raise Taken(f"{back.unit}: somebody made it {state.enabled} since, so it stays so")


def _state(unit: str, gone: Type[Unneeded] = Unneeded) -> State:
    blocks = systemd_show.parse(_systemctl("show", f"--property={_PROPERTIES}", "--", unit))
    said = {name: values[0] for name, values in blocks[0].items()}
    if said.get("LoadState") == "not-found":
        raise gone(f"{unit}: there is no such unit any more")
    wanted_by = (said.get("WantedBy", "") + " " + said.get("RequiredBy", "")).split()
    return State(said.get("UnitFileState", ""), said.get("ActiveState") == "active", tuple(wanted_by))


def _move(unit: str, enabled: str, active: bool) -> None:
    _systemctl("enable" if enabled == ENABLED else "disable", "--", unit)
    _systemctl("start" if active else "stop", "--", unit)


def _systemctl(*arguments: str) -> str:
    try:
        return service_units.ask(Host(), list(arguments), seconds=CHANGE_SECONDS)
    except CannotLook as error:
        raise CannotAct(str(error)) from error
