"""The evaluation as a command."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import Misconfigured
from afterword.workers.embedded.models import choose_embedder
from afterword.workers.models.llms.port import Llm
from afterword.workers.runtime import logs
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.services.ingest.rules import Debounce
from ops.eval.cases import Case, cases
from ops.eval.counting import CountingLlm
from ops.eval.learning import Learner, bursts
from ops.eval.outcomes import Outcome, judged
from ops.eval.report import as_json, tables


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the evaluation and print it. Exit status 1, and one line, when it cannot be run."""
    options = _options(arguments)
    try:
        settings = _settings()
        logs.configure(settings)
        with tempfile.TemporaryDirectory(prefix="afterword-eval-") as folder:
            house = House(settings.model_copy(update={"qdrant_url": None, "edge_path": Path(folder)}))
            try:
                _run(house, options)
            finally:
                house.close()
    except (AfterwordError, OSError) as error:
        sys.exit(f"eval: {error}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops.eval", description=main.__doc__)
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N conversations")
    parser.add_argument("--ours-only", action="store_true", help="leave mem0's plain add out: a quarter of the calls")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to a file, too")
    return parser.parse_args(arguments)


def _settings() -> Settings:
    settings = Settings.load(log_level="ERROR", log_format="text")
    return settings.model_copy(update={"embedder": choose_embedder(settings).provider})


def _run(house: House, options: argparse.Namespace) -> None:
    llm = house.models.llm
    if llm is None:
        raise Misconfigured("AFTERWORD_LLM is none: set OPENAI_API_KEY, or AFTERWORD_LLM_BASE_URL, and leave it unset")
    embedder = str(house.models.embedder.identity)
    print(f"model     {llm.model} ({house.settings.llm})\nembedder  {embedder}")
    learners = _learners(house, llm, ours_only=options.ours_only)
    sides = _evaluate(cases()[: options.limit], learners, _debounce(house.settings))
    print(f"\n{tables(sides)}")
    if options.json:
        report = as_json(llm.model, embedder, sides)
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _learners(house: House, llm: Llm, *, ours_only: bool) -> list[Learner]:
    # mem0 takes a second to import: the settings are checked first.
    from ops.eval.plain_mem0 import PlainMem0
    from ops.eval.single_call import SingleCall

    house.collections.prepare()
    embedder, tokens = house.models.embedder, house.settings.batch_tokens
    ours = SingleCall(CountingLlm(llm), embedder, house.stores.vectors, batch_tokens=tokens)
    return [ours] if ours_only else [ours, PlainMem0(CountingLlm(llm), embedder)]


def _debounce(settings: Settings) -> Debounce:
    return Debounce(
        timedelta(seconds=settings.extract_after),
        timedelta(seconds=settings.extract_within),
        settings.extract_at_tokens,
    )


def _evaluate(shipped: Sequence[Case], learners: Sequence[Learner], debounce: Debounce) -> dict[str, list[Outcome]]:
    by_id = {case.event.event_id: case for case in shipped}
    found: dict[str, list[Outcome]] = {learner.name: [] for learner in learners}
    done = 0
    for burst in bursts((case.event for case in shipped), debounce):
        done += len(burst)
        print(f"\r{done} of {len(shipped)} conversations", end="", file=sys.stderr, flush=True)
        for learner in learners:
            found[learner.name] += judged([by_id[event.event_id] for event in burst], learner.learn(burst))
    print(file=sys.stderr)
    return found
