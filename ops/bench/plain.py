"""mem0's plain `Memory.add`, three times for each conversation: `python -m ops.bench.plain URL FILE`.

FILE holds conversations, one in JSON a line. The models are those of the workers that are measured beside it: the LLM
at URL and the embedder that hashes. Prints what it took, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from afterword.schemas import ConversationFinished
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.llms.openai import OpenAILlm
from ops.bench.taken import Taken
from ops.eval.counting import CountingLlm
from ops.eval.plain_mem0 import PlainMem0

_LLM_TIMEOUT = 60.0


def learn(events: Sequence[ConversationFinished], url: str) -> Taken:
    """The cost of learning these. The first is not counted: everything is loaded with it."""
    embedder = build_embedder(provider="hashing")
    memory = PlainMem0(CountingLlm(OpenAILlm("bench", base_url=url, timeout=_LLM_TIMEOUT)), embedder)
    memory.learn(events[:1])
    begun = _cpu_seconds()
    bills = [memory.learn([event]).cost for event in events[1:]]
    return Taken(
        conversations=len(bills),
        cpu_seconds=_cpu_seconds() - begun,
        calls=sum(bill.calls for bill in bills),
        prompt_tokens=sum(bill.prompt for bill in bills),
    )


def _cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
    print(json.dumps(asdict(learn([ConversationFinished.parse(json.loads(line)) for line in lines], sys.argv[1]))))
