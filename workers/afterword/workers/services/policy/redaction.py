"""Redaction: what is cut out of texts before anything of them is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from afterword.schemas.values import Metadata
from afterword.workers.core.errors import Misconfigured
from afterword.workers.text.personal import RULES, Rule

if TYPE_CHECKING:
    from prometheus_client import Counter

ENTRY_POINTS = "afterword.redactors"
"""The group in which a package offers rules of its own: callables that take a text and give one back."""


class Redaction:
    """Applies rules, in order, and counts the texts that each has changed.

    A rule that raises ends the request that brought the text: storing it as it is would be the worse fault.
    """

    def __init__(self, rules: Mapping[str, Rule], counter: Counter) -> None:
        self._rules = dict(rules)
        self._counter = counter
        for name in self._rules:
            counter.labels(name)

    def text(self, text: str) -> str:
        """The text without what the rules find."""
        for name, rule in self._rules.items():
            changed = rule(text)
            if changed != text:
                self._counter.labels(name).inc()
                text = changed
        return text

    def metadata(self, metadata: Metadata) -> Metadata:
        """The metadata, its texts without what the rules find."""
        if not self._rules:
            return metadata
        return {name: self.text(value) if isinstance(value, str) else value for name, value in metadata.items()}


def rules_named(names: Iterable[str]) -> dict[str, Rule]:
    """The rules of these names: ours in their own order, then those that installed packages offer.

    Raises: Misconfigured, for a name that nobody offers.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    offered = {each.name: each for each in entry_points(group=ENTRY_POINTS)} if set(wanted) - RULES.keys() else {}
    for name in wanted:
        if name not in RULES and name not in offered:
            known = ", ".join([*RULES, *offered])
            raise Misconfigured(f"AFTERWORD_REDACT: there is no rule {name!r}; choose from {known}")
    ours = {name: rule for name, rule in RULES.items() if name in wanted}
    return ours | {name: offered[name].load() for name in wanted if name not in RULES}
