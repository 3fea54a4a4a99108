"""A file that one process at a time holds."""

import os
import signal
import subprocess
import sys

import pytest

from cnn_jax import files

pytest.importorskip("fcntl", reason="Windows keeps no two processes apart")
HOLD = """
import sys, time
from cnn_jax import files
held = files.lock(sys.argv[1])
print(1, flush=True)
time.sleep(600)
"""


def test_the_second_is_told_who_holds_it(tmp_path):
    held = files.lock(tmp_path / "lock")
    with pytest.raises(files.Locked, match=rf"process {os.getpid()} holds .*lock"):
        files.lock(tmp_path / "lock")
    held.release()
    again = files.lock(tmp_path / "lock")
    held.release()  # a second time: nothing
    with pytest.raises(files.Locked):
        files.lock(tmp_path / "lock")
    del again
    files.lock(tmp_path / "lock")


def test_a_process_that_is_killed_lets_go(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "1\n"
        with pytest.raises(files.Locked, match=f"process {process.pid} holds"):
            files.lock(tmp_path / "lock")
        process.send_signal(signal.SIGKILL)
    files.lock(tmp_path / "lock")


def test_where_no_file_can_be_there_is_no_lock(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.lock(tmp_path / "nowhere" / "lock")
    with pytest.raises(IsADirectoryError):
        files.lock(tmp_path)
