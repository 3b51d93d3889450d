#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: sysv_ipc
short_description: Look
description: [Look.]
"""

from ..module_utils import remedy_module


def main():
    remedy_module.run("sysv_ipc")


if __name__ == "__main__":
    main()
