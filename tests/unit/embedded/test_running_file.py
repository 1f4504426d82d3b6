"""One stack a folder, found by who looks after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from afterword.workers.core.errors import Misconfigured
from afterword.workers.embedded.running_file import RunningFile, RunningStack


def test_a_running_stack_is_found_and_a_second_is_refused(tmp_path: Path) -> None:
    running = RunningFile(tmp_path)
    running.take()
    running.tell(redis_url="redis://127.0.0.1:1/0", postgres_url="postgresql://h/db", probe_port=2)

    found = RunningStack.of(tmp_path)
    assert (found.redis_url, found.probe_port) == ("redis://127.0.0.1:1/0", 2)
    with pytest.raises(Misconfigured, match="a stack runs in"):
        RunningFile(tmp_path).take()

    running.release()
    with pytest.raises(Misconfigured, match="no stack runs in"):
        RunningStack.of(tmp_path)
    again = RunningFile(tmp_path)
    again.take()
    again.release()


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be used for data"):
        RunningFile(tmp_path / "file").take()
