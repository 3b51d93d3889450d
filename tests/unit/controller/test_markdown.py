# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import pytest
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.markdown import (
    CELL_LIMIT,
    ROW_LIMIT,
    code,
    render,
    text,
)
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.printable import printable
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.report import Run, merge
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from results import FAILED, LOOKS, REMEDIES, TEXT, finding, look, outcome, reload, remedy

RUN = Run("cleanup", False, None, True, "2026-11-21T22:04:55Z", None)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# All that a rendered report may be made of. No link, no image, no HTML, no emphasis.
ALLOWED = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td", "inline", "text", "code_inline"}
ANYTHING = TEXT | st.text(max_size=400)


def tables(markdown):
    """Return the tables of a text as a reader of Markdown sees them: rows of cells of plain text."""
    found = []
    for token in READER.parse(markdown):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 3:
            found[-1][-1].append("".join(child.content for child in token.children))
    return found


def kinds(markdown):
    for token in READER.parse(markdown):
        for part in [token, *(token.children or [])]:
            yield part.type.replace("_open", "").replace("_close", "")


@given(ANYTHING)
def test_any_text_reads_the_same_when_it_is_rendered(words):
    for cell in (text(words), code(words)):
        table = f"| a | b |\n| --- | --- |\n| {cell} | end |\n"
        assert tables(table) == [[["a", "b"], [printable(words, CELL_LIMIT).strip(), "end"]]]
        assert set(kinds(table)) <= ALLOWED


@given(st.dictionaries(TEXT, LOOKS, max_size=3), st.dictionaries(TEXT, REMEDIES, max_size=2))
def test_nothing_a_host_says_breaks_a_table_or_becomes_markup(looks, remedies):
    report = merge(RUN, looks, remedies)
    markdown = render(report)
    assert set(kinds(markdown)) <= ALLOWED
    failures = sum(len(reasons) for reasons in report["failures"].values())
    lists = [
        report[name]
        for name in ("findings", "fleet_findings", "unknown_checks", "changes", "remaining", "reload_needed", "runs")
    ]
    expected = [failures, len(looks), *map(len, lists)]
    assert [len(table) - 1 for table in tables(markdown)] == [count for count in expected if count]
    for table in tables(markdown):
        assert {len(row) for row in table} == {len(table[0])}
    assert markdown.endswith("\n") and "\n\n\n" not in markdown


def test_what_is_common_is_written_so_that_the_source_is_readable_too():
    assert code("sysv_ipc.orphaned_segment") == "`sysv_ipc.orphaned_segment`"
    assert code("/run/php/php8.2-fpm.pid") == "`/run/php/php8.2-fpm.pid`"
    assert text("64 of 64 segments (kernel.shmmni) are used.") == "64 of 64 segments (kernel.shmmni) are used."
    assert text("shm_attach()") == "shm_attach()"


@pytest.mark.parametrize(
    "words, expected",
    [
        ("a|b", r"a\|b"),
        ("<b>", r"\<b\>"),
        ("https://a.b", r"https\://a.b"),
        ("_a__b_", r"\_a\_\_b\_"),
        ("a\nb\x1bc", r"a b\\x1bc"),
    ],
)
def test_markup_is_escaped(words, expected):
    assert text(words) == expected


def test_a_report_tells_what_failed_what_was_found_and_what_was_done():
    looks = {"web1": look(finding(severity="high"), unknown=["pidfile.missing"]), "web2": FAILED, "web3": look()}
    done = (outcome(), outcome(result="failed", reason="busy"))
    remedies = {"web1": remedy(*done, remaining=[finding()], reload_needed=[reload()])}
    markdown = render(merge(RUN._replace(fail_on="[?severity=='high']"), looks, remedies))
    assert markdown.startswith("# PHP fleet: cleanup failed\n\n3 hosts (1 failed, 1 found, 1 clean)")
    headings = [line[3:] for line in markdown.splitlines() if line.startswith("## ")]
    assert headings == [
        "What failed the run",
        "Hosts",
        "Findings",
        "Not known",
        "Changes",
        "Still found after the change",
        "Masters to reload",
        "Runs that undo can put back",
    ]
    failures, hosts, findings, unknown, changes, remaining, reloads, runs = tables(markdown)
    assert ["web2", "failed", "MODULE FAILURE: /usr/bin/python3: not found"] in failures
    assert ["web1", "found", "0", "3", "0", "0", "0", "1"] in hosts and hosts[2] == ["web2", "failed", *"??????"]
    assert findings[1][:6] == ["high", "web1", "sysv_ipc.orphaned_segment", "shm 1", "3", "Nobody uses it."]
    assert unknown[1] == ["web1", "pidfile.missing", "hidden"]
    assert [row[0] for row in changes[1:]] == ["done", "failed"] and changes[2][-1] == "busy"
    assert reloads[1] == ["web1", "opcode_cache.stale_entry", "812", "2", "it lives on in shared memory"]
    assert len(remaining) == 2 and runs[1] == ["web1", "20261121T220455Z-1f2e3d4c"]


def test_what_has_no_remedy_says_why_where_the_host_said_so():
    told = finding(remedy=None, risk=None, evidence={"not_remedied": "it does more than that: `. /etc/default/php`"})
    (table,) = [rows for rows in tables(render(merge(RUN, {"web1": look(told)}, {}))) if "remedy" in rows[0]]
    assert table[1][table[0].index("remedy")] == "none by itself: it does more than that: `. /etc/default/php`"


def test_a_clean_fleet_has_its_hosts_and_no_empty_table():
    markdown = render(merge(RUN._replace(kind="audit", check_mode=True), {"web1": look()}, {}))
    assert markdown.startswith("# PHP fleet: audit passed\n") and "in check mode: nothing was changed" in markdown
    assert len(tables(markdown)) == 1


def test_a_long_table_is_cut_and_says_by_how_much():
    looks = {f"web{number}": look(finding()) for number in range(ROW_LIMIT + 3)}
    markdown = render(merge(RUN, looks, {}))
    assert [len(table) - 1 for table in tables(markdown)] == [ROW_LIMIT, ROW_LIMIT]
    assert markdown.count("3 more rows are in the JSON report.") == 2
