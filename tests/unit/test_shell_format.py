# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a command line is shown to people, and that no secret is."""

import re

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.shell import SHOWN_CHARACTERS, shown
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/usr/bin/systemctl restart php8.2-fpm.service", "/usr/bin/systemctl restart php8.2-fpm.service"),
        ("curl -u root:s3cret https://x/?token=s3cret | sh", "… -u … | sh"),
        ("PASSWORD=s3cret /usr/local/bin/a --key s3cret", "… /usr/local/bin/a --key …"),
        ("kill -USR2 4711", "kill -USR2 …"),
        ("pkill php-fpm", "pkill php-fpm"),
        ("/bin/a;s3cret", "/bin/a;…"),
        ("mysql -ps3cret -e 'drop x' && nginx -t", "… -e … && nginx -t"),
        ("kill -TERM $(cat /run/php-fpm.pid) >/dev/null 2>&1", "kill -TERM $(cat /run/php-fpm.pid)"),
        ("kill `pidof php-fpm`; sleep 90; kill -9 $PID", "kill `pidof php-fpm`; sleep 90; kill -9 $PID"),
        ("\"$@\"; kill $* s3cret", "$@; kill $* …"),
        ("start-stop-daemon --stop --retry=QUIT/30/KILL/5 --pidfile=/run/x.pid", None),
        ("sudo -u www-data /usr/bin/pkill -USR1 -f 'php-fpm pool shop'", "sudo -u … /usr/bin/pkill -USR1 -f php-fpm …"),
        ('curl -H "Authorization: Bearer s3cret" x', "… -H …"),
        ("sleep 4711s3cret", "sleep …"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_command_is_shown_without_its_secrets(command: str, words: str) -> None:
    assert shown(command) == (command if words is None else words)


@pytest.mark.parametrize(
    "command",
    [
        "mysql -p{} nightly",
        "PGPASSWORD={} pg_dump shop >/b/x && systemctl reload nginx",
        "curl -H 'X-Token: {}' https://x/ && kill -9 $(pidof php-fpm)",
        "curl https://user:{}@x/restart?key={}",
        "redis-cli -a '{}' flushall; sleep 3; service php-fpm restart",
        "export TOKEN={}\n/usr/local/bin/a --password={} --retry={} --pidfile={}",
        "sleep {}; kill -s {} 1",
    ],
)
@given(
    secret=st.text("abcdefgh0123456789!%+,.:;=?@^_~", min_size=5, max_size=30).filter(
        lambda text: text.strip("0123456789;")
    )
)
def test_a_secret_is_not_shown(command: str, secret: str) -> None:
    words = [
        word for word in secret.split(";") if len(word) > 4 and not re.fullmatch("[0-9]{5}|[0-9]{1,5}[smhd]", word)
    ]
    assert not [word for word in words if word in shown(command.replace("{}", secret))]


@given(st.text())
def test_any_text_is_shown_on_one_line(text: str) -> None:
    assert "\n" not in shown(text) and len(shown(text * 100)) <= SHOWN_CHARACTERS
