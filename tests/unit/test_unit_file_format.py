# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unit files of systemd, and the command lines in them."""

import shlex

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.unit_file import (
    Command,
    Setting,
    commands,
    parse,
    specifiers,
)
from hypothesis import given
from hypothesis import strategies as st

KNOWN = specifiers("php-fpm@shop.service")


def test_settings_with_the_line_they_stand_in() -> None:
    text = "# x\n[Unit]\nAfter = a b\n[Service]\nExecStart=/a \\\n; no\n  b\n\nExecStart=\nnonsense\n"
    assert list(parse(text)) == [
        Setting("Unit", "After", "a b", 3),
        Setting("Service", "ExecStart", "/a  b", 5),
        Setting("Service", "ExecStart", "", 9),
    ]


@pytest.mark.parametrize(
    ("value", "shell"),
    [
        ("/bin/kill -USR2 $MAINPID", "/bin/kill -USR2 $MAINPID"),
        ("/bin/sh -c 'kill -USR2 $(cat /run/x.pid)'", "/bin/sh -c 'kill -USR2 $(cat /run/x.pid)'"),
        ('/bin/sh -c "systemctl restart php-fpm"', "/bin/sh -c 'systemctl restart php-fpm'"),
        ("/bin/a ${X}y", '/bin/a "${X}"y'),
        ("/bin/a 'it is'", "/bin/a 'it is'"),
        ("/bin/a x$X", "/bin/a 'x$X'"),
        ("/bin/a $$X", "/bin/a '$X'"),
        (":/bin/a $X", "/bin/a '$X'"),
        ("@/bin/a called b", "/bin/a b"),
        ("+!!/bin/a b", "/bin/a b"),
        ("/bin/a %i %N %% %z", "/bin/a shop php-fpm@shop % %z"),
        (r"/bin/a \x41\x20b \s \101 \"", r"""/bin/a 'A b' ' ' A '"'"""),
        ("/bin/a ''", "/bin/a ''"),
        ("/bin/a 'open", "/bin/a open"),
    ],
)
def test_a_command_as_a_shell_takes_it(value: str, shell: str) -> None:
    (command,) = commands(value, KNOWN)
    assert shlex.split(command.shell.replace("\\$", "$")) == shlex.split(shell)
    assert command.ignored is False


@pytest.mark.parametrize("value", ["/bin/a $X", "/bin/a ${X}", "/bin/a y${X}z"])
def test_variables_are_left_to_the_shell(value: str) -> None:
    (command,) = commands(value, KNOWN)
    assert "'" not in command.shell and "X" in command.shell


def test_what_no_variable_is_stays_as_it_is() -> None:
    (command,) = commands("/bin/a '${X} `b` \"$c\" \\\\'", KNOWN)
    assert command.shell == r'/bin/a "${X} \`b\` \"\$c\" \\"'


def test_several_commands_of_one_line() -> None:
    assert list(commands("-/bin/a b ; /bin/c \\; ';'", KNOWN)) == [
        Command("/bin/a b", True),
        Command("/bin/c ';' ';'", False),
    ]


def test_specifiers_of_an_instance() -> None:
    known = specifiers("a-b@c-d\\x2de.service")
    assert [known[one] for one in "npNiIj"] == [
        "a-b@c-d\\x2de.service", "a-b", "a-b@c-d\\x2de", "c-d\\x2de", "c/d-e", "b",
    ]  # fmt: skip


@given(st.text("ab/ \"'\\$ {}x4;%i-@\n#=[]", max_size=200))
def test_any_text_is_settings_and_commands(text: str) -> None:
    for setting in parse(text):
        assert 1 <= setting.number <= text.count("\n") + 1
        for command in commands(setting.value, KNOWN):
            assert command.shell


@given(
    st.lists(st.text(st.characters(blacklist_characters="$%\0\n", blacklist_categories=["Cs"]), min_size=1), min_size=1)
)
def test_words_come_back_as_they_were_quoted(words: list) -> None:
    value = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in ["/bin/a", *words])
    (command,) = commands(value, KNOWN)
    assert shlex.split(command.shell) == ["/bin/a", *words]
