# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking a pool by a probe: what it may answer instead, and that nothing is left behind whatever it answers.

The pool is a thread here, for no real one can be made to answer so; that real ones answer is proven in tests/fleet.
"""

import errno
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import pool_probe, processes
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster, FpmPool
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import fastcgi
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import ProbeAnswer, Task
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.probe import DIRECTORY
from test_probe_answer_format import Pieces, opcache

POLICY = policy_from({})
OUTPUT = b"Content-type: text/html\r\n\r\n"
NOT_FOUND = b"Status: 404 Not Found\r\n" + OUTPUT
MASTER = os.getpid()


class Asked(NamedTuple):
    """A request as the pool has it. lying: what lies where the script does."""

    parameters: Dict[str, str]
    body: bytes
    lying: List[str]

    @property
    def words(self) -> Dict[str, str]:
        return dict(word.split("=", 1) for word in self.parameters["PHPFLEET_TASK"].split(" "))

    @property
    def paths(self) -> List[bytes]:
        return self.body.split(b"\0")[:-1]


Reply = Callable[[Asked, socket.socket], None]


class Pool:
    """A pool that replies in the given ways, one request after the other, the last way for good."""

    def __init__(self, directory: Any, *replies: Reply, backlog: int = 5, leaves_unread: bool = False) -> None:
        self.replies = list(replies)
        self.flags = socket.MSG_PEEK if leaves_unread else 0
        self.asked: List[Asked] = []
        self.address = str(directory / "pool.sock")
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.address)
        self.listening.listen(backlog)
        self.serving = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                accepted, _unused = self.listening.accept()
            except OSError:
                return  # the test has ended
            with accepted:
                accepted.settimeout(10)
                asked = _asked(accepted, self.flags)
                self.asked.append(asked)
                reply = self.replies[0] if len(self.replies) == 1 else self.replies.pop(0)
                try:
                    reply(asked, accepted)
                except OSError:
                    continue  # whoever asked has gone


def _asked(accepted: socket.socket, flags: int) -> Asked:
    data = b""
    while not data.endswith(fastcgi._record(fastcgi.STDIN, 1, b"")):
        piece = accepted.recv(1 << 16, flags)
        data = piece if flags else data + piece
    parts: Dict[int, bytes] = {}
    for record in fastcgi.records(data):
        parts[record.type] = parts.get(record.type, b"") + record.content
    parameters = dict(fastcgi.pairs(parts[fastcgi.PARAMS]))
    above = os.path.dirname(parameters["SCRIPT_FILENAME"])
    return Asked(parameters, parts[fastcgi.STDIN], os.listdir(above) if os.path.isdir(above) else [])


def record(kind: int, content: bytes) -> bytes:
    return b"".join(fastcgi._record(kind, 1, content[at : at + 60000]) for at in range(0, len(content), 60000))


def says(output: bytes, errors: bytes = b"") -> Reply:
    """Reply with a whole answer."""

    def reply(asked: Asked, accepted: socket.socket) -> None:
        end = struct.pack(">IB3x", 0, fastcgi.REQUEST_COMPLETE)
        accepted.sendall(
            record(fastcgi.STDERR, errors)
            + record(fastcgi.STDOUT, output)
            + fastcgi._record(fastcgi.END_REQUEST, 1, end)
        )

    return reply


def printed(asked: Asked, *pieces: Any, pid: Optional[int] = None, end: bool = True) -> bytes:
    """What the probe of a request prints."""
    said: Pieces = [
        (b"pid", b"", str(WORKER.pid if pid is None else pid).encode(), b""),
        (b"version", b"", b"8.2", b""),
    ]
    said += [*pieces, (b"now", b"", b"1795347348.99", b"")]
    if end:
        said.append((b"end", b"", str(len(said) + 1).encode(), b""))
    return asked.words["marker"].encode() + b"".join(part + b"\0" for piece in said for part in piece)


def answers(*pieces: Any, **how: Any) -> Reply:
    """Reply as the probe does."""

    def reply(asked: Asked, accepted: socket.socket) -> None:
        says(OUTPUT + printed(asked, *pieces, **how))(asked, accepted)

    return reply


def dies(*pieces: Any, end: bool = False) -> Reply:
    """Reply with the beginning of an answer."""

    def reply(asked: Asked, accepted: socket.socket) -> None:
        accepted.sendall(record(fastcgi.STDOUT, OUTPUT + printed(asked, *pieces, end=end)))

    return reply


class Worker:
    """A child of this process, which stands for a worker of the pool's master."""

    pid = 0


