import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.instance import DataInUse, InstanceLock
from runtime.storage import StoreUnwritable


def test_a_second_instance_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with InstanceLock(tmp_path), pytest.raises(DataInUse) as caught:
        InstanceLock(tmp_path).acquire()
    assert f"{tmp_path} is in use by another Sluice (process {os.getpid()})" in str(caught.value)


def test_the_folder_is_free_once_the_lock_is_released(tmp_path: Path) -> None:
    for _ in range(2):
        with InstanceLock(tmp_path):
            pass


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from runtime.instance import InstanceLock\n"
        "InstanceLock(pathlib.Path(sys.argv[1])).acquire()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=env, timeout=60, check=False
    )
    assert done.returncode == -9
    InstanceLock(tmp_path).acquire()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnwritable, match="cannot write to"):
        InstanceLock(tmp_path / "missing").acquire()
