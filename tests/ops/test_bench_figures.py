"""The parts of the benchmarks that measure nothing: figures, tables, samples."""

from __future__ import annotations

import json
from itertools import islice, pairwise

import pytest

from afterword.schemas import ConversationFinished, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from ops.bench import asking, cost, embeddings, llm, memory, recall, report, runner
from ops.bench.findings import Comparison, Findings, Row, latency, quantile
from ops.bench.machine import Machine, this_machine
from ops.bench.samples import TURNS, Samples
from ops.bench.sampling import Timed, back_to_back, idle

MACHINE = Machine("CPU", 2, 4.0, 0.5, "3.11.1", "7.0.15", "15.8", "edge 0.9.0", "2026-01-05T09:00:00+00:00")
FINDINGS = Findings(
    [Row("publish", 5000, {"p50": 0.1234, "p95": 12.34}, "ms")],
    [
        Comparison("publish / PING", 2.5, "round trips", 3.0),
        Comparison("ingest", 120.0, "conversations/s", 150.0, at_most=False),
        Comparison("only shown", 1.0, "times"),
    ],
)


def test_quantiles_are_interpolated_whatever_the_order() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([1.0, 2.0], 0.75) == 1.75
    assert quantile([7.0], 0.99) == 7.0
    assert quantile([1.0, 2.0, 3.0], 1.0) == 3.0


def test_latencies_are_told_in_milliseconds() -> None:
    row = latency("x", [0.001, 0.002, 0.003])
    assert (row.n, row.unit) == (3, "ms")
    assert row.figures["p50"] == pytest.approx(2.0)
    assert list(row.figures) == ["p50", "p95", "p99"]


def test_aims_are_met_from_their_own_side() -> None:
    assert [comparison.met for comparison in FINDINGS.comparisons] == [True, False, None]


def test_the_table_shows_figures_and_ratios_beside_their_aims() -> None:
    shown = report.table("demo", FINDINGS)
    assert "p50   0.12  p95   12.3  ms" in shown
    lines = shown.splitlines()
    assert "aim ≤ 3 round trips" in lines[-3]
    assert lines[-3].endswith("met")
    assert "aim ≥ 150 conversations/s" in lines[-2]
    assert lines[-2].endswith("MISSED")
    assert "aim" not in lines[-1]


def test_the_file_holds_the_machine_and_every_figure() -> None:
    written = json.loads(json.dumps(report.as_json(MACHINE, {"demo": FINDINGS})))
    assert written["machine"]["postgres"] == "15.8"
    assert written["benchmarks"]["demo"]["rows"][0]["figures"] == {"p50": 0.1234, "p95": 12.34}
    assert [each["met"] for each in written["benchmarks"]["demo"]["comparisons"]] == [True, False, None]


def test_the_machine_is_described() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_gib > 0
    assert machine.redis[0].isdigit()
    assert machine.postgres[0].isdigit()
    assert machine.python in report.heading(machine)


def test_samples_are_valid_all_different_and_the_same_in_every_run() -> None:
    events = [ConversationFinished.parse(fields) for fields in Samples().conversations(50, users=10)]
    texts = [message.text for event in events for message in event.messages]
    assert {len(event.messages) for event in events} == {TURNS}
    assert len({event.user_id for event in events}) == 10
    assert len(set(texts)) == len(texts)
    assert Samples().messages() == Samples().messages()


def test_probes_are_called_in_turn_and_warm_ups_forgotten() -> None:
    calls: list[str] = []
    first, second = Timed(lambda: calls.append("a")), Timed(lambda: calls.append("b"))
    back_to_back([first, second], 5, block=2)
    assert "".join(calls) == "aabb" + "aabb" + "aabb" + "ab"
    assert len(first.seconds) == len(second.seconds) == 5

    calls.clear()
    idle([first, second], 2, pause=(0.0, 0.0))
    assert "".join(calls) == "ab" + "abab"
    assert len(first.seconds) == 2


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["nonsense"])
    assert "no such benchmark: nonsense" in capsys.readouterr().err


