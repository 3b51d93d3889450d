# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the pools of a described host answer to a probe: the pieces that the script prints, by their tags.

probes:
  api: all of its workers are busy       # why a pool does not answer
  www:
    pid: 46                              # one value
    setting: {opcache.enable: "1"}       # by name
    link: {/srv/app/current: /srv/app/releases/1}
    script: {/srv/a.php: ["1795290000", "1795299000"]}   # by name, two values; told only when they are asked for
"""

import contextlib
from typing import Any, Dict, Iterator, List

from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import probe_answer
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import ProbeAnswer, Task

MARKER = b"3f9d"


class DescribedProbe:
    """Stands for pool_probe.Probe, with the same parser behind it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def ask(self, task: Task, seconds: float) -> ProbeAnswer:
        if not isinstance(self._answer, dict):
            raise CannotLook(str(self._answer))
        pieces = _pieces(self._answer, task)
        pieces.append(["end", "", str(len(pieces) + 1), ""])
        body = "".join(text + "\0" for piece in pieces for text in piece)
        return probe_answer.parse(b"<!-- of the application -->" + MARKER + body.encode(), MARKER)

    def take_away(self) -> None:
        """Nothing lies there."""


@contextlib.contextmanager
def opened(host: Any, policy: Any, master: Any, pool: Any) -> Iterator[DescribedProbe]:
    yield DescribedProbe(host.description["probes"][pool.name])


def _pieces(answer: Dict[str, Any], task: Task) -> List[List[str]]:
    pieces = []
    for tag, said in answer.items():
        if tag == "script" and not task.scripts:
            continue
        for name, values in said.items() if isinstance(said, dict) else [("", said)]:
            first, second = values if isinstance(values, list) else (values, "")
            pieces.append([tag, name, str(first), str(second)])
        pieces += [["scripts", "", "", ""]] if tag == "script" else []
    return pieces
