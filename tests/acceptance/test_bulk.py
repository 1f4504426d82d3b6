"""`afterword publish`: thousands of conversations from a file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.deployment import Deployment, WorkerProcess, metric
from tests.support.waiting import wait_until


def write(file: Path, lines: list[str]) -> Path:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def event(number: int) -> str:
    return json.dumps({"user_id": f"user-{number % 20}", "messages": [{"role": "user", "content": f"word {number}"}]})


def test_a_file_is_published_with_an_error_for_each_bad_line(deployment: Deployment, tmp_path: Path) -> None:
    good = [event(number) for number in range(1000)]
    bad = ["{", '{"user_id": "ada", "messages": []}', "", "[" * 5_000]
    file = write(tmp_path / "big.jsonl", [*good[:500], *bad, *good[500:]])
    (ingest,) = deployment.start("ingest")

    told = deployment.run("publish", str(file), check=False)

    assert told.returncode == 1
    assert told.stdout == "1000 conversations published, 3 lines refused\n"
    assert "line 501: line: must be a JSON object" in told.stderr
    assert "line 502: messages: must hold at least one message" in told.stderr
    assert "line 504: line: must be a JSON object" in told.stderr
    assert not (tmp_path / "big.jsonl.progress").exists()
    wait_until(lambda: stored(ingest) == 1000, 120, "every conversation")


def test_a_stopped_run_goes_on_and_sends_nothing_twice(deployment: Deployment, tmp_path: Path) -> None:
    file = write(tmp_path / "big.jsonl", [event(number) for number in range(600)])
    deployment.redis.stop()
    away = deployment.run("publish", str(file), check=False)
    assert away.returncode == 1
    assert "run the same command again" in away.stderr
    deployment.redis.start()

    first = deployment.run("publish", str(file))
    again = deployment.run("publish", str(file))

    assert first.stdout == again.stdout == "600 conversations published, 0 lines refused\n"
    (ingest,) = deployment.start("ingest")
    wait_until(
        lambda: metric(ingest, "afterword_ingested_conversations_total", {"outcome": "duplicate"}) == 600, 120, "both"
    )
    assert stored(ingest) == 600


def stored(worker: WorkerProcess) -> float:
    return metric(worker, "afterword_ingested_conversations_total", {"outcome": "stored"})
