# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.printable import printable
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.report import Run, merge
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.table import CELL_LIMIT, ROWS, lines
from hypothesis import given
from hypothesis import strategies as st
from results import FAILED, LOOKS, REMEDIES, TEXT, UNREACHABLE, finding, look, outcome, reload, remedy

RUN = Run("cleanup", False, None, True, "2026-11-21T22:04:55Z", None)


@given(st.text(max_size=60), st.integers(2, 50))
def test_whatever_comes_is_one_bounded_line_that_prints(text, limit):
    shown = printable(text, limit)
    assert len(shown) <= limit and shown.isprintable()
    assert shown == text or not text.isprintable() or len(text) > limit


def test_what_drives_terminals_is_shown_escaped():
    assert printable("\x1b[31m\x9b\u202ered\n\tend", 99) == "\\x1b[31m\\x9b\\u202ered  end"


@given(st.dictionaries(TEXT, LOOKS, max_size=3), st.dictionaries(TEXT, REMEDIES, max_size=2))
def test_whatever_hosts_say_the_lines_print(looks, remedies):
    shown = lines(merge(RUN, looks, remedies))
    assert all(line.isprintable() for line in shown)
    assert max(map(len, shown)) < 5 * CELL_LIMIT


def test_the_lines_tell_what_was_found_what_was_done_and_what_is_left():
    looks = {
        "web1": look(finding(severity="high", count=7), unknown=["pidfile.missing"]),
        "web2": FAILED,
        "web3": UNREACHABLE,
        "web4": look(),
    }
    done = (outcome(count=6), outcome(result="failed", count=1))
    remedies = {"web1": remedy(*done, remaining=[finding(count=1)], reload_needed=[reload(masters=[812, 813])])}
    assert lines(merge(RUN, looks, remedies)) == [
        "host  state        critical  high  medium  low  info  not known",
        "web1  found        0         7     0       0    0     1",
        "web2  failed       ?         ?     ?       ?    ?     ?",
        "web3  unreachable  ?         ?     ?       ?    ?     ?",
        "",
        "severity  host  check                      count  remedy  what",
        "high      web1  sysv_ipc.orphaned_segment  7      yes     Nobody uses it.",
        "",
        "host  check            not known because",
        "web1  pidfile.missing  hidden",
        "",
        "host  why it gave no answer",
        "web2  MODULE FAILURE: /usr/bin/python3: not found",
        "web3  ssh: connect to host web9 port 22: No route to host",
        "",
        "host  done  unneeded  failed  planned  still found  run_id",
        "web1  6     0         1       0        1            20261121T220455Z-1f2e3d4c",
        "",
        "host  php-fpm to reload  count  because",
        "web1  812, 813           2      it lives on in shared memory",
        "",
        "1 of 4 hosts are clean",
    ]


def test_a_large_fleet_is_cut_and_says_by_how_much():
    shown = lines(merge(RUN, {f"web{number}": look(finding(remedy=None)) for number in range(ROWS + 2)}, {}))
    assert shown.count("… and 2 more, in the reports") == 2
    assert len(shown) == 2 * (ROWS + 3) + 1
