# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What OPcache stored of scripts in its file cache, from where it takes them back after every reset of its memory.

ext/opcache/zend_file_cache.c: a script that is not in memory is taken from opcache.file_cache first. Its time is
compared with the file's only where validate_timestamps is on; where it is off, only the time of the entry tells.
"""

from typing import Dict, Iterable, List, Sequence

from ..errors import Missing
from ..formats.php_ini import is_on
from ..formats.probe_answer import ProbeAnswer
from ..host import Host
from . import script_files
from .opcache_scripts import is_system_id


def directories(answers: Iterable[ProbeAnswer]) -> List[str]:
    """Return the file caches from which pools take scripts without a look at their files."""
    blind = [one.settings for one in answers if not is_on(one.settings, "opcache.validate_timestamps", True)]
    return sorted({one["opcache.file_cache"] for one in blind if one.get("opcache.file_cache", "").startswith("/")})


def times(host: Host, roots: Sequence[str], caches: Sequence[str], paths: Sequence[str]) -> Dict[str, float]:
    """Return when scripts were stored last, less those that are not; 0 where an entry cannot be looked at.

    Seconds since the epoch. Raises CannotLook where what is stored cannot be listed.

    Each build of PHP has a directory of its own; the one that was written last is taken for the one that runs.
    """
    stored: Dict[str, float] = {}
    entries = {f"{path}.bin": path for path in paths}
    for build in [build for cache in caches for root in roots for build in _builds(host, root + cache)]:
        seen = script_files.look(host, [build], list(entries)).files
        for entry, path in entries.items():
            written = [one.modified for one in seen[entry] if one.modified is not None] if entry in seen else [0.0]
            stored.update((path, max(time, stored.get(path, 0.0))) for time in written)
    return stored


def _builds(host: Host, cache: str) -> List[str]:
    try:
        return [f"{cache}/{name}" for name in host.list(cache) if is_system_id(name)]
    except Missing:
        return []
