# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the programs mean that control services: systemctl, service, kill and its kin, and the web services' own.

Sources: the manual of each: systemctl(1), service(8), kill(1), pkill(1), killall(1), start-stop-daemon(8), nginx(8),
php-fpm(8), apachectl(8), haproxy(1), monit(1), that of supervisorctl, and the Linux Standard Base for killproc.
"""

import getopt
import re
import signal as signals
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..formats.signal_effects import APACHE, HAPROXY, NGINX, PHP_FPM
from .job_deeds import (
    EXECUTABLE,
    MONITORED,
    NAME,
    NEWEST,
    OLDEST,
    PATTERN,
    PID,
    PIDFILE,
    PROGRAM,
    RELOAD,
    RELOAD_OR_RESTART,
    RESTART,
    SIGNAL,
    START,
    STOP,
    SUPERVISED,
    TRY_RESTART,
    UNIT,
    Sent,
    Target,
)
from .job_values import LIKELY, Outcome, Unknown, Value, running, says, targets

RETRY_LIMIT = 20  # items of a schedule

_VERBS = {
    "start": START,
    "stop": STOP,
    "restart": RESTART,
    "try-restart": TRY_RESTART,
    "condrestart": TRY_RESTART,
    "reload": RELOAD,
    "reload-or-restart": RELOAD_OR_RESTART,
    "try-reload-or-restart": RELOAD_OR_RESTART,
    "reload-or-try-restart": RELOAD_OR_RESTART,
    "force-reload": RELOAD_OR_RESTART,
    "condreload": RELOAD,
}
_AT_ONCE = {"enable": START, "reenable": START, "disable": STOP, "mask": STOP}  # with --now
_NGINX = {"stop": "TERM", "quit": "QUIT", "reload": "HUP", "reopen": "USR1"}
_APACHE = {"stop": "TERM", "graceful-stop": "WINCH", "restart": "HUP", "graceful": "USR1"}
_PHP_FPM = re.compile(r"php-?fpm[0-9.-]*|php[0-9.]*-fpm[0-9.]*")
_SIGNAL = re.compile(r"-(?:SIG)?([A-Z][A-Z0-9+-]*|[0-9]+)\Z", re.IGNORECASE)
_DURATION = re.compile(r"[0-9]{1,7}\Z")


class Act(NamedTuple):
    """verb, target and sent: as of a Deed. tested: the program tests its configuration by itself first."""

    verb: str
    target: Target
    sent: Tuple[Sent, ...] = ()
    tested: bool = False


class Meaning(NamedTuple):
    """What one command does. lost: whom it is for is not known."""

    acts: Tuple[Act, ...] = ()
    lost: bool = False
    outcome: Outcome = Outcome()


NOTHING = Meaning()


def meaning(program: str, arguments: Sequence[Value]) -> Optional[Meaning]:
    """Return what a command means, by the last part of its program's path; None where it is none of these programs."""
    name = program.rsplit("/", 1)[-1]
    if _PHP_FPM.fullmatch(name):
        return _php_fpm(program, list(arguments))
    control = _CONTROLS.get(name)
    return None if control is None else control(program, list(arguments))


def service_meaning(name: Value, verb: str) -> Optional[Meaning]:
    """Return what a verb of service(8) and of init scripts does to a service; None for one of a script's own."""
    if verb == "status":
        return Meaning(outcome=running(says(name)))
    if verb == "force-stop":
        return _on_units([name], SIGNAL, (Sent("KILL", 0.0),))
    return _on_units([name], _VERBS[verb], ()) if verb in _VERBS else None


def started(program: str) -> Act:
    return Act(START, Target(EXECUTABLE if program.startswith("/") else NAME, program))


def signal_name(text: str) -> str:
    """Return a signal as TERM, or as its number where it has no name here."""
    name = text.upper()
    name = name[3:] if name.startswith("SIG") else name
    if not name.isdigit():
        return name
    try:
        return signals.Signals(int(name)).name[3:]
    except ValueError:
        return name