WORKER = Worker()


@pytest.fixture(scope="module", autouse=True)
def worker() -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        WORKER.pid = child.pid
        yield
        child.kill()


@pytest.fixture
def pool(tmp_path: Any) -> Iterator[Callable[..., Pool]]:
    """Starts a pool; ends it, and demands that nothing is left, when the test ends."""
    started: List[Pool] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    def start(*replies: Reply, **how: int) -> Pool:
        started.append(Pool(tmp_path, *replies, **how))
        started[0].serving.start()
        return started[0]

    yield start
    for one in started:
        one.listening.shutdown(socket.SHUT_RDWR)
        one.listening.close()
        one.serving.join(10)
    assert [name for _unused, names, _files in os.walk(str(tmp_path)) for name in sorted(names)] == ["a", "b"]


def opened(its: Pool, **changed: Any) -> Any:
    """Open a probe of a pool whose open_basedir is two directories of the test."""
    top = os.path.dirname(its.address)
    settings = {"user": str(os.geteuid()), "php_admin_value[open_basedir]": f"{top}/a:{top}/b"}
    settings.update(changed.pop("settings", {}))
    fields: Dict[str, Any] = dict(name="www", settings=settings, sources={}, tested=True)
    fields.update(address=its.address, listening=7)
    host = Host("/")
    master = processes.bears(host, MASTER)
    assert master is not None
    process = master._replace(uids=(os.geteuid(),) * 3)
    empty: Dict[str, Any] = dict.fromkeys(FpmMaster._fields)
    its_master = FpmMaster(**dict(empty, process=process, root="/", apart=changed.pop("apart", None)))
    return pool_probe.opened(host, POLICY, its_master, FpmPool(**dict(fields, **changed)))


LOOK = Task()


def ask(its: Pool, task: Task = LOOK, seconds: float = 5.0, **changed: Any) -> ProbeAnswer:
    with opened(its, **changed) as one:
        return one.ask(task, seconds)


def failure(its: Pool, task: Task = LOOK, seconds: float = 5.0, **changed: Any) -> str:
    with pytest.raises(CannotLook) as raised:
        ask(its, task, seconds, **changed)
    return str(raised.value)


def test_a_pool_is_asked_by_a_script_that_lies_there_for_as_long_as_it_is_asked(pool: Any) -> None:
    its = pool(answers(*opcache()))
    answer = ask(its)
    assert answer.pid == WORKER.pid and answer.opcache is not None
    script = its.asked[0].parameters["SCRIPT_FILENAME"]
    assert re.search(rf"/a/{re.escape(DIRECTORY)}/[0-9a-f]{{32}}\.php\Z", script)
    assert os.path.basename(script) in its.asked[0].lying and len(its.asked[0].lying) == 2
    assert not os.path.exists(script)


def test_the_secret_is_said_to_the_pool_alone_and_lies_nowhere(pool: Any) -> None:
    read: List[str] = []

    def reply(asked: Asked, accepted: socket.socket) -> None:
        above = os.path.dirname(asked.parameters["SCRIPT_FILENAME"])
        for name in os.listdir(above):
            with open(os.path.join(above, name), encoding="ascii") as script:
                read.append(script.read())
        answers()(asked, accepted)

    its = pool(reply)
    ask(its)
    secret = its.asked[0].parameters["PHPFLEET_SECRET"]
    assert len(secret) == 64
    assert not [text for text in read if secret in text]
    assert [text for text in read if hashlib.sha256(secret.encode()).hexdigest() in text]
    shown = [its.asked[0].parameters[name] for name in ("REQUEST_URI", "QUERY_STRING", "SCRIPT_NAME")]
    assert shown == ["/phpfleet-probe", "", "/phpfleet-probe"]
    assert not [name for name in its.asked[0].parameters if name.startswith(("PHP_", "HTTP_"))]


