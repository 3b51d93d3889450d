# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The PHP script that is handed to a pool to see into its memory: fixed text, but for two numbers."""


def script(digest: str, expires: int) -> bytes:
    """Return the script. It does nothing for who does not know the secret, and nothing for anybody after ``expires``.

    digest: SHA-256 of the secret, in hexadecimal. expires: seconds since the epoch. Its parameters are FastCGI's own,
    which no HTTP client can set: PHPFLEET_SECRET, and PHPFLEET_TASK with the words of a Task; paths come as its body.
    """
    raise NotImplementedError
