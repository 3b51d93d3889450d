# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests/bench/symlink_switch.py does on the host: switch releases under load, count what was served, print JSON.

Each case is a php-fpm of its own, so that none shares its memory with another, and all of them run side by side. A page
says which release its script is of, and which release a file is of that it requires through the document root.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.phpfleet.remediation.plugins.module_utils import asking
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import fastcgi

TOP = pathlib.Path("/srv/switch")
(PHP_FPM,) = pathlib.Path("/usr/sbin").glob("php-fpm[0-9]*")
WORKERS = 4
PAUSE = 0.12  # between two requests of a case
WARM_SECONDS, SLOW_SECONDS, DELETED_AFTER = 3, 25, 5
LIMIT = 1 << 16
WRITTEN = 1_700_000_000

CONFIGURATION = """[global]
pid = {top}/fpm.pid
error_log = {top}/fpm.log
[switch]
user = www-data
group = www-data
listen = {top}/fpm.sock
pm = static
pm.max_children = {workers}
"""
PAGES = {
    "index.php": "<?php require $_SERVER['DOCUMENT_ROOT'] . '/lib.php'; echo '{release}', lib();",
    "lib.php": "<?php function lib() {{ return '{release}'; }}",
    "slow.php": "<?php sleep({slow}); echo 'slept';",
    "reset.php": "<?php var_dump(opcache_reset());",
}


class Case(NamedTuple):
    """name: as in the table. settings: of PHP. resolved: whether the web server gives the path behind the link.

    switch: of SWITCHES. reset: of RESETS, or None. slow: whether a long request is in flight at the switch.
    deleted: whether the old release goes, some seconds after the switch.
    """

    name: str
    settings: tuple[str, ...] = ()
    resolved: bool = False
    switch: str = "link"
    reset: str | None = None
    slow: bool = False
    deleted: bool = False


NEVER = ("opcache.validate_timestamps=0",)
OFF = ("opcache.enable=0",)
PATHS = ("opcache.revalidate_path=1",)
CASES = (
    Case("validates, no reset"),
    Case("never validates, no reset", NEVER),
    Case("validates, paths too, no reset", PATHS),
    Case("no OPcache", OFF),
    Case("never validates, reset by the CLI", NEVER, reset="cli"),
    Case("never validates, reset 1 s before the switch", NEVER, reset="before"),
    Case("never validates, reset after the switch", NEVER, reset="after"),
    Case("validates, reset after the switch", reset="after"),
    Case("never validates, reset after the switch, a request of 25 s in flight", NEVER, reset="after", slow=True),
    Case("never validates, runtime_cache after the switch", NEVER, reset="module"),
    Case("validates, no reset, old release deleted 5 s later", deleted=True),
    Case("never validates, no reset, old release deleted 5 s later", NEVER, deleted=True),
    Case("$realpath_root, never validates, no reset", NEVER, resolved=True),
    Case("$realpath_root, no OPcache", OFF, resolved=True),
    Case("files overwritten in place, validates", switch="in place"),
    Case("files overwritten in place, never validates", NEVER, switch="in place"),
)


