# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of scheduled_corpus/: what a host of a kind has, and with it the jobs that cases are about.

scheduled_corpus/hosts/NAME.yml describes a kind of host as described_host.py does, and besides:

    like: debian                       # all that another kind has; mappings are merged, lists are joined
    without: {files: [/etc/crontab]}   # less these of it
    fpm: [{program: …, configuration: …, pidfile: …, pid: 45, unit: php8.2-fpm.service}]
         # a running master with two workers. grace: process_control_timeout, terminate: request_terminate_timeout, in
         # seconds, 0 unless said; hup: false where its master dies of SIGHUP; parent: who started it, 1 unless said
    masters: [{program: /usr/sbin/nginx, title: "nginx: master process nginx", worker: "nginx: worker process",
               pidfile: /run/nginx.pid, pid: 51, unit: nginx.service}]       # of another web service

A case names its kind of host, says one job in one of these ways, and what else is there in ``host``:

    cron: LINE         in a file of /etc/cron.d
    crontab: LINE      in root's own crontab
    script: TEXT       a file of /usr/local/sbin, which a line of /etc/cron.d runs
    rotate: TEXT       the postrotate script of a file of /etc/logrotate.d, which begins in its line 5
    timer: SERVICE     the file of a service, which a timer starts

Cases that ask nothing else of their host share one: an audit of each by itself would take its time in CI.

    expect: kills_in_flight high           # of that job; several are joined by commas
    expect: {/etc/cron.d/php:3: …}         # of jobs by their object
    expect: nothing                        # and no check is unknown
    expect: unknown                        # it could not be followed: the check unknown_command is unknown for it
    expect: not_applicable
"""

import copy
import os
from functools import lru_cache
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import yaml

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scheduled_corpus")
WAYS = ("cron", "crontab", "script", "rotate", "timer")
NOTHING, NOT_APPLICABLE = "nothing", "not_applicable"
WORKERS = 2

_SOCKETS = ("-tuanie exclude time-wait", "-xae")  # what ss(8) is asked

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OLD = 1793000000  # when files of the configuration were written, long before anything was started
_TESTED = "[22-Nov-2026 05:41:20] NOTICE: "


class Case(NamedTuple):
    """host: what it lives on is called. expected: verdicts such as ``kills_in_flight high`` or ``unknown``, by object.

    job: the object of its job where its host is shared, else None.
    """

    name: str
    host: str
    description: Dict[str, Any]
    options: Dict[str, Any]
    expected: Dict[str, Tuple[str, ...]]
    job: Optional[str]
    not_applicable: bool


def cases() -> List[Case]:
    """Return every case, by file and order."""
    shared: Dict[str, Dict[str, Any]] = {}
    said = [case for name in sorted(os.listdir(CORPUS)) if name.endswith(".yml") for case in _of_file(name)]
    found = [_sharing(case, number, shared) if _is_plain(case) else of(case) for number, case in enumerate(said)]
    whole = {name: _whole(description) for name, description in shared.items()}
    return [case._replace(description=whole[case.host]) if case.job else case for case in found]


def _of_file(name: str) -> Iterator[Dict[str, Any]]:
    with open(os.path.join(CORPUS, name), encoding="utf-8") as file:
        content = yaml.load(file, Loader=LOADER)
    for case in content["cases"]:
        whole = dict(content.get("all") or {}, **case)
        yield dict(whole, name=f"{name[: -len('.yml')]}/{case['name']}")


def _is_plain(case: Dict[str, Any]) -> bool:
    return not {"host", "options"} & set(case) and bool(set(WAYS) & set(case)) and case["expect"] != NOT_APPLICABLE


def _sharing(case: Dict[str, Any], number: int, shared: Dict[str, Dict[str, Any]]) -> Case:
    host = "all of " + case["kind"]
    if host not in shared:
        shared[host] = kind(case["kind"])
    job = _add_job(shared[host], case, f"case{number}")
    return Case(case["name"], host, {}, {}, _expected(case["expect"], job), job, False)


def of(case: Dict[str, Any]) -> Case:
    """Return a case, as its file says it, that has a host for itself."""
    description = kind(case["kind"])
    job = _add_job(description, case, "job")
    _merge(description, case.get("host") or {})
    return Case(
        name=case["name"],
        host=case["name"],
        description=_whole(description),
        options=case.get("options") or {},
        expected=_expected(case["expect"], job),
        job=None,
        not_applicable=case["expect"] == NOT_APPLICABLE,
    )


def kind(name: str) -> Dict[str, Any]:
    """Return what a kind of host has, not yet whole: see above."""
    own = copy.deepcopy(_read(name))
    if "like" not in own:
        return own
    base = kind(own.pop("like"))
    for part, names in own.pop("without", {}).items():
        base[part] = _less(base[part], names)
    return _merge(base, own)


@lru_cache(maxsize=None)
def _read(name: str) -> Dict[str, Any]:
    with open(os.path.join(CORPUS, "hosts", f"{name}.yml"), encoding="utf-8") as file:
        content: Dict[str, Any] = yaml.load(file, Loader=LOADER)
    return content


def _less(part: Any, names: List[Any]) -> Any:
    if isinstance(part, dict):
        return {name: one for name, one in part.items() if name not in names}
    return [one for one in part if one["pid"] not in names]


def _merge(base: Dict[str, Any], more: Dict[str, Any]) -> Dict[str, Any]:
    for name, value in more.items():
        if isinstance(value, dict):
            base[name] = {**base.get(name, {}), **value}
        elif isinstance(value, list):
            base[name] = [*base.get(name, []), *value]
        else:
            base[name] = value
    return base


def _add_job(description: Dict[str, Any], case: Dict[str, Any], name: str) -> Optional[str]:
    """Put the job of a case on a host under a name, and return the job's object."""
    files = description.setdefault("files", {})
    if "cron" in case:
        files[f"/etc/cron.d/{name}"] = case["cron"] + "\n"
        return f"/etc/cron.d/{name}:1"
    if "crontab" in case:
        spool = files.setdefault(description["spool"], dict(content="", mode=0o600))
        spool["content"] += case["crontab"] + "\n"
        first = spool["content"].count("\n") - case["crontab"].count("\n")
        return f"{description['spool']}:{first}"
    if "script" in case:
        files[f"/usr/local/sbin/{name}"] = dict(content=case["script"], mode=0o755)
        files[f"/etc/cron.d/{name}"] = f"30 4 * * * root /usr/local/sbin/{name}\n"
        return f"/etc/cron.d/{name}:1"
    if "rotate" in case:
        script = f"\tpostrotate\n{case['rotate']}\n\tendscript\n"
        files[f"/etc/logrotate.d/{name}"] = f"/srv/{name}/log/*.log {{\n\tdaily\n\tmissingok\n{script}}}\n"
        return f"/etc/logrotate.d/{name}:5"
    if "timer" in case:
        units = description.setdefault("units", {})
        units[f"{name}.timer"] = "[Timer]\nOnCalendar=*-*-* 04:00:00\n[Install]\nWantedBy=timers.target\n"
        units[f"{name}.service"] = case["timer"]
        return f"{name}.timer"
    return None


