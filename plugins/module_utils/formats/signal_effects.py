# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a signal does to a master or a worker of each web service, and to the requests that are in flight.

Sources: php-src (sapi/fpm/fpm/fpm_signals.c, fpm_process_ctl.c), nginx(8) and its src/os/unix/ngx_process.c, Apache's
"Stopping and Restarting" and its MPMs, HAProxy's management guide (4. Stopping and restarting). What php-fpm and nginx
do was counted under load too: docs/signals.md.
"""

from typing import Dict, NamedTuple, Tuple

PHP_FPM, NGINX, APACHE, HAPROXY = "php-fpm", "nginx", "apache", "haproxy"
FAMILIES = (PHP_FPM, NGINX, APACHE, HAPROXY)

MASTER, WORKER = "master", "worker"

STOPS, RELOADS, REOPENS, UPGRADES, NOTHING, DIES = "stops", "reloads", "reopens its logs", "upgrades", "nothing", "dies"
REPLACED = "ends and is replaced"  # of a worker: after its requests

AT_ONCE = "at once"  # every request in flight is cut
IN_TIME = "in time"  # requests may end, as long as the service's own limit allows (process_control_timeout for php-fpm)
NONE = "none"  # no request is touched


class Effect(NamedTuple):
    """does: one of the words above. cuts: AT_ONCE, IN_TIME or NONE."""

    does: str
    cuts: str


_STOPS_NOW = Effect(STOPS, AT_ONCE)
_STOPS_IN_TIME = Effect(STOPS, IN_TIME)
_RELOADS_IN_TIME = Effect(RELOADS, IN_TIME)
_REOPENS = Effect(REOPENS, NONE)
_REPLACED = Effect(REPLACED, NONE)
_NOTHING = Effect(NOTHING, NONE)
# A dead master's workers serve on, but whoever finds it dead cuts them: systemd at once, others before a new start.
_DIES = Effect(DIES, AT_ONCE)

# What is ignored where nothing else is set (signal(7)), and 0, which is no signal: kill(2). All four programs ignore
# SIGPIPE. What stops or continues a process cuts no request.
_HARMLESS = frozenset(("0", "EXIT", "CHLD", "CLD", "URG", "WINCH", "PIPE", "CONT", "STOP", "TSTP", "TTIN", "TTOU"))
_IGNORED_BY_NGINX = ("ALRM", "SYS", "IO", "POLL")
_EFFECTS: Dict[Tuple[str, str], Dict[str, Effect]] = {
    (PHP_FPM, MASTER): {
        "TERM": _STOPS_NOW,
        "INT": _STOPS_NOW,
        "QUIT": _STOPS_IN_TIME,
        "USR1": _REOPENS,
        "USR2": _RELOADS_IN_TIME,
    },
    (PHP_FPM, WORKER): {"QUIT": _REPLACED},
    (NGINX, MASTER): {
        "TERM": _STOPS_NOW,
        "INT": _STOPS_NOW,
        "QUIT": _STOPS_IN_TIME,
        "HUP": _RELOADS_IN_TIME,
        "USR1": _REOPENS,
        "USR2": Effect(UPGRADES, NONE),
        "WINCH": _STOPS_IN_TIME,  # the workers end and nobody takes their place
        **dict.fromkeys(_IGNORED_BY_NGINX, _NOTHING),
    },
    (NGINX, WORKER): {
        "QUIT": Effect(REPLACED, IN_TIME),
        "WINCH": Effect(REPLACED, IN_TIME),
        "USR1": _REOPENS,
        "USR2": _NOTHING,
        "HUP": _NOTHING,
        **dict.fromkeys(_IGNORED_BY_NGINX, _NOTHING),
    },
    (APACHE, MASTER): {
        "TERM": _STOPS_NOW,
        "INT": _STOPS_NOW,
        "HUP": Effect(RELOADS, AT_ONCE),
        "USR1": Effect(RELOADS, NONE),  # children end after their requests, and no limit is set to that
        "WINCH": _STOPS_IN_TIME,  # GracefulShutdownTimeout
    },
    # As prefork's children, which mod_php runs in, take them: server/mpm/prefork/prefork.c.
    (APACHE, WORKER): {"USR1": _REPLACED, "INT": _NOTHING},
    (HAPROXY, MASTER): {
        "TERM": _STOPS_NOW,
        "INT": _STOPS_NOW,
        "USR1": _STOPS_IN_TIME,  # hard-stop-after
        "USR2": _RELOADS_IN_TIME,
        "HUP": _RELOADS_IN_TIME,
        "QUIT": _NOTHING,  # it writes of its memory to its standard error
    },
    # The master replaces none, and ends with the last of them.
    (HAPROXY, WORKER): {"USR1": _STOPS_IN_TIME, "USR2": _NOTHING, "HUP": _NOTHING, "QUIT": _NOTHING},
}


def effect(family: str, role: str, signal: str, handles_hup: bool = True) -> Effect:
    """Return what a signal such as TERM does to a MASTER or WORKER.

    handles_hup: whether this master of php-fpm reloads on HUP, as Debian's builds do; upstream's die of it.
    """
    if (family, role, signal) == (PHP_FPM, MASTER, "HUP"):
        return _RELOADS_IN_TIME if handles_hup else _DIES
    known = _EFFECTS[family, role].get(signal)
    return known or (_NOTHING if signal in _HARMLESS else _DIES)