def split_options(
    arguments: Sequence[Value], short: str, long: Sequence[str] = ()
) -> Tuple[Dict[str, Value], List[Value]]:
    """Return the options of a command by name, and its other arguments, as getopt(3) would; none where it would not."""
    texts = [one if isinstance(one, str) else f"\0{number}" for number, one in enumerate(arguments)]
    try:
        options, rest = getopt.gnu_getopt(texts, short, list(long))
    except getopt.GetoptError:
        return {}, [one for one in arguments if not (isinstance(one, str) and one.startswith("-"))]

    def back(text: str) -> Value:
        return arguments[int(text[1:])] if text.startswith("\0") else text

    return {name: back(value) for name, value in options}, [back(text) for text in rest]


def _sending(name: str) -> Tuple[Sent, ...]:
    return (Sent(signal_name(name), 0.0),)


def _on_units(units: Sequence[Value], verb: str, sent: Tuple[Sent, ...], one: Optional[str] = None) -> Meaning:
    acts, lost = [], False
    for unit in units:
        name = unit if isinstance(unit, str) else unit.pattern if isinstance(unit, Unknown) else "*"
        if name.endswith("\r"):
            continue  # of a file with Windows' ends of lines: no unit is named so
        if re.search(r"[A-Za-z0-9]", name):
            acts.append(Act(verb, Target(UNIT, name, one=one), sent))
        else:
            lost = lost or name != ""
    return Meaning(tuple(acts), lost)


_SYSTEMCTL_LONG = (
    "type= property= state= job-mode= signal= kill-who= kill-whom= kill-value= root= image= host= machine= lines= "
    "output= message= what= when= preset-mode= check-inhibitors= no-block now user system global quiet force no-pager "
    "no-legend no-wall no-warn no-reload no-ask-password all full runtime wait failed reverse value show-types fail "
    "ignore-dependencies irreversible dry-run recursive before after show-transaction with-dependencies plain"
).split()


def systemctl_options(arguments: Sequence[Value]) -> Tuple[Dict[str, Value], List[Value]]:
    return split_options(arguments, "t:p:P:aqH:M:s:n:o:lfrT", _SYSTEMCTL_LONG)


def _systemctl(_program: str, arguments: List[Value]) -> Meaning:
    options, rest = systemctl_options(arguments)
    elsewhere = ("-H", "--host", "-M", "--machine", "--user", "--global", "--root", "--image", "--dry-run")
    if not rest or any(name in options for name in elsewhere):
        return NOTHING
    verb, units = rest[0], rest[1:]
    if not isinstance(verb, str):
        return Meaning(lost=True)
    if verb in ("is-active", "status"):
        return Meaning(outcome=running(" ".join(map(says, units))))
    if verb == "is-failed":
        return Meaning(outcome=running(" ".join(map(says, units))).negated())
    if verb == "kill":
        whom = says(options.get("--kill-whom", options.get("--kill-who", "all")))
        sent = _sending(says(options.get("-s", options.get("--signal", "TERM"))))
        return _on_units(units, SIGNAL, sent, None if whom.startswith("all") else whom)
    if verb in _AT_ONCE and "--now" in options:
        return _on_units(units, _AT_ONCE[verb], ())
    return _on_units(units, _VERBS[verb], ()) if verb in _VERBS else NOTHING


def _first_signal(arguments: List[Value]) -> Tuple[Optional[str], List[Value]]:
    """Return the signal that is given as an option of its own, such as -9, and the other arguments."""
    for number, one in enumerate(arguments):
        found = _SIGNAL.match(one) if isinstance(one, str) else None
        name = signal_name(found.group(1)) if found else ""
        if name == "0" or name.isdigit() or hasattr(signals, f"SIG{name}"):
            return name, arguments[:number] + arguments[number + 1 :]
    return None, arguments


def _on_targets(found: Sequence[Target], sent: Tuple[Sent, ...], lost: bool = False) -> Meaning:
    if all(one.signal == "0" for one in sent):
        return Meaning(outcome=running(" ".join(target.value for target in found)))
    return Meaning(tuple(Act(SIGNAL, target, sent) for target in found), lost)


