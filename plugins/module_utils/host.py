# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one edge to the host for everything that looks. Nothing here changes anything, or knows what it is read for."""

import ctypes
import errno
import os
import pwd
import re
import select
import signal
import stat
import subprocess
import time
from datetime import datetime
from functools import lru_cache
from itertools import product, starmap
from typing import (
    IO,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    cast,
)

from . import asking
from .directory import explained, mount_of, open_place
from .errors import CannotLook, LibraryMissing, Malformed, Missing, PhpfleetError, TooLarge, Untrusted, broken
from .formats import time_zone
from .policy import Policy
from .tree import C, Look, Stat, Tree, read_end_of_plain_file, read_plain_file, stat_of, survey

try:
    import psutil
except ImportError:  # the checks that need it end as unknown; the others still run
    psutil = None  # type: ignore[assignment]

F = TypeVar("F")

# semctl(2) commands, include/uapi/linux/sem.h; the same on every architecture.
_GETPID, _GETALL, _GETNCNT, _GETZCNT = 11, 13, 14, 15

_ZONES = "/usr/share/zoneinfo/"
_ZONE = re.compile(r"(?:[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*)?\Z")
_ZONE_LIMIT = 256 * 1024
_EXECUTABLE = re.compile(r"/proc/[0-9]+/exe\Z")


class Semaphore(NamedTuple):
    """One semaphore of a set: semctl(2) GETVAL, GETPID (last operation, 0 for none or unknowable), GETNCNT, GETZCNT."""

    value: int
    pid: int
    waiting_more: int
    waiting_zero: int


class Ran(NamedTuple):
    """What a command that only reads came to: its exit status, negative for a signal, and both its outputs together."""

    status: int
    output: bytes


