# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The releases that cached scripts lie in, and which of them a link leads to: those that lie beside where one leads."""

import posixpath
import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook
from ..formats.probe_answer import CachedScript
from ..host import Host
from .release_links import LINK_NAMES, Link, link_at, read

# Capistrano, Deployer, Ansistrano, Envoyer: <root>/current leads to <root>/releases/<id>.
_RELEASES = re.compile(r"/releases(?=/[^/]+)")
PARENTS_LIMIT = 5000  # a pool may name as many as its answer holds
_SHARED = "shared"  # what the same tools call the directory of what all releases share


class OtherRelease(NamedTuple):
    """A release with cached scripts that no current link leads to.

    link: the current link beside it. switched: when that link was placed, seconds since the epoch. current: where it
    leads. used: when one of its scripts was served last, that is, when the request began. scripts: how many. example:
    the one that was served last.
    """

    release: str
    link: str
    current: str
    switched: float
    scripts: int
    used: Optional[int]
    example: str


class Layout(NamedTuple):
    """The directory that releases lie in, the link to the one that is served, and all that links lead to."""

    parent: str
    link: Link
    current: Tuple[str, ...]


def others(layouts: Iterable[Layout], root: str, scripts: Sequence[CachedScript]) -> Tuple[OtherRelease, ...]:
    """Return the releases of ``layouts`` that no link leads to, and that scripts below ``root`` lie in."""
    by_parent = {layout.parent: layout for layout in layouts}
    found: Dict[str, List[CachedScript]] = {}
    of_directory: Dict[str, Optional[str]] = {}
    for script in scripts if by_parent else ():
        directory = script.path.rpartition("/")[0]
        if directory not in of_directory:
            of_directory[directory] = _left(by_parent, root + directory)
        release = of_directory[directory]
        if release is not None:
            found.setdefault(release, []).append(script)
    return tuple(_other(release, by_parent[posixpath.dirname(release)], inside) for release, inside in found.items())


def _left(by_parent: Dict[str, Layout], directory: str) -> Optional[str]:
    """Return the release that a directory lies in, where no link leads to it."""
    release = directory
    while release not in ("", "/"):
        parent, name = posixpath.split(release)
        if parent in by_parent:
            return None if release in by_parent[parent].current or name == _SHARED else release
        release = parent
    return None


def _other(release: str, layout: Layout, scripts: Sequence[CachedScript]) -> OtherRelease:
    last = max(scripts, key=lambda script: script.used or 0)
    link = layout.link
    return OtherRelease(release, link.path, link.target, link.placed, len(scripts), last.used or None, last.path)


def layouts(
    host: Host, root: str, scripts: Sequence[CachedScript], named: Sequence[str], unlinked: List[str]
) -> Tuple[Layout, ...]:
    """Return where releases lie: by the links that are named, and by the usual names beside ``releases``.

    ``unlinked`` takes why a named link says nothing.
    """
    links: Dict[str, List[Link]] = {}
    for link in [*_named(host, named, unlinked), *_usual(host, root, scripts, unlinked)]:
        links.setdefault(posixpath.dirname(link.target), []).append(link)
    return tuple(Layout(parent, own[0], tuple(one.target for one in own)) for parent, own in links.items())


def _named(host: Host, named: Sequence[str], unlinked: List[str]) -> Iterator[Link]:
    for path in named:
        try:
            link = read(host, path.rstrip("/"))
        except CannotLook as error:
            unlinked.append(str(error))
            continue
        if link is None:
            unlinked.append(f"{path}: it is no link; name the link that leads to the current release")
        else:
            yield _resolved(host, link)


def _usual(host: Host, root: str, scripts: Sequence[CachedScript], unlinked: List[str]) -> Iterator[Link]:
    parents = _parents(root, scripts)
    if len(parents) > PARENTS_LIMIT:
        unlinked.append(f"scripts lie below {len(parents)} directories called releases; {PARENTS_LIMIT} were looked at")
    for parent in parents[:PARENTS_LIMIT]:
        for name in LINK_NAMES:
            link = link_at(host, f"{posixpath.dirname(parent)}/{name}")
            resolved = _resolved(host, link) if link else None
            if resolved is not None and posixpath.dirname(resolved.target) == parent:
                yield resolved


def _parents(root: str, scripts: Sequence[CachedScript]) -> List[str]:
    """Return every directory called ``releases`` that scripts lie below."""
    directories: Set[str] = {script.path.rpartition("/")[0] for script in scripts if "/releases/" in script.path}
    found = {one[: match.end()] for one in directories for match in _RELEASES.finditer(one)}
    return sorted((root + parent for parent in found), key=len)


def _resolved(host: Host, link: Link) -> Link:
    """Return a link with the links on the way to its target resolved, as the paths of cached scripts are."""
    try:
        return link._replace(target=host.physical(link.target))
    except CannotLook:
        return link  # its target is gone, or reached through what others than root can place: as it is written
