"""The recall benchmark as a command."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from afterword.schemas.errors import AfterwordError
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.runtime import logs
from afterword.workers.runtime.settings import Settings
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.port import VectorStore
from ops.recall import corpus
from ops.recall.corpus import PARTS, SHIPPED
from ops.recall.measuring import Library, Memories, of_kinds, stock
from ops.recall.memories import MemoryKinds, plain, written
from ops.recall.report import Run, as_json, details, summary
from ops.recall.stores import steady
from ops.recall.systems import System, plain_systems

_BOTH_WAYS = (MemoryKinds.EXCERPTS, MemoryKinds.BOTH)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure recall and print it. Exit status 1, and one line, when it cannot be run."""
    options = _options(arguments)
    try:
        settings = _settings(options)
        logs.configure(settings)
        embedder = _embedder(settings)
        print(f"embedder  {embedder.identity}")
        runs = [run for part in _parts(options) for run in _measured(part, options, embedder, settings)]
        if options.json:
            report = as_json(str(embedder.identity), runs)
            options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except (AfterwordError, OSError) as error:
        sys.exit(f"recall: {error}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops.recall", description=main.__doc__)
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all", help="which part of the conversations")
    parser.add_argument("--memories", choices=list(MemoryKinds), help="default: excerpts, then both")
    parser.add_argument("--data", type=Path, default=SHIPPED, metavar="FOLDER", help="other conversations")
    parser.add_argument("--embedder", default="hashing", help="hashing, openai, fastembed or mem0:<provider>")
    parser.add_argument("--embedder-model", metavar="MODEL")
    parser.add_argument("--embedder-dimensions", type=int, metavar="N")
    parser.add_argument("--embedder-base-url", metavar="URL")
    parser.add_argument("--brief", action="store_true", help="leave out the tables by kind and language")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to a file, too")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace) -> Settings:
    given = {
        "embedder": options.embedder,
        "embedder_model": options.embedder_model,
        "embedder_dimensions": options.embedder_dimensions,
        "embedder_base_url": options.embedder_base_url,
    }
    overrides = {name: value for name, value in given.items() if value is not None}
    return Settings.load(log_level="ERROR", log_format="text", **overrides)


def _embedder(settings: Settings) -> Embedder:
    key = settings.embedder_api_key.get_secret_value() if settings.embedder_api_key else None
    return build_embedder(
        provider=settings.embedder,
        model=settings.embedder_model,
        dimensions=settings.embedder_dimensions,
        base_url=settings.embedder_base_url,
        api_key=key,
        timeout=settings.embedder_timeout,
    )


def _parts(options: argparse.Namespace) -> list[str]:
    if options.part != "all":
        return [options.part]
    found = corpus.parts_of(options.data)
    if not found:
        raise corpus.BadCorpus(f"{options.data}: holds neither of {', '.join(PARTS)}")
    return found


def _measured(part: str, options: argparse.Namespace, embedder: Embedder, settings: Settings) -> Iterator[Run]:
    conversations = corpus.load(options.data, part)
    full: Memories = {each.id: written(each, embedder) for each in conversations}
    bare: Memories = {name: plain(some, embedder) for name, some in full.items()}
    for kinds in (MemoryKinds(options.memories),) if options.memories else _BOTH_WAYS:
        library = Library.of(conversations, of_kinds(full, kinds))
        with _stocked(of_kinds(full, kinds), embedder) as ours, _stocked(of_kinds(bare, kinds), embedder) as others:
            stores = steady(ours, library.most), steady(others, library.most)
            with _systems(*stores, embedder, settings) as systems:
                answers = {system.name: library.answers(system) for system in systems}
        run = Run(part, kinds, len(conversations), library.memories, answers)
        print(f"\n{summary(run)}")
        if not options.brief:
            print(f"\n{details(run)}")
        yield run


@contextmanager
def _stocked(memories: Memories, embedder: Embedder) -> Iterator[VectorStore]:
    with tempfile.TemporaryDirectory(prefix="afterword-recall-") as folder:
        store = EdgeStore(Path(folder))
        store.prepare(embedder.identity)
        try:
            stock(store, memories)
            yield store
        finally:
            store.close()


@contextmanager
def _systems(ours: VectorStore, others: VectorStore, embedder: Embedder, settings: Settings) -> Iterator[list[System]]:
    """Ours over memories as the workers write them; the others over the same texts, as anybody would embed them."""
    # mem0 takes a second to import: the conversations are read first.
    from ops.recall.mem0_search import Mem0Search
    from ops.recall.ours import our_systems

    with our_systems(ours, others, embedder, settings) as afterword:
        systems: list[System] = [*afterword]
        yield [*systems, Mem0Search(others, embedder), *plain_systems(others, embedder)]
