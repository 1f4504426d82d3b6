"""A load run as people read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from afterword.producers import Stats
from ops.bench.findings import QUANTILES, quantile
from ops.load.driving import Done
from ops.load.plan import Load
from ops.load.verdict import Comparison


def shown(load: Load, done: Sequence[Done], seconds: float, stats: Stats) -> str:
    """The work done, and how long askers had to wait."""
    results = Counter(each.result for each in done)
    published = [each.waited for each in done if each.result == "published"]
    asked = [each.waited for each in done if each.result != "published"]
    return "\n".join(
        [
            f"{len(done)} acts in {seconds:.1f} s: {len(done) / seconds:.1f} a second of {load.rate:g} asked for",
            _latency("published", published),
            _latency("asked", asked),
            _latency("begun late by this process", [each.late for each in done]),
            "  " + ", ".join(f"{result} {count}" for result, count in sorted(results.items())),
            f"  sent {stats.sent}, queued {stats.queued}, dropped {stats.dropped}, invalid {stats.invalid}",
        ]
    )


def compared(comparisons: Sequence[Comparison]) -> str:
    """The figures measured here beside those of the workers."""
    lines = [f"  {'':28} {'here':>10} {'workers':>10}"]
    for each in comparisons:
        verdict = "agree" if each.agrees else f"DISAGREE, {each.least:.4g} to {each.most:.4g} would do"
        lines.append(f"  {each.name:28} {each.here:>10.4g} {each.workers:>10.4g}  {verdict}")
    return "\n".join(lines)


def _latency(name: str, seconds: Sequence[float]) -> str:
    figures = [f"{title} {1000 * quantile(seconds, share):8.1f}" for title, share in QUANTILES.items() if seconds]
    return f"  {name:28} n {len(seconds):>6}  {'  '.join(figures)}  ms"