def _expected(expect: Any, job: Optional[str]) -> Dict[str, Tuple[str, ...]]:
    if expect in (NOTHING, NOT_APPLICABLE):
        return {}
    if isinstance(expect, str):
        assert job is not None
        expect = {job: expect}
    return {one: tuple(sorted(verdict.strip() for verdict in said.split(","))) for one, said in expect.items()}


def _whole(description: Dict[str, Any]) -> Dict[str, Any]:
    whole = copy.deepcopy(description)
    whole.pop("spool", None)
    whole.setdefault("files", {})["/usr/bin/ss"] = ""
    whole.setdefault("commands", {}).update({f"/usr/bin/ss {options}": "" for options in _SOCKETS})
    for fpm in whole.pop("fpm", []):
        _add_fpm(whole, fpm)
    for master in whole.pop("masters", []):
        _add_master(whole, master)
    return whole


def _add_master(host: Dict[str, Any], master: Dict[str, Any]) -> None:
    pid, program, unit = master["pid"], master["program"], master.get("unit")
    parent = master.get("parent", 1)
    host["processes"].append(dict(pid=pid, parent=parent, executable=program, title=master["title"]))
    for worker in range(pid + 1, pid + 1 + WORKERS):
        host["processes"].append(dict(pid=worker, parent=pid, uid=33, executable=program, title=master["worker"]))
    slice_of = f"/system.slice/{unit}" if unit else "/"
    for process in range(pid, pid + 1 + WORKERS):
        host["files"].setdefault(f"/proc/{process}/cgroup", f"0::{slice_of}\n")
    host["files"].setdefault(program, dict(content="", mode=0o755))
    host["files"].setdefault(master["pidfile"], f"{pid}\n")
    if unit and isinstance(host["units"][unit], str):
        host["units"][unit] = dict(file=host["units"][unit])
    if unit:
        host["units"][unit].setdefault("pid", pid)


def _add_fpm(host: Dict[str, Any], fpm: Dict[str, Any]) -> None:
    program, path, pid = fpm["program"], fpm["configuration"], fpm["pid"]
    title = f"php-fpm: master process ({path})"
    files = host.setdefault("files", {})
    version = b"ELF\0X-Powered-By: PHP/8.2.36\0"
    files[program] = dict(content=version, mode=0o755, mtime=_OLD)
    _add_master(host, dict(fpm, title=title, worker="php-fpm: pool www"))
    caught = "14a07" if fpm.get("hup", True) else "14a06"
    files[f"/proc/{pid}/status"] = f"Name:\tphp-fpm\nTgid:\t{pid}\nSigCgt:\t00000000000{caught}\n"
    said = [
        ("global", [("pid", fpm["pidfile"]), ("process_control_timeout", f"{fpm.get('grace', 0)}s")]),
        ("www", [("user", "www-data"), ("listen", "/run/php-fpm.sock"), ("pm", "static"), ("pm.max_children", "2")]),
    ]
    said[1][1].append(("request_terminate_timeout", f"{fpm.get('terminate', 0)}s"))
    text = "".join(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values) for name, values in said)
    files[path] = dict(content=text, mtime=_OLD)
    printed = [
        line for name, values in said for line in (f"[{name}]", *(f"\t{key} = {value}" for key, value in values), " ")
    ]
    printed.append(f"configuration file {path} test is successful")
    commands = host.setdefault("commands", {})
    commands[f"{program} -tt -F -O -d log_errors=1 -d error_log= -y {path}"] = "".join(
        f"{_TESTED}{line}\n" for line in printed
    )
    commands[f"{program} -n -i"] = (
        "phpinfo()\nPHP Version => 8.2.36\n\nServer API => FPM/FastCGI\n"
        "Configuration File (php.ini) Path => /etc/php\nLoaded Configuration File => (none)\n"
        "Scan this dir for additional .ini files => (none)\n"
        "Zend Extension Build => API420220829,NTS\nextension_dir => /usr/lib/php/20220829 => /usr/lib/php/20220829\n"
    )
