# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

import textwrap

from .nginx import ModuleDocFragment as Nginx
from .opcode_cache import ModuleDocFragment as OpcodeCache
from .php_daemon import ModuleDocFragment as PhpDaemon
from .php_fpm import ModuleDocFragment as PhpFpm
from .pidfile import ModuleDocFragment as Pidfile
from .runtime_cache import ModuleDocFragment as RuntimeCache
from .scheduled_restart import ModuleDocFragment as ScheduledRestart
from .sysv_ipc import ModuleDocFragment as SysvIpc


def _option(subject: str, *documentations: str) -> str:
    """Return the option that takes all the options of a subject, described in the words of its own modules."""
    options = "\n".join(documentation.strip().replace("options:\n", "", 1) for documentation in documentations)
    suboptions = textwrap.indent("suboptions:\n" + options, "    ")
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
        _option(subject, *documentations)
        for subject, *documentations in (
            ("sysv_ipc", SysvIpc.DOCUMENTATION),
            ("pidfile", Pidfile.DOCUMENTATION),
            ("opcode_cache", OpcodeCache.DOCUMENTATION),
            ("php_fpm", PhpFpm.DOCUMENTATION),
            ("runtime_cache", RuntimeCache.DOCUMENTATION, RuntimeCache.ASKING),
            ("nginx", Nginx.DOCUMENTATION),
            ("php_daemon", PhpDaemon.DOCUMENTATION),
            ("scheduled_restart", ScheduledRestart.DOCUMENTATION),
        )
    )
