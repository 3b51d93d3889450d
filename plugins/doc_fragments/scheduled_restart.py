# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of both modules of scheduled restarts, and those that they share with php-fpm's (C(.php_fpm))."""

    DOCUMENTATION = r"""
options:
  jobs:
    description:
      - The only jobs to judge, by the file that says them (V(/etc/cron.d/php)) or as findings name them
        (V(/etc/cron.d/php:3), V(php-restart.timer)). Empty judges them all.
      - To name a job as its finding does is also to say that all of it may be disabled, whatever else it does. Its file
        alone only says where to look.
    type: list
    elements: str
    default: []
"""

    REQUESTS = r"""
options:
  longest_request:
    description:
      - How many seconds the slowest request may take, as the application's owner says it. V(0) is not known, and then
        the time limits that are set stand for it.
      - A reload is harmless only where C(process_control_timeout) is longer.
    type: int
    default: 0
  history_days:
    description:
      - How many days back logs are read, to tell how often php-fpm stopped or reloaded when a job was due.
    type: int
    default: 14
  configurations:
    description:
      - Main configuration files (C(php-fpm.conf), with an absolute path) of a php-fpm that no service of systemd
        starts. Running masters and services of systemd are found without this.
    type: list
    elements: path
    default: []
"""
