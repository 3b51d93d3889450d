# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the structure of a cached script holds: what eAccelerator's loader and the engine trust, and never check."""

from typing import List, NamedTuple, Optional

from .eaccelerator import Entry
from .eaccelerator_layouts import FAMILIES, MIDDLE, NEW, OLD, Script, Structure, entry_layout, script_layout
from .eaccelerator_payload import Broken
from .eaccelerator_script import walk_script
from .flaw import Flaw

# The PHPs whose structures are known, by family.
WALKABLE = {OLD.name: ("5.2",), MIDDLE.name: ("5.2", "5.3")}


class Walk(NamedTuple):
    """What a walk through a file's structure found."""

    layout: Optional[str]  # such as "php5.3-inode-LP64-doc", of the one layout in which everything holds
    flaw: Optional[Flaw]  # where none is: what does not hold in the likelier one
    documented_classes: int  # classes with a doc comment, which only a build with doc comments stores


def not_walkable(entry: Entry) -> Optional[str]:
    """Return why the structure of such an entry is not known; None where walk() can be asked."""
    if entry.key == "user":
        return "a user's entry holds a value, not a script"
    if entry.family == NEW.name:
        return f"the structures of eAccelerator {entry.eaccelerator} are not known here"
    php = _minor(entry)
    if php not in WALKABLE[entry.family]:
        return f"the structures of PHP {entry.php} with eAccelerator {entry.eaccelerator} are not known here"
    return None


def walk(data: bytes, entry: Entry) -> Walk:
    """Return whether all holds that the loader and the engine trust, for a file that read() found no flaw in.

    The layout of a build with doc comments differs, and no file says which it is; none fits both.
    """
    family = FAMILIES[entry.family]
    start = family.header[entry.abi].size
    is_chained = family is not OLD
    layout = entry_layout(data, start, entry.payload_size, family.entries[entry.key, entry.abi])
    php = _minor(entry)
    flaw = None
    for script in _likelier_first(data, start, layout, [script_layout(php, entry.abi, doc) for doc in (False, True)]):
        try:
            documented = walk_script(data, start, entry.payload_size, layout, script, is_chained)
        except Broken as error:
            flaw = flaw or Flaw("structure", error.offset, error.detail)
        else:
            return Walk(f"php{php}-{entry.key}-{script.name}", None, documented)
    return Walk(None, flaw, 0)


def _minor(entry: Entry) -> str:
    return ".".join(entry.php.split(".")[:2])


def _likelier_first(data: bytes, start: int, layout: Structure, known: List[Script]) -> List[Script]:
    """Return the layouts in the order to try them: behind the script's own function its opcodes are stored."""
    fields = layout.fields(data, start)
    at = start + fields["op_array"] - fields["next"]
    opcodes_at = known[0].op_array.offsets["opcodes"]
    if not start <= at <= len(data) - known[0].op_array.size:
        return known
    (opcodes,) = known[0].pointer.unpack_from(data, at + opcodes_at)
    return sorted(known, key=lambda script: opcodes - fields["op_array"] != script.op_array.size)
