# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pools are asked what they hold in memory: all of the host's, or those that listen at the addresses named."""

import os
from typing import FrozenSet, NamedTuple, Sequence, Tuple

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import php_fpm, pool_addresses, processes
from .fpm_masters import FpmMaster, FpmPool

_ANY = ("*", "0.0.0.0", "[::]")


class Wanted(NamedTuple):
    """A pool to ask. asleep: it is of ``pm = ondemand`` and has no worker, so that to ask it starts one."""

    master: FpmMaster
    pool: FpmPool
    asleep: bool


class Selection(NamedTuple):
    """strangers: those of the named addresses at which none of the pools listens."""

    pools: Tuple[Wanted, ...]
    strangers: Tuple[str, ...]


def select(host: Host, policy: Policy, masters: Sequence[FpmMaster]) -> Selection:
    """Return the pools of masters that the policy's ``sockets`` name; all of them where it names none.

    Raises CannotLook where processes cannot be seen.
    """
    every = [(master, pool) for master in masters for pool in master.pools]
    named = policy.runtime_cache.sockets
    chosen = {address: [one for one in every if _listens_at(host, *one, address)] for address in named}
    names = {(master.process.pid, pool.name) for found in chosen.values() for master, pool in found}
    manned = _manned(host, policy)
    pools = [
        # Who names an address wants that very pool to answer, even where it has to start a worker for it.
        Wanted(master, pool, not named and _is_asleep(master, pool, manned))
        for master, pool in every
        if not named or (master.process.pid, pool.name) in names
    ]
    return Selection(tuple(pools), tuple(address for address, found in chosen.items() if not found))


def _manned(host: Host, policy: Policy) -> FrozenSet[Tuple[int, str]]:
    """Return masters and pools that have a worker, by its title: one that lies hides no more than its own pool."""
    title = php_fpm.PROGRAM.worker_title
    seen = host.once(processes.gather, policy).by_pid.values()
    return frozenset((one.parent, one.title[len(title) :]) for one in seen if one.title.startswith(title))


def _is_asleep(master: FpmMaster, pool: FpmPool, manned: FrozenSet[Tuple[int, str]]) -> bool:
    return pool.settings.get("pm") == "ondemand" and (master.process.pid, pool.name) not in manned


def _listens_at(host: Host, master: FpmMaster, pool: FpmPool, address: str) -> bool:
    """Whether an address, as a web server or the pool itself writes it, leads to a pool."""
    if pool.address is None or pool.address.startswith("/") != address.startswith("/"):
        return False
    if address.startswith("/"):
        return _is_same_file(host, master, pool.address, address)
    (its, its_port), (named, port) = (_parts(one) for one in (pool.address, address))
    return its_port == port and (its == named or its in _ANY or named in _ANY)


def _parts(address: str) -> Tuple[str, str]:
    host, _colon, port = (pool_addresses.address(address) or "").rpartition(":")
    return host, port


def _is_same_file(host: Host, master: FpmMaster, its: str, named: str) -> bool:
    """Whether two paths lead to one socket: Debian has php-fpm.sock as a link of /etc/alternatives."""
    try:
        inside = host.within(master.process.pid) if master.root != "/" else host
        ours, theirs = host.stat_as_named(named), inside.stat_as_named(its)
    except CannotLook:
        return os.path.normpath(its) == os.path.normpath(named)
    return (ours.device, ours.inode) == (theirs.device, theirs.inode)
