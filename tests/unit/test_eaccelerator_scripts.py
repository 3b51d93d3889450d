# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Single entries of eAccelerator that no host below hosts/ can hold, because no such build was to be had."""

from typing import Any

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import eaccelerator_scripts
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_script import Tally
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_walk import Walk
from ansible_collections.phpfleet.remediation.plugins.module_utils.tree import Leaf
from described_host import DescribedHost
from eaccelerator_samples import one

READING = eaccelerator_scripts.Reading(None, (), None, ("",))


class _Leaf(Leaf):
    """One file of a cache; ``content`` is what it holds."""

    content = b""

    def read(self, limit: int) -> Any:
        host = DescribedHost(dict(files={"/x": dict(content=self.content)}))
        return self.content, host.stat("/x")


@pytest.mark.parametrize(("build", "forgotten"), [("php52-ea0953", 0), ("php52-ea0961", 2)])
def test_only_the_loader_of_0_9_6_forgets_doc_comments(monkeypatch: Any, build: str, forgotten: int) -> None:
    """No 0.9.5 with doc comments could be built, so the walk is made to say that there are some."""
    monkeypatch.setattr(eaccelerator_scripts, "walk", lambda data, entry: Walk("php5.2-inode-LP64-doc", None, 2))
    sample = one(build, "s05_class.php")
    leaf = _Leaf(-1, sample.path.rpartition("/")[2], sample.path)
    leaf.content = sample.data
    tally = Tally()
    found = eaccelerator_scripts.looker(DescribedHost(dict(processes=[])), READING, tally)(leaf)
    assert found is not None  # its script is gone here
    assert tally.layouts == {f"{found.build}, php5.2-inode-LP64-doc": 1}
    assert found.documented_classes == forgotten


def test_an_entry_that_would_take_too_much_memory_is_not_walked(monkeypatch: Any) -> None:
    sample = one("php52-ea0961", "s05_class.php")
    monkeypatch.setattr(eaccelerator_scripts, "WALK_LIMIT", len(sample.data) - 1)
    leaf = _Leaf(-1, sample.path.rpartition("/")[2], sample.path)
    leaf.content = sample.data
    tally = Tally()
    eaccelerator_scripts.looker(DescribedHost(dict(processes=[])), READING, tally)(leaf)
    assert tally.unwalked == {f"it is larger than {len(sample.data) - 1} bytes": 1}
