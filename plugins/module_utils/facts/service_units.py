# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd would do with a service: which signals it sends, and how long it waits."""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from ..host import Host


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
    raise NotImplementedError


def show(host: Host, names: Sequence[str]) -> Dict[str, ServiceUnit]:
    """Return the units by name; one that systemd does not know is left out. Raises CannotLook without systemd."""
    raise NotImplementedError
