# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What jobs come to do to services, as it can be read from their lines and from the scripts that they run."""

import os
from typing import Any, Dict, List, Mapping, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import scheduled_jobs
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_commands import (
    NO_REDIRECT,
    follow,
    follow_text,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_deeds import Deed, Followed, Hop
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.scheduled_jobs import Job
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = policy_from({})

# In the shape of Debian's init script of php-fpm: settings, functions that end with `return`, and a case of them.
FPM_INIT = """#!/bin/sh
NAME=php-fpm8.2
CONFFILE=/etc/php/8.2/fpm/php-fpm.conf
DAEMON=/usr/sbin/$NAME
CONF_PIDFILE=$(sed -n 's/^pid[ =]*//p' $CONFFILE)
PIDFILE=${CONF_PIDFILE:-/run/php/php8.2-fpm.pid}
TIMEOUT=30
[ -x "$DAEMON" ] || exit 0
[ -r /etc/default/$NAME ] && . /etc/default/$NAME
. /lib/lsb/init-functions
do_start() {
    start-stop-daemon --start --quiet --pidfile $PIDFILE --exec $DAEMON --test > /dev/null || return 1
    start-stop-daemon --start --quiet --pidfile $PIDFILE --exec $DAEMON -- --daemonize 2>/dev/null || return 2
}
do_stop() {
    start-stop-daemon --stop --quiet --retry=QUIT/$TIMEOUT/TERM/5/KILL/5 --pidfile $PIDFILE --name $NAME
    RETVAL="$?"
    [ "$RETVAL" = 2 ] && return 2
    rm -f $PIDFILE
    return "$RETVAL"
}
case "$1" in
    restart)
        log_daemon_msg "Restarting $DESC" "$NAME"
        do_stop
        case "$?" in
          0|1)
            do_start
            case "$?" in
                0) log_end_msg 0 ;;
                *) log_end_msg 1 ;;
            esac
            ;;
          *) log_end_msg 1 ;;
        esac
        ;;
    stop) do_stop ;;
    reload|force-reload)
        start-stop-daemon --stop --signal USR2 --quiet --pidfile $PIDFILE --name $NAME
        ;;
    reopen-logs)
        if start-stop-daemon --stop --signal USR1 --oknodo --quiet --pidfile $PIDFILE --exec $DAEMON; then
            log_end_msg 0
        fi
        ;;
    *) echo "Usage: $0 {start|stop|restart|reload}" >&2; exit 1 ;;
esac
"""
NGINX_INIT = """#!/bin/sh
DAEMON=/usr/sbin/nginx
NAME=nginx
if [ -r /etc/default/nginx ]; then
    . /etc/default/nginx
fi
STOP_SCHEDULE="${STOP_SCHEDULE:-QUIT/5/TERM/5/KILL/5}"
test -x $DAEMON || exit 0
. /lib/lsb/init-functions
PID=$(cat /etc/nginx/nginx.conf | grep -Ev '^\\s*#' | awk 'BEGIN { RS="[;{}]" } { if ($1 == "pid") print $2 }')
if [ -z "$PID" ]; then
    PID=/run/nginx.pid
fi
test_config() {
    $DAEMON -t $DAEMON_OPTS >/dev/null 2>&1
}
case "$1" in
    reload|force-reload)
        if ! test_config; then
            log_end_msg 1
            exit $?
        fi
        start-stop-daemon --stop --signal HUP --quiet --pidfile $PID --name $NAME
        ;;
    stop) start-stop-daemon --stop --quiet --retry=$STOP_SCHEDULE --pidfile $PID --name $NAME ;;
    rotate) start-stop-daemon --stop --signal USR1 --quiet --pidfile $PID --name $NAME ;;
esac
"""
# In the shape of Red Hat's of the years before systemd.
RED_HAT_INIT = """#!/bin/bash
. /etc/rc.d/init.d/functions
exec="/usr/sbin/php-fpm"
prog=$(basename $exec)
pidfile=${PIDFILE-/var/run/php-fpm/php-fpm.pid}
lockfile=${LOCKFILE-/var/lock/subsys/php-fpm}
[ -e /etc/sysconfig/php-fpm ] && . /etc/sysconfig/php-fpm
start() { daemon --pidfile ${pidfile} $exec; }
stop() {
    echo -n $"Stopping $prog: "
    killproc -p ${pidfile} $prog
    retval=$?
    [ $retval -eq 0 ] && rm -f $lockfile
    return $retval
}
rh_status_q() { status -p $pidfile $prog >/dev/null 2>&1; }
restart() { stop; start; }
case "$1" in
    restart) $1 ;;
    reload) rh_status_q || exit 7; killproc -p ${pidfile} $prog -USR2 ;;
    condrestart|try-restart) rh_status_q || exit 0; restart ;;
esac
exit $?
"""
REOPEN = """#!/bin/sh
CONFFILE=/etc/php/8.2/fpm/php-fpm.conf
[ -r /etc/default/php8.2-fpm ] && . /etc/default/php8.2-fpm
CONF_PIDFILE=$(sed -n 's/^[[:space:]]*pid[[:space:]]*=[[:space:]]*//p' $CONFFILE)
PIDFILE=${CONF_PIDFILE:-/run/php/php8.2-fpm.pid}
[ -r "$PIDFILE" ] && kill -USR1 $(cat "$PIDFILE") > /dev/null
exit 0
"""


def executable(content: str) -> Dict[str, Any]:
    return dict(content=content, mode=0o755)


FILES = {
    "/opt/services": "# one a line\nnginx\n\nphp-fpm\n",
    "/opt/named": executable("#!/bin/sh\nsystemctl stop $UNIT\n"),
    "/opt/headless": executable("systemctl reload nginx\n"),
    "/run/number.pid": "123\n",
    "/etc/init.d/php8.2-fpm": executable(FPM_INIT),
    "/etc/init.d/nginx": executable(NGINX_INIT),
    "/etc/rc.d/init.d/php-fpm": executable(RED_HAT_INIT),
    "/usr/lib/php/php8.2-fpm-reopenlogs": executable(REOPEN),
    "/etc/php/8.2/fpm/php-fpm.conf": "[global]\npid = /run/php/fpm.pid\n",
    "/etc/nginx/nginx.conf": "user www-data;\npid /run/nginx.pid;\n",
    "/usr/sbin/php-fpm8.2": executable("\x7fELF\0"),
    "/usr/sbin/nginx": executable("\x7fELF\0"),
    "/usr/local/bin/restart-php": executable("#!/bin/bash -e\nphp-fpm8.2 -t\nsystemctl restart php8.2-fpm\n"),
    "/usr/local/bin/outer.sh": executable("cd /usr/local/bin\n./inner.sh php8.2-fpm\n"),
    "/usr/local/bin/inner.sh": executable("#! /usr/bin/env bash\nservice ${1:?} restart\n"),
    "/usr/local/bin/again.sh": executable("/usr/local/bin/again.sh restart nginx\nkill $(cat /run/nginx.pid)\n"),
    "/usr/local/bin/watch.py": executable(
        '#!/usr/bin/python3\n# restarts php-fpm\nimport os\nos.system("systemctl restart php8.2-fpm")\n'
    ),
    "/usr/local/bin/report.py": executable("#!/usr/bin/python3\nprint('php-fpm')\nstop()\n"),
    "/usr/local/bin/restart-nginx": executable("\x7fELF\0"),
    "/usr/local/bin/stop-nginx.py": executable("#!/usr/bin/python3\nimport ours\nours.go()\n"),
    "/usr/local/bin/backup": executable("\x7fELF\0"),
    "/usr/local/bin/broken.sh": executable("if true; then\nsystemctl restart nginx\n"),
    "/usr/local/bin/wrap": executable('#!/bin/sh\nlogger begin\n"$@"\nlogger end\n'),
    "/etc/default/app": "UNIT=php8.2-fpm\nexport PIDFILE=/run/app.pid\n",
    "/opt/library.sh": executable(
        'D="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\nsource "$D/functions.inc"\nagain nginx\n'
    ),
    "/opt/options": executable(
        "#!/bin/sh\nwhile getopts ns:w: o; do\ncase $o in\nn) W=5;;\ns) S=$OPTARG;;\nw) W=0;;\nesac\ndone\n"
        "shift $((OPTIND-1))\nservice $S $1\nsleep $W\nservice php-fpm restart\n"
    ),
    "/opt/options.sh": executable(
        'while [ $# -gt 0 ]; do case "$1" in --now) shift;; *) U=$1; shift;; esac; done; systemctl restart $U\n'
    ),
    "/opt/plain.sh": "systemctl restart nginx\n",
    "/opt/functions.inc": "again() {\n  systemctl reload $1\n}\n",
    "/opt/windows": executable("#!/bin/sh\r\nsystemctl restart nginx\r\nsystemctl stop nginx; true\r\n"),
    "/opt/parts/one": executable("#!/bin/sh\nsystemctl reload nginx\n"),
    "/opt/parts/two.bak": executable("#!/bin/sh\nsystemctl stop nginx\n"),
    "/etc/cron.daily/three": executable("#!/bin/sh\nsystemctl stop nginx\n"),
}


def host(**files: Any) -> DescribedHost:
    return DescribedHost(dict(files={**FILES, **files}, directories=["/run/systemd/system", "/etc/haproxy"]))


def said(deed: Deed) -> str:
    """Return a deed in one line, such as ``signal pidfile /run/x.pid TERM KILL@90, perhaps``."""
    target = deed.target
    sent = [one.signal if one.after == 0 else f"{one.signal}@{one.after:g}" for one in deed.sent]
    notes = [
        *(["tested"] if deed.tested else []),
        *([] if deed.certain else ["perhaps"]),
        *([target.one] if target.one else []),
        *(["whole line"] if target.whole_line else []),
        *(["exact"] if target.exact else []),
        *([f"of {target.user}"] if target.user else []),
        *([f"as {deed.user}"] if deed.user else []),
        *([f"at {deed.moment:g}"] if deed.moment else []),
    ]
    return ", ".join([" ".join([deed.verb, target.kind, target.value, *sent]).strip(), *notes])


def read(text: str, environment: Optional[Mapping[str, str]] = None, **files: Any) -> Followed:
    return follow_text(host(**files), POLICY, text, "/etc/crontab", environment=environment or {})


def deeds(text: str, environment: Optional[Mapping[str, str]] = None) -> List[str]:
    seen = read(text, environment)
    return [said(deed) for deed in seen.deeds] + [f"lost: {one.reason}" for one in seen.unfollowed]


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("sleep 412 && service nginx restart", False),
        ("sleep $((RANDOM % 600)); service nginx restart", True),
        ("sleep $(shuf -i 1-600 -n 1)\nservice nginx restart", True),
        ("perl -e 'sleep int(rand(3600))' && service nginx restart", True),
        ("service nginx restart; sleep $((RANDOM % 600))", False),
    ],
)
def test_a_sleep_of_a_length_that_nobody_knows_is_told(text: str, drawn: bool) -> None:
    (deed,) = read(text).deeds
    assert deed.drawn is drawn


