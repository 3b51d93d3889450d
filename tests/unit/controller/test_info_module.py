# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts stay small whatever a host looks like."""

import json
from typing import NamedTuple

from ansible_collections.phpfleet.remediation.plugins.module_utils import info_module


class File(NamedTuple):
    path: str
    title: str


class Facts(NamedTuple):
    files: list[File]


def test_titles_of_any_length_do_not_make_a_result_large():
    facts = Facts([File(f"/run/{number}.pid", "\U0001f600" * 5000) for number in range(500)])
    shown = info_module._bounded(facts)
    assert len(json.dumps(shown)) <= info_module.FACTS_BYTES
    assert len(shown["files"]) + shown["files_omitted"] == 500 and shown["files"]


def test_an_ordinary_host_is_shown_whole():
    facts = Facts([File(f"/run/{number}.pid", "nginx") for number in range(90)])
    assert len(info_module._bounded(facts)["files"]) == 90
