"""The declared metrics: their names and labels, and that nothing is declared that nobody counts."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

import afterword.workers
from afterword.schemas import Kind, Scope
from afterword.schemas.wire import Queue
from afterword.workers.observing.metrics import Metrics, Reading
from afterword.workers.observing.metrics.instruments import BoundedLabel
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.extraction.llm_caller import LlmCaller
from afterword.workers.services.extraction.pricing import Price
from afterword.workers.services.ingest.recorder import Outcome as IngestOutcome
from afterword.workers.services.recall.answering import RelevanceVerdict
from afterword.workers.stores.ledger.extraction.llm_calls import LlmCall

SOURCES = Path(afterword.workers.__path__[0])
BOUNDED = {
    "command",
    "component",
    "kind",
    "model",
    "operation",
    "outcome",
    "part",
    "queue",
    "role",
    "scope",
    "source",
    "state",
    "step",
    "task",
    "tenant",
    "type",
    # The rules of redaction that a setting names.
    "rule",
}
"""Labels whose values are few: none names a user, a session, a memory or an event."""


def declared() -> dict[str, MetricWrapperBase | Reading]:
    """By the name that the code knows them by."""
    return {name: each for name, each in vars(Metrics()).items() if isinstance(each, MetricWrapperBase | Reading)}


def exposed_name(metric: MetricWrapperBase | Reading) -> str:
    return next(iter(metric.describe())).name


def labels_of(metric: MetricWrapperBase | Reading) -> tuple[str, ...]:
    return tuple(metric._labelnames if isinstance(metric, MetricWrapperBase) else metric._labels)


def test_two_in_one_process_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.telemetry_dropped.inc()
    assert first.registry.get_sample_value("afterword_telemetry_dropped_total") == 1
    assert second.registry.get_sample_value("afterword_telemetry_dropped_total") == 0


@pytest.mark.parametrize("metric", declared().values(), ids=declared())
class TestEach:
    def test_has_help_a_name_of_ours_and_few_label_values(self, metric: MetricWrapperBase | Reading) -> None:
        family = next(iter(metric.describe()))
        assert family.name.startswith("afterword_")
        assert len(family.documentation) > 10
        assert set(labels_of(metric)) <= BOUNDED

    def test_is_in_base_units(self, metric: MetricWrapperBase | Reading) -> None:
        shown = exposed_name(metric)
        assert not shown.endswith(("_ms", "_milliseconds", "_minutes", "_mb", "_kilobytes", "_total"))
        if isinstance(metric, Histogram):
            assert shown.endswith("_seconds")
            assert metric._upper_bounds == sorted(metric._upper_bounds)


def test_each_that_is_declared_is_counted_somewhere() -> None:
    assert set(declared()) <= used_of_metrics()


def used_of_metrics() -> set[str]:
    """The attributes that the workers' code reads of what it calls metrics."""
    return {
        node.attr
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and is_metrics(node.value, path)
    }


def is_metrics(node: ast.expr, path: Path) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in ("metrics", "_metrics") or (name == "self" and path.parent.name == "metrics")


def test_no_two_have_one_name() -> None:
    names = [exposed_name(metric) for metric in declared().values()]
    assert len(names) == len(set(names))