def _kill(_program: str, arguments: List[Value]) -> Meaning:
    name, arguments = _first_signal(arguments)
    options, rest = split_options(arguments, "s:n:lLqp", ("signal=", "queue=", "timeout=", "list", "table", "pid"))
    if any(option in options for option in ("-l", "-L", "--list", "--table", "-p")):
        return NOTHING
    given = says(options.get("-s", options.get("--signal", options.get("-n", name or "TERM"))))
    found: List[Target] = []
    lost = False
    for one in rest:
        if isinstance(one, str):
            found += [Target(PID, number) for number in one.split() if number.isdigit()]
            continue
        those = targets(one)
        found += those or ()
        lost = lost or those is None
    return _on_targets(found, _sending(given), lost)


_PGREP_SHORT = "cd:fg:G:ialnoP:s:t:u:U:vxF:Lr:eAwO:q"
_PGREP_LONG = (
    "signal= delimiter= pgroup= group= parent= session= terminal= euid= uid= pidfile= runstates= ns= nslist= cgroup= "
    "older= env= count full list-name list-full newest oldest inverse exact lightweight logpidfile echo ignore-case "
    "ignore-ancestors require-handler queue="
).split()


def matching(arguments: List[Value]) -> Optional[Target]:
    """Return whom the arguments of pgrep(1) select, less a signal; None where that is not known."""
    options, rest = split_options(arguments, _PGREP_SHORT, _PGREP_LONG)
    file = options.get("-F", options.get("--pidfile"))
    if file is not None:
        return Target(PIDFILE, file) if isinstance(file, str) else None
    pattern = rest[0] if rest else ""
    user = options.get("-u", options.get("--euid", options.get("-U", options.get("--uid"))))
    selected = not rest and user is None
    if not isinstance(pattern, str) or selected or "-v" in options or "--inverse" in options:
        return None
    parent = options.get("-P", options.get("--parent"))
    one = OLDEST if _has(options, "-o", "--oldest") else NEWEST if _has(options, "-n", "--newest") else None
    return Target(
        PATTERN,
        pattern,
        user=None if user is None else says(user),
        one=one if parent is None else f"parent {says(parent)}",
        whole_line=_has(options, "-f", "--full"),
        exact=_has(options, "-x", "--exact"),
    )


def _has(options: Mapping[str, Value], *names: str) -> bool:
    return any(name in options for name in names)


def _pkill(_program: str, arguments: List[Value]) -> Meaning:
    name, arguments = _first_signal(arguments)
    options, _rest = split_options(arguments, _PGREP_SHORT, _PGREP_LONG)
    found = matching(arguments)
    given = says(options.get("--signal", name or "TERM"))
    return Meaning(lost=True) if found is None else _on_targets([found], _sending(given))


def named(arguments: List[Value]) -> List[Target]:
    """Return whom pidof(8) and its kin print: of a path who runs it, of a name who bears it."""
    options, rest = split_options(arguments, "scxqmno:S:z", ("single-shot",))
    one = NEWEST if "-s" in options else None
    return [_named(says(name), one) for name in rest if isinstance(name, str) and name]


def _named(name: str, one: Optional[str] = None, user: Optional[str] = None) -> Target:
    return Target(EXECUTABLE if name.startswith("/") else NAME, name, user, one)


_KILLALL_LONG = (
    "signal= exact ignore-case process-group younger-than= older-than= interactive list quiet regexp user= verbose "
    "version wait ns= context="
).split()


def _killall(_program: str, arguments: List[Value]) -> Meaning:
    name, arguments = _first_signal(arguments)
    options, rest = split_options(arguments, "s:eIgy:o:ilqru:vVwn:Z:", _KILLALL_LONG)
    if _has(options, "-l", "--list"):
        return NOTHING
    user = options.get("-u", options.get("--user"))
    who = None if user is None else says(user)
    sent = _sending(says(options.get("-s", options.get("--signal", name or "TERM"))))
    texts = [one for one in rest if isinstance(one, str) and one]
    if _has(options, "-r", "--regexp"):
        found = [Target(PATTERN, text, who) for text in texts]
    else:
        found = [_named(text, user=who) for text in texts]
    if who is not None and not rest:
        found = [Target(PATTERN, "", who)]
    return _on_targets(found, sent, lost=len(texts) < len([one for one in rest if one != ""]))