def test_each_run_has_a_secret_and_a_name_of_its_own(pool: Any) -> None:
    its = pool(answers())
    for _unused in range(2):
        ask(its)
    first, second = (one.parameters for one in its.asked)
    assert first["PHPFLEET_SECRET"] != second["PHPFLEET_SECRET"]
    assert first["SCRIPT_FILENAME"] != second["SCRIPT_FILENAME"]


def test_a_probe_asks_again_with_what_lies_there(pool: Any) -> None:
    its = pool(answers())
    with opened(its) as one:
        for _unused in range(3):
            one.ask(Task(), 5.0)
    assert len({asked.parameters["SCRIPT_FILENAME"] for asked in its.asked}) == 1
    assert len({asked.words["marker"] for asked in its.asked}) == 3


def test_a_request_is_not_done_after_its_time(pool: Any) -> None:
    its = pool(answers())
    ask(its, seconds=3.0)
    assert 0 < float(its.asked[0].words["until"]) - time.time() <= 3.0


@pytest.mark.parametrize(
    "said",
    [
        says(NOT_FOUND + b"File not found.\n", b"Primary script unknown"),
        says(NOT_FOUND + b"No input file specified.\n"),
        says(b"Status: 403 Forbidden\r\n" + OUTPUT + b"Access denied.\n"),
        says(OUTPUT + b"<b>Warning</b> of a prepended file\nNo input file specified.\n"),
    ],
)
def test_where_the_pool_does_not_run_the_script_the_next_place_is_tried(pool: Any, said: Reply) -> None:
    its = pool(said, answers())
    assert ask(its).pid == WORKER.pid
    assert [
        "/a/" in its.asked[0].parameters["SCRIPT_FILENAME"],
        "/b/" in its.asked[1].parameters["SCRIPT_FILENAME"],
    ] == [
        True,
        True,
    ]


def test_where_it_runs_from_nowhere_each_place_is_told_with_its_reason(pool: Any) -> None:
    its = pool(says(NOT_FOUND + b"File not found.\n", b"Primary script unknown"))
    told = failure(its)
    top = os.path.dirname(its.address)
    assert told == (
        "pool www: it runs a probe from none of the places where one may lie "
        f"({top}/a: File not found.; Primary script unknown; {top}/b: File not found.; Primary script unknown); "
        "see its log for the reason, and allow it /run in open_basedir if that is it"
    )


def test_open_basedir_is_learnt_from_the_warning(pool: Any) -> None:
    warning = "PHP Warning:  open_basedir restriction in effect. File(%s) is not within the allowed path(s): (%s) in x"

    def reply(asked: Asked, accepted: socket.socket) -> None:
        allowed = os.path.dirname(os.path.dirname(os.path.dirname(asked.parameters["SCRIPT_FILENAME"]))) + "/b"
        says(NOT_FOUND, (warning % ("x.php", allowed)).encode())(asked, accepted)

    its = pool(reply, answers())
    top = os.path.dirname(its.address)
    assert ask(its, settings={"php_admin_value[open_basedir]": f"{top}/a"}).pid == WORKER.pid
    assert "/b/" in its.asked[1].parameters["SCRIPT_FILENAME"]


def test_a_pool_that_names_ever_further_places_leads_nowhere(pool: Any, tmp_path: Any) -> None:
    def reply(asked: Asked, accepted: socket.socket) -> None:
        further = tmp_path / f"further-{len(its.asked)}"
        further.mkdir()
        warning = f"open_basedir restriction in effect. File(x) is not within the allowed path(s): ({further})"
        says(NOT_FOUND, warning.encode())(asked, accepted)

    its = pool(reply)
    assert "it runs a probe from none of the places" in failure(its)
    assert len(its.asked) == pool_probe.TRIES_LIMIT
    for further in tmp_path.glob("further-*"):
        further.rmdir()  # which shows that nothing is left in it


def test_where_nothing_can_be_written_the_next_place_is_tried(pool: Any, tmp_path: Any) -> None:
    (tmp_path / "a" / DIRECTORY).write_text("a file in our way")
    its = pool(answers())
    assert ask(its).pid == WORKER.pid
    assert "/b/" in its.asked[0].parameters["SCRIPT_FILENAME"]
    (tmp_path / "b" / DIRECTORY).write_text("another")
    told = failure(its)
    for name in ("a", "b"):
        assert told.count(f"{tmp_path}/{name}/{DIRECTORY}: a link or a plain file stands where a directory") == 1
        (tmp_path / name / DIRECTORY).unlink()