ONE_LINE = [
    # systemctl
    ("systemctl restart php8.2-fpm", ["restart unit php8.2-fpm"]),
    ("/bin/systemctl --quiet --no-block reload nginx.service", ["reload unit nginx.service"]),
    ("systemctl try-reload-or-restart 'php*-fpm' nginx",
     ["reload-or-restart unit php*-fpm", "reload-or-restart unit nginx"]),
    ("systemctl -q stop a b >/dev/null", ["stop unit a", "stop unit b"]),
    ("systemctl condrestart httpd", ["try-restart unit httpd"]),
    ("systemctl kill -s HUP --kill-who=main nginx", ["signal unit nginx HUP, main"]),
    ("systemctl kill --signal=SIGKILL php-fpm", ["signal unit php-fpm KILL"]),
    ("systemctl disable --now php-fpm", ["stop unit php-fpm"]),
    ("systemctl -H web2 restart php-fpm; systemctl --user restart nginx", []),
    ("systemctl is-active nginx; systemctl status php-fpm; systemctl daemon-reload; systemctl enable nginx", []),
    ("systemctl restart $(systemctl list-units --plain 'php*-fpm*' | cut -d' ' -f1)", ["restart unit php*-fpm*"]),
    ("for u in $(systemctl list-units | grep fpm | awk '{print $1}'); do systemctl restart $u; done",
     ["restart unit *fpm*"]),
    # service and its kin
    ("service php8.2-fpm restart", ["restart unit php8.2-fpm"]),
    ("/usr/sbin/service nginx force-reload", ["reload-or-restart unit nginx"]),
    ("invoke-rc.d --quiet php8.2-fpm reload || true", ["reload unit php8.2-fpm"]),
    ("rcphp-fpm restart; rc-service nginx stop", ["restart unit php-fpm", "stop unit nginx"]),
    ("/etc/init.d/php8.2-fpm restart >/dev/null", ["restart unit php8.2-fpm"]),
    ("/etc/init.d/php8.2-fpm usage", []),
    ("invoke-rc.d nginx rotate >/dev/null 2>&1", ["signal pidfile /run/nginx.pid USR1"]),
    ("/etc/init.d/php8.2-fpm reopen-logs", ["signal pidfile /run/php/fpm.pid USR1"]),
    ("service nginx status", []),
    ("service --status-all", []),
    # kill and its kin
    ("kill -9 $(cat /run/php-fpm.pid)", ["signal pidfile /run/php-fpm.pid KILL"]),
    ("kill -USR2 `cat /run/php-fpm.pid`", ["signal pidfile /run/php-fpm.pid USR2"]),
    ("kill -s SIGHUP $(< /run/nginx.pid)", ["signal pidfile /run/nginx.pid HUP"]),
    ("kill 4711 4712", ["signal pid 4711 TERM", "signal pid 4712 TERM"]),
    ("kill -0 $(cat /run/php-fpm.pid)", []),
    ("kill -15 $(head -n1 /run/a.pid) $(cat /run/b.pid)",
     ["signal pidfile /run/a.pid TERM", "signal pidfile /run/b.pid TERM"]),
    ("kill -USR2 $(pidof php-fpm8.2)", ["signal name php-fpm8.2 USR2"]),
    ("kill $(pidof /usr/sbin/nginx)", ["signal executable /usr/sbin/nginx TERM"]),
    ("kill $(pgrep -o php-fpm)", ["signal pattern php-fpm TERM, oldest"]),
    ("kill $(pgrep php-fpm | head -1)", ["signal pattern php-fpm TERM, oldest"]),
    ("kill -USR2 $(systemctl show -p MainPID --value php-fpm)", ["signal unit php-fpm USR2, main"]),
    ("kill -HUP $(ps -C nginx -o pid=)", ["signal name nginx HUP"]),
    ("pkill -USR1 php-fpm", ["signal pattern php-fpm USR1"]),
    ("pkill -9 -u www-data -f 'php-fpm: pool'", ["signal pattern php-fpm: pool KILL, whole line, of www-data"]),
    ("pkill -HUP -xn nginx", ["signal pattern nginx HUP, newest, exact"]),
    ("pkill --signal QUIT -P 1 php-fpm", ["signal pattern php-fpm QUIT, parent 1"]),
    ("pkill -F /run/php-fpm.pid", ["signal pidfile /run/php-fpm.pid TERM"]),
    ("killall -q -s USR2 php-fpm nginx", ["signal name php-fpm USR2", "signal name nginx USR2"]),
    ("killall -9 -u www-data", ["signal pattern  KILL, of www-data"]),
    ("killall -r 'php-fpm.*'", ["signal pattern php-fpm.* TERM"]),
    ("killproc -p /run/php-fpm.pid php-fpm -QUIT", ["signal pidfile /run/php-fpm.pid QUIT"]),
    ("killproc -d 90 php-fpm", ["signal name php-fpm TERM KILL@90"]),
    (". /etc/rc.status; killproc -TERM /usr/sbin/php-fpm", ["signal name php-fpm TERM KILL@5"]),
    ("killproc -TERM /usr/sbin/php-fpm", ["signal name php-fpm TERM"]),
    ("start-stop-daemon -K -s USR2 -p /run/php-fpm.pid", ["signal pidfile /run/php-fpm.pid USR2"]),
    ("start-stop-daemon --stop --retry=QUIT/30/TERM/5/KILL/5 --exec /usr/sbin/php-fpm8.2",
     ["signal executable /usr/sbin/php-fpm8.2 QUIT TERM@30 KILL@35 0@40"]),
    ("start-stop-daemon --stop --retry 5 --name nginx", ["signal name nginx TERM KILL@5"]),
    ("start-stop-daemon --stop --retry QUIT/5 --name nginx", ["signal name nginx QUIT 0@5"]),
    ("start-stop-daemon --stop --test --name nginx", []),
    ("start-stop-daemon --start --startas /bin/sh -- -c 'systemctl restart nginx'",
     ["start executable /bin/sh", "restart unit nginx"]),
    ("cat /run/php-fpm.pid | xargs -r kill -USR2", ["signal pidfile /run/php-fpm.pid USR2"]),
    ("pgrep -f php-fpm | xargs kill -9", ["signal pattern php-fpm KILL, whole line"]),
    ("pidof php-fpm | tr ' ' '\\n' | xargs -n1 -I{} kill -TERM {}", ["signal name php-fpm TERM"]),
    ("ps aux | grep php-fpm | grep -v grep | awk '{print $2}' | xargs kill",
     ["signal pattern php-fpm TERM, whole line"]),
    ("ps -ef | awk '/[p]hp-fpm/ {print $2}' | xargs kill -9", ["signal pattern [p]hp-fpm KILL, whole line"]),
    ("kill -USR2 $(ps ax | grep php-fpm | grep master | cut -c1-5)",
     ["signal pattern php-fpm.*master|master.*php-fpm USR2, whole line"]),
    ("pgrep nginx | while read p; do kill -9 $p; done", ["signal pattern nginx KILL"]),
    ("while read p; do kill $p; done < /run/nginx.pid", ["signal pidfile /run/nginx.pid TERM"]),
    ("kill", []),
    # the programs' own control
    ("nginx -s reload", ["signal program nginx HUP, tested"]),
    ("/usr/sbin/nginx -s stop", ["signal program /usr/sbin/nginx TERM, tested"]),
    ("nginx -c /etc/n.conf -s reopen; nginx -V", ["signal program nginx USR1, tested"]),
    ("apachectl graceful; apache2ctl -k restart",
     ["signal program apachectl USR1, tested", "signal program apache2ctl HUP, tested"]),
    ("apachectl stop; httpd -k graceful-stop", ["signal program apachectl TERM", "signal program httpd WINCH"]),
    ("haproxy -f /etc/h.cfg -D -sf $(cat /run/haproxy.pid)",
     ["start program haproxy", "signal program haproxy USR1, tested"]),
    ("supervisorctl restart php-fpm:*; supervisorctl signal USR2 php-fpm",
     ["restart supervised php-fpm:*", "signal supervised php-fpm USR2"]),
    ("monit -g web restart php-fpm", ["restart monitored php-fpm"]),
    ("php-fpm8.2 -D; nginx", ["start program php-fpm8.2", "start program nginx"]),
    # programs that run others
    ("sudo -u root -n systemctl restart php-fpm", ["restart unit php-fpm, as root"]),
    ("sudo PATH=/x kill 1", ["signal pid 1 TERM, as root"]),
    ("su - www-data -s /bin/sh -c 'pkill php-fpm; true'", ["signal pattern php-fpm TERM, as www-data"]),
    ("runuser -u nginx -- nginx -s quit", ["signal program nginx QUIT, tested, as nginx"]),
    ("nice -n 19 ionice -c2 -n7 timeout -k 5 60 systemctl restart php-fpm", ["restart unit php-fpm"]),
    ("flock -n /run/l -c 'systemctl restart php-fpm'", ["restart unit php-fpm"]),
    ("flock -w 9 /run/l systemctl restart php-fpm", ["restart unit php-fpm"]),
    ("env -i A=b chronic nohup setsid systemctl restart php-fpm", ["restart unit php-fpm"]),
    ("systemd-run --on-active=30 -u x systemctl restart php-fpm", ["restart unit php-fpm"]),
    ("sh -c 'sleep $1; systemctl restart $2' x 5 nginx", ["restart unit nginx, at 5"]),
    ("bash -lc \"service php-fpm restart\"", ["restart unit php-fpm"]),
    ("printf 'service %s restart\\n' nginx | sh; printf '%s' 'service nginx stop' | sh", ["stop unit nginx"]),
    ("printf 'service nginx restart\\n' | sh", ["restart unit nginx"]),
    ("echo 'service nginx restart' | sh", ["restart unit nginx"]),
    ("busybox killall nginx; command kill 5; exec kill 6; kill 7",
     ["signal name nginx TERM", "signal pid 5 TERM", "signal pid 6 TERM"]),
    ("find /run -name 'php*.pid' -exec pkill -F {} \\; -o -exec systemctl restart nginx +",
     ["restart unit nginx, perhaps"]),
    ("certbot -q renew --deploy-hook 'nginx -t && systemctl reload nginx'", ["reload unit nginx, tested, perhaps"]),
    ("trap 'systemctl start nginx' EXIT; systemctl stop nginx", ["start unit nginx", "stop unit nginx"]),
    ("eval \"systemctl restart nginx\"", ["restart unit nginx"]),
    ("run-parts --report /opt/parts", ["reload unit nginx"]),
    ("run-parts /etc/cron.daily", []),
    # other hosts, and what only speaks of it
    ("ssh web2 systemctl restart php-fpm; docker exec c kill -USR2 1; kubectl exec p -- nginx -s reload", []),
    ("echo 'systemctl restart php-fpm'; logger 'restarting nginx'; mail -s 'php-fpm restart' root </dev/null", []),
    ("tar czf /b/nginx-restart.tgz /etc/nginx; rsync -a /etc/php-fpm.d b:/stop/; rm -f /run/nginx.restart", []),
    ("journalctl -u nginx | grep restart; curl http://localhost/restart?nginx", []),
    ("[ -f /x ] && echo php-fpm stop", []),
    # conditions
    ("nginx -t && systemctl reload nginx", ["reload unit nginx, tested"]),
    ("php-fpm8.2 -tt -y /etc/f.conf && systemctl restart php8.2-fpm", ["restart unit php8.2-fpm, tested"]),
    ("nginx -t && systemctl reload php8.2-fpm", ["reload unit php8.2-fpm"]),
    ("if nginx -t 2>/dev/null; then nginx -s quit; else kill 1; fi",
     ["signal program nginx QUIT, tested", "signal pid 1 TERM, perhaps"]),
    ("nginx -t || exit 1; service nginx restart", ["restart unit nginx, tested"]),
    ("nginx -t || service nginx restart", ["restart unit nginx, perhaps"]),
    ("if ! nginx -t; then exit 1; fi; service nginx restart", ["restart unit nginx, tested"]),
    ("set -e; nginx -t; service nginx restart", ["restart unit nginx, tested"]),
    ("set -o errexit; nginx -t; service nginx restart", ["restart unit nginx, tested"]),
    ("nginx -t; service nginx restart", ["restart unit nginx"]),
    ("nginx -t; [ $? -eq 0 ] && service nginx restart", ["restart unit nginx, tested"]),
    ("nginx -t; rc=$?; if [ $rc -ne 0 ]; then exit; fi; service nginx restart", ["restart unit nginx, tested"]),
    ("nginx -t 2>&1 | grep -q successful && service nginx restart", ["restart unit nginx, tested"]),
    ("apachectl configtest && apachectl -k stop; haproxy -c -f /x && service haproxy reload",
     ["signal program apachectl TERM, tested", "reload unit haproxy, tested"]),
    ("check() { nginx -t || return 1; return 0; }; check && service nginx stop", ["stop unit nginx, tested"]),
    ("if [ $(date +%u) = 7 ]; then systemctl restart php-fpm; fi", ["restart unit php-fpm, perhaps"]),
    ("[ -e /run/flag ] && systemctl restart php-fpm", ["restart unit php-fpm, perhaps"]),
    ("pidof nginx && [ -e /run/wait.pid ] && killall nginx", ["signal name nginx TERM, perhaps"]),
    ("[ -x /usr/sbin/nginx ] && systemctl restart nginx", ["restart unit nginx"]),
    ("[ -x /usr/sbin/missing ] && systemctl restart nginx", []),
    ("test -x /usr/sbin/nginx || exit 0; systemctl restart nginx", ["restart unit nginx"]),
    ("test -x /usr/sbin/missing || exit 0; systemctl restart nginx", []),
    ("[ -d /run/systemd/system ] || service nginx restart", []),
    ("if [ -f /x ]; then S=nginx; else S=php-fpm; fi; systemctl restart $S",
     ["restart unit nginx, perhaps", "restart unit php-fpm, perhaps"]),
    ("f=0; curl x || ((f++)); [ $f -gt 0 ] && systemctl restart nginx", ["restart unit nginx, perhaps"]),
    ("curl x; if [ $? -ne 0 ]; then systemctl restart nginx; fi", ["restart unit nginx, perhaps"]),
    ("O=$(nginx -t 2>&1) || { echo $O; exit 1; }; service nginx reload", ["reload unit nginx, tested"]),
    ("p=`cat /run/nginx.pid`; [ -d /proc/$p ] && kill -HUP $p", ["signal pidfile /run/nginx.pid HUP"]),
    ("[ ! -f /run/nginx.pid ] || kill -USR1 `cat /run/nginx.pid`", ["signal pidfile /run/nginx.pid USR1"]),
    ("false && systemctl stop nginx; true || systemctl stop nginx", []),
    ("grep -q x /y && systemctl restart nginx", ["restart unit nginx, perhaps"]),
    ("curl -fs http://localhost/ || systemctl restart php-fpm", ["restart unit php-fpm, perhaps"]),
    ("pgrep php-fpm >/dev/null || service php8.2-fpm restart", ["start unit php8.2-fpm, perhaps"]),
    ("systemctl is-active --quiet nginx || systemctl restart nginx", ["start unit nginx, perhaps"]),
    ("if ! pidof nginx; then service nginx restart; fi", ["start unit nginx, perhaps"]),
    ("[ \"$(systemctl is-active nginx)\" != active ] && systemctl restart nginx", ["start unit nginx, perhaps"]),
    ("[ $(pgrep -c php-fpm) -eq 0 ] && service php-fpm restart", ["start unit php-fpm, perhaps"]),
    ("[ $(pgrep -c php-fpm) -gt 50 ] && service php-fpm restart", ["restart unit php-fpm, perhaps"]),
    ("N=`ps ax | grep -c '[n]ginx'`; if [ \"$N\" -lt 1 ]; then service nginx restart; fi",
     ["start unit nginx, perhaps"]),
    ("N=$(pgrep nginx | wc -l); [ $N = 0 ] && service nginx restart", ["start unit nginx, perhaps"]),
    ("[ -z \"$(pidof nginx)\" ] && service nginx restart", ["start unit nginx, perhaps"]),
    ("if [ ! -f /run/nginx.pid ]; then service nginx restart; fi", ["start unit nginx, perhaps"]),
    ("[ -f /run/nginx.pid ] && service nginx restart", ["restart unit nginx"]),
    ("pgrep php-fpm && systemctl restart php-fpm", ["restart unit php-fpm"]),
    ("pgrep nginx || service php-fpm restart", ["restart unit php-fpm, perhaps"]),
    ("case $1 in a) systemctl stop nginx;; *) systemctl reload nginx;; esac", ["reload unit nginx"]),
    ("case $(uname) in L*) systemctl stop nginx;; F*) kill 1;; esac",
     ["stop unit nginx, perhaps", "signal pid 1 TERM, perhaps"]),
    # time
    ("kill $(cat /run/a.pid); sleep 90; kill -9 $(cat /run/a.pid)", ["signal pidfile /run/a.pid TERM KILL@90"]),
    ("P=$(cat /run/a.pid); kill $P; for i in $(seq 1 30); do kill -0 $P || break; sleep 1; done; kill -9 $P",
     ["signal pidfile /run/a.pid TERM KILL@30"]),
    ("P=$(cat /run/a.pid); kill $P; i=0; while [ $i -lt 60 ] && kill -0 $P; do sleep 1; i=$((i+1)); done; kill -9 $P",
     ["signal pidfile /run/a.pid TERM KILL@60"]),
    ("P=$(cat /run/a.pid); kill $P; i=0; until ! kill -0 $P; do sleep 2; i=$((i+1)); if [ $i -ge 45 ]; then\n"
     "kill -9 $P; break; fi; done; service nginx stop",
     ["signal pidfile /run/a.pid TERM KILL@90", "stop unit nginx, at 90"]),
    ("P=$(cat /run/a.pid); kill $P; while kill -0 $P; do ((n++)); [ $n -gt 30 ] && kill -9 $P; sleep 1; done",
     ["signal pidfile /run/a.pid TERM KILL@29"]),
    ("(sleep 2m; kill -9 `cat /run/a.pid`) & kill `cat /run/a.pid`", ["signal pidfile /run/a.pid TERM KILL@120"]),
    ("if [ $X$(date) ]; then kill `cat /run/a.pid`; else kill -9 `cat /run/a.pid`; fi",
     ["signal pidfile /run/a.pid TERM, perhaps", "signal pidfile /run/a.pid KILL, perhaps"]),
    ("service php-fpm stop; sleep 90; killall -9 php-fpm; service php-fpm start",
     ["stop unit php-fpm", "signal name php-fpm KILL, at 90", "start unit php-fpm, at 90"]),
    # words
    ("for s in nginx php8.2-fpm; do systemctl restart $s; done", ["restart unit nginx", "restart unit php8.2-fpm"]),
    ("for v in 7.{3,4} 8.2; do service php$v-fpm reload; done",
     ["reload unit php7.3-fpm", "reload unit php7.4-fpm", "reload unit php8.2-fpm"]),
    ("for v in `ls /etc/php`; do systemctl restart php${v}-fpm; done", ["restart unit php8.2-fpm"]),
    ("for i in $(ls /etc/init.d | grep ^php | grep fpm$); do /etc/init.d/$i stop; done", ["stop unit php8.2-fpm"]),
    ("v=$(date +%y); /etc/init.d/php$v-fpm stop; kill `cat /etc/php/$v/fpm/php-fpm.conf`",
     ["stop unit php8.2-fpm, perhaps", "signal pidfile /etc/php/8.2/fpm/php-fpm.conf TERM"]),
    ("for v in `date`; do systemctl restart php${v}-fpm; done", ["restart unit php*-fpm"]),
    ("for ((v=5; v<9; v++)); do service php$v-fpm restart; done", ["restart unit php*-fpm"]),
    ("mapfile -t p < <(pgrep php-fpm); for x in \"${p[@]}\"; do kill $x; done", ["signal pattern php-fpm TERM"]),
    ("S=$(which systemctl); $S restart nginx", ["restart unit nginx"]),
    ("while getopts rs o; do case $o in r) service nginx stop;; esac; done", []),
    ("/opt/options -n -s nginx stop", ["stop unit nginx", "restart unit php-fpm, at 5"]),
    ("/opt/options -s nginx -w9 $(date)", ["restart unit php-fpm", "lost: what it does is only known when it runs"]),
    ("/opt/options.sh --now nginx", ["restart unit nginx"]),
    ("sudo bash -s <<'E'\nsystemctl restart nginx\nE\ntrue", ["restart unit nginx, as root"]),
    ("sh <<< 'systemctl restart nginx'", ["restart unit nginx"]),
    ("cat <<E | sh\nsystemctl restart nginx\nE", ["restart unit nginx"]),
    ("cat <<E >/x; mail root <<E\nsystemctl restart nginx\nE\nsystemctl stop nginx\nE", []),
    ("while read p; do kill $p; done <<< $(pidof nginx)", ["signal name nginx TERM"]),
    ("for c in /usr/lib/php/php*-fpm-reopenlogs; do [ ! -x \"$c\" ] || \"$c\"; done",
     ["signal pidfile /run/php/fpm.pid USR1"]),
    ("for i in /etc/init.d/php*-fpm; do $i reload; done", ["reload unit php8.2-fpm"]),
    ("S=(nginx php-fpm); for s in \"${S[@]}\"; do systemctl stop \"$s\"; done",
     ["stop unit nginx", "stop unit php-fpm"]),
    ("f=/run/a.pid; n=${f##*/}; systemctl stop ${n%.pid} $(basename $f .pid)x", ["stop unit a", "stop unit ax"]),
    ("C='systemctl restart'; $C nginx; \"$C\" php-fpm", ["restart unit nginx"]),
    (". /etc/default/app; systemctl restart $UNIT; kill $(cat ${PIDFILE:-/run/other.pid})",
     ["restart unit php8.2-fpm", "signal pidfile /run/app.pid TERM"]),
    ("systemctl restart \"$UNKNOWN\" ''", []),
    ("while read -r s; do systemctl restart \"$s\"; done <<E\nnginx\nphp-fpm\nE\nservice haproxy stop",
     ["restart unit nginx", "restart unit php-fpm", "stop unit haproxy"]),
    ("while IFS=: read -r v s; do service $s $v; done <<E\nrestart:nginx\nstatus:php-fpm\nE", ["restart unit nginx"]),
    ("while read s; do service $s stop; done < /opt/services; xargs systemctl kill < /opt/services",
     ["stop unit nginx", "stop unit php-fpm", "signal unit nginx TERM", "signal unit php-fpm TERM"]),
    ("for s in $(cat /opt/services); do service $s stop; done", ["stop unit nginx", "stop unit php-fpm"]),
    ("read p < /run/number.pid; kill $p", ["signal pidfile /run/number.pid TERM"]),
    ("for s in nginx php-fpm; do [ $s = nginx ] && continue; service $s stop; done; service haproxy stop",
     ["stop unit php-fpm", "stop unit haproxy"]),
    ("while read s; do case $s in n*) continue;; h*) break;; esac; service $s stop; done <<E\nnginx\nphp\nh\nE",
     ["stop unit php"]),
    ("for s in nginx a; do if grep $s /x; then continue; fi; service $s stop; done; service php-fpm stop",
     ["stop unit nginx, perhaps", "stop unit a, perhaps", "stop unit php-fpm"]),
    # scripts
    ("restart-php", ["restart unit php8.2-fpm, tested"]),
    ("PATH=/opt; sh /usr/local/bin/outer.sh", ["restart unit php8.2-fpm"]),
    ("/usr/local/bin/wrap systemctl restart nginx", ["restart unit nginx"]),
    ("/usr/local/bin/backup systemctl restart nginx", ["restart unit nginx, perhaps"]),
    ("/usr/local/bin/missing restart nginx", []),
    ("/usr/local/bin/report.py; /usr/local/bin/backup; python3 /usr/local/bin/report.py", []),
    ("/opt/library.sh", ["reload unit nginx"]),
    ("echo 'systemctl restart nginx' | at now + 2 minutes", ["restart unit nginx"]),
    ("systemctl restart nginx\r\nservice nginx stop; true\r", ["stop unit nginx"]),
    ("service nginx stop\r", []),
    ("/opt/windows", []),
    ("/opt/plain.sh", []),
    ("sh /opt/plain.sh", ["restart unit nginx"]),
    ("HOME=/opt; ~/library.sh; ./restart-nginx", ["reload unit nginx",
     "lost: the directory that it belongs to is only known when it runs"]),
    ("N=nginx P=/run/$N.pid; kill `cat $P`; N=x echo; service $N stop",
     ["signal pidfile /run/nginx.pid TERM", "stop unit nginx"]),
    ("S=(nginx); S+=(php-fpm); T=ng; T+=inx; systemctl stop ${S[*]} $T", ["stop unit nginx", "stop unit php-fpm"]),
    ("set -a; . /etc/default/app; set +a; N=x /opt/named $N; UNIT=y; /opt/named",
     ["stop unit php8.2-fpm", "stop unit y"]),
    ("set -a; UNIT=z; /opt/named; set -o errexit -o allexport; UNIT=q; /opt/named", ["stop unit z", "stop unit q"]),
    ("set -o allexport; UNIT=z; /opt/named", ["stop unit z"]),
    ("UNIT=z; /opt/named", []),
    ("nice /opt/headless", ["reload unit nginx"]),
    ("sh /opt/windows", ["stop unit nginx"]),
    # lost
    ("fuser -k -TERM /run/php/php8.2-fpm.sock", ["lost: fuser is not followed"]),
    ("fuser /run/php/php8.2-fpm.sock", []),
    ("awk 'BEGIN {system(\"systemctl restart nginx\")}'; awk '/nginx/ {system(\"date\")}'",
     ["lost: what awk runs is not followed"]),
    ("ps ax | grep php-fpm | awk '{print \"kill -9 \" $1}' | sh; ps ax | awk '{print $1}' | sh",
     ["lost: what the shell is given is only known when it runs"]),
    ("perl -e 'system(\"killall -9 nginx\")'", ["lost: only scripts of a shell are followed"]),
    ("php -d memory_limit=1G /usr/local/bin/watch.py",
     ["lost: /usr/local/bin/watch.py:4: php is not followed, only shells are"]),
    ("initctl restart php5-fpm", ["lost: initctl is not followed"]),
    ("sv restart php-fpm", ["lost: sv is not followed"]),
    ("/usr/local/bin/watch.py", ["lost: /usr/local/bin/watch.py:4: python3 is not followed, only shells are"]),
    ("stop-nginx.py", ["lost: /usr/local/bin/stop-nginx.py: only scripts of a shell are followed"]),
    ("python3 /usr/local/bin/watch.py", ["lost: /usr/local/bin/watch.py:4: python3 is not followed, only shells are"]),
    ("restart-nginx",
     ["lost: /usr/local/bin/restart-nginx: it is a program, and only scripts of a shell are followed"]),
    ("backup --service php-fpm --restart", []),
    ("backup php-fpm restart",
     ["lost: /usr/local/bin/backup: it is a program, and only scripts of a shell are followed"]),
    ("broken.sh", ["lost: /usr/local/bin/broken.sh: no shell reads it: line 3: 'fi' is missing"]),
    ("kill $(lsof -t /run/php-fpm.sock)", ["lost: whom it is for is only known when it runs"]),
    ("kill $(lsof -t /run/other.sock); kill $PID", []),
    ("eval $(date) restart nginx", ["lost: what eval reads is only known when it runs"]),
    ("service nginx $(cat /verb); service cron $(cat /verb)", ["lost: what it does is only known when it runs"]),
    ("sh -c \"$(cat /restart) nginx restart\"", ["lost: what the shell is given is only known when it runs"]),
    ("/usr/local/bin/again.sh restart nginx", ["signal pidfile /run/nginx.pid TERM"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ONE_LINE, ids=[text for text, _unused in ONE_LINE])
def test_what_a_line_does(text: str, expected: List[str]) -> None:
    assert deeds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "/etc/init.d/php8.2-fpm restart",
            ["signal pidfile /run/php/fpm.pid QUIT TERM@30 KILL@35 0@40", "start executable /usr/sbin/php-fpm8.2"],
        ),
        ("/etc/init.d/php8.2-fpm reload", ["signal pidfile /run/php/fpm.pid USR2"]),
        ("/etc/init.d/nginx stop", ["signal pidfile /run/nginx.pid QUIT TERM@5 KILL@10 0@15"]),
        ("/etc/init.d/nginx force-reload", ["signal pidfile /run/nginx.pid HUP, tested"]),
        (
            "/etc/rc.d/init.d/php-fpm restart",
            ["signal pidfile /var/run/php-fpm/php-fpm.pid TERM KILL@3", "start executable /usr/sbin/php-fpm"],
        ),
        ("/etc/rc.d/init.d/php-fpm reload", ["signal pidfile /var/run/php-fpm/php-fpm.pid USR2"]),
        (
            "/etc/rc.d/init.d/php-fpm condrestart",
            ["signal pidfile /var/run/php-fpm/php-fpm.pid TERM KILL@3", "start executable /usr/sbin/php-fpm"],
        ),
    ],
)
def test_an_init_script_that_systemd_runs_does_its_work_itself(text: str, expected: List[str]) -> None:
    assert deeds(text, NO_REDIRECT) == expected


