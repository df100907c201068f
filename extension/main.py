"""Starts the server with the libraries the extension carries, and with nothing of the user's.

Packed as `bundled/main.py` and run with `-I -S`: no environment variables, no site-packages. It
parses on any Python 3, so that one that is too old says so.
"""

import os
import sys

if sys.version_info < (3, 10):
    sys.stderr.write(
        "JAX Sight's server needs Python 3.10 or newer; %s is Python %d.%d\n"
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )
    sys.exit(2)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "libs"))

from jaxsight_server.cli import main  # noqa: E402  # found in libs

sys.exit(main(sys.argv[1:] or ["server"]))
