# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render a report as the few lines that end a play: which hosts, what is wrong, what was done, what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .printable import printable
from .report import RESULTS, counts
from .selection import SEVERITIES

ROWS = 40  # of each table; the reports have them all
CELL_LIMIT = 160  # characters


def lines(report: dict[str, Any]) -> list[str]:
    """Return the lines, without line feeds. Hosts that are clean, and were not changed, are only counted."""
    shown = {name: host for name, host in report["hosts"].items() if host["state"] != "clean"}
    clean = len(report["hosts"]) - len(shown)
    parts = [
        _table(["host", "state", *SEVERITIES, "not known"], [_host_row(*item) for item in shown.items()]),
        _table(
            ["severity", "host", "check", "count", "remedy", "what"],
            [_finding_row(entry) for entry in report["findings"]],
        ),
        _table(
            ["severity", "check", "hosts", "what of several hosts"],
            [_fleet_row(entry) for entry in report["fleet_findings"]],
        ),
        _table(["host", "check", "not known because"], [_unknown_row(entry) for entry in report["unknown_checks"]]),
        _table(["host", "why it gave no answer"], [_reason_row(*item) for item in shown.items() if item[1]["reason"]]),
        _table(["host", *RESULTS, "still found", "run_id"], _change_rows(report)),
        _table(
            ["host", "php-fpm to reload", "count", "because"], [_reload_row(entry) for entry in report["reload_needed"]]
        ),
        [f"{clean} of {len(report['hosts'])} hosts are clean"],
    ]
    return [line for part in parts for line in part]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a header, the rows below it in columns as wide as they need, and an empty line; nothing without rows."""
    if not rows:
        return []
    shown = [columns, *rows[:ROWS]]
    widths = [max(len(row[number]) for row in shown) for number in range(len(columns))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    more = [f"… and {len(rows) - ROWS} more, in the reports"] if len(rows) > ROWS else []
    return [*table, *more, ""]


def _cell(words: str) -> str:
    return printable(words, CELL_LIMIT)


def _host_row(name: str, host: dict[str, Any]) -> list[str]:
    return [_cell(name), host["state"], *counts(host)]


def _finding_row(finding: dict[str, Any]) -> list[str]:
    return [
        finding["severity"],
        _cell(finding["host"]),
        _cell(finding["check"]),
        str(finding["count"]),
        "yes" if finding["remedy"] else "none",
        _cell(finding["summary"]),
    ]


def _fleet_row(finding: dict[str, Any]) -> list[str]:
    return [finding["severity"], _cell(finding["check"]), str(len(finding["hosts"])), _cell(finding["summary"])]


def _unknown_row(entry: dict[str, Any]) -> list[str]:
    return [_cell(entry["host"]), _cell(entry["check"]), _cell(entry["reason"] or "")]


def _reason_row(name: str, host: dict[str, Any]) -> list[str]:
    return [_cell(name), _cell(host["reason"])]


def _reload_row(entry: dict[str, Any]) -> list[str]:
    masters = ", ".join(str(pid) for pid in entry["masters"])
    return [_cell(entry["host"]), _cell(masters), str(entry["count"]), _cell(entry["reason"])]


def _change_rows(report: dict[str, Any]) -> list[list[str]]:
    """Return what was done to each host, counted in objects."""
    by_host: dict[str, Counter[str]] = {}
    for change in report["changes"]:
        by_host.setdefault(change["host"], Counter())[change["result"]] += change["count"]
    for finding in report["remaining"]:
        by_host.setdefault(finding["host"], Counter())["remaining"] += finding["count"]
    return [
        [_cell(host), *(str(count[name]) for name in (*RESULTS, "remaining")), report["runs"].get(host, "")]
        for host, count in by_host.items()
    ]