class Host:
    """Reads one host, below ``root``. One instance is one look: what it gathered once is not gathered again."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self._gathered: Dict[Callable[..., Any], Tuple[Any, Optional[PhpfleetError]]] = {}
        self._libc: Optional[ctypes.CDLL] = None
        self._users: Dict[int, str] = {}
        self._zones: Dict[str, time_zone.Zone] = {}

    def once(self, gather: Callable[["Host", Policy], F], policy: Policy) -> F:
        """Return gather(self, policy), from memory when this look has asked before; an error is remembered too."""
        if gather not in self._gathered:
            try:
                self._gathered[gather] = (gather(self, policy), None)
            except PhpfleetError as error:
                self._gathered[gather] = (None, error)
            except Exception as error:  # whatever a host makes our code stumble over must not hide the rest of it
                self._gathered[gather] = (None, broken(error))
        facts, failure = self._gathered[gather]
        if failure is not None:
            raise failure
        result: F = facts
        return result

    def again(self, *kept: Callable[..., Any]) -> "Host":
        """A second look at the same host, that remembers nothing of this one but what ``kept`` has gathered."""
        second = type(self)(self.root)
        second._gathered = {gather: self._gathered[gather] for gather in kept if gather in self._gathered}
        return second

    def within(self, pid: int) -> "Host":
        """The files as a process sees them, which may have another root or other mounts than we (/proc/PID/root)."""
        return type(self)(os.path.join(self.root, "proc", str(pid), "root"))

    def now(self) -> float:
        """Wall clock, in seconds since the epoch."""
        return time.time()

    def local(self, moment: float, zone: Optional[str] = None) -> datetime:
        """What the host's own clock shows at a time in seconds since the epoch, or the clock of a zone by its name."""
        return time_zone.wall(self.zone(zone), moment)

    def moment(self, wall: datetime, zone: Optional[str] = None) -> float:
        """When that clock shows ``wall``: the first time where it does so twice, for it is put back then; where it
        skips that time, when it does: then cron(8) runs what it has missed.
        """
        known = self.zone(zone)
        moments = time_zone.moments(known, wall)
        return moments[0] if moments else time_zone.skipped_to(known, wall)

    def zone(self, name: Optional[str] = None) -> time_zone.Zone:
        """The host's own time zone, or a named one, as the C library of the host finds them (tzset(3)).

        Never that of our own environment. Raises CannotLook where it cannot be read.
        """
        name = (name or "").lstrip(":")
        if name not in self._zones:
            self._zones[name] = self._read_zone(name)
        return self._zones[name]

    def _read_zone(self, name: str) -> time_zone.Zone:
        inside = name[len(_ZONES) :] if name.startswith(_ZONES) else name
        if not _ZONE.match(inside):  # also what leads out of the directory
            return time_zone.of_rule(name)
        path = _ZONES + inside if name else "/etc/localtime"
        try:
            return time_zone.parse(self.read(path, _ZONE_LIMIT, follow=True))
        except Missing:
            return _unnamed(name)
        except Malformed as error:
            raise Malformed(f"{path}: {error}", path=path) from error

    def pause(self, seconds: float) -> None:
        """Let time pass between two looks at the same thing."""
        time.sleep(seconds)

    def stat(self, path: str, follow: bool = False) -> Stat:
        """lstat(2) of ``path``; with ``follow``, of what the administrator's links at its end lead to."""
        place = open_place(self.root, path, follow)
        try:
            seen = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)
        return stat_of(seen)

    def read(self, path: str, limit: int, follow: bool = False) -> bytes:
        """The whole content of a plain file. Raises TooLarge above ``limit`` bytes and Untrusted for anything else."""
        return self.read_with_stat(path, limit, follow)[0]

    def read_with_stat(self, path: str, limit: int, follow: bool = False) -> Tuple[bytes, Stat]:
        """As read(), with the fstat(2) of the very file that was read."""
        place = open_place(self.root, path, follow)
        try:
            return read_plain_file(place.directory, place.name, path, limit)
        finally:
            os.close(place.directory)

    def read_end(self, path: str, limit: int) -> bytes:
        """The last ``limit`` bytes of a plain file, or all of it: a log may be larger than memory."""
        place = open_place(self.root, path, follow=True)
        try:
            return read_end_of_plain_file(place.directory, place.name, path, limit)
        finally:
            os.close(place.directory)

    def list(self, path: str) -> List[str]:
        """The names in a directory, sorted."""
        place = open_place(self.root, path, follow=True)
        try:
            descriptor = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)
        try:
            return sorted(os.listdir(descriptor))
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(descriptor)

    def survey(self, path: str, enters: Callable[[str], bool], looker: Callable[[C], Look[F]], counts: C) -> Tree[F]:
        """Look at every file below a directory, in several processes; see tree.survey()."""
        place = open_place(self.root, path)
        try:
            opened = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)
        try:
            return survey(opened, enters, looker, counts)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(opened)

    def stat_as_named(self, path: str) -> Stat:
        """stat(2) by a name that a program uses, through whatever links there are: to compare, never to act on it."""
        try:
            return stat_of(os.stat(os.path.join(self.root, path.lstrip("/"))))
        except (OSError, ValueError) as error:
            raise explained(error if isinstance(error, OSError) else OSError(22, str(error)), path) from error

    def stats(self, directory: str, names: Iterable[str]) -> Dict[str, Stat]:
        """lstat(2) of names in a directory, found through the administrator's links; less those that are not there."""
        opened = self._open_directory(directory)
        found = {}
        try:
            for name in names:
                try:
                    found[name] = stat_of(os.stat(name, dir_fd=opened, follow_symlinks=False))
                except FileNotFoundError:
                    continue
        except OSError as error:
            raise explained(error, directory) from error
        finally:
            os.close(opened)
        return found

    def _open_directory(self, path: str) -> int:
        place = open_place(self.root, path, follow=True)
        try:
            flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(place.name, flags, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)

    def is_mount(self, path: str) -> bool:
        """Whether a directory is the top of a mount."""
        here, above = (self._mount_of(one) for one in (path, os.path.dirname(path)))
        return here != above

    def _mount_of(self, path: str) -> Tuple[int, Optional[int]]:
        place = open_place(self.root, path)
        try:
            opened = os.open(place.name, os.O_PATH | os.O_NOFOLLOW, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)
        try:
            return mount_of(opened)
        finally:
            os.close(opened)

    def physical(self, path: str) -> str:
        """``path`` with the links on the way to it resolved; its last name need not exist and may itself be a link."""
        place = open_place(self.root, path)
        os.close(place.directory)
        return place.path

    def link(self, path: str) -> str:
        """What a link says, as it stands there: readlink(2)."""
        place = open_place(self.root, path)
        try:
            return os.readlink(place.name, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)

    def run(self, argv: Sequence[str], deadline: float, limit: int) -> Ran:
        """Run a command that only reads for at most ``deadline`` seconds: no shell, no input, almost no environment.

        argv[0] is a path, and root's own program: running what others can write or choose would make them root. It is
        checked and run by one descriptor, so that it cannot be exchanged in between. Raises Untrusted, TooLarge above
        ``limit`` bytes of output, and CannotLook when it does not end in time.
        """
        program = self._open_program(argv[0])
        try:
            _demand_roots_own(os.fstat(program), argv[0])
            return _run(program, argv, deadline, limit)
        except OSError as error:
            raise explained(error, argv[0]) from error
        finally:
            os.close(program)

    def ask(
        self, address: str, request: bytes, deadline: float, limit: int, answered: Callable[[bytearray], bool]
    ) -> bytes:
        """Send a request to a socket, a path or a numeric ``host:port``, and return the answer; see asking.py.

        answered() says of all that came so far whether it is whole; without its word an answer ends with the
        connection. Raises CannotLook, also where it is not whole within ``deadline`` seconds or ``limit`` bytes.
        """
        return asking.ask(self.root, asking.Question(address, request, deadline, limit, answered))

    def memory(self, pid: int, address: int, length: int) -> bytes:
        """At most ``length`` bytes of a process's memory from an address on, read and not written (proc(5), mem)."""
        path = f"/proc/{pid}/mem"
        place = open_place(self.root, path)
        try:
            opened = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)
        try:
            return os.pread(opened, length, address)
        except (OSError, OverflowError) as error:  # the address is the process's own word: it may be none
            raise CannotLook(f"{path}: nothing can be read at address {address:#x} ({error})", path=path) from error
        finally:
            os.close(opened)

    def machine(self) -> str:
        """The kernel's name for the processor, as uname(2) has it: x86_64, aarch64 and so on."""
        return os.uname().machine

    def _open_program(self, path: str) -> int:
        """Open a program through links that only root could have placed, or as what a process of root's runs."""
        of_process = bool(_EXECUTABLE.match(path))
        place = open_place(self.root, path, follow=not of_process)
        try:
            if of_process and os.fstat(place.directory).st_uid not in (0, os.geteuid()):
                raise Untrusted(f"{path}: it is not run, because another user than root chose what it is", path=path)
            flags = os.O_PATH | os.O_CLOEXEC | (0 if of_process else os.O_NOFOLLOW)
            return os.open(place.name, flags, dir_fd=place.directory)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            os.close(place.directory)

    def processes(self) -> Iterator[Any]:
        """psutil.Process of every process that can be seen; attributes may still raise psutil.Error when it ends.

        Not by process_iter(): it hands out what it remembers of a pid, whoever bears that pid now.
        """
        library = self.psutil()
        library.PROCFS_PATH = os.path.join(self.root, "proc")
        for pid in library.pids():
            try:
                process = library.Process(pid)
            except library.NoSuchProcess:
                continue  # it ended since
            yield process

    def process(self, pid: int) -> Any:
        """psutil.Process of whoever bears a pid now. Raises Missing where nobody does."""
        library = self.psutil()
        library.PROCFS_PATH = os.path.join(self.root, "proc")
        try:
            return library.Process(pid)
        except library.NoSuchProcess as error:
            raise Missing(f"process {pid}: it has ended", pid=pid) from error

    def psutil(self) -> Any:
        """The library itself, for its constants and errors. Raises LibraryMissing where the host lacks it."""
        if psutil is None:
            raise LibraryMissing(
                "psutil is not installed for this Python, so processes cannot be seen; "
                "install the package python3-psutil, or run the role phpfleet.remediation.prerequisites"
            )
        return psutil

    def user_name(self, uid: int) -> str:
        """The name of a user, or the number as text. Asked once a look: a directory service may be behind it."""
        if uid not in self._users:
            self._users[uid] = _user_name(uid)
        return self._users[uid]

    def user_id(self, name: str) -> Optional[int]:
        """The uid of a user, None where the host knows no user of that name."""
        try:
            return pwd.getpwnam(name).pw_uid
        except (KeyError, ValueError):  # ValueError: no user can be called so
            return None

    def is_root(self) -> bool:
        """Whether we see what only root sees; much of /proc does not refuse others, but shows them nothing."""
        return os.geteuid() == 0

    def page_size(self) -> int:
        """The size of a page of memory, in bytes."""
        return os.sysconf("SC_PAGE_SIZE")

    def semaphores(self, identifier: int, count: int) -> Tuple[Semaphore, ...]:
        """Every semaphore of a set, by semctl(2). Raises Missing when it is gone and Forbidden without permission."""
        values = (ctypes.c_ushort * count)()
        self._semctl(identifier, 0, _GETALL, values)
        # Without a line of Python for each of them: a host may have 32,000 sets.
        ask = self._libc.semctl  # type: ignore[union-attr]
        answers = tuple(starmap(ask, product((identifier,), range(count), (_GETPID, _GETNCNT, _GETZCNT))))
        if -1 in answers:
            self._semctl(identifier, 0, _GETPID)  # it went, or was closed to us, since GETALL: this says which
            raise CannotLook(f"sem {identifier}: it changed while it was looked at; look again")
        return _semaphores(tuple(values[:]), answers)

    def _semctl(self, identifier: int, number: int, command: int, *argument: Any) -> int:
        if self._libc is None:
            # PyDLL: these calls never wait, so the interpreter's lock need not be given up for each.
            self._libc = ctypes.PyDLL(None, use_errno=True)
        result: int = self._libc.semctl(identifier, number, command, *argument)
        if result < 0:
            code = ctypes.get_errno()
            if code in (errno.EINVAL, errno.EIDRM):
                raise Missing(f"sem {identifier}: it is gone", object=f"sem {identifier}")
            raise explained(OSError(code, os.strerror(code)), f"sem {identifier}")
        return result


