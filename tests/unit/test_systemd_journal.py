# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal, as journalctl of systemd 219 to 256 prints it."""

import json
from typing import Any, Dict

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Forbidden, Missing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import systemd_journal
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.systemd_journal import Entry
from described_host import DescribedHost

ASKED = "--no-pager --quiet --output=json --lines=4000 --since=@1795238816 --until=@1795238942 _PID=1"
LINE = dict(
    __REALTIME_TIMESTAMP="1795238881500000", SYSLOG_IDENTIFIER="systemd", _PID="1", UNIT="x.service", MESSAGE="m"
)
ENTRY = Entry(1795238881.5, "systemd", 1, "x.service", "m")


def read(*lines: Any, program: str = "/usr/bin/journalctl", **more: Any) -> Any:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    commands: Dict[str, Any] = {f"{program} {ASKED}": text}
    host = JournalHost(dict(dict(commands=commands, present=[program]), **more))
    return systemd_journal.read(host, ["_PID=1"], 1795238816.9, 1795238941.2)


class JournalHost(DescribedHost):
    """One on which programs that are not there are missing."""

    def run(self, argv: Any, deadline: float, limit: int) -> Any:
        if argv[0] not in self.description["present"]:
            raise Missing(f"{argv[0]}: there is no such file")
        return super().run(argv, deadline, limit)


@pytest.mark.parametrize("program", ["/usr/bin/journalctl", "/bin/journalctl"])
def test_an_entry(program: str) -> None:
    assert read(LINE, program=program) == (ENTRY,)


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        (dict(SYSLOG_IDENTIFIER=None, _COMM="cron"), ENTRY._replace(source="cron")),
        (dict(_PID=None), ENTRY._replace(pid=None)),
        (dict(UNIT=None), ENTRY._replace(unit=None)),
        (dict(MESSAGE=[80, 72, 80, 255]), ENTRY._replace(message="PHP\udcff")),
        (dict(MESSAGE=None), ENTRY._replace(message="")),
        (dict(MESSAGE=[999, "x"]), ENTRY._replace(message="")),
        (dict(MESSAGE="m" * 9999), ENTRY._replace(message="m" * systemd_journal.MESSAGE_LIMIT)),
    ],
)
def test_fields_are_what_others_made_them(change: Dict[str, Any], entry: Entry) -> None:
    assert read(dict(LINE, **change)) == (entry,)


def test_lines_that_are_no_entry_are_left_out() -> None:
    assert read("-- No entries --\n", "{torn\n", "[1]\n", dict(LINE, __REALTIME_TIMESTAMP="x"), "\n", LINE) == (ENTRY,)


def test_an_ordinary_user_does_not_see_all_of_it() -> None:
    with pytest.raises(Forbidden, match="run with become"):
        read(LINE, root=False)


def test_without_the_program_there_is_no_journal() -> None:
    with pytest.raises(Missing, match="no such program"):
        read(LINE, present=[])


def test_a_journal_that_fails_is_not_empty() -> None:
    failing = {f"/usr/bin/journalctl {ASKED}": dict(status=1, output="Failed to open: Bad message")}
    with pytest.raises(CannotLook, match="Bad message"):
        read(commands=failing)
