# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hand a script to a pool by FastCGI and take its answer."""

import contextlib
import errno
import hashlib
import secrets
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Malformed
from ..formats import fastcgi, probe_answer, probe_script
from ..formats.fastcgi import Document
from ..formats.probe_answer import Compiled, Done, ProbeAnswer, Task
from ..host import Host
from ..plain import one_line
from ..policy import Policy
from ..probe import ProbeFiles, ProbePlace, removed_on_signals
from . import probe_places, processes
from .fpm_masters import FpmMaster, FpmPool
from .probe_places import Learnt

__all__ = ["Probe", "opened", "removed_on_signals"]

ANSWER_LIMIT = 16 * 1024 * 1024  # bytes
LIFE_SECONDS = 3600  # after which a script that was left behind answers nobody
TRIES_LIMIT = 12  # directories: a pool may name further ones again and again
COMPILE_AT_ONCE = 1000  # paths handed over with one request
_QUEUE_PAUSE = 0.05
_READ_LIMIT = 16 * 1024  # characters of what a pool said instead that are looked at; it may be of any length and kind
_SAID_LIMIT = 300  # characters of it that are told
# What php-fpm says where it does not run a script (sapi/fpm/fpm/fpm_main.c).
_NOT_RUN = (b"File not found.\n", b"No input file specified.\n", b"Access denied.\n")


class _Said(NamedTuple):
    """What came back of one request. whole: whether it was answered to its end. errors: its stream of errors."""

    output: bytes
    errors: str
    whole: bool


