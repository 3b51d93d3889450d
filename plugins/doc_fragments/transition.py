# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of every module that brings a service into a state which is asked for."""

    DOCUMENTATION = r"""
options:
  newer_than:
    description:
      - For V(state=reloaded), nothing is changed when the service was started or reloaded after this time already.
      - Seconds since the epoch, as M(ansible.builtin.stat) returns the time of a release, or UTC such as
        V(2026-11-22T05:28:00Z). A time that has not come is refused.
      - Without it, each run reloads.
    type: str
  allow_loss:
    description:
      - Whether requests may be lost. Without it, what would lose some is refused. The plan says what it would cost.
    type: bool
    default: false
  wait_idle:
    description:
      - For how many seconds to wait until no request is in flight, where the change is refused because of those. It is
        waited in check mode too, since that only looks.
    type: int
    default: 0
  timeout:
    description:
      - For how many seconds to wait for a step to work. V(0) is for as long as the service's own limits allow, and half
        a minute more.
      - Nothing is killed when it is over. The module fails, and says what is missing.
    type: int
    default: 0
  keep_days:
    description:
      - How many days O(state_dir) keeps the journal of a run. Each run removes those that are older.
    type: int
    default: 30
"""