RESTRICTED = (b"reason", b"opcache", b"the API is restricted", b"")


def restricted(prefix: str) -> Reply:
    """Reply as a pool does whose opcache.restrict_api is ``prefix`` of a directory of the test."""

    def reply(asked: Asked, accepted: socket.socket) -> None:
        script = asked.parameters["SCRIPT_FILENAME"]
        top = os.path.dirname(os.path.dirname(os.path.dirname(script)))
        setting = (b"setting", b"opcache.restrict_api", (top + prefix).encode(), b"")
        seen = opcache() if script.startswith(top + prefix) else [RESTRICTED]
        answers(setting, *seen)(asked, accepted)

    return reply


def test_a_script_below_restrict_api_may_look_into_opcache(pool: Any) -> None:
    its = pool(restricted("/b"))
    with opened(its) as one:
        assert one.ask(Task(), 5.0).opcache is not None
        assert one.ask(Task(), 5.0).opcache is not None
    assert ["/b/" in asked.parameters["SCRIPT_FILENAME"] for asked in its.asked] == [False, True, True]


def test_where_none_can_lie_below_restrict_api_the_rest_is_told_all_the_same(pool: Any) -> None:
    its = pool(restricted("/b/opcache.php"))
    with opened(its) as one:
        for _unused in range(2):
            answer = one.ask(Task(), 5.0)
            assert answer.opcache is None and answer.pid == WORKER.pid
            assert answer.reasons["opcache"].startswith("the API is restricted")
    assert "no probe can be run from there" in ask(its).reasons["opcache"]


def test_what_goes_wrong_below_restrict_api_leaves_no_file_there(pool: Any) -> None:
    its = pool(restricted("/b"), says(b"Status: 302 Found\r\nLocation: /login\r\n\r\n"), restricted("/b"))
    with opened(its) as one:
        assert "it answers 302" in one.ask(Task(), 5.0).reasons["opcache"]
        assert not os.path.exists(its.asked[1].parameters["SCRIPT_FILENAME"])
        assert one.ask(Task(), 5.0).opcache is not None
        assert not os.path.exists(its.asked[0].parameters["SCRIPT_FILENAME"])


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (says(b"Status: 302 Found\r\nLocation: /login\r\n\r\n"), "it answers 302, without a word of the probe"),
        (says(OUTPUT + b"<h1>Down for\x1b[2J maintenance</h1>"), r"<h1>Down for\\x1b\[2J maintenance</h1>"),
        (
            says(b"Status: 500 Oops\r\n" + OUTPUT, b"PHP message: PHP Fatal error:  Uncaught Error in /srv/x.php"),
            "PHP failed before the probe began to answer: PHP message: PHP Fatal error: Uncaught Error in /srv/x.php",
        ),
        (says(NOT_FOUND), "it came to the probe too late, or without its secret"),
        (says(b"no headers"), "it answers 0, without a word of the probe"),
        (answers(end=False), "the answer of the probe ends before its end"),
        (answers(pid=0), "disable_functions names getmypid"),
        (answers(pid=1), f"process 1 answers, which is no child of its master {MASTER}"),
        (answers(pid=4194305), "process 4194305 answers, which is gone already; look again"),
        (answers((b"pwned", b"", b"", b"")), "'pwned', which it never prints"),
        (dies(), "the worker that ran the probe died of it; see the log of php-fpm"),
        (dies((b"fatal", b"", b"Allowed memory size exhausted", b"")), "Allowed memory size exhausted"),
        (lambda asked, accepted: None, "closes the connection without an answer"),
        (lambda asked, accepted: accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak FastCGI"),
        (
            lambda asked, accepted: accepted.sendall(fastcgi._record(fastcgi.STDOUT, 2, b"x")),
            "request that was not made",
        ),
        (lambda asked, accepted: accepted.sendall(record(fastcgi.STDOUT, b"half")), "its worker died before the probe"),
    ],
)
def test_what_else_a_pool_may_answer_is_told(pool: Any, reply: Reply, told: str) -> None:
    assert re.match(r"pool www: .*" + told, failure(pool(reply)), re.DOTALL)