def test_without_systemd_an_init_script_is_read_on() -> None:
    described = DescribedHost(dict(files=FILES))
    seen = follow_text(described, POLICY, "/etc/init.d/nginx reload", "/etc/crontab", environment={})
    assert [said(deed) for deed in seen.deeds] == ["signal pidfile /run/nginx.pid HUP, tested"]


def test_every_hop_is_named_with_its_file_and_line() -> None:
    text = "#\n\nTOKEN=s3cret /usr/local/bin/outer.sh --password s3cret"
    (deed,) = follow_text(host(), POLICY, text, "/etc/cron.d/app", (Hop("app.timer", "…"),), {}, first_line=7).deeds
    assert deed.hops == (
        Hop("app.timer", "…"),
        Hop("/etc/cron.d/app:9", "… /usr/local/bin/outer.sh --password …"),
        Hop("/usr/local/bin/outer.sh:2", "./inner.sh php8.2-fpm"),
        Hop("/usr/local/bin/inner.sh:2", "service … restart"),
    )
    (deed,) = follow_text(
        host(), POLICY, "kill -QUIT $MAINPID", "nginx.service", (), {"MAINPID": "45"}, first_line=0
    ).deeds
    assert (said(deed), deed.hops) == ("signal pid 45 QUIT", (Hop("nginx.service", "kill -QUIT $MAINPID"),))


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("pgrep nginx | xargs kill", "pgrep nginx | xargs kill"),
        ("{ pkill nginx; } | logger", "pkill nginx"),
        ("sh -c 'pkill nginx' | logger", "pkill nginx"),
        ("f() { pkill nginx; }; f | logger", "pkill nginx"),
        ("/usr/local/bin/restart-php | logger", "systemctl restart php8.2-fpm"),
    ],
)
def test_of_a_pipe_the_whole_is_shown_but_not_for_what_a_part_of_it_runs(text: str, shows: str) -> None:
    (deed,) = read(text).deeds
    assert deed.hops[-1].says == shows


