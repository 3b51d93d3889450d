# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""supervisord's configuration."""

import signal

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.supervisor import (
    Stopping,
    includes,
    parse,
    section_of,
    stopping,
)
from hypothesis import given
from hypothesis import strategies as st

TEXT = """; supervisor config file
[unix_http_server]
file=/var/run/supervisor.sock   ; (the path to the socket file)
[program:mail]
command=php worker.php --dsn="mysql:host=db;dbname=x" %(ENV_HOME)s
stopsignal=usr1
stopwaitsecs = 30 ; seconds
stopasgroup=True
[program:mail-fast]
command=php fast.php
[group:mails]
programs=mail,mail-fast
[include]
files = conf.d/*.conf
    more/*.conf
"""


def test_a_program_is_stopped_as_it_says():
    sections = parse(TEXT)
    assert stopping(sections["program:mail"]) == Stopping(signal.SIGUSR1, 30.0, True)
    assert stopping(sections["program:mail-fast"]) == Stopping(signal.SIGTERM, 10.0, False)
    assert includes(sections) == ["conf.d/*.conf", "more/*.conf"]


@pytest.mark.parametrize(
    ("group", "process", "section"),
    [
        ("mail", "mail", "program:mail"),
        ("mail", "mail_03", "program:mail"),
        ("mails", "mail", "program:mail"),
        ("mails", "mail-fast_01", "program:mail-fast"),
        ("mails", "other", None),
        ("?", "?", None),
    ],
)
def test_a_process_is_described_by_its_program(group, process, section):
    assert section_of(parse(TEXT), group, process) == section


@pytest.mark.parametrize(
    ("setting", "problem"),
    [("stopsignal=NONE", "no signal"), ("stopsignal=99", "no signal"), ("stopwaitsecs=soon", "no number")],
)
def test_what_supervisord_refuses_is_said(setting, problem):
    with pytest.raises(Malformed, match=problem):
        stopping(parse(f"[program:x]\n{setting}\n")["program:x"])


@given(st.one_of(st.text(max_size=200), st.text("[]=:; \n\tprogamincludefs%#\\", max_size=200)))
def test_any_text_is_sections_or_malformed(text):
    try:
        sections = parse(text)
    except Malformed:
        return
    for settings in sections.values():
        assert all(isinstance(value, str) for value in settings.values())
    includes(sections)


@pytest.mark.parametrize("text", ["root:secret:19000::\n", "[program:a]\nsecret\n", "[a]\nb = 1\n  c\nsecret\n"])
def test_what_is_no_configuration_is_not_quoted(text):
    with pytest.raises(Malformed, match=r"line [1-9]: supervisord takes no such line") as raised:
        parse(text)
    assert "secret" not in str(raised.value)
