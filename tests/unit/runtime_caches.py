# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pools say of their memory, for tests that judge it: one master, whose pools are all well unless it is said."""

from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import (
    FpmMaster,
    FpmMasters,
    FpmPool,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.runtime_cache import (
    PoolCaches,
    RuntimeCaches,
    Segment,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import (
    Apcu,
    Opcache,
    ProbeAnswer,
)

MASTER = 812
NAME = "php-fpm 812 (pools www)"
CONFIGURATION = "/etc/php/8.2/fpm/php-fpm.conf"
NOW = 1_795_300_000
MEGABYTE = 1024 * 1024
SETTINGS = {
    "opcache.enable": "1",
    "opcache.validate_timestamps": "1",
    "opcache.revalidate_freq": "2",
    "opcache.force_restart_timeout": "180",
    "opcache.max_wasted_percentage": "5",
    "opcache.file_update_protection": "2",
    "opcache.file_cache_only": "0",
}


def opcache(**said):
    """A memory of 128 MB with 300 scripts, that began three hours ago."""
    well = dict(
        enabled=True,
        full=False,
        restart_pending=False,
        restart_in_progress=False,
        used=30 * MEGABYTE,
        free=98 * MEGABYTE,
        wasted=0,
        wasted_percent=0.0,
        strings_used=2 * MEGABYTE,
        strings_free=6 * MEGABYTE,
        scripts=300,
        keys=500,
        keys_limit=16229,
        hits=100_000,
        misses=310,
        started=NOW - 10_800,
        restarted=0,
        out_of_memory_restarts=0,
        hash_restarts=0,
        manual_restarts=0,
        preloaded=0,
    )
    return Opcache(**{**well, **said})


def apcu(**said):
    well = dict(entries=40, hits=9, misses=1, expunges=0, started=NOW - 10_800, memory=32 * MEGABYTE, free=MEGABYTE)
    return Apcu(**{**well, **said})


def answer(settings=None, reasons=None, **said):
    """What a pool says; a setting that is None is one that it does not know."""
    known = {name: value for name, value in {**SETTINGS, **(settings or {})}.items() if value is not None}
    well = dict(
        pid=900,
        version="8.2.36",
        now=float(NOW),
        opcache=None,
        apcu=None,
        yac=None,
        realpath=None,
        scripts=None,
        returned={},
        invalidated={},
        compiled=(),
    )
    return ProbeAnswer(settings=known, reasons=reasons or {}, **{**well, **said})


def asked(name, said=None, reason=None, **more):
    """A pool's answer, or the reason why there is none."""
    return PoolCaches(MASTER, name, f"/run/php/{name}.sock", said, reason, 0.01)._replace(**more)


def segment(held=None, scripts=(), **said):
    well = dict(
        name=NAME,
        master=MASTER,
        started=NOW - 10_800.0,
        generation=NOW - 10_800.0,
        version="8.2.36",
        root="/",
        pools=("www",),
        by="www",
        opcache=held,
        apcu=None,
        yac=None,
        scripts=scripts,
        scripts_reason=None,
        reason=None,
    )
    return Segment(**{**well, **said})


def caches(said=None, held=None, scripts=(), **of_segment):
    """What one master with one pool holds."""
    return RuntimeCaches((asked("www", said),), (segment(held, scripts, **of_segment),), (), ())


def pool(name, **settings):
    return FpmPool(name, settings, {}, True, f"/run/php/{name}.sock", 4711)


def master(pools=()):
    """The masters of a host that has one."""
    process = Process(MASTER, 1, NOW - 10_800.0, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "", (0, 0, 0), False)
    nothing = dict.fromkeys(FpmMaster._fields)
    known = dict(process=process, root="/", configuration=CONFIGURATION, files=(), settings={}, sources={}, unknown=())
    one = FpmMaster(**{**nothing, **known, "pools": tuple(pools)})
    return FpmMasters((one,), (), (), True, ())
