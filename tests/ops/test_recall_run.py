"""The recall benchmark as a command, on two conversations whose answers can be told beforehand."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from afterword.workers.services.recall.ranking.scores import WEIGHTS
from ops.recall.runner import main
from tests.support.fake_openai import FakeOpenAI

ENGLISH = """\
conversation: en-ada
language: en
user: Ada
agent: leo

=== 2026-01-05T09:00:00Z
U[rome]: I rented a flat in Rome.
A: How is the light?
U[walnut]: Walnuts make me ill, by the way.
A[leo-boat]: Noted. I varnished my dinghy.
U[aunt]: My aunt taught me that.

=== 2026-03-05T09:00:00Z
U[paris]: So now I rent a flat in Paris.
A: Bravo!
U: It rains a lot.

=== facts
rome | Ada lived in Rome until winter.
walnut | Ada has an allergy against nuts.

=== questions
single | What did Leo varnish? | leo-boat
several | In which towns did Ada rent a flat? | rome, paris
changed | Where does Ada rent a flat now, Paris? | paris | rome
paraphrase | Which allergy has Ada? | walnut
paraphrase | Whose varnish? | aunt
unanswerable | Zebra? |
"""

CHINESE = """\
conversation: zh-lin
language: zh
user: 林夏
agent: dou

=== 2026-02-01T08:00:00Z
U[cat]: 昨天我收养了一只橘猫。
A: 恭喜你！
U: 外面在下雨。

