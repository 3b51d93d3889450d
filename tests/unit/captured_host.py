# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host as it was once: files are a tree that the real reader reads, all else is what was recorded in host.json.

tests/unit/hosts/record records one. host.json holds, each only where it is not empty:

* now, is_root, page_size; psutil: false where the library is missing
* users: names by uid; processes: what psutil's as_dict() said of each
* semaphores: by set, a list of [value, pid, waiting_more, waiting_zero]
* stats: lstat by path, because a checkout keeps no owner and no time; links: what links say, because no file that
  a link names is here; forbidden: paths that refused to be read
* second/ beside it holds the files, and semaphores_second the sets, that were different in the second look
"""

import json
import os
from collections import namedtuple
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Forbidden, LibraryMissing, Missing
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host, Semaphore, Stat

HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hosts")
Uids = namedtuple("Uids", "real effective saved")


class RecordedProcess:
    """Answers as psutil.Process did."""

    def __init__(self, attributes: Dict[str, Any]) -> None:
        self.pid = attributes["pid"]
        self._attributes = dict(attributes, uids=Uids(*attributes["uids"]) if attributes["uids"] else None)

    def as_dict(self, names: Any) -> Dict[str, Any]:
        return {name: self._attributes[name] for name in names}


class CapturedHost(Host):
    """Reads the host that was recorded below ``root``."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        with open(os.path.join(root, "host.json"), encoding="utf-8") as file:
            self.recorded = json.load(file)
        self.paused = False

    def now(self) -> float:
        return float(self.recorded["now"])

    def pause(self, seconds: float) -> None:
        self.paused = True

    def is_root(self) -> bool:
        return bool(self.recorded.get("is_root", True))

    def page_size(self) -> int:
        return int(self.recorded.get("page_size", 4096))

    def user_name(self, uid: int) -> str:
        name: str = self.recorded.get("users", {}).get(str(uid), str(uid))
        return name

    def user_id(self, name: str) -> Optional[int]:
        by_name = {known: int(uid) for uid, known in self.recorded.get("users", {}).items()}
        return by_name.get(name)

    def psutil(self) -> Any:
        if self.recorded.get("psutil") is False:
            raise LibraryMissing("psutil is not installed for this Python")
        return super().psutil()

    def processes(self) -> Iterator[Any]:
        return (RecordedProcess(attributes) for attributes in self.recorded.get("processes", []))

    def semaphores(self, identifier: int, count: int) -> Tuple[Semaphore, ...]:
        sets = dict(self.recorded.get("semaphores", {}))
        if self.paused:
            sets.update(self.recorded.get("semaphores_second", {}))
        recorded = sets.get(str(identifier))
        if recorded is None:
            raise Missing(f"sem {identifier}: it is gone")
        if recorded == "forbidden":
            raise Forbidden(f"sem {identifier}: not readable")
        return tuple(Semaphore(*numbers) for numbers in recorded)

    def stat(self, path: str, follow: bool = False) -> Stat:
        self._demand_allowed(path)
        recorded = self.recorded.get("stats", {}).get(path)
        return Stat(*recorded) if recorded else super().stat(path, follow)

    def list(self, path: str) -> List[str]:
        self._demand_allowed(path)
        return super().list(path)

    def link(self, path: str) -> str:
        self._demand_allowed(path)
        target: Optional[str] = self.recorded.get("links", {}).get(path)
        return super().link(path) if target is None else target

    def read_with_stat(self, path: str, limit: int, follow: bool = False) -> Tuple[bytes, Stat]:
        self._demand_allowed(path)
        second = os.path.join(self.root, "second")
        if self.paused and os.path.exists(second + path):
            return Host(second).read_with_stat(path, limit, follow)
        return super().read_with_stat(path, limit, follow)

    def _demand_allowed(self, path: str) -> None:
        if path in self.recorded.get("forbidden", []):
            raise Forbidden(f"{path}: not readable", path=path)
