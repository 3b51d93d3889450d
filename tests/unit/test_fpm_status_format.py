# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm's status page."""

import json
from typing import Any

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.fpm_status import WorkerStatus, parse
from hypothesis import given
from hypothesis import strategies as st

# php-fpm 8.2.36 of Debian 12, pool www, ?full&json.
PAGE = (
    b'{"pool":"www","process manager":"dynamic","start time":1795326576,"start since":20,"accepted conn":21,'
    b'"listen queue":0,"max listen queue":0,"listen queue len":0,"idle processes":1,"active processes":1,'
    b'"total processes":2,"max active processes":1,"max children reached":3,"slow requests":0, "processes":['
    b'{"pid":119,"state":"Running","start time":1795326576,"start since":20,"requests":11,"request duration":1500000,'
    b'"request method":"GET","request uri":"\\/status?full&json","content length":0,"user":"-","script":"-",'
    b'"last request cpu":0.00,"last request memory":0},'
    b'{"pid":120,"state":"Idle","start time":1795326576,"start since":20,"requests":10,"request duration":116,'
    b'"request method":"POST","request uri":"\\/login?password=s3cret","content length":0,"user":"-",'
    b'"script":"\\/srv\\/shop\\/login.php","last request cpu":0.00,"last request memory":2097152}]}'
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.sampled_from(["pool", "processes", "pid", "state", "request uri", "requests", "x"]), inner),
    ),
    max_leaves=20,
)


def page(**worker: Any) -> bytes:
    return json.dumps({"pool": "www", "processes": [dict({"pid": 7}, **worker)]}).encode()


def test_a_page_with_its_workers() -> None:
    status = parse(PAGE)
    assert status[:5] == ("www", 1795326576, 21, 0, 3)
    assert status.workers == (
        WorkerStatus(119, "Running", 1795326576, 11, "GET /status", 1.5, None),
        WorkerStatus(120, "Idle", 1795326576, 10, "POST /login", 0.000116, "/srv/shop/login.php"),
    )


def test_a_query_is_never_told() -> None:
    assert "s3cret" not in repr(parse(PAGE))
    assert "s3cret" not in repr(parse(page(**{"request uri": "?s3cret", "request method": "-"})))


def test_a_page_of_an_old_php() -> None:
    status = parse(b'{"pool":"www","accepted conn":5,"pool size":2}')
    assert status == ("www", None, 5, None, None, None)


@pytest.mark.parametrize("duration", [(1 << 64) - 5, -3, 1.5, "2", None, True, 10**17])
def test_a_duration_that_cannot_be(duration: Any) -> None:
    workers = parse(page(**{"request duration": duration})).workers
    assert workers is not None
    assert workers[0].request_seconds is None


def test_a_line_that_names_no_process() -> None:
    assert parse(b'{"pool":"www","processes":[{"pid":0},{"pid":"9"},7,null]}').workers == ()


def test_a_uri_with_bytes_that_are_no_text() -> None:
    workers = parse(
        b'{"pool":"www","processes":[{"pid":7,"request method":"GET","request uri":"/\xff\n\x01"}]}'
    ).workers
    assert workers is not None
    assert workers[0].request == "GET /\ufffd\n\x01"


def test_a_path_is_bounded() -> None:
    workers = parse(page(**{"request uri": "/" * 5000, "request method": "M" * 5000})).workers
    assert workers is not None
    assert len(workers[0].request or "") <= 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"pool: www\nprocess manager: static\n",
        b"[]",
        b"{}",
        b'{"pool":5}',
        b"[" * 100000,
        b'{"a":' * 100000,
        b"9" * 9999,
    ],
)
def test_what_is_no_page(body: bytes) -> None:
    with pytest.raises(Malformed, match="no status page"):
        parse(body)


@given(
    st.one_of(
        st.binary(),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.integers(0, len(PAGE)).map(lambda end: PAGE[:end] + PAGE[end + 1 :]),
    )
)
def test_any_bytes_are_a_page_or_malformed(body: bytes) -> None:
    try:
        status = parse(body)
    except Malformed:
        return
    assert isinstance(status.pool, str)
    assert all(worker.pid > 0 for worker in status.workers or ())
