# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that a test describes: whatever Host reads by system calls comes from one mapping, all of it optional.

now: 1795300000.0            # wall clock
root: false                  # an ordinary user looks
psutil: false                # the library is missing
users: {33: www-data}        # only these and root are there; without it, a user of any name is
processes:                   # parent, started, name, uid have defaults; executable null is one not to be seen
  - {pid: 45, executable: /usr/sbin/php-fpm8.2, title: "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)"}
  - {pid: 77, hidden: true}  # listed, and no more than that
threads: {102: 100}          # thread id: process
files:                       # text, or a mapping: content, mode, uid, gid, mtime, ctime, inode, links, or the kind
  /run/nginx.pid: "51\n"
  /cache/a.php.bin: {sample: opcache/…/a.php.bin, patch: {56: "08*4"}}   # a file below samples/; hex at an offset
  /srv/a.php: {size: 479, device: 2}
mounts: [/cache]             # where something is mounted
links: {/var/run: /run}
directories: [/run/lock]     # empty ones
owned: {/tmp: {mode: 01777}} # directories with another mode, uid or ctime than root's 0755 of 1970
forbidden: [/run/sudo]
commands: {"/proc/51/exe -V": "nginx version: …"}   # or {status: 1, output: "…"}; what is not named is not run
units: {php8.2-fpm.service: "[Service]\n…"}           # services and timers of systemd, see described_systemd.py
pages: {/run/php/php8.2-fpm.sock: {/status: "{…}"}}   # what a pool's socket answers for a path; null is no answer
probes: {www: {pid: 46, …}}  # what a pool answers to a probe, or why it does not; see described_probes.py
placed: {/srv/current: 1795290000.0}                  # change time of a link
memory: {120: {0x7f0000001000: "05 00 00 00"}}        # of a process
machine: x86_64              # its processor
within: {200: {files: {…}}}  # what a process with another root sees
later: {…}                   # what a second look finds different; null for what is gone then
"""

import copy
import os
import posixpath
import stat
import struct
import zlib
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import described_systemd
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotLook,
    Forbidden,
    LibraryMissing,
    Missing,
    TooLarge,
    Untrusted,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import fastcgi
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host, Ran
from ansible_collections.phpfleet.remediation.plugins.module_utils.tree import Blind, Leaf, Stat, Tree

NOW = 1795300000.0
SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples")
KINDS = {"file": stat.S_IFREG, "fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK}


class DescribedHost(Host):
    """See above for the description. looks counts how often the host was looked at anew."""

    def __init__(self, description: Dict[str, Any]) -> None:
        super().__init__("/described")
        self.description = description
        self.looks = [self]
        self._files: Dict[str, Any] = dict(description.get("files") or {})
        self._links: Dict[str, str] = dict(description.get("links") or {})
        self._forbidden = set(description.get("forbidden") or ())
        self._processes = [_whole(process) for process in description.get("processes") or ()]
        self._directories = set(description.get("directories") or ())
        self._names: Optional[Dict[str, Set[str]]] = None  # in each directory
        self._units = described_systemd.units_of(description.get("units") or {})
        self._describe_proc()
        self._describe_units()

    @classmethod
    def below(cls, directory: str, description: Dict[str, Any]) -> "DescribedHost":
        """A host whose files are also the tree below a directory, less those that describe it."""
        return cls(dict(description, files={**dict(_tree(directory)), **description.get("files", {})}))

    def _describe_proc(self) -> None:
        self._links["/proc/self/ns/pid"] = "pid:[4026531836]"
        self._links["/proc/self/ns/net"] = "net:[4026531840]"
        self._files.setdefault("/proc/stat", "btime 1795290000\n")
        for process in self._processes:
            home = f"/proc/{process['pid']}"
            if process["hidden"] or process["executable"] is None:
                self._forbidden.add(home + "/exe")
            elif process["executable"]:
                self._links.setdefault(home + "/exe", process["executable"])
            self._links.setdefault(home + "/root", "/")
            self._links.setdefault(home + "/ns/pid", "pid:[4026531836]")
            self._links.setdefault(home + "/ns/net", "net:[4026531840]")
            self._files.setdefault(home + "/status", f"Name:\tx\nTgid:\t{process['pid']}\n")
        for thread, leader in (self.description.get("threads") or {}).items():
            self._files[f"/proc/{thread}/status"] = f"Name:\tx\nTgid:\t{leader}\n"

    def _describe_units(self) -> None:
        if self._units:
            self._directories.add("/run/systemd/system")
            self._files.setdefault(described_systemd.SYSTEMCTL[0], "")
        for unit in self._units.values():
            self._files.setdefault(unit.path, unit.file)

    def again(self, *kept: Callable[..., Any]) -> "DescribedHost":
        later = copy.deepcopy(self.description)
        for name, change in later.pop("later", {}).items():
            later[name] = _merged(later.get(name) or {}, change) if isinstance(change, dict) else change
        host = DescribedHost(later)
        host.looks = self.looks
        host._gathered = {gather: self._gathered[gather] for gather in kept if gather in self._gathered}
        self.looks.append(host)
        return host

    def within(self, pid: int) -> Host:
        inside = (self.description.get("within") or {}).get(pid)
        return self if inside is None else DescribedHost(inside)

    def now(self) -> float:
        return float(self.description.get("now", NOW))

    def pause(self, seconds: float) -> None:
        """A described host stands still."""

    def is_root(self) -> bool:
        return bool(self.description.get("root", True))

    def user_name(self, uid: int) -> str:
        return str((self.description.get("users") or {}).get(uid, "root" if uid == 0 else uid))

    def user_id(self, name: str) -> Optional[int]:
        by_name = {str(known): uid for uid, known in (self.description.get("users") or {}).items()}
        return 0 if name == "root" else by_name.get(name, None if by_name else zlib.crc32(name.encode()))

    def stat(self, path: str, follow: bool = False) -> Stat:
        real = self._real(path, follow)
        if real in self._links:
            placed = int((self.description.get("placed") or {}).get(real, 0) * 10**9)
            return Stat(stat.S_IFLNK | 0o777, 0, 0, len(self._links[real]), placed, _inode(real), 1, placed)
        if real in self._files:
            return self._file(real)[1]
        if not self._is_directory(real):
            raise Missing(f"{path}: there is no such file", path=path)
        owned = (self.description.get("owned") or {}).get(real, {})
        mode, ctime_ns = stat.S_IFDIR | owned.get("mode", 0o755), int(owned.get("ctime", 0) * 10**9)
        return Stat(mode, owned.get("uid", 0), 0, 0, 0, _inode(real), 1, ctime_ns)

    def read_with_stat(self, path: str, limit: int, follow: bool = False) -> Tuple[bytes, Stat]:
        self._demand_allowed(path)
        seen = self.stat(path, follow)
        if not stat.S_ISREG(seen.mode):
            raise Untrusted(f"{path}: it is no plain file", path=path)
        content = self._file(self._real(path, follow))[0]
        if len(content) > limit:
            raise TooLarge(f"{path}: larger than {limit} bytes", path=path)
        return content, seen

    def read_end(self, path: str, limit: int) -> bytes:
        return self.read(path, 1 << 30, follow=True)[-limit:]

    def list(self, path: str) -> List[str]:
        self._demand_allowed(path)
        real = self._real(path, True)
        if not self._is_directory(real):
            raise Missing(f"{path}: there is no such file", path=path)
        return self._below(real)

    def survey(self, path: str, enters: Any, looker: Any, counts: Any) -> Any:
        self._demand_allowed(path)
        real = self._real(path, False)
        if not self._is_directory(real):
            raise Missing(f"{path}: there is no such file", path=path)
        tree: Any = Tree()
        self._walk(real, "", enters, looker(counts), tree)
        return tree

    def _walk(self, real: str, path: str, enters: Any, look: Any, tree: Any) -> None:
        for name in self._below(real):
            inside, below = posixpath.join(real, name), posixpath.join(path, name)
            if inside in self._links or inside in self._files or not enters(below):
                said = look(_DescribedLeaf(self, inside, below))
                tree.said.extend([] if said is None else [said])
            elif inside in self._forbidden:
                tree.blind.append(Blind(below, Forbidden(f"{below}: not readable for this user; run with become")))
            elif self.is_mount(inside):
                tree.blind.append(Blind(below, Untrusted(f"{below}: something else is mounted there")))
            else:
                self._walk(inside, below, enters, look, tree)

    def stat_as_named(self, path: str) -> Stat:
        self._demand_allowed(path)
        return self.stat(path, follow=True)

    def stats(self, directory: str, names: Any) -> Dict[str, Stat]:
        self._demand_allowed(directory)
        if not self._is_directory(self._real(directory, True)):
            raise Missing(f"{directory}: there is no such file", path=directory)
        found = {}
        for name in names:
            try:
                found[name] = self.stat(f"{directory}/{name}")
            except Missing:
                continue
        return found

    def is_mount(self, path: str) -> bool:
        return path in (self.description.get("mounts") or ())

    def physical(self, path: str) -> str:
        parent, name = posixpath.split(path)
        real = self._real(parent, True)
        if not self._is_directory(real):
            raise Missing(f"{path}: there is no such file", path=path)
        return posixpath.join(real, name)

    def link(self, path: str) -> str:
        self._demand_allowed(path)
        real = self._real(path, False)
        if real not in self._links:
            raise Missing(f"{path}: there is no such file", path=path)
        return self._links[real]

    def run(self, argv: Any, deadline: float, limit: int) -> Ran:
        answers = self.description.get("commands") or {}
        if self._units and argv[0] in described_systemd.SYSTEMCTL and argv[1] in described_systemd.VERBS:
            answer: Any = described_systemd.answer(self._units, argv[1:])
        elif " ".join(argv) in answers:
            answer = answers[" ".join(argv)]
        else:
            raise CannotLook(f"{argv[0]}: it is not run on this host")
        described = answer if isinstance(answer, dict) else dict(output=answer)
        return Ran(described.get("status", 0), described["output"].encode("utf-8"))

    def ask(self, address: str, request: bytes, deadline: float, limit: int, answered: Any) -> bytes:
        pages = (self.description.get("pages") or {}).get(address)
        if pages is None:
            raise CannotLook(f"{address}: nothing listens there")
        said = b"".join(one.content for one in fastcgi.records(request) if one.type == fastcgi.PARAMS)
        page = pages.get(dict(fastcgi.pairs(said))["SCRIPT_NAME"], "Status: 404 Not Found\r\n\r\nFile not found.\n")
        if page is None:
            raise CannotLook(f"{address}: it took a request and does not answer it in time")
        output = page.encode() if page.startswith("Status") else b"Content-type: text/plain\r\n\r\n" + page.encode()
        return struct.pack(">BBHHBx", 1, 6, 1, len(output), 0) + output + struct.pack(">BBHHBx8x", 1, 3, 1, 8, 0)

    def memory(self, pid: int, address: int, length: int) -> bytes:
        known = (self.description.get("memory") or {}).get(pid) or {}
        if address not in known:
            raise CannotLook(f"/proc/{pid}/mem: nothing can be read at address {address:#x}")
        return bytes.fromhex(known[address])[:length]

    def machine(self) -> str:
        return str(self.description.get("machine", "x86_64"))

    def psutil(self) -> Any:
        if self.description.get("psutil") is False:
            raise LibraryMissing("psutil is not installed for this Python")
        return _Library

    def processes(self) -> Iterator[Any]:
        return iter([_Process(process) for process in self._processes])

    def _demand_allowed(self, path: str) -> None:
        if path in self._forbidden:
            raise Forbidden(f"{path}: not readable for this user; run with become", path=path)

    def _real(self, path: str, follow: bool) -> str:
        """Resolve the links on the way, and with ``follow`` the one at the end."""
        real = "/"
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for number, part in enumerate(parts):
            real = posixpath.normpath(posixpath.join(real, part))
            if real in self._forbidden and number < len(parts) - 1:
                raise Forbidden(f"{path}: not readable for this user; run with become", path=path)
            if real in self._links and (follow or number < len(parts) - 1):
                real = self._real(posixpath.join(posixpath.dirname(real), self._links[real]), True)
        return real

    def _is_directory(self, real: str) -> bool:
        return real in ("/", *self._forbidden, *self._directories) or bool(self._below(real))

    def _below(self, real: str) -> List[str]:
        if self._names is None:
            self._names = {}
            for path in (*self._files, *self._links, *self._forbidden, *self._directories):
                parts = path.strip("/").split("/")
                for depth, name in enumerate(parts):
                    self._names.setdefault("/" + "/".join(parts[:depth]), set()).add(name)
        return sorted(self._names.get(real, ()))

    def _file(self, real: str) -> Tuple[bytes, Stat]:
        described = self._files[real]
        if not isinstance(described, dict):
            described = dict(content=described)
        content = _content(described)
        mode = KINDS[described.get("kind", "file")] | described.get("mode", 0o644)
        mtime_ns = int(described.get("mtime", NOW - 3600) * 10**9)
        inode = described.get("inode", _inode(real))
        device = described.get("device", 1)
        ctime_ns = int(described.get("ctime", mtime_ns / 10**9) * 10**9)
        owner = (described.get("uid", 0), described.get("gid", 0))
        links = described.get("links", 1)
        return content, Stat(mode, *owner, len(content), mtime_ns, inode, device, ctime_ns, links)


class _DescribedLeaf(Leaf):
    def __init__(self, host: DescribedHost, real: str, path: str) -> None:
        super().__init__(-1, posixpath.basename(path), path)
        self._host = host
        self._real = real

    def stat(self) -> Stat:
        return self._host.stat(self._real)

    def read(self, limit: int) -> Tuple[bytes, Stat]:
        return self._host.read_with_stat(self._real, limit)


def _content(described: Dict[str, Any]) -> bytes:
    if "sample" not in described:
        content = described.get("content", "x" * described.get("size", 0))
        return content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    with open(os.path.join(SAMPLES, described["sample"]), "rb") as file:
        sample = bytearray(file.read())
    for offset, text in (described.get("patch") or {}).items():
        digits, _unused, times = text.partition("*")
        put = bytes.fromhex(digits) * int(times or 1)
        sample[offset : offset + len(put)] = put
    return bytes(sample[: described.get("size")])


def _tree(directory: str) -> Iterator[Tuple[str, bytes]]:
    for place, _unused, names in os.walk(directory):
        for name in names:
            inside = "/" + os.path.relpath(os.path.join(place, name), directory)
            if inside not in ("/host.yml", "/expected.yml"):
                with open(os.path.join(place, name), "rb") as file:
                    yield inside, file.read()


def _merged(before: Dict[Any, Any], change: Dict[Any, Any]) -> Dict[Any, Any]:
    return {key: value for key, value in {**before, **change}.items() if value is not None}


def _inode(path: str) -> int:
    return zlib.crc32(path.encode("utf-8", "surrogateescape"))


def _whole(process: Dict[str, Any]) -> Dict[str, Any]:
    name = posixpath.basename(process.get("executable") or "")[:15]
    defaults = dict(parent=1, started=NOW - 7200, name=name, executable="", title="", uid=0, zombie=False, hidden=False)
    return dict(defaults, **process)


class _Uids:
    def __init__(self, uid: int) -> None:
        self.real = self.effective = self.saved = uid


class _Library:
    """psutil, as far as Host and facts/processes.py use it."""

    STATUS_ZOMBIE = "zombie"

    class Error(Exception):
        pass

    class NoSuchProcess(Error):
        pass


class _Process:
    def __init__(self, described: Dict[str, Any]) -> None:
        self.pid = described["pid"]
        self.described = described

    def as_dict(self, names: Any) -> Dict[str, Optional[Any]]:
        seen = self.described
        if seen["hidden"]:
            return {name: self.pid if name == "pid" else None for name in names}
        values = dict(
            pid=self.pid,
            ppid=seen["parent"],
            create_time=float(seen["started"]),
            name=seen["name"],
            cmdline=seen["title"].split(" ") if seen["title"] else [],
            uids=_Uids(seen["uid"]),
            status="zombie" if seen["zombie"] else "sleeping",
        )
        return {name: values[name] for name in names}
