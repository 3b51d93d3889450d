# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each signal to a php-fpm master costs under load: the table of docs/reload.md, on a real php-fpm.

Twelve clients ask for one request after another, so that about twelve are in flight when the signal comes.
"""

import time

import pytest
from load import loaded, prepare

CLIENTS = (400,) * 12
CUT = (1500,) * 12  # of what is to be cut: on a busy machine most of short ones are between two requests
MANY = len(CUT) // 4
BY_HAND_PORT = 8081

# A master that systemd did not start, as an old start script does it: its workers outlive it.
BY_HAND = """
cat > /etc/php/by-hand.conf <<'END'
[global]
pid = /run/php/by-hand.pid
error_log = /var/log/by-hand.log
[by-hand]
user = www-data
group = www-data
listen = /run/php/by-hand.sock
listen.owner = www-data
pm = static
pm.max_children = 16
END
/usr/sbin/php-fpm[0-9]* --daemonize --fpm-config /etc/php/by-hand.conf
"""


@pytest.fixture(scope="module")
def host(lab):
    lab.command("reset", "web1")
    host = lab.host("web1")
    prepare(host, host.run("ls /run/php/php[0-9]*-fpm.sock").strip())
    return host


@pytest.fixture(scope="module")
def address(lab):
    return next(line.split()[1] for line in lab.command("status").splitlines() if line.startswith("web1 "))


def configured(host, grace):
    """Start php-fpm anew with sixteen workers and a process_control_timeout."""
    host.run(
        f"""
        printf '[global]\\nprocess_control_timeout = {grace}\\n[www]\\npm = static\\npm.max_children = 16\\n' \
            > "$(echo /etc/php/*/fpm/pool.d)/zz-load.conf"
        unit=$(systemctl list-units --all --plain --no-legend 'php*-fpm.service' | cut -d ' ' -f 1)
        systemctl reset-failed
        systemctl restart "$unit"
        """
    )


def account_of(host, address, action, seconds=1.2, port=8080, clients=CLIENTS, before=None):
    with loaded(host, address, clients, port, before) as accounts:
        host.run(action)
        time.sleep(seconds)
    return accounts[0]


def signalled(name):
    return f"kill -{name} $(cat /run/php/php[0-9]*-fpm.pid)"


def start_again(host, name, seconds):
    """What sends a signal, and starts the service a while later."""
    unit = host.run("systemctl list-units --plain --no-legend 'php*-fpm.service'").split()[0]
    return f"{signalled(name)}; sleep {seconds}; systemctl start {unit}"


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_term_and_int_cut_what_runs_whatever_grace_there_is(host, address, name):
    configured(host, 10)
    account = account_of(host, address, start_again(host, name, 0.3), clients=CUT)
    assert len(account.half) >= MANY, account
    assert account.half <= account.failed


def test_quit_without_grace_cuts_what_runs(host, address):
    configured(host, 0)
    account = account_of(host, address, start_again(host, "QUIT", 0.3), clients=CUT)
    assert len(account.half) >= MANY, account


def test_quit_with_grace_cuts_nothing_and_loses_what_waits(host, address):
    configured(host, 10)
    account = account_of(host, address, start_again(host, "QUIT", 0.8))
    assert not account.half and account.never_begun, account


def test_usr2_without_grace_cuts_what_runs(host, address):
    configured(host, 0)
    account = account_of(host, address, signalled("USR2"), clients=CUT)
    assert len(account.half) >= MANY, account


def test_usr2_with_less_grace_than_requests_take_cuts_those(host, address):
    configured(host, 1)
    account = account_of(host, address, signalled("USR2"), clients=[2500] * 6, before=0.2)
    assert account.half and account.half <= account.failed, account


def test_usr2_with_grace_loses_nothing(host, address):
    configured(host, 10)
    account = account_of(host, address, signalled("USR2"))
    assert not account.failed and not account.half, account


def test_usr1_loses_nothing(host, address):
    configured(host, 0)
    account = account_of(host, address, signalled("USR1"))
    assert not account.failed and not account.half, account


def test_hup_is_a_reload_where_php_fpm_catches_it(host, address):
    configured(host, 10)
    caught = host.run("grep SigCgt /proc/$(cat /run/php/php[0-9]*-fpm.pid)/status").split()[1]
    assert int(caught, 16) & 1, "this build does not catch SIGHUP, so it would die of it"
    account = account_of(host, address, signalled("HUP"))
    assert not account.failed and not account.half, account


def test_a_worker_dies_of_usr2_with_its_request(host, address):
    configured(host, 10)
    account = account_of(host, address, "pkill -USR2 --parent $(cat /run/php/php[0-9]*-fpm.pid)", clients=CUT)
    assert len(account.half) >= MANY, account


@pytest.mark.parametrize("name", ["ALRM", "KILL"])
def test_the_orphans_of_a_master_that_died_serve_on_and_block_its_start(host, address, name):
    """ALRM is to every build what HUP is to those that do not catch it."""
    host.run(BY_HAND)
    prepare(host, "/run/php/by-hand.sock", port=BY_HAND_PORT)
    account = account_of(host, address, f"kill -{name} $(cat /run/php/by-hand.pid)", port=BY_HAND_PORT)
    assert not account.failed and not account.half, account
    blocked = host.run("/usr/sbin/php-fpm[0-9]* --daemonize --fpm-config /etc/php/by-hand.conf 2>&1 || echo status $?")
    assert "Another FPM instance seems to already listen" in blocked and "status 70" in blocked
    orphans = "pgrep --full --parent 1 '^php-fpm: pool by-hand'"
    action = f"""
        kill -QUIT $({orphans})
        while {orphans} > /dev/null; do sleep 0.01; done
        /usr/sbin/php-fpm[0-9]* --daemonize --fpm-config /etc/php/by-hand.conf
    """
    account = account_of(host, address, action, port=BY_HAND_PORT)
    assert not account.half, account
    host.run(f"kill -QUIT $(cat /run/php/by-hand.pid); while {orphans} > /dev/null; do sleep 0.01; done")


def test_the_workers_of_a_service_are_cut_when_its_master_is_killed(host, address):
    configured(host, 10)
    account = account_of(host, address, start_again(host, "KILL", 0.3), clients=CUT)
    assert len(account.half) >= MANY, account
