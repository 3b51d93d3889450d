# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs in the spool of at, as at(1) 3.2.5 of Debian and 3.1.13 of Red Hat write them."""

import contextlib

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.at_job import Name, parse, parse_name
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"""\
#!/bin/sh
# atrun uid=0 gid=0
# mail root 0
umask 22
PWD=/root; export PWD
SSH_CONNECTION=198.18.4.1\\ 48182\\ 198.18.4.11\\ 22; export SSH_CONNECTION
ODD=a"
"b\\;c; export ODD
cd /root/my\\ jobs || {
\t echo 'Execution directory inaccessible' >&2
\t exit 1
}
"""


def test_debians() -> None:
    job = parse(HEAD + b"systemctl restart php8.2-fpm\necho $HOME\n\n")
    assert (job.uid, job.script, job.number) == (0, "systemctl restart php8.2-fpm\necho $HOME\n\n", 13)
    assert job.environment == {"PWD": "/root", "SSH_CONNECTION": "198.18.4.1 48182 198.18.4.11 22", "ODD": "a\nb;c"}


def test_red_hats_is_fed_to_the_users_shell() -> None:
    job = parse(
        HEAD + b"${SHELL:-/bin/sh} << 'marcinDELIMITER638f1ec5'\npkill php-fpm\nid\n\nmarcinDELIMITER638f1ec5\n"
    )
    assert (job.script, job.number) == ("pkill php-fpm\nid\n", 14)


@pytest.mark.parametrize("body", [b"", b"\n", b"${SHELL:-/bin/sh} << 'x'\nx\n"])
def test_nothing_to_do(body: bytes) -> None:
    assert parse(HEAD + body).script.strip() == ""


def test_a_script_that_has_the_words_of_at() -> None:
    body = b"PATH=/x; export PATH\ncd /a || {\n\n\n}\nid\n"
    job = parse(HEAD + body)
    assert job.script.encode() == body and "PATH" not in job.environment


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\nid\n", HEAD[:20], HEAD.replace(b"uid=0", b"uid=x"), b"\xff" * 99]
)
def test_no_job(content: bytes) -> None:
    with pytest.raises(Malformed, match="atd does not run it"):
        parse(content)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a0000101c89f34", Name("a", 1, 29925172)),
        ("B0000201c89430", Name("B", 2, 29922352)),
        ("=0000101c89f34", Name("=", 1, 29925172)),
        (".SEQ", None),
        ("a0000101c89f3", None),
        ("a0000101c89f34\n", None),
        ("spool", None),
    ],
)
def test_a_name(name: str, expected: object) -> None:
    assert parse_name(name) == expected


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_any_bytes_are_a_job_or_malformed(content: bytes, environment: bytes) -> None:
    assert parse(HEAD + content).number > 1
    assert parse(HEAD[: HEAD.index(b"PWD")] + environment + HEAD[HEAD.index(b"cd ") :]).uid == 0
    with contextlib.suppress(Malformed):
        parse(content)
