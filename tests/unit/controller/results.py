# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Results of the modules as Ansible registers them, for the tests of what the controller makes of them."""

from hypothesis import strategies as st

SEVERITIES = ("critical", "high", "medium", "low", "info")


def finding(**fields):
    return {
        "check": "sysv_ipc.orphaned_segment",
        "object": "shm 1",
        "severity": "medium",
        "summary": "Nobody uses it.",
        "evidence": {"owner": "www-data", "cause": "a crash"},
        "remedy": "remove it",
        "risk": "none",
        "count": 3,
        "examples": ["shm 1", "shm 2", "shm 3"],
        **fields,
    }


def job(*runs, check="scheduled_restart.kills_in_flight", path="/etc/cron.d/php:3", names=("php8.2-fpm",), **fields):
    evidence = {"owner": "root", "schedule": str(runs), "next_runs": list(runs), "names": list(names)}
    told = {"check": check, "object": path, "count": 1, "examples": [path], **fields}
    return finding(**told, evidence={**evidence, "delay": 0.0, "certain": True})


def look(*findings, unknown=()):
    checks = [{"id": "pidfile.missing", "verdict": "clean", "reason": None, "seconds": 0.1}]
    checks += [{"id": name, "verdict": "unknown", "reason": "hidden", "seconds": 0.1} for name in unknown]
    return {"changed": False, "failed": False, "findings": list(findings), "checks": checks}


def outcome(**fields):
    return {
        "check": "sysv_ipc.orphaned_segment",
        "verb": "remove_segment",
        "object": "shm 1",
        "result": "done",
        "reason": "removed",
        "count": 3,
        "examples": ["shm 1", "shm 2", "shm 3"],
        **fields,
    }


def remedy(*outcomes, run_id="20261121T220455Z-1f2e3d4c", remaining=(), **fields):
    return {"changed": True, "outcomes": list(outcomes), "remaining": list(remaining), "run_id": run_id, **fields}


def reload(**fields):
    reason = "it lives on in shared memory"
    return {"check": "opcode_cache.stale_entry", "masters": [812], "reason": reason, "count": 2, **fields}


UNREACHABLE = {"unreachable": True, "msg": "ssh: connect to host web9 port 22: No route to host", "changed": False}
FAILED = {"failed": True, "msg": "MODULE FAILURE", "module_stderr": "warning\n/usr/bin/python3: not found\n", "rc": 127}

# Whatever a host may say: its own text in every place that holds text.
TEXT = st.text(max_size=40) | st.sampled_from(
    ["|", "a|b", "`", "``a`", "\\", "\\|", "a\\", "\n", "| --- |", "<script>", "[a](b)", "![a](b)", "**a**", "_a_",
     "__0__", "~~a~~", "# a", "- a", "1. a", "> a", "&lt;", "&#124;", "https://a.b", "www.a.b", "<https://a.b>",
     "\x1b[31m", "\x9b", "\u202e", "{{ 1 + 1 }}", "{% raw %}", "$x$", "a  \nb", " ", ""]
)  # fmt: skip
FINDINGS = st.builds(
    finding,
    check=TEXT,
    object=TEXT,
    severity=st.sampled_from(SEVERITIES),
    summary=TEXT,
    evidence=st.dictionaries(TEXT | st.just("not_remedied"), TEXT, max_size=2),
    remedy=st.none() | TEXT,
    risk=st.none() | TEXT,
    count=st.integers(1, 10**6),
    examples=st.lists(TEXT, max_size=2),
)
JOBS = st.builds(
    lambda runs, name, path: job(*runs, names=[name], path=path),
    st.lists(st.sampled_from([1795411680, 1795411680.5, 1795498080]), max_size=2),
    TEXT,
    TEXT,
)
LOOKS = (
    st.builds(
        lambda findings, unknown: look(*findings, unknown=unknown),
        st.lists(FINDINGS | JOBS, max_size=4),
        st.lists(TEXT),
    )
    | st.builds(lambda text: {**FAILED, "msg": text, "module_stderr": text}, TEXT)
    | st.builds(lambda text: {**UNREACHABLE, "msg": text}, TEXT)
    | st.just({})
)
OUTCOMES = st.builds(
    outcome,
    verb=TEXT,
    object=TEXT,
    result=st.sampled_from(["done", "unneeded", "failed"]),
    reason=TEXT,
    count=st.integers(1, 10**6),
)
RELOADS = st.builds(
    reload, check=TEXT, masters=st.lists(st.integers(1, 1 << 22), max_size=3), reason=TEXT, count=st.integers(1, 10**6)
)
REMEDIES = st.builds(
    lambda outcomes, remaining, reloads, message: remedy(
        *outcomes, remaining=remaining, reload_needed=reloads, failed=bool(message), msg=message
    ),
    st.lists(OUTCOMES, max_size=3),
    st.lists(FINDINGS, max_size=2),
    st.lists(RELOADS, max_size=2),
    TEXT,
)
