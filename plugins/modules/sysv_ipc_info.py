#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: sysv_ipc_info
short_description: Look
description: [Look.]
"""

from ..module_utils import info_module


def main():
    info_module.run("sysv_ipc")


if __name__ == "__main__":
    main()