def test_an_answer_without_end_is_bounded(pool: Any) -> None:
    def reply(asked: Asked, accepted: socket.socket) -> None:
        piece = record(fastcgi.STDOUT, b"x" * 60000)
        while True:
            accepted.sendall(piece)

    assert f"it answers with more than {pool_probe.ANSWER_LIMIT} bytes" in failure(pool(reply))


def test_an_answer_of_two_million_records_costs_no_memory(pool: Any) -> None:
    its = pool(lambda asked, accepted: accepted.sendall(fastcgi._record(fastcgi.STDOUT, 1, b"") * 1000000))
    assert "it answers in more than 65536 records" in failure(its)


def test_words_of_the_pool_s_that_are_slow_to_search_are_looked_at_only_in_part(pool: Any) -> None:
    slow = b"open_basedir restriction in effect. File(" * 300000  # 12 MiB, each of which is searched 4 KiB further
    begun = time.process_time()
    assert "it answers 200, without a word of the probe" in failure(pool(says(OUTPUT + slow, slow[:60000])))
    assert time.process_time() - begun < 10  # a tenth of a second, where all of it would take minutes


def test_a_long_sentence_of_the_pool_s_is_cut(pool: Any) -> None:
    assert len(failure(pool(says(OUTPUT + b"y" * 100000)))) < 500


def test_a_pool_whose_workers_are_all_busy_is_not_waited_for_for_ever(pool: Any) -> None:
    its = pool(lambda asked, accepted: accepted.recv(1))  # until whoever asked has gone
    begun = time.monotonic()
    assert "it took a request and does not answer it in time; all who serve it are busy" in failure(its, seconds=0.2)
    assert time.monotonic() - begun < 5.0


def test_a_full_queue_is_waited_for_until_the_end_of_the_time(tmp_path: Any) -> None:
    its = Pool(tmp_path, answers(), backlog=0)
    (tmp_path / "a").mkdir()
    waiting = [socket.socket(socket.AF_UNIX) for _unused in range(3)]
    for one in waiting:
        one.setblocking(False)
        full = one.connect_ex(its.address)
    assert full == errno.EAGAIN
    begun = time.monotonic()
    assert "its queue is full, so it takes no connection" in failure(its, seconds=0.3)
    assert 0.2 < time.monotonic() - begun < 5.0
    for one in [*waiting, its.listening]:
        one.close()


def test_a_queue_that_empties_in_time_is_no_failure(pool: Any, monkeypatch: Any) -> None:
    asking = Host.ask
    failing = [True, True]

    def ask_of(*arguments: Any) -> bytes:
        if failing:
            failing.pop()
            raise CannotLook("its queue is full", errno=errno.EAGAIN)
        return asking(*arguments)

    monkeypatch.setattr(Host, "ask", ask_of)
    assert ask(pool(answers())).pid == WORKER.pid


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"address": None}, "its configuration does not say where it listens"),
        ({"apart": "a container's"}, "it is not asked, because a container's"),
        ({"listening": None, "address": "127.0.0.1:9"}, "its master is not seen to listen for the pool"),
    ],
)
def test_nothing_is_handed_to_who_may_be_another(pool: Any, changed: Dict[str, Any], told: str) -> None:
    its = pool(answers())
    assert told in failure(its, **changed)
    assert its.asked == []


def test_a_socket_that_nobody_serves_is_told(tmp_path: Any) -> None:
    its = Pool(tmp_path, answers())
    (tmp_path / "a").mkdir()
    its.listening.close()
    assert "nothing listens there (connection refused)" in failure(its)
    assert os.listdir(str(tmp_path / "a")) == []


