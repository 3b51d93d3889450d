# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A steady load on php-fpm of a lab host, and an account of what became of every request.

Each request bears a number. Its page writes `S number` when it begins and `F number` when it has ended. One that began
and never ended was cut in half, whatever its client was told. One that failed and never began was lost in a queue. The
answer names the directory that its page was compiled in, which of several releases that is.
Clients keep no connection, since a kept one would hide what happens to new ones.
"""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import NamedTuple

PORT = 8080
LIMIT = 20_000  # requests of one load, whatever it is asked for
ANSWER_SECONDS = 30.0
PAUSE = 0.03  # of each client between two requests, so that the host has time for more than them

# The work is waited for with a loop: a reload interrupts a sleep, and a request that ended early would prove nothing.
_PAGE = """<?php
function note(string $what): void { file_put_contents('/srv/shop/account', "$what $_GET[id]\\n", FILE_APPEND); }
note('S');
$end = hrtime(true) + 1000000 * (int) $_GET['ms'];
while (($left = $end - hrtime(true)) > 0) { usleep(min(20000, intdiv($left, 1000) + 1)); }
note('F');
echo 'done ', $_GET['id'], ' ', __DIR__;
"""
_SITE = """upstream load-{port} {{
    {servers}
}}
server {{
    listen {port};
    root {root};
    location = /work {{
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root/work.php;
        fastcgi_pass load-{port};
        fastcgi_next_upstream off;
    }}
}}
"""


class Account(NamedTuple):
    """What became of the requests of a load, each by its number. statuses: None for a connection that was cut.

    asked: when, in seconds since the epoch. directories: where the page lies that was run, of those that were answered.
    """

    statuses: dict[int, int | None]
    begun: frozenset[int]
    ended: frozenset[int]
    asked: dict[int, float]
    directories: dict[int, str]

    @property
    def requests(self) -> int:
        return len(self.statuses)

    @property
    def failed(self) -> frozenset[int]:
        """Those whose client got no answer, or an error."""
        return frozenset(number for number, status in self.statuses.items() if status != 200)

    @property
    def half(self) -> frozenset[int]:
        """Those that began and never ended."""
        return self.begun - self.ended

    @property
    def never_begun(self) -> frozenset[int]:
        """Those that failed and of which nothing was done."""
        return self.failed - self.begun

    def served(self, since: float, until: float = inf) -> Counter[str]:
        """From which directory how many of the answers came to what was asked from a moment on, and before another."""
        return Counter(self.directories[number] for number in self.directories if since <= self.asked[number] < until)

    def __repr__(self) -> str:
        failures = Counter(self.statuses[number] for number in self.failed)
        return (
            f"{self.requests} requests, {len(self.failed)} failed ({dict(failures)}), {len(self.half)} cut in half, "
            f"{len(self.never_begun)} never begun"
        )


def prepare(host, *sockets: str, port: int = PORT, root: str = "/srv/shop") -> None:
    """Give a host a page to work on, behind nginx and the sockets of php-fpm, which take turns."""
    servers = " ".join(f"server unix:{socket} max_fails=0;" for socket in sockets)
    host.run(
        f"""
        cat > {root}/work.php <<'END'\n{_PAGE}\nEND
        cat > /etc/nginx/conf.d/load-{port}.conf <<'END'\n{_SITE.format(port=port, root=root, servers=servers)}\nEND
        : > /srv/shop/account
        chmod a+w /srv/shop/account
        nginx -s reload
        while ! curl --silent http://localhost:{port}/ > /dev/null; do sleep 0.05; done
        """
    )


class Load:
    """Clients that each ask for one request after another: ``milliseconds`` names what each client's requests take."""

    def __init__(self, address: str, milliseconds: Sequence[int], port: int = PORT) -> None:
        self._address = address
        self._port = port
        self._numbers = itertools.count(1)
        self._statuses: dict[int, int | None] = {}
        self.asked: dict[int, float] = {}
        self.directories: dict[int, str] = {}
        self._stopping = threading.Event()
        self._clients = [threading.Thread(target=self._ask_on, args=(one,), daemon=True) for one in milliseconds]

    @property
    def requests(self) -> int:
        """How many were answered, or failed, so far."""
        return len(self._statuses)

    def start(self) -> None:
        for client in self._clients:
            client.start()

    def stop(self) -> dict[int, int | None]:
        """Let every client end its request, and return the status of each request by its number."""
        self._stopping.set()
        for client in self._clients:
            client.join(2 * ANSWER_SECONDS)
        assert not any(client.is_alive() for client in self._clients)
        return dict(self._statuses)

    def _ask_on(self, milliseconds: int) -> None:
        while not self._stopping.is_set():
            number = next(self._numbers)
            if number > LIMIT:
                return
            self._statuses[number] = self._ask(number, milliseconds)
            time.sleep(PAUSE)

    def _ask(self, number: int, milliseconds: int) -> int | None:
        self.asked[number] = time.time()
        connection = http.client.HTTPConnection(self._address, self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", f"/work?id={number}&ms={milliseconds}", headers={"Connection": "close"})
            answer = connection.getresponse()
            said, _space, directory = answer.read().decode("latin-1").rpartition(" ")
            if answer.status == 200:
                if said != f"done {number}":
                    return None
                self.directories[number] = directory
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


@contextmanager
def loaded(
    host, address: str, milliseconds: Sequence[int], port: int = PORT, before: float | None = None
) -> Iterator[list[Account]]:
    """Load a host while the block runs; the account of it is in the list that this gives, afterwards.

    before: for how many seconds it is loaded before that; by default until the requests of all clients are under way.
    """
    host.run(": > /srv/shop/account")
    load = Load(address, milliseconds, port)
    accounts: list[Account] = []
    load.start()
    try:
        time.sleep(max(milliseconds) / 1000 / 2 if before is None else before)
        yield accounts
    finally:
        statuses = load.stop()
    time.sleep(0.2)  # a page whose client is gone may still write
    lines = [line.split() for line in host.run("cat /srv/shop/account").splitlines()]
    begun, ended = (frozenset(int(number) for what, number in lines if what == kind) for kind in "SF")
    accounts.append(Account(statuses, begun, ended, dict(load.asked), dict(load.directories)))
