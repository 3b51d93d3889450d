# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render a report as Markdown, CommonMark with tables. What a host said can neither break it nor become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .printable import printable
from .report import counts
from .selection import SEVERITIES

CELL_LIMIT = 300  # characters
ROW_LIMIT = 500  # rows of one table; the JSON has them all

# What could be markup inside of a line: the characters of CommonMark and tables, an underscore at the edge of a word,
# and what GitHub and GitLab make links of.
_MARKUP = re.compile(r"[\\`*{}\[\]<>#|~&$]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE | re.ASCII)
_PLAIN_CODE = re.compile(r"[^`|\\\s](?:[^`|\\]*[^`|\\\s])?")


def render(report: dict[str, Any]) -> str:
    """Return the whole report, ended by a line feed."""
    parts = [
        _heading(report),
        _section("What failed the run", ("host", "cause", "message"), _failure_rows(report["failures"])),
        _section("Hosts", ("host", "state", *SEVERITIES, "unknown checks"), map(_host_row, *_pairs(report["hosts"]))),
        _section(
            "Findings",
            ("severity", "host", "check", "object", "count", "what", "remedy", "risk"),
            map(_finding_row, report["findings"]),
        ),
        _section(
            "Findings over several hosts",
            ("severity", "check", "object", "hosts", "what"),
            map(_fleet_row, report["fleet_findings"]),
        ),
        _section("Not known", ("host", "check", "why"), map(_unknown_row, report["unknown_checks"])),
        _section(
            "Changes",
            ("result", "host", "verb", "object", "count", "why"),
            map(_change_row, report["changes"]),
        ),
        _section(
            "Still found after the change",
            ("severity", "host", "check", "object", "count", "what", "remedy", "risk"),
            map(_finding_row, report["remaining"]),
        ),
        _section(
            "Masters to reload", ("host", "check", "masters", "count", "why"), map(_reload_row, report["reload_needed"])
        ),
        _section("Runs that undo can put back", ("host", "run_id"), map(_run_row, *_pairs(report["runs"]))),
    ]
    return "\n".join(part for part in parts if part)


def _heading(report: dict[str, Any]) -> str:
    hosts = report["totals"]["hosts"]
    states = ", ".join(f"{count} {state}" for state, count in hosts.items() if count)
    lines = [
        f"# PHP fleet: {report['kind']} {'passed' if report['passed'] else 'failed'}",
        "",
        f"{sum(hosts.values())} hosts ({states}), {text(report['finished'])}"
        + (", in check mode: nothing was changed." if report["check_mode"] else "."),
        "",
    ]
    return "\n".join(lines)


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a heading with a table below it, or nothing where there is no row."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    more = [f"\n{len(lines) - ROW_LIMIT} more rows are in the JSON report."] if len(lines) > ROW_LIMIT else []
    head = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    return "\n".join([f"## {title}", "", *head, *lines[:ROW_LIMIT], *more, ""])


def _pairs(entries: dict[str, Any]) -> tuple[list[str], list[Any]]:
    return list(entries), list(entries.values())


def _failure_rows(failures: dict[str, Any]) -> list[list[str]]:
    return [
        [code(host), reason["cause"], text(reason["message"])]
        for host, reasons in failures.items()
        for reason in reasons
    ]


def _host_row(name: str, host: dict[str, Any]) -> list[str]:
    return [code(name), host["state"], *counts(host)]


def _finding_row(finding: dict[str, Any]) -> list[str]:
    return [
        finding["severity"],
        code(finding["host"]),
        code(finding["check"]),
        code(finding["object"]),
        str(finding["count"]),
        text(finding["summary"]),
        text(finding["remedy"] or _why_none(finding["evidence"])),
        text(finding["risk"] or ""),
    ]


def _why_none(evidence: dict[str, Any]) -> str:
    reason = evidence.get("not_remedied")
    return f"none by itself: {reason}" if reason else "none by itself"


def _fleet_row(finding: dict[str, Any]) -> list[str]:
    return [
        finding["severity"],
        code(finding["check"]),
        code(finding["object"]),
        text(", ".join(finding["hosts"])),
        text(finding["summary"]),
    ]


def _unknown_row(entry: dict[str, Any]) -> list[str]:
    return [code(entry["host"]), code(entry["check"]), text(entry["reason"] or "")]


def _change_row(change: dict[str, Any]) -> list[str]:
    return [
        change["result"],
        code(change["host"]),
        code(change["verb"]),
        code(change["object"]),
        str(change["count"]),
        text(change["reason"] or ""),
    ]


def _reload_row(entry: dict[str, Any]) -> list[str]:
    masters = ", ".join(str(pid) for pid in entry["masters"])
    return [code(entry["host"]), code(entry["check"]), masters, str(entry["count"]), text(entry["reason"])]


def _run_row(host: str, run_id: str) -> list[str]:
    return [code(host), code(run_id)]


def code(words: str) -> str:
    """Return ``words`` as a code span, or as text where a code span in a table cannot hold them."""
    shown = printable(words, CELL_LIMIT)
    return f"`{shown}`" if _PLAIN_CODE.fullmatch(shown) else text(words)


def text(words: str) -> str:
    """Return ``words`` with all that could be markup escaped, so that they read the same when rendered."""
    return _MARKUP.sub(r"\\\g<0>", printable(words, CELL_LIMIT))