class Site:
    """One case: its releases, its php-fpm, and what it served since the switch."""

    def __init__(self, number: int, case: Case) -> None:
        self.case = case
        self.top = TOP / str(number)
        self.socket = self.top / "fpm.sock"
        self.current = self.top / "current"
        self.switched = float("inf")
        self.served: list[tuple[float, str]] = []

    def start(self) -> None:
        for release in "12":
            directory = self.top / "releases" / release
            directory.mkdir(parents=True)
            self.write(directory, release)
        self.current.symlink_to("releases/1")
        configuration = self.top / "fpm.conf"
        configuration.write_text(CONFIGURATION.format(top=self.top, workers=WORKERS))
        settings = [word for setting in self.case.settings for word in ("-d", setting)]
        subprocess.run([PHP_FPM, "--daemonize", "--fpm-config", configuration, *settings], check=True)

    def stop(self) -> None:
        os.kill(int((self.top / "fpm.pid").read_text()), signal.SIGQUIT)

    def write(self, directory: pathlib.Path, release: str) -> None:
        for name, text in PAGES.items():
            (directory / name).write_text(text.format(release=release, slow=SLOW_SECONDS))
            os.utime(directory / name, (WRITTEN, WRITTEN + int(release)))

    def ask(self, page: str, seconds: float = 10) -> str:
        """Return what a page says, asked for as nginx does, or what went wrong."""
        root = self.current.resolve() if self.case.resolved else self.current
        parameters = {"REQUEST_METHOD": "GET", "SCRIPT_FILENAME": f"{root}/{page}", "DOCUMENT_ROOT": str(root)}
        request = fastcgi.request(parameters)
        try:
            said = asking.ask("/", asking.Question(str(self.socket), request, seconds, LIMIT, fastcgi.Answered()))
            document = fastcgi.document(fastcgi.answer(said).output)
        except (CannotLook, Malformed) as error:
            return str(error)
        return document.body.decode() if document.status == 200 else f"status {document.status}"

    def load(self, until: float) -> None:
        while time.monotonic() < until:
            begun = time.monotonic()
            said = self.ask("index.php")
            if begun > self.switched:
                self.served.append((begun - self.switched, said))
            time.sleep(PAUSE)

    def switch(self) -> None:
        """Bring in the new release, with what the case does before and after."""
        if self.case.slow:
            threading.Thread(target=self.ask, args=("slow.php", SLOW_SECONDS * 2)).start()
            time.sleep(1)
        if self.case.reset == "before":
            self.ask("reset.php")
            time.sleep(1)
        SWITCHES[self.case.switch](self)
        self.switched = time.monotonic()
        if self.case.reset in RESETS:
            RESETS[self.case.reset](self)
        if self.case.deleted:
            time.sleep(DELETED_AFTER)
            shutil.rmtree(self.top / "releases/1")

    def switch_link(self) -> None:
        (self.top / "next").symlink_to("releases/2")
        (self.top / "next").rename(self.current)

    def overwrite(self) -> None:
        self.write(self.top / "releases/1", "2")

    def reset_by_cli(self) -> None:
        command = ["php", "-d", "opcache.enable_cli=1", "-r", "var_dump(opcache_reset());"]
        assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout == b"bool(true)\n"

    def reset_by_module(self) -> None:
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"sockets": [str(self.socket)], "longest_request": 30}})
        module = "ansible_collections.phpfleet.remediation.plugins.modules.runtime_cache"
        subprocess.run([sys.executable, "-m", module, arguments], stdout=subprocess.DEVNULL, check=True)

    def reset_by_fastcgi(self) -> None:
        assert "true" in self.ask("reset.php")

    def figures(self) -> dict[str, object]:
        said = [said for _unused, said in self.served]
        return {
            "case": self.case.name,
            "requests": len(said),
            "old": said.count("11"),
            "mixed": said.count("12") + said.count("21"),
            "failed": len(said) - sum(map(said.count, ("11", "12", "21", "22"))),
            "last_not_new_seconds": round(max((at for at, said in self.served if said != "22"), default=0), 1),
            "new_at_the_end": all(one == "22" for one in said[-WORKERS:]),
        }


SWITCHES: dict[str, Callable[[Site], None]] = {"link": Site.switch_link, "in place": Site.overwrite}
RESETS: dict[str, Callable[[Site], None]] = {
    "cli": Site.reset_by_cli,
    "after": Site.reset_by_fastcgi,
    "module": Site.reset_by_module,
}


def measure(seconds: int) -> list[dict[str, object]]:
    """Run all cases for so many seconds after their switches, and return what each served."""
    sites = [Site(number, case) for number, case in enumerate(CASES)]
    with contextlib.ExitStack() as stack:
        for site in sites:
            site.start()
            stack.callback(site.stop)
        until = time.monotonic() + WARM_SECONDS + seconds
        threads = [threading.Thread(target=site.load, args=(until,)) for site in sites]
        for thread in threads:
            thread.start()
        time.sleep(WARM_SECONDS)
        switching = [threading.Thread(target=site.switch) for site in sites]
        for thread in switching:
            thread.start()
        for thread in switching + threads:
            thread.join()
    return [site.figures() for site in sites]


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