def job(shell: str, kind: str = scheduled_jobs.CRONTAB, line: int = 3, **changes: Any) -> Job:
    whole = Job(
        kind, "/etc/crontab:3", "/etc/crontab", line, b"", "@daily", None, None, (), "root", shell, 3, {}, None, None
    )
    return whole._replace(**changes)


def test_a_job_is_followed_from_its_own_line() -> None:
    (deed,) = follow(host(), POLICY, job("true;\nkill $(cat $P)", environment={"P": "/run/a.pid"})).deeds
    assert (said(deed), deed.hops) == ("signal pidfile /run/a.pid TERM", (Hop("/etc/crontab:4", "kill $(cat $P)"),))
    (deed,) = follow(host(), POLICY, job("'/usr/local/bin/restart-php'", line=0, path="/etc/cron.daily/x")).deeds
    assert deed.hops[0] == Hop("/etc/cron.daily/x", "/usr/local/bin/restart-php")


def test_cron_runs_a_job_where_its_user_is_at_home() -> None:
    at_home = host(**{"/etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:9:9::/opt:/bin/sh\n"})
    for shell in ("./library.sh", "~/library.sh", '"$HOME"/library.sh', ". ./functions.inc; again nginx"):
        (deed,) = follow(at_home, POLICY, job(shell, scheduled_jobs.USER_CRONTAB, user="app")).deeds
        assert said(deed) == "reload unit nginx"
        assert follow(at_home, POLICY, job(shell, scheduled_jobs.USER_CRONTAB)).deeds == ()
        assert follow(at_home, POLICY, job(shell, scheduled_jobs.TIMER, user="app")).deeds == ()


