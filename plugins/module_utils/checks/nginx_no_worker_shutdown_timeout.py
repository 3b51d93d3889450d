# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An nginx with connections that may last for hours or for ever, and no limit to how long a reload waits for them."""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from ..errors import Malformed
from ..facts import nginx_configuration, nginx_masters
from ..facts.nginx_configuration import Said, Tree, Trees, everywhere, named
from ..facts.nginx_masters import NginxMaster, NginxMasters, shutting_down
from ..formats.nginx import seconds
from ..model import LOW, Check, Finding, Verdict, verdict_over
from ..policy import Policy
from .nginx_evidence import hidden, name, nobody, ours

CAUSE = "worker_shutdown_timeout is not set, so an old worker waits for its last connection however long that lasts"
SHOWN = 5
_TIMEOUTS = (
    "fastcgi_read_timeout",
    "proxy_read_timeout",
    "grpc_read_timeout",
    "uwsgi_read_timeout",
    "scgi_read_timeout",
)


class Evidence(NamedTuple):
    """reasons: what lets connections last, each with ``file:line``. shutting_down: workers that wait for some now."""

    cause: str
    master: int
    configuration: Optional[str]
    reasons: Tuple[str, ...]
    shutting_down: int


def find(seen: NginxMasters, trees: Trees, policy: Policy) -> Verdict:
    nothing = nobody(seen)
    if nothing is not None:
        return nothing
    findings: List[Finding] = []
    blind = hidden(seen)
    for master in ours(seen):
        tree = trees.get(master.process.pid)
        if isinstance(tree, Tree):
            findings += _findings(master, tree, policy.nginx.old_worker_seconds)
        elif master.process.executable is not None:
            blind.append(str(tree) if tree else next(iter(master.unknown), "its configuration is not known"))
    return verdict_over(findings, blind)


def _findings(master: NginxMaster, tree: Tree, limit: int) -> Iterator[Finding]:
    reasons = tuple(_reasons(tree, limit))
    if master.shutdown_timeout_source is not None or not reasons:
        return
    yield Finding(
        check=CHECK.id,
        object=name(master),
        severity=LOW,
        summary=f"nginx {master.process.pid} has connections that may last for hours or for ever "
        f"({reasons[0]}), and no worker_shutdown_timeout: each reload leaves workers that wait for them",
        evidence=Evidence(
            cause=CAUSE,
            master=master.process.pid,
            configuration=master.configuration,
            reasons=reasons[:SHOWN],
            shutting_down=len(shutting_down(master)),
        ),
        remedy=None,
        risk=None,
    )


def _reasons(tree: Tree, limit: int) -> Iterator[str]:
    """Yield what lets connections last: without it no worker waits for longer than an ordinary request takes."""
    for said in everywhere(tree.said, "proxy_set_header"):
        if said.arguments[:1] and said.arguments[0].lower() == "upgrade":
            yield f"{said.source}: websockets are handed on"
    for block in named(tree.said, "stream"):
        for said in everywhere(block.block or (), "proxy_pass"):
            yield f"{said.source}: streams are handed on"
    for said in everywhere(tree.said, *_TIMEOUTS):
        if _is_longer(said, limit):
            yield f"{said.source}: {said.name} {said.arguments[0]}"


def _is_longer(said: Said, limit: int) -> bool:
    try:
        return seconds(said.arguments[0] if said.arguments else "") > limit
    except Malformed:
        return False  # nginx refuses it: nginx.invalid_config


CHECK = Check(
    id="nginx.no_worker_shutdown_timeout", gathers=(nginx_masters.gather, nginx_configuration.gather), find=find
)
