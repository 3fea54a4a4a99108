"""One of the processes of `test_hosts`: joined before anything that computes is imported.

python -m tests.training.joined KIND PORT PROCESS FOLDER
"""

import sys
from pathlib import Path

from cnn_jax import training


def main(kind, port, process, folder):
    with training.connected(f"127.0.0.1:{port}", 2, int(process)):
        from . import test_hosts

        code = test_hosts.WORK[kind](Path(folder), int(process))
    sys.exit(code or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
