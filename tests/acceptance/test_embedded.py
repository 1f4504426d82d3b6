"""The embedded stack: one process, no server needed, data that survives a kill."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.producers import MemoryClient
from tests.acceptance.test_pipeline import TURNS, ask
from tests.support.afterword_up import bare_environment, up
from tests.support.deployment import AFTERWORD
from tests.support.forked import run
from tests.support.ports import quiet_port
from tests.support.waiting import wait_until


def servers_in(folder: Path) -> list[psutil.Process]:
    """Processes that work in the folder."""
    return [process for process in psutil.process_iter(["cwd"]) if (process.info["cwd"] or "").startswith(str(folder))]


def who_calls(gateway: str, key: str) -> dict[str, Any]:
    answer = httpx.get(f"{gateway}/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_data_survives_a_kill_and_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    folder, port = tmp_path / "data", quiet_port()
    with up(folder, port) as (process, said):
        assert "verbatim mode" in said, "what is missing is said plainly"
        assert "hashing" in said
        (url,) = re.findall(r"export AFTERWORD_REDIS_URL=(\S+)", said)
        (gateway,), (key,) = re.findall(r"gateway +(http://\S+)", said), re.findall(r"sign in +(awk_\S+)", said)
        assert httpx.get(f"{gateway}/readyz").json()["ready"] is True
        assert f"viewer     {gateway}/viewer/" in said
        assert "<title>Afterword" in httpx.get(f"{gateway}/viewer/").text
        assert httpx.get(f"{gateway}/api/v1/me").status_code == 401, "nobody comes in without a key"
        assert who_calls(gateway, key)["roles"] == ["admin", "agent", "operator"]
        with MemoryClient(url) as client:
            client.publish(user_id="ada", session_id="s1", messages=TURNS)
            wait_until(lambda: ask(client, "peanuts").memories, 120, "the excerpt")
        process.kill()

    with up(folder, port) as (process, said):
        assert "awk_" not in said, "a key is shown once"
        assert "with your key; one more: afterword keys create" in said
        (gateway,) = re.findall(r"gateway +(http://\S+)", said)
        assert who_calls(gateway, key)["account"] == "home"
        # As an answer of the gateway tells whoever asks for an agent's memories before.
        registering = ["agents", "set", "coach", "--owner", "home", "--folder", str(folder)]
        assert CliRunner().invoke(app, registering).exit_code == 0
        asked = httpx.get(f"{gateway}/memory/agent/coach", headers={"Authorization": f"Bearer {key}"})
        assert asked.status_code == 200
        with MemoryClient(url) as client:
            assert ask(client, "peanuts").memories
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 0
    assert not servers_in(folder)


def test_a_port_that_is_taken_is_told_in_a_line_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [AFTERWORD, "up", "--folder", str(tmp_path / "data"), "--gateway-port", port]
        ended = run(command, environment=bare_environment(), folder=tmp_path, timeout=60)

    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("afterword: ")]
    assert "AFTERWORD_GATEWAY_PORT: choose another" in line
    assert port in line
    assert not (tmp_path / "data").exists()


def test_the_demo_shows_conversations_of_your_own(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"user_id": "ada", "messages": [{"role": "user", "content": "My cat is called Gummo"}]}\n')
    demo = [sys.executable, "-m", "ops.demo", "--conversations", str(file)]

    shown = subprocess.run(demo, env=bare_environment(), capture_output=True, text=True, timeout=120, check=False)

    assert shown.returncode == 0, shown.stderr
    assert "verbatim mode" in shown.stdout
    assert "1 skipped" in shown.stdout

    file.write_text('{"messages": []}')
    wrong = subprocess.run(demo, env=bare_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert wrong.returncode == 1
    assert "line 1" in wrong.stderr
