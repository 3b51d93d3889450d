# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``systemctl show`` prints."""

from typing import Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import systemd_show
from hypothesis import given
from hypothesis import strategies as st

TWO = """\
Id=php8.2-fpm.service
ExecReload={ path=/bin/a ; argv[]=/bin/a -t ; ignore_errors=no ; start_time=[n/a] ; pid=0 }
ExecReload={ path=/bin/kill ; argv[]=/bin/kill -USR2 $MAINPID ; ignore_errors=no ; start_time=[n/a] ; pid=0 }
Environment=A=1 B=2

Id=nope.service
LoadState=not-found
"""


def test_blocks() -> None:
    first, second = systemd_show.parse(TWO)
    assert [systemd_show.command(value) for value in first["ExecReload"]] == ["/bin/a -t", "/bin/kill -USR2 $MAINPID"]
    assert first["Environment"] == ["A=1 B=2"]
    assert second == {"Id": ["nope.service"], "LoadState": ["not-found"]}


def test_a_command_may_hold_semicolons() -> None:
    shown = (
        "{ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx -g daemon on; master_process on; ; ignore_errors=no ; pid=49 }"
    )
    assert systemd_show.command(shown) == "/usr/sbin/nginx -g daemon on; master_process on;"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1min 30s", 90.0),
        ("infinity", None),
        ("0", 0.0),
        ("100ms", 0.1),
        ("5s", 5.0),
        ("1h 2min 3.5s", 3723.5),
        ("2w 1d", 1296000.0),
    ],
)
def test_time_spans(text: str, seconds: Optional[float]) -> None:
    assert systemd_show.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 s", "-1s", "5x"])
def test_what_is_no_time_span(text: str) -> None:
    with pytest.raises(Malformed):
        systemd_show.seconds(text)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all(name and values for block in systemd_show.parse(text) for name, values in block.items() if name)
    systemd_show.command(text)
