# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who listens at an address that was named, and is of no php-fpm of the host's: it is handed no script, ever."""

from ..errors import CannotLook, Malformed
from ..formats import fastcgi
from ..host import Host
from . import pool_addresses

ANSWER_SECONDS = 2.0
ANSWER_LIMIT = 64 * 1024


def reason(host: Host, named: str) -> str:
    """Return why a named address is not asked what it holds. FastCGI's own variables are all that it is asked for."""
    address = pool_addresses.address(named) or named
    try:
        question = fastcgi.ask_values("FCGI_MPXS_CONNS")
        fastcgi.values(host.ask(address, question, ANSWER_SECONDS, ANSWER_LIMIT, fastcgi.Answered()))
    except Malformed as error:
        return f"{named}: what listens there is no php-fpm: {error}"
    except CannotLook as error:
        return f"{named}: no pool of a php-fpm on this host listens there: {error}"
    return (
        f"{named}: FastCGI answers there, but of no php-fpm that is the host's own, so it is handed no script; look "
        "from inside its container, or name its configuration in `configurations`"
    )
