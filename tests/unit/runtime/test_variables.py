"""Variables that look like settings and are none."""

from __future__ import annotations

from afterword.producers.settings import ClientSettings
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.variables import CLIENT_SETTINGS, unknown_variables


def test_every_setting_of_workers_and_clients_is_known() -> None:
    names = [*Settings.model_fields, *ClientSettings.model_fields, "tenant_id"]
    assert unknown_variables({f"AFTERWORD_{name.upper()}": "1" for name in names} | {"OPENAI_API_KEY": "k"}) == []
    assert {*ClientSettings.model_fields, "tenant_id"} == set(CLIENT_SETTINGS)


def test_a_typo_names_what_was_meant_and_never_the_value() -> None:
    [line] = unknown_variables({"AFTERWORD_LLM_API_KEE": "sk-secret"})
    assert line == "AFTERWORD_LLM_API_KEE is no setting and changes nothing; did you mean AFTERWORD_LLM_API_KEY?"