class _Heard(fastcgi.Answered):
    """As its parent, and keeps what came, so that it is known also where the connection is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def __call__(self, data: bytearray) -> bool:
        self.data = data
        return super().__call__(data)


class _NotRun(CannotLook):
    """php-fpm did not run the script that lies at a place; another place may do."""


class Probe:
    """A script that lies ready for one pool, for as long as it is open; made when it is first asked."""

    def __init__(self, host: Host, policy: Policy, master: FpmMaster, pool: FpmPool) -> None:
        self._host = host
        self._policy = policy
        self._master = master
        self._pool = pool
        # The socket's path is the master's word, and it may be chrooted, or have mounts of its own (PrivateTmp=).
        self._its = host.within(master.process.pid) if host.is_root() else host
        self._secret = secrets.token_hex(32)
        self._learnt = Learnt()
        self._failures: Dict[str, str] = {}  # by directory, why it is no place for this pool
        self._files: Optional[ProbeFiles] = None

    def ask(self, task: Task, seconds: float) -> ProbeAnswer:
        """Have a worker of the pool do a task. Raises CannotLook: saturated, down, garbage, died, restricted, late."""
        self._demand_listening()
        end = time.monotonic() + seconds
        return self._ask_unrestricted(task, end, self._ask_somewhere(task, end))

    def take_away(self) -> None:
        """Remove what lies there. Raises CannotLook where it can't be."""
        if self._files is not None:
            self._files.take_away()
            self._files = None

    def _ask_somewhere(self, task: Task, end: float) -> ProbeAnswer:
        """Ask from where the script lies, or from the best place where the pool runs it."""
        while True:
            place = self._files.place if self._files is not None else self._next_place()
            try:
                if self._files is None:
                    self._lay(place)
                return self._do(task, end)
            except _NotRun as error:
                self._failures[place.directory] = str(error)
                self.take_away()

    def _ask_unrestricted(self, task: Task, end: float, answer: ProbeAnswer) -> ProbeAnswer:
        """Ask again from below opcache.restrict_api where that kept the script from OPcache, if one can lie there."""
        prefix = answer.settings.get("opcache.restrict_api", "")
        first = self._files
        if not prefix or first is None or first.path.startswith(prefix) or answer.opcache is not None:
            return answer
        self._learnt = self._learnt._replace(restrict_api=prefix)
        self._files, spare = None, self._files
        try:
            return self._ask_somewhere(task, end)
        except CannotLook as error:
            self.take_away()
            self._files, spare = spare, None
            told = answer.reasons.get("opcache", "opcache.restrict_api is set")
            why = f"{told}, and no probe can be run from there: {error}"
            return answer._replace(reasons={**answer.reasons, "opcache": why})
        finally:
            if spare is not None:
                spare.take_away()

    def _next_place(self) -> ProbePlace:
        found = probe_places.places(self._host, self._master, self._pool, self._learnt)
        untried = [place for place in found if place.directory not in self._failures]
        if untried and len(self._failures) < TRIES_LIMIT:
            return untried[0]
        tried = "; ".join(self._failures.values())
        raise CannotLook(
            f"pool {self._pool.name}: it runs a probe from none of the places where one may lie ({tried}); see its log "
            "for the reason, and allow it /run in open_basedir if that is it"
        )

    def _lay(self, place: ProbePlace) -> None:
        digest = hashlib.sha256(self._secret.encode("ascii")).hexdigest()
        files = ProbeFiles(place)
        expires = int(self._host.now()) + LIFE_SECONDS
        try:
            files.lay(probe_script.guard(digest, expires, files.beside), probe_script.look())
        except CannotLook as error:
            raise _NotRun(str(error)) from error
        self._files = files

    def _do(self, task: Task, end: float) -> ProbeAnswer:
        """Do a task in as many requests as it needs: a file that cannot be compiled may end the one that tries."""
        done = _Sum()
        while True:
            now = task._replace(compile=task.compile[:COMPILE_AT_ONCE])
            marker = secrets.token_hex(16)
            said = self._request(now, marker, end)
            part, answer, why = self._read(said, marker.encode("ascii"))
            done.add(part)
            rest = task.compile[len(part.compiled) :]
            if answer is not None and not rest:
                return done.whole(answer)
            if answer is not None and not part.compiled:
                why = answer.reasons.get("compile", "the probe ended before it")
                done.add(part._replace(compiled=tuple(Compiled(path, why) for path in rest)))
                return done.whole(answer)
            if answer is None and rest:
                done.add(part._replace(returned={}, invalidated={}, compiled=(Compiled(rest[0], why),)))
                rest = rest[1:]
            elif answer is None and task.scripts:
                done.reasons["scripts"] = why
            elif answer is None:
                raise CannotLook(f"pool {self._pool.name}: {why}")
            # What was done is not done again.
            task = Task(scripts=task.scripts and "scripts" not in done.reasons, compile=rest)

    def _request(self, task: Task, marker: str, end: float) -> _Said:
        left = max(end - time.monotonic(), 0.0)
        body = probe_answer.paths(task)
        parameters = self._parameters(probe_answer.words(task, marker, self._host.now() + left), len(body))
        came = self._exchange(fastcgi.request(parameters, body), end)
        if not came:
            unix = (self._pool.address or "").startswith("/")
            others = "" if unix else ", or listen.allowed_clients does not name us"
            raise CannotLook(
                f"pool {self._pool.name}: {self._pool.address} closes the connection without an answer; its worker "
                f"died (see the log of php-fpm){others}"
            )
        try:
            return _said(came)
        except Malformed as error:
            raise CannotLook(
                f"pool {self._pool.name}: what answers at {self._pool.address} is wrong: {error}"
            ) from error

    def _exchange(self, request: bytes, end: float) -> bytes:
        """Send a request and return what came back, patient with a queue that is full just now."""
        address = self._pool.address or ""
        while True:
            left = end - time.monotonic()
            heard = _Heard()
            try:
                return self._its.ask(address, request, left, ANSWER_LIMIT, heard)
            except CannotLook as error:
                failure = error.details.get("errno")
                if failure in (errno.ECONNRESET, errno.EPIPE):
                    return bytes(heard.data)  # a worker that dies with some of the request unread resets the connection
                if failure != errno.EAGAIN or time.monotonic() + _QUEUE_PAUSE > end:
                    raise CannotLook(f"pool {self._pool.name}: {error}") from error
            self._host.pause(_QUEUE_PAUSE)

    def _parameters(self, words: str, length: int) -> Dict[str, str]:
        """The request. Its method is GET, because PHP bounds the body of a POST by post_max_size."""
        path = self._files.path if self._files is not None else ""
        return dict(
            GATEWAY_INTERFACE="CGI/1.1",
            SERVER_PROTOCOL="HTTP/1.1",
            REQUEST_METHOD="GET",
            REQUEST_URI="/phpfleet-probe",
            SCRIPT_NAME="/phpfleet-probe",
            SCRIPT_FILENAME=path,
            QUERY_STRING="",
            CONTENT_LENGTH=str(length),
            PHPFLEET_SECRET=self._secret,
            PHPFLEET_TASK=words,
        )

    def _read(self, said: _Said, marker: bytes) -> Tuple[Done, Optional[ProbeAnswer], str]:
        """Return what was done, the whole answer or None, and why there is none. Raises CannotLook where none began."""
        if marker not in said.output:
            raise self._silence(said)
        try:
            printed = probe_answer.Printed(said.output, marker)
            part = printed.done()
            if not part.ended and (part.fatal or not said.whole):
                return part, None, part.fatal or "the worker that ran the probe died of it; see the log of php-fpm"
            answer = printed.answer()
        except Malformed as error:
            raise CannotLook(f"pool {self._pool.name}: {error}") from error
        self._demand_worker(answer.pid)
        return part, answer, ""

    def _silence(self, said: _Said) -> CannotLook:
        """Return what it means that the pool answered without a word of the script."""
        document = _document(said)
        begins = (document.body[:_READ_LIMIT].decode("utf-8", "replace"), said.errors[:_READ_LIMIT])
        basedir = probe_places.open_basedir_said("".join(begins))
        if basedir is not None:
            self._learnt = self._learnt._replace(open_basedir=basedir)
        told = "; ".join(_shown(one) for one in begins if one.strip())
        if basedir is not None or document.body in _NOT_RUN or document.body.endswith(_NOT_RUN):
            return _NotRun(f"{self._files.place.directory if self._files else ''}: {told}")
        if not said.whole:
            why = f"its worker died before the probe began to answer; see the log of php-fpm ({told or 'no word'})"
        elif document.status == 404 and not told:
            why = "it came to the probe too late, or without its secret"
        elif "PHP Fatal error" in told:
            why = f"PHP failed before the probe began to answer: {told}"
        else:
            why = f"it answers {document.status}, without a word of the probe, as auto_prepend_file can"
            why += f": {told}" if told else ""
        return CannotLook(f"pool {self._pool.name}: {why}")

    def _demand_listening(self) -> None:
        if self._master.apart is not None:
            raise CannotLook(f"pool {self._pool.name}: it is not asked, because {self._master.apart}")
        if self._pool.address is None:
            raise CannotLook(f"pool {self._pool.name}: its configuration does not say where it listens; set `listen`")
        if self._pool.listening is None and not (self._pool.address.startswith("/") and not self._host.is_root()):
            # Not reloaded yet, or in a network of its own: then somebody else may be at that address.
            raise CannotLook(
                f"pool {self._pool.name}: {self._pool.address} is not asked, because its master is not seen to listen "
                "for the pool; reload php-fpm if the pool is new"
            )

    def _demand_worker(self, pid: int) -> None:
        """Demand that who answered is a child of the master; one that has ended since was, if it was seen before."""
        master = self._master.process
        if not pid:
            raise CannotLook(
                f"pool {self._pool.name}: its worker cannot say who it is, because disable_functions names getmypid"
            )
        bearer = processes.bears(self._host, pid) or self._host.once(processes.gather, self._policy).by_pid.get(pid)
        if bearer is None or bearer.parent != master.pid:
            raise CannotLook(
                f"pool {self._pool.name}: process {pid} answers, which is "
                + (f"no child of its master {master.pid}" if bearer else "gone already; look again")
            )