def killproc(given: Sequence[Value]) -> Meaning:
    """LSB: killproc [-p pidfile] program [-signal]; Red Hat has a delay -d, SUSE a -t and the signal before."""
    name, arguments = _first_signal(list(given))
    options, rest = split_options(arguments, "p:b:d:t:i:c:n:vqLgG")
    if len(rest) > 1 and name is None:
        name = signal_name(says(rest[1]).lstrip("-"))
    if not rest or not isinstance(rest[0], str):
        return Meaning(lost=True)
    delay = says(options.get("-d", options.get("-t", "")))
    seconds = float(delay) if _DURATION.match(delay) else 5.0
    sent = _sending(name) if name else (Sent("TERM", 0.0), Sent("KILL", seconds))
    file = options.get("-p")
    if file is None:
        return _on_targets([Target(NAME, rest[0].rsplit("/", 1)[-1])], sent)
    found = [Target(PIDFILE, file)] if isinstance(file, str) else list(targets(file) or ())
    return _on_targets(found, sent, lost=not found)


_DAEMON_LONG = (
    "start stop status help version exec= startas= pid= ppid= pidfile= user= group= name= signal= retry= chuid= umask= "
    "nicelevel= procsched= iosched= chroot= chdir= make-pidfile remove-pidfile background notify-await notify-timeout= "
    "no-close output= oknodo test quiet verbose"
).split()


def start_stop_daemon(arguments: Sequence[Value]) -> Meaning:
    options, _rest = split_options(
        _before_dashes(arguments), "SKTHVx:a:p:u:g:n:s:R:c:k:N:P:I:r:d:mbCO:otqv", _DAEMON_LONG
    )
    if _has(options, "-t", "--test", "-T", "--status"):
        return NOTHING
    program = options.get("-x", options.get("--exec", options.get("-a", options.get("--startas", ""))))
    if _has(options, "-S", "--start"):
        started = isinstance(program, str) and program != ""
        return Meaning((Act(START, Target(EXECUTABLE, says(program))),)) if started else NOTHING
    found = _daemon(options)
    if not _has(options, "-K", "--stop") or found is None:
        return Meaning(lost=_has(options, "-K", "--stop"))
    given = signal_name(says(options.get("-s", options.get("--signal", "TERM"))))
    retry = says(options.get("-R", options.get("--retry", "")))
    return _on_targets([found], _schedule(retry, given) if retry else (Sent(given, 0.0),))


def _before_dashes(arguments: Sequence[Value]) -> Sequence[Value]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _daemon(options: Mapping[str, Value]) -> Optional[Target]:
    """Return whom it stops: what all of its options match, of which the first here says the most."""
    pid, file = options.get("--pid"), options.get("-p", options.get("--pidfile"))
    program, name = options.get("-x", options.get("--exec")), options.get("-n", options.get("--name"))
    user = options.get("-u", options.get("--user"))
    who = None if user is None else says(user)
    for kind, value in ((PID, pid), (PIDFILE, file), (EXECUTABLE, program), (NAME, name)):
        if isinstance(value, str) and value:
            return Target(kind, value, who)
        those = targets(value) if value is not None else None
        if those:
            return those[0]
    return Target(PATTERN, "", who) if who else None


def _schedule(text: str, given: str) -> Tuple[Sent, ...]:
    """Return what --retry sends and when: a time alone, or signals and times in turns."""
    items = text.split("/")[:RETRY_LIMIT]
    if len(items) == 1:
        seconds = float(text) if _DURATION.match(text) else 0.0
        return (Sent(given, 0.0), Sent("KILL", seconds))
    sent: List[Sent] = []
    after = 0.0
    for item in items:
        if _DURATION.match(item):
            after += float(item)
        elif item != "forever":
            sent.append(Sent(signal_name(item.lstrip("-")), after))
    # The waiting at the end signals nothing, and yet what comes after the command comes so much later.
    return tuple(sent) if sent and sent[-1].after == after else (*sent, Sent("0", after))


def _nginx(program: str, arguments: List[Value]) -> Meaning:
    options, _rest = split_options(arguments, "?hvVtTqs:p:e:c:g:")
    if _has(options, "-t", "-T"):
        return Meaning(outcome=Outcome(LIKELY, holds=frozenset((NGINX,))))
    if _has(options, "-h", "-?", "-v", "-V"):
        return NOTHING
    if "-s" not in options:
        return Meaning((Act(START, Target(PROGRAM, program)),))
    asked = says(options["-s"])
    # It reads the whole configuration before it signals, and does not signal where that fails (ngx_init_cycle).
    return _on_program(program, _NGINX[asked], tested=True) if asked in _NGINX else NOTHING