def test_of_a_job_that_never_runs_it_is_read_what_it_would_do() -> None:
    assert follow(host(), POLICY, job("/opt/plain.sh")).deeds == ()
    assert len(follow(host(), POLICY, job("/opt/plain.sh", never="nobody may execute it")).deeds) == 1


@pytest.mark.parametrize(
    ("kind", "parts"), [(scheduled_jobs.CRONTAB, 0), (scheduled_jobs.TIMER, 0), (scheduled_jobs.LOGROTATE, 1)]
)
def test_the_scripts_of_run_parts_are_jobs_of_their_own_but_for_logrotate(kind: str, parts: int) -> None:
    assert len(follow(host(), POLICY, job("cd / && run-parts /opt/parts", kind)).deeds) == parts
    inside = {"/opt/x.sh": executable("run-parts /opt/parts\n")}
    assert len(follow(host(**inside), POLICY, job("/opt/x.sh", kind)).deeds) == 1


def unread(text: str, described: DescribedHost) -> List[str]:
    seen = follow_text(described, POLICY, text, "/etc/crontab", environment={})
    assert seen.deeds == ()
    return [one.reason for one in seen.unfollowed]


def test_what_cannot_be_read_is_said_where_it_names_a_service() -> None:
    forbidden = DescribedHost(dict(files=FILES, forbidden=["/root/restart-nginx", "/root/backup"]))
    assert unread("/root/backup", forbidden) == []
    assert unread("/root/restart-nginx", forbidden) == [
        "/root/restart-nginx: not readable for this user; run with become"
    ]
    large = host(**{"/opt/restart-nginx.sh": dict(size=10_000_000), "/opt/pipe.sh": dict(kind="fifo")})
    assert unread("/opt/restart-nginx.sh", large) == ["/opt/restart-nginx.sh: larger than 262144 bytes"]
    assert unread("sh /opt/pipe.sh nginx stop", large) == ["/opt/pipe.sh: it is no plain file"]
    assert unread("/opt/pipe.sh; . /opt/pipe.sh", large) == []