class _Sum:
    """What the requests of one task came to, all together."""

    def __init__(self) -> None:
        self._parts: List[Done] = []
        self.reasons: Dict[str, str] = {}

    def add(self, part: Done) -> None:
        """Add what one of them did."""
        self._parts.append(part)

    def whole(self, answer: ProbeAnswer) -> ProbeAnswer:
        """Return the last one's answer, with what all of them did."""
        before = [part.opcache_before for part in self._parts if part.opcache_before is not None]
        return answer._replace(
            reasons={**answer.reasons, **self.reasons},
            returned={cache: yes for part in self._parts for cache, yes in part.returned.items()},
            invalidated={path: gone for part in self._parts for path, gone in part.invalidated.items()},
            compiled=tuple(one for part in self._parts for one in part.compiled),
            opcache_before=before[0] if before else None,
        )


@contextlib.contextmanager
def opened(host: Host, policy: Policy, master: FpmMaster, pool: FpmPool) -> Iterator[Probe]:
    """Give a probe of one pool. Its file is removed in every case; what a killed run left is swept first.

    Of a signal that ends the run only removed_on_signals() knows, which belongs around all probes, in the main thread.
    """
    probe = Probe(host, policy, master, pool)
    try:
        yield probe
    finally:
        probe.take_away()


def _said(came: bytes) -> _Said:
    """Return what a responder said, also where it did not come to its end. Raises Malformed."""
    output, errors, whole = [], [], False
    for record in fastcgi.records(came):
        if record.request != fastcgi.REQUEST_ID:
            raise Malformed("it answers a request that was not made")
        if record.type == fastcgi.STDOUT:
            output.append(record.content)
        elif record.type == fastcgi.STDERR:
            errors.append(record.content)
        elif record.type == fastcgi.END_REQUEST:
            fastcgi.answer(came)  # which knows why a request may be refused
            whole = True
            break
    return _Said(b"".join(output), b"".join(errors).decode("utf-8", "replace"), whole)


def _document(said: _Said) -> Document:
    try:
        return fastcgi.document(said.output)
    except Malformed:
        return Document(0, {}, b"")  # it died before its headers


def _shown(text: str) -> str:
    return one_line(" ".join(text.split())[:_SAID_LIMIT])