def _on_program(program: str, name: str, tested: bool) -> Meaning:
    return Meaning((Act(SIGNAL, Target(PROGRAM, program), _sending(name), tested),))


def _php_fpm(program: str, arguments: List[Value]) -> Optional[Meaning]:
    if arguments and isinstance(arguments[0], str) and not arguments[0].startswith("-"):
        return None  # php-fpm takes no verb: a script of that name
    words = [one for one in arguments if isinstance(one, str)]
    if any(word in ("-t", "-tt", "--test") for word in words):
        return Meaning(outcome=Outcome(LIKELY, holds=frozenset((PHP_FPM,))))
    if any(word in ("-v", "--version", "-i", "--info", "-m", "--modules", "-h", "--help") for word in words):
        return NOTHING
    return Meaning((Act(START, Target(PROGRAM, program)),))


def _apache(program: str, arguments: List[Value]) -> Meaning:
    words = [one for one in arguments if isinstance(one, str)]
    if any(word in ("-t", "configtest") for word in words):
        return Meaning(outcome=Outcome(LIKELY, holds=frozenset((APACHE,))))
    for word in words:
        if word in _APACHE:  # apachectl(8): restart and graceful test the configuration first
            return _on_program(program, _APACHE[word], tested=word in ("restart", "graceful"))
        if word == "start":
            return Meaning((Act(START, Target(PROGRAM, program)),))
    return NOTHING


def _haproxy(program: str, arguments: List[Value]) -> Meaning:
    words = [one if isinstance(one, str) else "" for one in arguments]
    if "-c" in words:
        return Meaning(outcome=Outcome(LIKELY, holds=frozenset((HAPROXY,))))
    if not any(word.startswith("-f") for word in words):
        return NOTHING
    start = Act(START, Target(PROGRAM, program))
    for option, name in (("-sf", "USR1"), ("-st", "TERM")):
        if option in words:  # the new one starts, or gives up, before it signals the old ones
            return Meaning((start, Act(SIGNAL, Target(PROGRAM, program), _sending(name), True)))
    return Meaning((start,))


def _supervisorctl(_program: str, arguments: List[Value]) -> Meaning:
    _options, rest = split_options(arguments, "c:s:u:p:ir", ("configuration=", "serverurl=", "username=", "password="))
    verb = says(rest[0]) if rest else ""
    if verb in ("reload", "shutdown"):
        return Meaning((Act(RESTART if verb == "reload" else STOP, Target(SUPERVISED, "all")),))
    sent = _sending(says(rest[1])) if verb == "signal" and len(rest) > 2 else ()
    wanted = {"start": START, "stop": STOP, "restart": RESTART, "signal": SIGNAL}.get(verb)
    names = rest[2:] if verb == "signal" else rest[1:]
    return _on_names(SUPERVISED, names, wanted, sent)


def _monit(_program: str, arguments: List[Value]) -> Meaning:
    _options, rest = split_options(arguments, "c:d:g:l:p:s:IitvVhB")
    verb = says(rest[0]) if rest else ""
    return _on_names(MONITORED, rest[1:], {"start": START, "stop": STOP, "restart": RESTART}.get(verb), ())


def _on_names(kind: str, names: Sequence[Value], verb: Optional[str], sent: Tuple[Sent, ...]) -> Meaning:
    if verb is None:
        return NOTHING
    texts = [name for name in names if isinstance(name, str)]
    return Meaning(tuple(Act(verb, Target(kind, name), sent) for name in texts), lost=len(texts) < len(names))


_CONTROLS: Dict[str, Callable[[str, List[Value]], Meaning]] = {
    "systemctl": _systemctl,
    "kill": _kill,
    "pkill": _pkill,
    "killall": _killall,
    "nginx": _nginx,
    "apachectl": _apache,
    "apache2ctl": _apache,
    "apache2": _apache,
    "httpd": _apache,
    "haproxy": _haproxy,
    "supervisorctl": _supervisorctl,
    "monit": _monit,
}
