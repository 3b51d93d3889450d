# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which signal an init script stops its program with."""

from typing import Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.init_script import stop_signal
from hypothesis import given
from hypothesis import strategies as st

DEBIAN = """
do_start()
{
    start-stop-daemon --start --quiet --pidfile $PIDFILE --exec $DAEMON || return 2
}
do_stop()
{
    # start-stop-daemon --stop --signal KILL
    start-stop-daemon --stop --quiet --retry=QUIT/$TIMEOUT/TERM/5/KILL/5 --pidfile $PIDFILE --name $NAME
    RETVAL="$?"
}
do_reload() {
    start-stop-daemon --stop --signal USR2 --quiet --pidfile $PIDFILE --name $NAME
}
case "$1" in
    stop)
    do_stop
    ;;
esac
""".replace("    ", "\t")
UPSTREAM = """
case "$1" in
    start)
        $php_fpm_BIN --daemonize $php_opts
    ;;
    stop)
        echo -n "Gracefully shutting down php-fpm "
        kill -{signal} `cat $php_fpm_PID`
    ;;
    force-quit)
        kill -KILL `cat $php_fpm_PID`
    ;;
esac
""".replace("    ", "\t")


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        (DEBIAN, "QUIT"),
        (DEBIAN.replace("QUIT/", "TERM/"), "TERM"),
        (DEBIAN.replace("--retry=QUIT/$TIMEOUT/TERM/5/KILL/5", ""), "TERM"),
        (UPSTREAM.replace("{signal}", "QUIT"), "QUIT"),
        (UPSTREAM.replace("{signal}", "SIGTERM"), "TERM"),
        (UPSTREAM.replace("-{signal}", "-s INT"), "INT"),
        (UPSTREAM.replace("{signal}", "3"), "QUIT"),
        (UPSTREAM.replace(" -{signal}", ""), "TERM"),
        ("stop() {\n  killproc -p ${pidfile} php-fpm\n}\n", "TERM"),
        ("stop() {\n  killproc -p ${pidfile} php-fpm -QUIT\n}\n", "QUIT"),
        ("function stop {\n  /usr/bin/killall -INT php-fpm\n}\n", "INT"),
        ("case $1 in\nstop) kill -QUIT $(cat /run/p) ;;\nesac\n", "QUIT"),
        ("start() {\n  kill -TERM 1\n}\n", None),
        ("exec /opt/tool php stop\n", None),
        ("", None),
    ],
)
def test_the_first_signal_of_the_stop(text: str, signal: Optional[str]) -> None:
    assert stop_signal(text) == signal


@given(st.text(alphabet="stop()case{};\n -kilQUTERM", max_size=400))
def test_any_text_has_a_signal_or_none(text: str) -> None:
    assert stop_signal(text) in (None, "QUIT", "TERM", "KILL", "INT", "HUP", "USR1", "USR2")
