# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a command line of PHP runs."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.php_command import Command, parse
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("php worker.php", Command("worker.php", None)),
        ("/usr/bin/php8.2 /srv/app/artisan queue:work redis --sleep=3", Command("/srv/app/artisan", "queue:work")),
        ("php -d memory_limit=1G -dopcache.enable_cli=1 worker.php", Command("worker.php", None)),
        ("php -c /etc/php.ini -n -q -f worker.php -- mails", Command("worker.php", "mails")),
        ("php --define a=b --file worker.php", Command("worker.php", None)),
        ("php -- worker.php", Command("worker.php", None)),
        ("php worker.php -r x", Command("worker.php", None)),
        ("php worker.php password=secret", Command("worker.php", None)),
        ("php worker.php amqp://user:secret@host", Command("worker.php", None)),
        ("php worker.php --token secret", Command("worker.php", None)),
    ],
)
def test_a_script(line, command):
    assert parse(line.split()) == command


@pytest.mark.parametrize(
    "line",
    ["php", "php -r code", "php -S 127.0.0.1:80 router.php", "php -a", "php -", "php --nonsense x", "php -R c f"],
)
def test_no_script(line):
    assert parse(line.split()) is None


@given(st.lists(st.text(max_size=20), max_size=8))
def test_any_words_are_a_script_of_theirs_or_none(words):
    command = parse(words)
    assert command is None or any(command.script in word for word in words)
