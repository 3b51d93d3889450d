# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text of a host, made fit for a screen: it may hold anything, also what drives terminals or turns text around."""

from __future__ import annotations


def printable(text: str, limit: int) -> str:
    """Return ``text`` on one line, with what does not print escaped, cut to ``limit`` characters with ``…``."""
    shown = "".join(character if character.isprintable() else _escaped(character) for character in text[:limit])
    return shown if len(shown) <= limit and len(text) <= limit else shown[: limit - 1] + "…"


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")