@lru_cache(maxsize=1024)  # thousands of sets say the same
def _semaphores(values: Tuple[int, ...], answers: Tuple[int, ...]) -> Tuple[Semaphore, ...]:
    return tuple(map(Semaphore, values, answers[0::3], answers[1::3], answers[2::3]))


def _unnamed(name: str) -> time_zone.Zone:
    """A zone of which there is no file: its name may be its rule, and what is none either is UTC to the C library."""
    try:
        return time_zone.of_rule(name) if name else time_zone.UTC
    except Malformed:
        return time_zone.UTC


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _demand_roots_own(seen: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(seen.st_mode) or seen.st_uid != 0 or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Untrusted(
            f"{path}: it is not run, because others than root own it or can write it; mend its owner and mode",
            path=path,
        )


def _run(program: int, argv: Sequence[str], deadline: float, limit: int) -> Ran:
    # AnsibleModule's run_command knows no deadline, and whoever looks knows no AnsibleModule.
    started = subprocess.Popen(  # pylint: disable=ansible-bad-function
        list(argv),
        executable=f"/proc/self/fd/{program}",
        pass_fds=(program,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        start_new_session=True,
    )
    with started:
        try:
            output = _output(started, time.monotonic() + deadline, limit)
        finally:
            # With all that it started: its group bears its pid, which nobody else can bear before it is waited for.
            os.killpg(started.pid, signal.SIGKILL)
    if output is None:
        raise CannotLook(f"{argv[0]}: `{' '.join(argv)}` did not end within {deadline:g} s", command=list(argv))
    if len(output) > limit:
        raise TooLarge(f"{argv[0]}: `{' '.join(argv)}` says more than {limit} bytes", command=list(argv))
    return Ran(started.returncode, output)


def _output(started: "subprocess.Popen[bytes]", end: float, limit: int) -> Optional[bytes]:
    """All that it says until it ends, or a little more than ``limit`` bytes; None when the time ``end`` comes first."""
    said = cast(IO[bytes], started.stdout).fileno()
    output = bytearray()
    while len(output) <= limit:
        ready, _unused, _unused = select.select([said], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return None
        piece = os.read(said, 1 << 16)
        if not piece:
            return bytes(output) if _ends(started.pid, end) else None
        output += piece
    return bytes(output)


def _ends(pid: int, end: float) -> bool:
    """Wait until a child has ended, without reaping it; False when the time ``end`` comes first."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True
