# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

import textwrap

from .nginx import ModuleDocFragment as Nginx
from .opcode_cache import ModuleDocFragment as OpcodeCache
from .php_daemon import ModuleDocFragment as PhpDaemon
from .php_fpm import ModuleDocFragment as PhpFpm
from .pidfile import ModuleDocFragment as Pidfile
from .scheduled_restart import ModuleDocFragment as ScheduledRestart
from .sysv_ipc import ModuleDocFragment as SysvIpc


def _option(subject: str, documentation: str) -> str:
    """Return the option that takes all the options of a subject, described in the words of its own modules."""
    suboptions = textwrap.indent(documentation.strip().replace("options:", "suboptions:", 1), "    ")
    return f"""
  {subject}:
    description: The options of M(phpfleet.remediation.{subject}_info), for the checks of that subject.
    type: dict
    default: {{}}
{suboptions}
"""


class ModuleDocFragment:
    """The policy of every subject, of the modules that run all of them: an option a subject (C(policy.subjects))."""

    # Annotated, or ansible-test would take it for a literal.
    SUBJECTS: str = "options:" + "".join(
        _option(subject, fragment.DOCUMENTATION)
        for subject, fragment in (
            ("sysv_ipc", SysvIpc),
            ("pidfile", Pidfile),
            ("opcode_cache", OpcodeCache),
            ("php_fpm", PhpFpm),
            ("nginx", Nginx),
            ("php_daemon", PhpDaemon),
            ("scheduled_restart", ScheduledRestart),
        )
    )
