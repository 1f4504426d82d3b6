"""The command line where `afterword[cli]` alone is installed, as on an agent's host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from afterword.schemas import ContextReply, ConversationState, SearchPage
from afterword.schemas.wire import Queue
from tests.support.fake_worker import FakeWorker, drain

_MODULES = {"mem0ai": "mem0", "pystemmer": "Stemmer"}

# One interpreter for all commands: its start takes longer than they do.
_PROGRAM = """
import contextlib, io, json, sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

commands, missing = json.loads(sys.argv[1])
sys.meta_path.insert(0, NotInstalled())
from afterword.cli import main

results = []
for command in commands:
    sys.argv[1:] = command
    shown, told, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(told):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    results.append([code, shown.getvalue(), told.getvalue()])
print(json.dumps(results))
"""


def missing_modules() -> list[str]:
    """The packages that the extras of the workers bring beyond the command line's own."""
    extras = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = [line.partition(">")[0].partition("[")[0] for line in extras["worker"] + extras["embedded"]]
    modules = (name.replace("-", "_") for name in names if name != "afterword")
    return [_MODULES.get(module, module) for module in modules]


def run(url: str, commands: list[list[str]], missing: list[str]) -> list[Any]:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps([commands, missing])],
        env={**os.environ, "AFTERWORD_REDIS_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(ran.stdout))


def answer(command: Any) -> Any:
    if command.wire_name() == "search":
        return SearchPage(memories=())
    return ConversationState(event_id="e1", status="done", searchable=True, received_at=datetime.now(UTC))


def test_what_speaks_over_redis_works_and_the_rest_says_what_to_install(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "conversations.jsonl"
    file.write_text(json.dumps({"user_id": "ada", "messages": [{"role": "user", "content": "Hi"}]}) + "\n")
    with (
        FakeWorker(redis_url, Queue.CONTEXT, lambda _: ContextReply(memories=(), text="remembered")),
        FakeWorker(redis_url, Queue.COMMANDS, answer),
    ):
        context, search, publish, conversation, help_, worker, agents, up, mcp = run(
            redis_url,
            [
                ["context", "ada", "Hello?"],
                ["search", "ada", "hello"],
                ["publish", str(file)],
                ["conversation", "ada", "e1", "--json"],
                ["--help"],
                ["worker", "--role", "ingest"],
                ["agents", "list"],
                ["up"],
                ["mcp"],
            ],
            missing_modules(),
        )
    assert context == [0, "remembered\n", ""]
    assert search == [0, "", ""]
    assert publish[:2] == [0, "1 conversations published, 0 lines refused\n"]
    assert json.loads(conversation[1])["status"] == "done"
    assert help_[0] == 0
    assert len(drain(redis_url)) == 1
    # As far as it can go without a user: all that it needs is there.
    assert mcp[0].startswith("afterword: AFTERWORD_USER_ID: is required")
    for command, told, extra in (("worker", worker, "worker"), ("agents", agents, "worker"), ("up", up, "embedded")):
        assert told[0].startswith(f"afterword {command} needs more than is installed here")
        assert told[0].endswith(f"pip install 'afterword[{extra}]'")
        assert "\n" not in told[0]


def test_the_bare_sdk_says_what_to_install(redis_url: str) -> None:
    [[code, _, _]] = run(redis_url, [["context", "ada"]], ["typer", *missing_modules()])
    assert code.endswith("pip install 'afterword[cli]'")
