"""Stands in for get-pip.py in the cache of ansible-test, which would fetch it from its makers' own server.

Run by the Python of an empty virtual environment, with the options and pinned packages that get-pip.py would take.
The pip that came with the Python installs them from the package index.
"""

import subprocess
import sys

# Of get-pip.py's own options these two ask for less than it would install; here nothing is installed unasked.
packages = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *packages])
