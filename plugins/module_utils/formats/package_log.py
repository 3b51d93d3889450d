# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of dpkg.log, dnf.rpm.log and yum.log on packages that were installed, upgraded or removed."""

import datetime
import re
from typing import Iterator, NamedTuple

from .fpm_log import LINE_LIMIT

_DPKG = re.compile(
    r"(20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) "
    r"(install|upgrade|remove|purge) (\S{1,200}) \S+ (\S{1,200})"
)
_DNF = re.compile(
    r"(20[0-9]{2}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})([+-][0-9]{4}|Z)? [A-Z]+ "
    r"(Installed|Upgrade|Upgraded|Downgrade|Downgraded|Reinstalled|Erase|Erased|Removed): (\S{1,400})"
)
_YUM = re.compile(
    r"([A-Z][a-z]{2} [0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) (Installed|Updated|Erased|Dep-Installed): (\S{1,400})"
)


class PackageChange(NamedTuple):
    """moment: seconds since the epoch. what: ``upgrade php8.2-fpm:amd64 8.2.29-1``."""

    moment: float
    what: str


def parse(text: str, now: float) -> Iterator[PackageChange]:
    """Yield what a log tells, in order. yum writes no year: it is the last in which that time is not to come."""
    for line in text.split("\n"):
        if len(line) > LINE_LIMIT:
            continue
        for read in (_of_dpkg, _of_dnf):
            yield from read(line)
        yield from _of_yum(line, now)


def _of_dpkg(line: str) -> Iterator[PackageChange]:
    found = _DPKG.match(line)
    if found:
        yield from _at(found.group(1), "%Y-%m-%d %H:%M:%S", " ".join(found.groups()[1:]))


def _of_dnf(line: str) -> Iterator[PackageChange]:
    found = _DNF.match(line)
    if found:
        day, time, zone, verb, package = found.groups()
        written = f"{day} {time}" + (zone.replace("Z", "+0000") if zone else "")
        yield from _at(written, "%Y-%m-%d %H:%M:%S" + ("%z" if zone else ""), f"{verb.lower()} {package}")


def _of_yum(line: str, now: float) -> Iterator[PackageChange]:
    found = _YUM.match(line)
    if not found:
        return
    year = datetime.datetime.fromtimestamp(now).year
    what = f"{found.group(2).lower()} {found.group(3)}"
    for one in (year, year - 1):
        for change in _at(f"{one} {found.group(1)}", "%Y %b %d %H:%M:%S", what):
            if change.moment <= now:
                yield change
                return


def _at(written: str, form: str, what: str) -> Iterator[PackageChange]:
    try:
        yield PackageChange(datetime.datetime.strptime(written, form).timestamp(), what)
    except (ValueError, OverflowError):
        return  # a day that no month has