def test_a_script_is_read_through_links_and_in_any_bytes() -> None:
    described = DescribedHost(
        dict(
            files={"/opt/x": executable("#!/bin/sh\n# caf\udce9\nsystemctl restart nginx\n")},
            links={"/usr/bin/x": "/opt/x"},
        )
    )
    (deed,) = follow_text(described, POLICY, "x", "/etc/crontab", environment={}).deeds
    assert said(deed) == "restart unit nginx"


@pytest.mark.parametrize(
    "files",
    [
        {f"/s/{number}.sh": f"/s/{number + 1}.sh\n" for number in range(50)},  # one within another
        {"/s/0.sh": "/s/1.sh a$1\n", "/s/1.sh": "/s/0.sh b$1\n"},  # round and round, with other arguments each time
        {f"/s/{n}.sh": "\n" if n else "\n".join(f"/s/{one}.sh" for one in range(1, 100)) for n in range(100)},
        {"/s/0.sh": "f() { f $1$1; }; f x\n"},
        {"/s/0.sh": "f() f; f\n"},
        {"/s/0.sh": "x=" + "ab" * 120 + "; for i in {1..99}; do y ${x##*c} ${x%%c*}; done\n"},
        {"/s/0.sh": "".join(f"v{number}=$(date)\n" for number in range(1100))},
        {"/s/0.sh": "nice " * 99 + "x\n"},
        {"/s/0.sh": "if [ $(date) ]; then " * 20 + "a=1; " + "else a=2; fi; " * 20 + "x" + " $a" * 20},
        {"/s/0.sh": "for a in {1..99}; do for b in {1..99}; do for c in {1..99}; do x; done; done; done\n"},
    ],
)  # fmt: skip
def test_what_never_ends_is_lost_where_it_names_a_service(files: Dict[str, str]) -> None:
    scripts = {path: executable(text) for path, text in files.items()}
    assert unread("/s/0.sh", DescribedHost(dict(files=scripts))) == []
    scripts["/s/0.sh"] = executable(files["/s/0.sh"] + "\nnginx-ctl restart\n")
    (reason,) = unread("/s/0.sh", DescribedHost(dict(files=scripts)))
    assert "more" in reason


