"""Variables of the environment that look like our settings and are none. A typo would silently change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from afterword.workers.runtime.settings import Settings

_PREFIX = "AFTERWORD_"
_GATEWAY = f"{_PREFIX}GATEWAY_"
"""Settings of the gateway, which looks for typos among them itself."""
CLIENT_SETTINGS = (
    *("tenant_id", "outbox_messages", "outbox_bytes", "max_messages", "max_bytes"),
    *("on_invalid", "on_unavailable", "exit_seconds", "pause_seconds"),
)
"""Settings that clients read and workers do not: agent and workers often share one environment."""


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A line for each, with the nearest name that is known. Values are not told: one may be a key.

    >>> unknown_variables({"AFTERWORD_LLM_MODLE": "gpt-5-mini", "AFTERWORD_LLM": "none"})
    ['AFTERWORD_LLM_MODLE is no setting and changes nothing; did you mean AFTERWORD_LLM_MODEL?']
    """
    known = {f"{_PREFIX}{name.upper()}" for name in (*Settings.model_fields, *CLIENT_SETTINGS)}
    # In any case of letters, as pydantic-settings reads them.
    given = sorted(
        name
        for name in environ
        if name.upper().startswith(_PREFIX) and name.upper() not in known and not name.upper().startswith(_GATEWAY)
    )
    return [_told(name, known) for name in given]


def _told(name: str, known: set[str]) -> str:
    nearest = get_close_matches(name.upper(), known, n=1, cutoff=0.6)
    hint = f"; did you mean {nearest[0]}?" if nearest else "; `afterword settings` lists them"
    return f"{name} is no setting and changes nothing{hint}"
