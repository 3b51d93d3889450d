# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which limits of time contradict each other, what a reload loses, and numbers that fit."""

from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import php_fpm_limits_chain as chain
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import php_fpm_reload_losses as reload_losses
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_time_limits as limits
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fastcgi_fronts import Front
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster, FpmPool
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_time_limits import (
    Limit,
    MasterLimits,
    PoolLimits,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.service_units import ServiceUnit
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import Policy, policy_from
from hypothesis import given
from hypothesis import strategies as st

PROCESS = Process(
    45, 1, 1795292800.0, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm: master process", (0, 0, 0), False
)
UNIT = ServiceUnit(
    name="php8.2-fpm.service",
    file="/lib/systemd/system/php8.2-fpm.service",
    state="active",
    enabled="enabled",
    type="notify",
    main_pid=45,
    kill_signal=3,
    kill_mode="control-group",
    send_sigkill=True,
    stop_seconds=90.0,
    restart="no",
    start=("/usr/sbin/php-fpm8.2 --nodaemonize",),
    reload=("/bin/kill -USR2 $MAINPID",),
    stop=(),
)


def limit(name: str, seconds: Optional[float], in_force: Optional[bool] = True) -> Limit:
    return Limit(name, seconds, f"/etc/{name}:1", in_force)


def pool(
    terminate: Optional[float] = 30,
    socket: Optional[float] = 10,
    execution: Optional[float] = 20,
    reading: Optional[float] = 20,
    reads: Tuple[float, ...] = (60,),
    keeps: bool = False,
) -> PoolLimits:
    fronts = tuple(
        Front(51, "/run/php.sock", "shop /", "/etc/nginx/shop:5", one, None, 60.0, 60.0, keeps, ("error",))
        for one in reads
    )
    return PoolLimits(
        pool=FpmPool("www", {}, {}, True, "/run/php.sock", 1),
        fronts=fronts,
        reads=tuple(limit(limits.READ, one) for one in reads),
        terminate=limit(limits.TERMINATE, terminate),
        track_finished=False,
        input=limit(limits.INPUT, reading),
        execution=limit(limits.EXECUTION, execution),
        socket=limit(limits.SOCKET, socket),
    )


def master(
    control: Optional[float] = 45,
    pools: Tuple[PoolLimits, ...] = (),
    in_force: Optional[bool] = True,
    init_stop: Optional[str] = None,
    handles_hup: Optional[bool] = True,
    **unit: Any,
) -> MasterLimits:
    one = FpmMaster(
        process=PROCESS,
        root="/",
        version="8.2.36",
        replaced=False,
        handles_hup=handles_hup,
        configuration="/etc/php-fpm.conf",
        files=(),
        settings={},
        sources={},
        pidfile=None,
        generation=1795292810.0,
        failure=None,
        unit=None if init_stop else UNIT._replace(**unit),
        init_script="/etc/init.d/php-fpm" if init_stop else None,
        pools=(),
        apart=None,
        unknown=(),
    )
    stop = limit(limits.STOP, one.unit.stop_seconds) if one.unit else None
    return MasterLimits(one, limit(limits.PROCESS_CONTROL, control, in_force), stop, init_stop, pools)


def wants(**options: int) -> Policy:
    return policy_from({"php_fpm": options})


def kinds(one: PoolLimits, of: MasterLimits, balancer: Optional[float] = None, **options: int) -> List[str]:
    front = limit(limits.BALANCER, balancer) if balancer else None
    return [found.kind for found in chain.contradictions(one, of, front, wants(**options))]


def test_limits_that_fit_are_no_finding() -> None:
    assert kinds(pool(), master(), 70, longest_request=30) == []
    assert reload_losses.losses(master(pools=(pool(),)), wants(longest_request=30)) == []


@pytest.mark.parametrize(
    ("one", "of", "options", "kind"),
    [
        (pool(terminate=15, socket=5, execution=5, reading=5), master(), {"longest_request": 16}, chain.KILLED_EARLY),
        (pool(), master(), {"longest_request": 60}, chain.ANSWERED_EARLY),
        (pool(terminate=None), master(), {}, chain.ENDLESS),
        (pool(terminate=45), master(), {}, chain.KILLED_LATE),
        (pool(), master(60), {}, chain.RELOAD_TOO_LONG),
        (pool(), master(stop_seconds=45.0), {}, chain.STOP_TOO_SHORT),
        (pool(socket=30), master(), {}, chain.PEER_KILLS),
        (pool(socket=None), master(), {}, chain.PEER_KILLS),
        (pool(terminate=None, socket=60), master(), {}, chain.PEER_TOO_LATE),
        (pool(terminate=None, socket=20), master(), {"longest_request": 20}, chain.PEER_TOO_LATE),
        (pool(execution=30), master(), {}, chain.NO_SHUTDOWN),
        (pool(execution=None), master(), {}, chain.NO_SHUTDOWN),
        (pool(reading=30), master(), {}, chain.INPUT_NEVER),
    ],
)
def test_each_contradiction(one: PoolLimits, of: MasterLimits, options: Dict[str, int], kind: str) -> None:
    assert kind in kinds(one, of, **options)


@pytest.mark.parametrize(
    ("one", "of", "options", "kind"),
    [
        (pool(terminate=15), master(), {"longest_request": 15}, chain.KILLED_EARLY),
        (pool(), master(), {"longest_request": 59}, chain.ANSWERED_EARLY),
        (pool(terminate=None, reads=()), master(), {}, chain.ENDLESS),
        (pool(terminate=44), master(), {}, chain.KILLED_LATE),  # 4/3 of 44 is 58.7
        (pool(), master(59), {}, chain.RELOAD_TOO_LONG),
        (pool(), master(stop_seconds=46.0), {}, chain.STOP_TOO_SHORT),
        (pool(), master(stop_seconds=None), {}, chain.STOP_TOO_SHORT),
        (pool(), master(stop_seconds=8.0, kill_signal=15), {}, chain.STOP_TOO_SHORT),
        (pool(), master(stop_seconds=8.0, send_sigkill=False), {}, chain.STOP_TOO_SHORT),
        (pool(socket=29), master(), {}, chain.PEER_KILLS),
        (pool(execution=29), master(), {}, chain.NO_SHUTDOWN),
    ],
)
def test_the_nearest_that_fits(one: PoolLimits, of: MasterLimits, options: Dict[str, int], kind: str) -> None:
    assert kind not in kinds(one, of, **options)


def test_the_balancer_is_compared_with_the_most_patient_front() -> None:
    assert chain.BALANCER_FIRST in kinds(pool(reads=(60, 120)), master(), 110)
    assert chain.BALANCER_FIRST not in kinds(pool(reads=(60, 120)), master(), 121)


def test_a_third_more_is_late_sometimes_and_that_is_less() -> None:
    def severity(terminate: float) -> str:
        found = chain.contradictions(pool(terminate=terminate), master(), None, wants())
        return next(one.severity for one in found if one.kind == chain.KILLED_LATE)

    assert (severity(59), severity(60)) == ("low", "medium")


def test_max_input_time_that_inherits_is_told_once() -> None:
    one = pool(execution=30)
    assert one.execution is not None
    one = one._replace(input=one.execution._replace(name=limits.INPUT))
    assert chain.INPUT_NEVER not in kinds(one, master())


def test_unknown_ini_files_are_passed_over() -> None:
    one = pool(terminate=5)._replace(socket=None, execution=None, input=None)
    assert kinds(one, master()) == []


@pytest.mark.parametrize(("seconds", "by"), [(1, 2), (3, 4), (15, 20), (60, 80), (61, 82)])
def test_a_request_is_ended_up_to_a_third_late(seconds: float, by: int) -> None:
    assert chain.killed_by(limit(limits.TERMINATE, seconds)) == by


def test_nothing_is_proposed_where_nobody_says_how_long_a_request_may_take() -> None:
    assert chain.proposals(pool(terminate=None), master(None), None, wants()) == ()


def test_the_worked_example_of_the_documentation() -> None:
    one = pool(terminate=15, socket=60, execution=30, reading=60)
    proposed = chain.proposals(one, master(None, kill_signal=15), limit(limits.BALANCER, 60), wants(longest_request=30))
    assert {this.limit: this.proposed for this in proposed} == {
        limits.SOCKET: 15,
        limits.EXECUTION: 25,
        limits.INPUT: 25,
        limits.TERMINATE: 30,
        limits.PROCESS_CONTROL: 35,
        limits.BALANCER: 65,
    }


SECONDS = st.one_of(st.none(), st.integers(1, 700).map(float))


@given(
    st.builds(
        pool, SECONDS, SECONDS, SECONDS, SECONDS, st.lists(st.integers(1, 700).map(float), max_size=3).map(tuple)
    ),
    SECONDS,
    SECONDS,
    st.one_of(st.none(), st.integers(1, 700)),
    st.integers(0, 300),
)
def test_what_is_proposed_contradicts_nothing(
    one: PoolLimits, control: Optional[float], stop: Optional[float], balancer: Optional[int], longest: int
) -> None:
    of = master(control, stop_seconds=stop)
    front = limit(limits.BALANCER, balancer) if balancer else None
    policy = wants(longest_request=longest)
    if chain.longest_request(one, policy) is None or chain._ends(one, policy) < 2:
        return  # a second leaves no room below it
    values = {this.limit: this.proposed for this in chain.proposals(one, of, front, policy)}
    read = values.get(limits.READ)
    after = chain.with_values(one, values)._replace(
        reads=tuple(this._replace(seconds=max(this.seconds or 0, read or 0)) for this in one.reads)
    )
    of = of._replace(control=limit(limits.PROCESS_CONTROL, values.get(limits.PROCESS_CONTROL, control)))
    stop = values.get(limits.STOP, stop)
    of = of._replace(stop=limit(limits.STOP, stop), master=of.master._replace(unit=UNIT._replace(stop_seconds=stop)))
    front = limit(limits.BALANCER, values.get(limits.BALANCER, balancer)) if balancer else None
    assert chain.contradictions(after, of, front, policy) == []
    assert chain.proposals(after, of, front, policy) == ()
    assert reload_losses.losses(of._replace(pools=(after,)), policy) == []


# What a reload loses.


def lost(of: MasterLimits, **options: int) -> Dict[str, str]:
    return {one.kind: one.severity for one in reload_losses.losses(of, wants(**options))}


def test_no_grace() -> None:
    assert lost(master(None, pools=(pool(),))) == {reload_losses.NO_GRACE: "medium"}


def test_grace_that_is_too_short_or_just_right() -> None:
    assert lost(master(39, pools=(pool(),))) == {reload_losses.SHORT_GRACE: "medium"}
    assert lost(master(40, pools=(pool(),))) == {}
    assert lost(master(39, pools=(pool(),)), longest_request=39) == {}


def test_one_pool_without_bound_makes_it_unbounded() -> None:
    both = (pool(), pool(terminate=None))
    assert lost(master(40, pools=both)) == {reload_losses.UNBOUNDED: "low"}
    assert lost(master(40, pools=both), longest_request=40) == {}


def test_the_longest_of_all_pools_counts() -> None:
    assert reload_losses.longest(master(pools=(pool(terminate=30), pool(terminate=60))), wants()) == 80


def test_a_value_that_is_not_in_force() -> None:
    assert lost(master(45, pools=(pool(),), in_force=False)) == {reload_losses.NOT_IN_FORCE: "medium"}
    assert lost(master(45, pools=(pool(),), in_force=None)) == {}


@pytest.mark.parametrize(
    ("command", "signal"),
    [
        ("/bin/kill -TERM $MAINPID", "TERM"),
        ("/bin/kill $MAINPID", "TERM"),
        ("/bin/kill -s SIGINT $MAINPID", "INT"),
        ("/bin/kill -9 $MAINPID", "KILL"),
        ("/usr/bin/kill --signal QUIT $MAINPID", "QUIT"),
        ("/usr/bin/pkill -SIGUSR1 php-fpm", "USR1"),
    ],
)
def test_a_reload_by_another_signal(command: str, signal: str) -> None:
    (loss,) = reload_losses.losses(master(pools=(pool(),), reload=(command,)), wants())
    assert (loss.kind, loss.severity) == (reload_losses.RELOAD_SIGNAL, "high")
    assert f"sends SIG{signal}:" in loss.says


@pytest.mark.parametrize(
    "command", ["/bin/kill -USR2 $MAINPID", "/bin/kill -s USR2 45", "/bin/kill -12 45", "/usr/local/bin/reload-php", ""]
)
def test_a_reload_that_is_right_or_not_known(command: str) -> None:
    assert lost(master(pools=(pool(),), reload=(command,))) == {}


@pytest.mark.parametrize(("handles", "found"), [(True, False), (None, False), (False, True)])
def test_hup_is_a_reload_where_the_build_handles_it(handles: Optional[bool], found: bool) -> None:
    one = master(pools=(pool(),), handles_hup=handles, reload=("/bin/kill -HUP $MAINPID",))
    assert bool(lost(one)) is found


def test_how_the_service_is_stopped() -> None:
    assert lost(master(pools=(pool(),), kill_signal=15)) == {reload_losses.STOP_SIGNAL: "medium"}
    assert lost(master(pools=(pool(),), kill_signal=15, kill_mode="none")) == {}
    assert lost(master(pools=(pool(),), stop_seconds=45.0)) == {reload_losses.STOP_TIME: "high"}
    assert lost(master(pools=(pool(),), stop_seconds=45.0, send_sigkill=False)) == {}
    assert lost(master(pools=(pool(),), init_stop="TERM")) == {reload_losses.INIT_SIGNAL: "medium"}
    assert lost(master(pools=(pool(),), init_stop="QUIT")) == {}


def test_kept_connections() -> None:
    assert lost(master(pools=(pool(keeps=True),))) == {reload_losses.KEEPALIVE: "medium"}
