"""The evaluation of extraction as a command, on a server that answers as expected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afterword.workers.embedded.completions import CompletionsServer
from ops.eval.cases import cases
from ops.eval.runner import main
from tests.support.eval_answers import PerfectLlm
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import MODEL, server_error, unauthorised

CONVERSATIONS = len(cases())
CALLS_OF_OURS = CONVERSATIONS - 1  # one pair comes within the debounce


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """The configured LLM."""
    for name in [name for name in os.environ if name.startswith(("AFTERWORD_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    with FakeOpenAI(PerfectLlm(cases())) as server:
        monkeypatch.setenv("AFTERWORD_LLM_BASE_URL", server.url)
        monkeypatch.setenv("AFTERWORD_LLM_MODEL", MODEL)
        monkeypatch.setenv("AFTERWORD_EMBEDDER", "hashing")
        yield server


def evaluated(folder: Path, *arguments: str) -> dict[str, Any]:
    """The sides of the report that a run writes."""
    file = folder / "report.json"
    main([*arguments, "--json", str(file)])
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["model"] == MODEL
    sides: dict[str, Any] = report["sides"]
    return sides


def test_a_perfect_llm_scores_full_marks_with_one_call_a_batch(
    llm: FakeOpenAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = evaluated(tmp_path)

    ours, mem0 = sides["afterword"]["total"], sides["mem0 add"]["total"]
    faults = ("scope_errors", "date_errors", "source_errors", "leaks", "intrusions", "misplaced", "superfluous")
    assert ours["coverage"] == 1.0
    assert {name: ours[name] for name in faults} == dict.fromkeys(faults, 0)
    assert ours["expected"] == ours["found"] == ours["sourced"] >= 120
    assert (ours["calls"], ours["failed"]) == (CALLS_OF_OURS, 0)

    assert (mem0["calls"], mem0["failed"], mem0["sourced"]) == (3 * CONVERSATIONS, 0, 0)
    assert mem0["coverage"] == 1.0
    assert mem0["leaks"] > 0, "the same facts are learned as the agent's, too"
    assert len(llm.chats) == ours["calls"] + mem0["calls"]
    replies = [CompletionsServer.reply(llm, request).body for request in llm.chats]
    assert ours["prompt"] + mem0["prompt"] == sum(reply["usage"]["prompt_tokens"] for reply in replies)

    printed = capsys.readouterr().out
    assert "100.0 %" in printed
    assert "in zh" in printed


def test_ours_alone_on_a_few_conversations(llm: FakeOpenAI, tmp_path: Path) -> None:
    sides = evaluated(tmp_path, "--ours-only", "--limit", "4")

    assert list(sides) == ["afterword"]
    assert len(sides["afterword"]["conversations"]) == len(llm.chats) == 4


def test_prompts_hold_what_was_learned_before_and_no_injected_memories(llm: FakeOpenAI, tmp_path: Path) -> None:
    evaluated(tmp_path, "--ours-only")

    asked = [request.messages[-1]["content"].partition("## New Messages") for request in llm.chats]
    known = next(known for known, _, new in asked if "I moved from Leeds to Glasgow" in new)
    assert "Northgate, planner" in known
    assert any("I adopted a greyhound" in new for _, _, new in asked)
    assert not any("Biscuit" in new for _, _, new in asked)


def test_answers_that_fail_are_counted_and_their_facts_missed(llm: FakeOpenAI, tmp_path: Path) -> None:
    llm.fail(server_error())

    total = evaluated(tmp_path, "--ours-only", "--limit", "3")["afterword"]["total"]

    assert (total["calls"], total["failed"]) == (3, 1)
    assert 0 < total["coverage"] < 1


def test_a_refused_key_ends_the_run_with_one_line(llm: FakeOpenAI, tmp_path: Path) -> None:
    llm.fail(unauthorised())

    with pytest.raises(SystemExit, match="eval: fake-model: HTTP 401"):
        evaluated(tmp_path)
    assert len(llm.chats) == 1


def test_without_a_key_it_says_in_one_line_what_to_set() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AFTERWORD_", "OPENAI_"))}
    run = subprocess.run(
        [sys.executable, "-m", "ops.eval"], env=kept, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "OPENAI_API_KEY" in run.stderr
    assert "AFTERWORD_LLM_BASE_URL" in run.stderr
