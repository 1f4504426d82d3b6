"""The settings as a Markdown table, for docs/settings.md and for `afterword settings`."""

from __future__ import annotations

from pydantic import SecretStr, TypeAdapter
from pydantic_settings import BaseSettings

from afterword.workers.runtime.settings import Settings
from afterword.workers.services.extraction.pricing import Price


def settings_table(settings: type[BaseSettings] = Settings) -> str:
    """Every setting with its environment variable, default and meaning, in the order of the class."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    prefix = settings.model_config.get("env_prefix", "")
    for name, field in settings.model_fields.items():
        rows.append(f"| `{prefix}{name.upper()}` | {_default(field.default)} | {field.description} |")
    return "\n".join(rows)


def _default(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, dict):
        value = TypeAdapter(dict[str, Price]).dump_json(value).decode()
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