def series(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a counter by its labels' values, in the order of the labels' names."""
    [family] = [each for each in metrics.registry.collect() if each.name == f"afterword_{name}"]
    return {
        tuple(value for _, value in sorted(each.labels.items())): each.value
        for each in family.samples
        if each.name.endswith("_total")
    }


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ingested_conversations", [(outcome,) for outcome in IngestOutcome]),
        ("memories", product(Kind, ("add", "update", "delete"), Scope)),
        ("context_memories", product(Kind, Scope)),
        (
            "context_degraded",
            [(part,) for part in ("memory_off", "over_limit", "embedder", *Scope, "vector_store", "ledger")],
        ),
        ("relevance_gate", [(RelevanceVerdict.PASSED,), (RelevanceVerdict.STOPPED,)]),
        ("dead_letters", [(queue,) for queue in Queue]),
        ("message_retries", [(queue,) for queue in Queue]),
    ],
)
def test_what_was_never_counted_is_told_as_0(name: str, values: Iterable[tuple[str, ...]]) -> None:
    """Without a sample before it `increase` does not see the first count."""
    assert series(Metrics(), name) == {tuple(map(str, each)): 0 for each in values}


def test_labels_that_users_fill_are_bounded() -> None:
    label = BoundedLabel(most=50)
    shown = [label.of(f"tenant-{number}") for number in range(3_000)]
    assert len(set(shown)) == 51
    assert shown[:50] == [f"tenant-{number}" for number in range(50)]
    assert set(shown[50:]) == {"other"}
    assert label.of("tenant-7") == "tenant-7"


def called(tenant: str, model: str) -> LlmCall:
    """A call of 15 tokens."""
    return LlmCall(
        tenant_id=tenant,
        user_id="ada",
        model=model,
        outcome="ok",
        conversations=1,
        prompt_tokens=10,
        cached_tokens=0,
        completion_tokens=5,
        seconds=0.1,
    )


def test_who_counts_by_tenant_or_model_goes_through_a_bounded_label() -> None:
    """3,000 tenants made an answer of /metrics of 4.8 MB."""
    metrics = Metrics()
    filled = [each for each in declared().values() if {"tenant", "model"} & set(labels_of(each))]
    assert {exposed_name(each) for each in filled} == {
        *("afterword_llm_calls", "afterword_llm_seconds", "afterword_llm_tokens", "afterword_llm_cost_dollars"),
    }
    caller = object.__new__(LlmCaller)
    caller._metrics, caller._price = metrics, Price(prompt=1.0, cached=1.0, completion=1.0)
    for number in range(200):
        caller._count(called(f"t{number}", f"m{number % 60}"))
    assert len(series(metrics, "llm_calls")) == 51
    tenants = {labels[1] for labels in series(metrics, "llm_tokens")}
    assert len(tenants) == 51
    assert sum(series(metrics, "llm_tokens").values()) == 200 * 15


class TestReading:
    @pytest.fixture
    def registry(self) -> CollectorRegistry:
        return CollectorRegistry()

    def test_without_one_there_is_no_sample(self, registry: CollectorRegistry) -> None:
        gauge = Reading("depth", "How deep.", registry=registry)
        assert registry.get_sample_value("depth") is None
        assert "\ndepth" not in generate_latest(registry).decode()
        gauge.show(0)
        assert registry.get_sample_value("depth") == 0
        gauge.forget()
        assert registry.get_sample_value("depth") is None

    def test_one_that_is_too_old_is_not_shown(self, registry: CollectorRegistry) -> None:
        Reading("stale", "Too old.", registry=registry, kept=-1).show(5)
        assert registry.get_sample_value("stale") is None

    def test_a_whole_reading_replaces_the_one_before(self, registry: CollectorRegistry) -> None:
        gauge = Reading("depth", "How deep.", ["queue"], registry=registry)
        gauge.show_all({("a",): 1, ("b",): 2})
        gauge.show_all({("b",): 3})
        assert registry.get_sample_value("depth", {"queue": "a"}) is None
        assert registry.get_sample_value("depth", {"queue": "b"}) == 3

    def test_one_label_leaves_the_others(self, registry: CollectorRegistry) -> None:
        gauge = Reading("up", "Up.", ["component"], registry=registry)
        gauge.show(1, "redis")
        gauge.show(0, "postgres")
        assert registry.get_sample_value("up", {"component": "redis"}) == 1
        assert registry.get_sample_value("up", {"component": "postgres"}) == 0


def test_a_step_taken_twice_counts_once_with_the_sum() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("work_seconds", "Work.", ["step"], registry=registry)
    watch = Stopwatch()
    for _ in range(2):
        with watch.step("embed"):
            pass
    with pytest.raises(ZeroDivisionError), watch.step("failing"):
        raise ZeroDivisionError
    watch.show(histogram)
    assert registry.get_sample_value("work_seconds_count", {"step": "embed"}) == 1
    assert registry.get_sample_value("work_seconds_sum", {"step": "embed"}) == watch.seconds["embed"]
    assert registry.get_sample_value("work_seconds_count", {"step": "failing"}) == 1