def told(prompt: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(llm.answer([{"role": "user", "content": prompt}]))["memory"]
    return found


def test_the_stand_in_finds_a_fact_of_each_scope_in_our_prompt() -> None:
    said = [{"n": number, "role": "user", "content": f"turn {number}"} for number in range(6)]
    found = told(f"## New Messages\n{json.dumps(said)}\n\n## Observation Date\n2026-01-05")
    assert [(fact["text"], fact["scope"], fact["source"]) for fact in found] == [
        (f"turn {number}", scope, number) for number, scope in enumerate(Scope)
    ]


def test_the_stand_in_finds_one_fact_in_a_plain_prompt_of_mem0() -> None:
    [found] = told("## New Messages\nuser: I play the cello.\nassistant: Nice!\n\n## Observation Date\n2026-01-05")
    assert found["text"] == "user: I play the cello."


def test_every_case_is_of_valid_conversations_as_many_as_it_says() -> None:
    for case in cost.cases(quick=True):
        events = [ConversationFinished.parse(fields) for fields in case.conversations()]
        assert len(events) == case.users * case.each
        assert len({event.user_id for event in events}) == case.users


def test_windows_of_a_session_overlap_by_all_but_two_turns() -> None:
    [case] = [case for case in cost.cases(quick=True) if isinstance(case, cost.Republished)]
    windows = [fields["messages"] for fields in case.conversations() if fields["user_id"] == "user-0"]
    assert {len(window) for window in windows} == {10}
    assert all(before[2:] == after[:-2] for before, after in pairwise(windows))
    assert len({message["content"] for window in windows for message in window}) == 28


def test_samples_are_told_apart_by_the_third_they_were_taken_in() -> None:
    samples = [(0, 1.0), (10, 2.0), (20, 3.0), (50, 4.0), (90, 5.0)]
    assert memory.thirds(samples, 90) == [[2.0, 3.0], [4.0], [5.0]]
    assert memory.thirds([(0, 1.0), (80, 2.0), (90, 3.0)], 90) == [[2.0], [2.0], [2.0, 3.0]]


def measured(context: float, searches: float) -> recall.Measured:
    return recall.Measured({100: latency("context", [context])}, {100: latency("searches", [searches])})


def test_like_is_held_against_like_and_the_embedded_stack_beside_mem0_with_a_server() -> None:
    size = recall.Size((1_000, 2_000), {recall.HTTP: (2_000,)}, (1_000,), (100,), questions=1, few=1, side_by_side=1)
    ways = {
        recall.EDGE: {1_000: measured(0.004, 0.002), 2_000: measured(0.005, 0.002)},
        recall.HTTP: {2_000: measured(0.010, 0.040)},
        recall.HOSTED: {2_000: measured(0.010, 0.010)},
        recall.ALONE: {1_000: measured(0.004, 0.020)},
    }

    compared = list(recall.beside_mem0(size, ways))

    of_two_thousand = "2,000 memories, 100 of the user: three Memory.search"
    assert [(each.name, each.met) for each in compared] == [
        ("1,000 memories, 100 of the user: three Memory.search / context, over Edge, p50", False),
        ("1,000 memories, 100 of the user: three Memory.search / context, without a server, p50", True),
        (f"{of_two_thousand} / context, over Edge, p50", False),
        (f"{of_two_thousand} / context, over HTTP, p50", True),
        (f"{of_two_thousand} / context, embedder of 100 ms, p50", None),
        (f"{of_two_thousand} over HTTP / context over Edge, p50", None),
    ]
    assert [each.measured for each in compared] == pytest.approx([0.5, 5.0, 0.4, 4.0, 1.0, 8.0])


def test_a_server_is_asked_at_the_largest_size() -> None:
    for size in (recall.FULL, recall.QUICK):
        assert all(size.stores[-1] in totals and set(totals) <= set(size.stores) for totals in size.served.values())


def test_no_series_of_questions_repeats_another() -> None:
    seeds = [total + own for total in recall.FULL.stores for own in (0, *recall.FULL.owns)]
    asked = [query for seed in seeds for query in islice(asking.questions(seed), 440)]
    assert len(set(asked)) == len(asked)
    assert next(asking.questions(7)) == next(asking.questions(7))


def test_the_endpoint_embeds_as_the_embedder_that_hashes_does() -> None:
    told = embeddings.answer({"input": ["tea", "a cello"], "dimensions": 64, "model": "hashing"})
    assert [item["embedding"] for item in told["data"]] == HashingEmbedder(64).embed(["tea", "a cello"])