def test_a_script_that_runs_many_times_is_parsed_once() -> None:
    files = {
        "/s/0.sh": executable("for i in {1..90}; do /s/1.sh; done\n"),
        "/s/1.sh": executable("exit\n#" + "x" * 9000),
    }
    seen = follow_text(DescribedHost(dict(files=files)), POLICY, "/s/0.sh", "/etc/crontab", environment={})
    assert 900 < seen.effort < 1300


WORDS = """kill pkill systemctl service restart stop nginx php-fpm $(cat /run/x.pid) `pidof nginx` $X ${X:-y} -9 -s HUP
&& || ; | & if then else fi while do done for x in case esac ) ;; { } ( f() f sleep 5 exit return . eval sh -c 'a b'
/usr/local/bin/outer.sh [ -f /x ] [[ ]] ! xargs awk '{print}' sudo -u env timeout flock exec trap set -e X=y X=$(date)
start-stop-daemon --retry 5/6 $((1)) /etc/init.d/nginx reload -t /opt/parts run-parts find -exec > /dev/null at \\; $?
"""


@settings(max_examples=150)
@given(st.lists(st.sampled_from(["\n", *WORDS.split()]), max_size=40).map(" ".join))
def test_any_line_is_followed_to_some_end(text: str) -> None:
    described = DescribedHost(dict(files=FILES, directories=["/run/systemd/system"]))
    seen = follow_text(described, POLICY, text, "/etc/crontab", environment={})
    assert all(deed.hops and deed.target.kind for deed in seen.deeds)
    assert all(one.hops and one.reason for one in seen.unfollowed)