def test_a_worker_that_has_ended_since_was_one_if_it_was_seen_before(pool: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        while processes.bears(Host("/"), child.pid) is None or not _is_zombie(child.pid):
            time.sleep(0.01)
        its = pool(answers(pid=child.pid))
        with opened(its) as one:
            one._host.once(processes.gather, POLICY)
            child.wait()
            assert one.ask(Task(), 5.0).pid == child.pid


def _is_zombie(pid: int) -> bool:
    seen = processes.bears(Host("/"), pid)
    return seen is not None and seen.zombie


def compiled(*paths: str, why: str = "") -> Pieces:
    return [(b"compiled", path.encode(), why.encode(), b"") for path in paths]


def test_a_file_that_ends_the_request_is_named_and_the_others_are_compiled(pool: Any) -> None:
    its = pool(
        dies((b"returned", b"opcache", b"1", b""), *opcache(b"opcache_before"), *compiled("/1.php")),
        dies((b"fatal", b"", b"Maximum execution time", b""), *compiled("/3.php", why="no such file")),
        answers(*compiled("/5.php"), *opcache()),
    )
    answer = ask(its, Task(reset=("opcache",), compile=tuple(f"/{number}.php" for number in range(1, 6))))
    assert [(one.path, one.reason) for one in answer.compiled] == [
        ("/1.php", None),
        ("/2.php", "the worker that ran the probe died of it; see the log of php-fpm"),
        ("/3.php", "no such file"),
        ("/4.php", "Maximum execution time"),
        ("/5.php", None),
    ]
    assert answer.returned == {"opcache": True} and answer.opcache_before is not None
    assert [asked.words["reset"] for asked in its.asked] == ["opcache", "", ""]  # what was done is not done again
    assert [asked.paths for asked in its.asked] == [
        [b"/1.php", b"/2.php", b"/3.php", b"/4.php", b"/5.php"],
        [b"/3.php", b"/4.php", b"/5.php"],
        [b"/5.php"],
    ]


def test_a_worker_that_dies_with_some_of_the_request_unread_takes_no_word_back(pool: Any) -> None:
    its = pool(dies(*compiled("/1.php")), answers(*compiled("/3.php")), leaves_unread=True)
    answer = ask(its, Task(compile=("/1.php", "/2.php", "/3.php")))
    assert [one.path for one in answer.compiled if one.reason is None] == ["/1.php", "/3.php"]


def test_a_worker_that_dies_when_all_was_said_costs_nothing(pool: Any) -> None:
    assert ask(pool(dies(*opcache(), end=True))).opcache is not None


def test_more_files_than_a_request_takes_are_compiled_by_several(pool: Any) -> None:
    def reply(asked: Asked, accepted: socket.socket) -> None:
        answers(*compiled(*(path.decode() for path in asked.paths[:700])))(asked, accepted)

    its = pool(reply)
    paths = tuple(f"/{number}.php" for number in range(2500))
    answer = ask(its, Task(compile=paths))
    assert tuple(one.path for one in answer.compiled) == paths
    assert [len(asked.paths) for asked in its.asked] == [1000, 1000, 1000, 400]


def test_where_nothing_can_be_compiled_each_file_has_the_reason(pool: Any) -> None:
    its = pool(answers((b"reason", b"compile", b"opcache_compile_file() is switched off", b"")))
    answer = ask(its, Task(compile=("/1.php", "/2.php")))
    assert {(one.path, one.reason) for one in answer.compiled} == {
        ("/1.php", "opcache_compile_file() is switched off"),
        ("/2.php", "opcache_compile_file() is switched off"),
    }


def test_a_list_of_scripts_that_needs_more_memory_than_there_is_costs_only_the_list(pool: Any) -> None:
    its = pool(dies((b"fatal", b"", b"Allowed memory size exhausted", b"")), answers(*opcache()))
    answer = ask(its, Task(scripts=True, invalidate=("/1.php",)))
    assert answer.opcache is not None and answer.scripts is None
    assert answer.reasons == {"scripts": "Allowed memory size exhausted"}
    assert [(asked.words["scripts"], asked.words["invalidate"]) for asked in its.asked] == [("1", "1"), ("0", "0")]


def test_invalidated_paths_come_before_those_to_compile(pool: Any) -> None:
    its = pool(answers((b"invalidated", b"/1.php", b"1", b""), *compiled("/2.php")))
    answer = ask(its, Task(invalidate=("/1.php",), compile=("/2.php",)))
    assert its.asked[0].paths == [b"/1.php", b"/2.php"]
    assert its.asked[0].parameters["CONTENT_LENGTH"] == "14"
    assert its.asked[0].parameters["REQUEST_METHOD"] == "GET"
    assert answer.invalidated == {"/1.php": True}


def test_what_goes_wrong_in_between_leaves_no_file(pool: Any) -> None:
    its = pool(answers())
    with pytest.raises(KeyboardInterrupt), opened(its) as one:
        one.ask(Task(), 5.0)
        raise KeyboardInterrupt
