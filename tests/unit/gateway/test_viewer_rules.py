"""The viewer saves whole policies: it must have a field for every rule."""

from __future__ import annotations

import re
from pathlib import Path

from afterword.schemas.policies import PolicyRules

VIEWER = Path("producers/afterword/gateway/viewer")


def test_every_rule_has_a_field_and_a_name_in_both_languages() -> None:
    listed = re.search(r"const RULES = \[(.*?)\]", (VIEWER / "policies.js").read_text(encoding="utf-8"))
    assert listed is not None
    assert re.findall(r'"(\w+)"', listed[1]) == list(PolicyRules.model_fields)
    words = (VIEWER / "words.js").read_text(encoding="utf-8")
    for rule in PolicyRules.model_fields:
        assert re.search(rf'^  {rule}: \[".+", ".+"\],$', words, re.MULTILINE), rule