def test_nothing_that_is_read_is_run(tmp_path: Any) -> None:
    planted = tmp_path / "planted"
    text = """touch PLANTED; $(touch PLANTED); `touch PLANTED`; > PLANTED; /bin/touch PLANTED; cat <(touch PLANTED)
    eval 'touch PLANTED'; sh -c 'touch PLANTED'; trap 'touch PLANTED' 0; find / -exec touch PLANTED \\;
    kill $(touch PLANTED; cat /x); [ -n "$(touch PLANTED)" ] && service nginx $(touch PLANTED)
    x() { touch PLANTED; }; x; python3 -c 'open("PLANTED", "w")'; echo touch PLANTED | sh"""
    follow_text(host(), POLICY, text.replace("PLANTED", str(planted)), "/etc/crontab", environment={})
    assert not os.path.exists(str(planted))


def test_a_secret_is_in_no_word_of_what_is_told() -> None:
    text = "mysql -ps3cret; TOKEN=s3cret nginx -s quit; kill $(lsof s3cret /run/php-fpm.sock)"
    code = "exec('mysql -ps3cret; service nginx stop')"
    text += f'; cd /root; php -r "{code}"; python3 -Bc "{code}"; perl -we "{code}"'
    seen = read(f"{text}; eval $(date) s3cret nginx stop")
    assert len(seen.deeds) == 1 and len(seen.unfollowed) == 4
    assert "s3cret" not in "".join(hop.says for one in (*seen.deeds, *seen.unfollowed) for hop in one.hops)
    assert "s3cret" not in "".join(one.reason for one in seen.unfollowed)
