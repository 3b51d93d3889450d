# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host says about one subject each, as NamedTuples: gather(host, policy) looks, parse_* are pure."""
