# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A steady load on php-fpm of a lab host, and an account of what became of every request.

Each request bears a number. Its page writes `S number` when it begins and `F number` when it has ended. One that began
and never ended was cut in half, whatever its client was told. One that failed and never began was lost in a queue.
Clients keep no connection, since a kept one would hide what happens to new ones.
"""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
echo 'done ', $_GET['id'];
"""
_SITE = """server {{
    listen {port};
    location = /work {{
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME /srv/shop/work.php;
        fastcgi_pass unix:{socket};
    }}
}}
"""


class Account(NamedTuple):
    """What became of the requests of a load, each by its number. statuses: None for a connection that was cut."""

    statuses: dict[int, int | None]
    begun: frozenset[int]
    ended: frozenset[int]

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

    def __repr__(self) -> str:
        failures = Counter(self.statuses[number] for number in self.failed)
        return (
            f"{self.requests} requests, {len(self.failed)} failed ({dict(failures)}), {len(self.half)} cut in half, "
            f"{len(self.never_begun)} never begun"
        )


def prepare(host, socket: str, port: int = PORT) -> None:
    """Give a host a page to work on, behind nginx and php-fpm's socket."""
    host.run(
        f"""
        cat > /srv/shop/work.php <<'END'\n{_PAGE}\nEND
        cat > /etc/nginx/conf.d/load-{port}.conf <<'END'\n{_SITE.format(port=port, socket=socket)}\nEND
        : > /srv/shop/account
        chown www-data: /srv/shop/account
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
        connection = http.client.HTTPConnection(self._address, self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", f"/work?id={number}&ms={milliseconds}", headers={"Connection": "close"})
            answer = connection.getresponse()
            whole = answer.read() == f"done {number}".encode()
            return answer.status if whole or answer.status != 200 else None
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
    accounts.append(Account(statuses, begun, ended))
