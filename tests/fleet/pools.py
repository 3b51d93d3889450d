# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools of several masters of a lab host, and what is in their memory, by a page of its own instead of a probe."""

import json
import shlex

WWW = "/run/php/www.sock"
SELDOM = "/run/php/seldom.sock"
BARE = "/run/php/bare.sock"
OTHER = "127.0.0.1:9099"
PORT = 8085

# Debian's service has www, and walled with an open_basedir and a private /tmp. A master that was started by hand has
# jailed, in a chroot, seldom, which starts its workers when it is asked, and bare, which has no OPcache.
_MASTERS = f"""
set -eu
useradd alice
useradd bob
mkdir -p /srv/alice /srv/jail/www /srv/pages /srv/app/releases/1
ln -s releases/1 /srv/app/current

for configuration in /etc/php/*/fpm; do
    echo opcache.validate_timestamps=0 > "$configuration/conf.d/99-never-validate.ini"
    cat > "$configuration/pool.d/zz-four.conf" <<'CONF'
[www]
listen = {WWW}
pm = static
pm.max_children = 8
pm.status_path = /status
[walled]
user = alice
group = alice
listen = /run/php/walled.sock
pm = static
pm.max_children = 2
pm.status_path = /status
php_admin_value[open_basedir] = /srv/alice:/tmp
CONF
done
for unit in /usr/lib/systemd/system/php*-fpm.service; do
    mkdir -p "/etc/systemd/system/$(basename "$unit").d"
    printf '[Service]\\nPrivateTmp=true\\n' > "/etc/systemd/system/$(basename "$unit").d/private.conf"
done
systemctl daemon-reload
systemctl restart 'php*-fpm.service'

cat > /etc/php/second-fpm.conf <<'CONF'
[global]
pid = /run/php/second-fpm.pid
error_log = /var/log/second-fpm.log
[jailed]
user = bob
group = bob
listen = /run/php/jailed.sock
chroot = /srv/jail
chdir = /www
pm = static
pm.max_children = 1
[seldom]
user = bob
group = bob
listen = {SELDOM}
listen.owner = www-data
pm = ondemand
pm.max_children = 8
pm.status_path = /status
[bare]
user = bob
group = bob
listen = {BARE}
listen.owner = www-data
pm = static
pm.max_children = 2
php_admin_value[opcache.enable] = 0
CONF
/usr/sbin/php-fpm[0-9]* --daemonize --fpm-config /etc/php/second-fpm.conf
"""

_PAGES = f"""
set -eu
mkdir -p /srv/pages
cat > /srv/pages/memory.php <<'PHP'
<?php
$opcache = opcache_get_status();
$apcu = extension_loaded('apcu');
$yac = extension_loaded('yac') ? new Yac() : null;
if (isset($_GET['put'])) {{
    if ($apcu) {{ apcu_store('cart', $_GET['put']); }}
    if ($yac) {{ $yac->set('cart', $_GET['put']); }}
}}
echo json_encode([
    'scripts' => array_keys($opcache['scripts']),
    'wasted' => $opcache['memory_usage']['wasted_memory'],
    'restarts' => $opcache['opcache_statistics']['manual_restarts'],
    'apcu' => $apcu ? apcu_fetch('cart') : null,
    'yac' => $yac ? $yac->get('cart') : null,
]);
PHP
cat > /srv/pages/busy.php <<'PHP'
<?php
sleep((int) $_GET['seconds']);
PHP
cat > /etc/nginx/conf.d/pages.conf <<'CONF'
server {{
    listen 127.0.0.1:{PORT};
    root /srv/pages;
    location / {{
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$uri.php;
        fastcgi_pass $arg_address;
    }}
}}
CONF
nginx -s reload
while ! curl --silent http://localhost:{PORT}/ > /dev/null; do sleep 0.05; done
"""

# It has its extensions, and no line that loads one.
_OTHER = """
set -eu
cd /srv/other-php
mkdir -p srv/pages
cp --archive /srv/pages/memory.php srv/pages/
for conf in etc/php/*/fpm/conf.d; do
    printf 'zend_extension=opcache.so\\nextension=yac.so\\n' > "$conf/10-caches.ini"
done
kill -USR2 "$(cat run/other-fpm.pid)"
"""


def prepare_pages(host) -> None:
    """Give a host the pages that any pool can be asked for, by its socket."""
    host.run(_PAGES)


def prepare_masters(host) -> None:
    """Give a host the two masters."""
    host.run(_MASTERS)


def prepare_other(lab, host) -> None:
    """Give web1 the PHP of another release, with OPcache and Yac, after prepare_pages()."""
    lab.command("second-php", host.name)
    host.run(_OTHER)


def memory(host, address: str, put: str | None = None) -> dict:
    """What the master of a pool has in memory, in PHP's own words; and put something into APCu and Yac."""
    options = f"address={_named(address)}" + (f"&put={put}" if put else "")
    retry = "--retry 20 --retry-delay 1 --retry-all-errors"  # it may be starting
    return json.loads(host.run(f"curl --silent --fail {retry} 'http://localhost:{PORT}/memory?{options}'"))


def keep_busy(host, address: str, seconds: int) -> None:
    """Give one worker of a pool a request to work on, and return when it does."""
    url = shlex.quote(f"http://localhost:{PORT}/busy?seconds={seconds}&address={_named(address)}")
    host.run(f"setsid curl --silent {url} < /dev/null > /dev/null 2>&1 & sleep 0.3")


def traces(host) -> list[str]:
    """Every file that a probe could have left on a host, whatever mount or root it is in."""
    return host.run("find / \\( -path /proc -o -path /sys \\) -prune -o -name '*.phpfleet-probe*' -print").splitlines()


def _named(address: str) -> str:
    """An address as nginx has it."""
    return f"unix:{address}" if address.startswith("/") else address
