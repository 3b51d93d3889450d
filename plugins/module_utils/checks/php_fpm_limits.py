# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The remedy that php_fpm.time_limits and php_fpm.reload_loses_requests share: limits written beside the pools."""

from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..facts.fpm_configuration import GLOBAL
from ..facts.fpm_drop_ins import DropIn, FpmDropIns, Guard, setting_name
from ..facts.fpm_masters import FpmMaster
from ..formats.fpm_drop_in import render
from ..model import Action, Finding
from ..policy import Policy

RELOAD = (
    "php-fpm reads limits when it is reloaded, and that reload still happens under the old process_control_timeout: do "
    "it drained"
)


class Writing(NamedTuple):
    """What a drop-in is to say: guard is None where reason says why none is written."""

    guard: Optional[Guard]
    remedy: Optional[str]
    reason: Optional[str]


def writing(
    drop_ins: FpmDropIns,
    master: FpmMaster,
    section: str,
    values: Mapping[str, int],
    kinds_with: Callable[[Mapping[str, int]], Sequence[str]],
) -> Writing:
    """Return how to write values of a section, in seconds by limit; only those that make a difference are needed.

    kinds_with: which kinds are found with some of the values.
    """
    place = drop_ins.of.get((master.process.pid, section))
    if not values or place is None:
        return Writing(None, None, None)
    reason = _reason(master, place, values)
    possible = {limit: value for limit, value in values.items() if limit not in place.loses}
    left = set(kinds_with(possible))
    resolves = tuple(kind for kind in kinds_with({}) if kind not in left)
    needed = {limit: value for limit, value in possible.items() if set(kinds_with(_without(possible, limit))) - left}
    if place.reason or master.failure or not resolves:
        return Writing(None, None, reason)
    shown = {setting_name(limit): _shown(limit, value) for limit, value in needed.items()}
    content = render(section, {**place.settings, **shown}, section != GLOBAL)
    said = ", ".join(f"{name} = {value}" for name, value in sorted(shown.items()))
    guard = Guard(place.path, place.content, content, place.test, resolves)
    return Writing(guard, f"php_fpm_limits writes {said} into a file of its own beside the pools", reason)


def _reason(master: FpmMaster, place: DropIn, values: Mapping[str, int]) -> Optional[str]:
    if master.failure:
        return f"its configuration is invalid now: {master.failure}"
    lost = [
        f"{limit} is set at {place.loses[limit]}, which would win: change it there"
        for limit in values
        if limit in place.loses
    ]
    return place.reason or "; ".join(lost) or None


def _without(values: Mapping[str, int], limit: str) -> Mapping[str, int]:
    return {name: value for name, value in values.items() if name != limit}


def _shown(limit: str, value: int) -> str:
    return str(value) if setting_name(limit) != limit else f"{value}s"


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    """Return the actions, where the policy wants limits to be written: only the module php_fpm_limits does."""
    if not policy.php_fpm.write_limits:
        return []
    guards: List[Tuple[Finding, Optional[Guard]]] = [(one, getattr(one.evidence, "guard", None)) for one in findings]
    return [Action(one.check, "write_limits", one.object, guard, one.risk) for one, guard in guards if guard]


def is_left(action: Action, finding: Finding) -> bool:
    """Whether something that the action was to resolve is found again; the rest of a finding others have to mend."""
    resolves = getattr(action.guard, "resolves", ())
    return bool(set(resolves) & set(getattr(finding.evidence, "kinds", ())))