=== questions
single | 谁收养了橘猫？ | cat
"""


def written(folder: Path) -> Path:
    """The corpus."""
    for part, name, text in (("development", "en-ada", ENGLISH), ("development", "zh-lin", CHINESE)):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return written(tmp_path)


def measured(corpus: Path, *arguments: str) -> dict[str, Any]:
    """The report that a run writes."""
    file = corpus / "report.json"
    main(["--data", str(corpus), *arguments, "--json", str(file)])
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return report


def asked(run: dict[str, Any], question: str) -> dict[str, Any]:
    """Each system's answer to a question."""
    [found] = [each for each in run["questions"] if each["question"] == question]
    systems: dict[str, Any] = found["systems"]
    return systems


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The figures measured on excerpts alone."""
    corpus = written(tmp_path_factory.mktemp("corpus"))
    [run] = measured(corpus, "--memories", "excerpts")["runs"]
    assert run["memories"] == {"kinds": "excerpts", "count": 11}
    return dict(run)


class TestExcerpts:
    def test_what_shares_its_words_with_one_turn_finds_it_first(self, run: dict[str, Any]) -> None:
        for question in ("What did Leo varnish?", "谁收养了橘猫？"):
            for name, answer in asked(run, question).items():
                assert answer["places"] == [1], name
                assert answer["relevance"] > 0, name

    def test_several_turns_have_a_place_each(self, run: dict[str, Any]) -> None:
        for name, answer in asked(run, "In which towns did Ada rent a flat?").items():
            assert sorted(answer["places"]) == [1, 2], name

    def test_the_turn_of_before_a_change_has_its_place_too(self, run: dict[str, Any]) -> None:
        answer = asked(run, "Where does Ada rent a flat now, Paris?")["BM25 only"]
        assert (answer["places"], answer["superseded"]) == ([1], [2])
        assert run["systems"]["BM25 only"]["changed"]["newer_first"] == 1

    def test_words_that_no_turn_has_are_found_by_no_word(self, run: dict[str, Any]) -> None:
        bm25 = run["systems"]["BM25 only"]
        assert asked(run, "Which allergy has Ada?")["BM25 only"]["places"] == [None]
        assert asked(run, "Zebra?")["BM25 only"] == {
            "places": [],
            "superseded": [],
            "relevance": None,
            "injected": 0,
            "relevant": 0,
        }
        assert bm25["unanswerable"]["false_injection"] == 0
        assert bm25["all"]["injected"] == pytest.approx(5 / 6)
        assert run["systems"]["dense only"]["unanswerable"]["false_injection"] == 1, "it has no threshold"

    def test_ours_is_measured_without_each_signal_that_weighs_anything(self, run: dict[str, Any]) -> None:
        weighing = {each.name for each in fields(WEIGHTS) if getattr(WEIGHTS, each.name)}
        without = {name.removeprefix("afterword without ") for name in run["systems"] if " without " in name}
        assert without == weighing | {"context"}

    def test_ours_knows_what_was_said_before_and_the_others_a_turns_own_words(self, run: dict[str, Any]) -> None:
        answers = asked(run, "Whose varnish?")
        assert answers["afterword without dense"]["places"] == [2], "the turn before it speaks of varnish"
        assert answers["afterword"]["relevant"] == 1
        assert answers["afterword without context"]["relevant"] == 0
        assert answers["BM25 only"]["places"] == [None]

    def test_mem0_ranks_as_dense_search_does_and_injects_what_is_above_its_threshold(self, run: dict[str, Any]) -> None:
        for each in run["questions"]:
            assert each["systems"]["mem0 Memory.search"]["places"] == each["systems"]["dense only"]["places"]
        assert asked(run, "Zebra?")["mem0 Memory.search"]["injected"] == 0
        assert asked(run, "What did Leo varnish?")["mem0 Memory.search"]["relevant"] == 1

    def test_figures_are_by_kind_and_language(self, run: dict[str, Any]) -> None:
        for figures in run["systems"].values():
            assert list(figures) == [
                "all", "single", "several", "changed", "paraphrase", "unanswerable", "en", "zh",
            ]  # fmt: skip
            assert (figures["all"]["questions"], figures["en"]["questions"], figures["zh"]["questions"]) == (7, 6, 1)
            assert figures["zh"]["mrr"] == figures["zh"]["recall@5"] == 1

    def test_a_search_without_threshold_finds_all_turns_of_the_person_and_no_others(self, run: dict[str, Any]) -> None:
        assert asked(run, "Zebra?")["dense only"]["injected"] == 8
        assert asked(run, "谁收养了橘猫？")["dense only"]["injected"] == 3


def test_a_fact_counts_as_its_turn(corpus: Path) -> None:
    [run] = measured(corpus, "--memories", "both")["runs"]

    assert run["memories"] == {"kinds": "both", "count": 13}
    assert asked(run, "Which allergy has Ada?")["BM25 only"]["places"] == [1]

    [run] = measured(corpus, "--memories", "facts")["runs"]
    assert run["memories"]["count"] == 2
    assert asked(run, "What did Leo varnish?")["dense only"]["places"] == [None], "nobody learned it"


def test_parts_and_memories_are_measured_apart_and_every_run_is_the_same(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus / "test").mkdir()
    (corpus / "test" / "zh-lin.txt").write_text(CHINESE, encoding="utf-8")

    report = measured(corpus)
    printed = capsys.readouterr().out

    assert [(run["part"], run["memories"]["kinds"], run["conversations"]) for run in report["runs"]] == [
        ("development", "excerpts", 2),
        ("development", "both", 2),
        ("test", "excerpts", 1),
        ("test", "both", 1),
    ]
    assert report["embedder"] == "hashing/words-and-grams-1 (512 dimensions)"
    assert "DEVELOPMENT, excerpts: 2 conversations, 11 memories, 7 questions" in printed
    assert "R@20, test, both" in printed
    assert measured(corpus) == report
    assert capsys.readouterr().out == printed


def test_any_embedder_can_be_given(corpus: Path, llm: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "unused")
    report = measured(
        corpus,
        *("--memories", "excerpts", "--embedder", "openai", "--embedder-base-url", llm.url),
        *("--embedder-model", "small", "--embedder-dimensions", "32"),
    )
    assert report["embedder"] == "openai/small (32 dimensions)"
    assert asked(report["runs"][0], "What did Leo varnish?")["BM25 only"]["places"] == [1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--part", "test"], r"recall: .*test: no conversations"),
        (["--embedder", "crystal-ball"], r"recall: AFTERWORD_EMBEDDER: use openai, fastembed, hashing"),
        (["--data", "/nowhere"], r"recall: /nowhere: holds neither of development, test"),
    ],
)
def test_what_cannot_be_run_ends_with_one_line(corpus: Path, arguments: list[str], told: str) -> None:
    with pytest.raises(SystemExit, match=told):
        measured(corpus, *arguments)
