# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of package managers' logs."""

from typing import Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.package_log import PackageChange, parse
from hypothesis import given
from hypothesis import strategies as st

NOW = 1795300000.0  # 2026-11-21 22:26:40
THEN = 1795297201.0  # 21:40:01


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "2026-11-21 21:40:01 upgrade php8.2-apcu:amd64 5.1.22-1 5.1.23-1",
            (THEN, "upgrade php8.2-apcu:amd64 5.1.23-1"),
        ),
        ("2026-11-21 21:40:01 install php8.2-apcu:amd64 <none> 5.1.23-1", (THEN, "install php8.2-apcu:amd64 5.1.23-1")),
        ("2026-11-21T21:40:01+0000 SUBDEBUG Upgrade: php-fpm-8.0.30-1.el9", (THEN, "upgrade php-fpm-8.0.30-1.el9")),
        ("2026-11-21T22:40:01+0100 INFO Installed: php-fpm-8.0.30-1.el9", (THEN, "installed php-fpm-8.0.30-1.el9")),
        ("2026-11-21T21:40:01Z SUBDEBUG Erase: php-8.0.27-1.el9", (THEN, "erase php-8.0.27-1.el9")),
        ("Nov 21 21:40:01 Updated: php-fpm-5.4.16-48.el7.x86_64", (THEN, "updated php-fpm-5.4.16-48.el7.x86_64")),
        ("Nov 22 21:40:01 Updated: php-5.4", (THEN + 86400 - 365 * 86400, "updated php-5.4")),
    ],
)
def test_a_line_that_tells(line: str, told: Tuple[float, str]) -> None:
    assert list(parse(f"x\n{line}\n", NOW)) == [PackageChange(*told)]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 21:40:02 status half-configured php8.2-apcu:amd64 5.1.23-1",
        "2026-11-21 21:40:00 startup archives unpack",
        "2026-13-45 21:40:01 upgrade php 1 2",
        "Nov 31 21:40:01 Updated: php-5.4",
    ],
)
def test_a_line_that_tells_nothing(line: str) -> None:
    assert list(parse(line, NOW)) == []


@given(st.text(max_size=100), st.sampled_from(["", "2026-11-21 21:40:01 upgrade ", "Nov 21 21:40:01 Updated: "]))
def test_any_text_is_read(text: str, begin: str) -> None:
    assert all(isinstance(one, PackageChange) for one in parse(begin + text, NOW))
