# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the checkout importable as ``ansible_collections.phpfleet.remediation``, so that plain pytest works."""

import importlib.util
import os
import sys
import time

from hypothesis import settings

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COLLECTIONS = os.path.join(CHECKOUT, ".cache", "collections")
HAS_ANSIBLE = importlib.util.find_spec("ansible") is not None


def link_checkout() -> None:
    link = os.path.join(COLLECTIONS, "ansible_collections", "phpfleet", "remediation")
    os.makedirs(os.path.dirname(link), exist_ok=True)
    if not os.path.islink(link):
        os.symlink(CHECKOUT, link)


def pytest_report_header() -> str:
    return "tests/unit/controller: " + ("collected" if HAS_ANSIBLE else "left out, this Python has no ansible-core")


link_checkout()
os.environ["TZ"] = "UTC"  # the zone in which described hosts write their logs
time.tzset()
sys.path.insert(0, COLLECTIONS)
# A slow or busy machine must not fail a property that holds; and in CI a red run is to mean a change, not new luck.
settings.register_profile("phpfleet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("phpfleet")
collect_ignore = [] if HAS_ANSIBLE else ["controller"]
