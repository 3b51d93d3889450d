# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Listen where a pool does, hand all requests on to it, and keep each, with the probes that lie ready meanwhile.

tap.py SOCKET KEPT: the pool's own socket gets another name. KEPT/1, KEPT/2 and so on hold a request and the files.
"""

import os
import shutil
import socket
import struct
import sys
from pathlib import Path

PROBES = Path("/run/.phpfleet-probe")
HEADER = struct.Struct(">BBHHBx")
STDIN = 5
GET_VALUES = 9


def is_whole(request: bytes) -> bool:
    """Whether it ends with the empty record that ends its body, or is a question for the server's variables."""
    offset = 0
    while offset + HEADER.size <= len(request):
        _version, kind, _number, length, padding = HEADER.unpack_from(request, offset)
        offset += HEADER.size + length + padding
        if kind == GET_VALUES or (kind == STDIN and length == 0):
            return offset <= len(request)
    return False


def keep(request: bytes, place: Path) -> None:
    place.mkdir(parents=True)
    (place / "request").write_bytes(request)
    for probe in PROBES.glob("*"):
        shutil.copyfile(probe, place / probe.name)
        shutil.copystat(probe, place / probe.name)
        os.chown(place / probe.name, probe.stat().st_uid, probe.stat().st_gid)


def tap(name: str, kept: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{name}.tap")
    os.chmod(f"{name}.tap", 0o666)
    listening.listen(64)
    os.rename(name, f"{name}.real")
    os.rename(f"{name}.tap", name)
    number = 0
    while True:
        client, _address = listening.accept()
        request = b""
        while not is_whole(request):
            request += client.recv(1 << 16)
        number += 1
        keep(request, kept / str(number))
        with client, socket.socket(socket.AF_UNIX) as pool:
            pool.connect(f"{name}.real")
            pool.sendall(request)
            for piece in iter(lambda: pool.recv(1 << 16), b""):
                client.sendall(piece)


if __name__ == "__main__":
    tap(sys.argv[1], Path(sys.argv[2]))
