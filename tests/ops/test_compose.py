"""The Compose file: valid by the Compose Specification, and keeping the promises that no schema knows."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from afterword.gateway.settings import PREFIX, GatewaySettings
from afterword.producers.settings import ClientSettings
from afterword.workers.runtime.settings import Settings
from tests.conftest import unavailable

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
IMAGE = "afterword:0.1.0"
ROLES = {"ingest", "extraction", "context", "commands", "telemetry", "scheduler"}
MACHINE_MEMORY_MB = 3_500
"""Of 4 GB, what is left for containers when the host has taken its share."""

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:\?|:-)([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text()))


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def environment(name: str) -> dict[str, str | None]:
    return dict(services()[name].get("environment", {}))


def one_shots() -> set[str]:
    """Services that end by themselves."""
    return {name for name, service in services().items() if service["restart"] == "no"}


def variables(operator: str | None = None) -> set[str]:
    """The variables that the file interpolates; with an operator (`:?` or `:-`) only those that use it."""
    found = VARIABLE.findall(COMPOSE.read_text())
    return {name for name, how, _ in found if operator is None or how == operator}


def setting_variables() -> set[str]:
    return {f"AFTERWORD_{name}".upper() for name in Settings.model_fields} | {"OPENAI_API_KEY", "OPENAI_BASE_URL"}


def megabytes(size: str) -> int:
    assert size.endswith("M"), size
    return int(size.removesuffix("M"))


every_service = pytest.mark.parametrize("name", sorted(services()))


def test_it_is_valid_by_the_compose_specification() -> None:
    if find_spec("check_jsonschema") is None:
        unavailable("check-jsonschema is not installed: it brings the schema of the Compose Specification")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    check = subprocess.run(command, capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


# Every service


@every_service
def test_its_image_is_pinned(name: str) -> None:
    image = services()[name]["image"]
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+[\w.-]*", image), image
    assert ("build" in services()[name]) == (image == IMAGE)


@every_service
def test_it_cannot_gain_rights(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@every_service
def test_its_health_is_checked_unless_it_ends_by_itself(name: str) -> None:
    check = services()[name]["healthcheck"]
    if name in one_shots():
        assert check == {"disable": True}
    else:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@every_service
def test_it_is_restarted_unless_it_ends_by_itself(name: str) -> None:
    assert services()[name]["restart"] == ("no" if name in one_shots() else "unless-stopped")


@every_service
def test_its_logs_are_rotated(name: str) -> None:
    assert set(services()[name]["logging"]["options"]) == {"max-size", "max-file"}


@every_service
def test_its_share_of_the_machine_is_limited(name: str) -> None:
    limits = services()[name]["deploy"]["resources"]["limits"]
    assert 0 < float(limits["cpus"]) <= 2  # Docker refuses more CPUs than there are
    assert megabytes(limits["memory"]) > 0


@every_service
def test_it_listens_to_this_machine_only(name: str) -> None:
    for port in services()[name].get("ports", []):
        assert str(port).startswith("127.0.0.1:"), port


@every_service
def test_its_secrets_come_from_outside(name: str) -> None:
    for variable, value in environment(name).items():
        if re.search(r"PASSWORD|_KEY$|SECRET|TOKEN(?!S)", variable):
            assert value is None or re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), variable
        if value and "@" in value:
            assert re.search(r"://\w+:\$\{\w+:\?[^}]+\}@", value), variable


@every_service
def test_it_waits_for_what_it_needs_to_be_ready(name: str) -> None:
    for needed, how in services()[name].get("depends_on", {}).items():
        ended = needed in one_shots()
        assert how == {"condition": "service_completed_successfully" if ended else "service_healthy"}
        assert set(services()[needed]["networks"]) & set(services()[name]["networks"]), needed


@every_service
def test_its_volumes_and_networks_exist(name: str) -> None:
    for volume in services()[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).is_dir(), source
            assert volume.endswith(":ro"), volume
        else:
            assert source in compose()["volumes"], source
    assert set(services()[name]["networks"]) <= set(compose()["networks"])


def test_all_of_it_fits_a_small_machine() -> None:
    running = set(services()) - one_shots()
    total = sum(megabytes(services()[name]["deploy"]["resources"]["limits"]["memory"]) for name in running)
    assert total <= MACHINE_MEMORY_MB


# Our own processes


def test_there_is_a_service_for_every_role_and_one_migration_before_them() -> None:
    for role in ROLES:
        assert services()[role]["command"] == ["worker", "--role", role]
        assert "migrate" in services()[role]["depends_on"]
    assert services()["migrate"]["command"] == ["migrate"]
    ours = {name for name, service in services().items() if service["image"] == IMAGE}
    assert ours == {*ROLES, "migrate", "gateway", "traffic"}


@pytest.mark.parametrize("name", sorted({*ROLES, "migrate"}))
def test_it_is_told_settings_that_exist(name: str) -> None:
    assert set(environment(name)) <= setting_variables()


def test_every_setting_can_be_set_in_the_env_file() -> None:
    # An embedded vector store belongs to one process: it has no place here.
    assert setting_variables() - set(environment("ingest")) == {"AFTERWORD_EDGE_PATH"}


def gateway_variables() -> set[str]:
    return {f"{PREFIX}{name}".upper() for name in GatewaySettings.model_fields}


def test_every_setting_of_the_gateway_can_be_set_and_nobody_goes_in_unasked() -> None:
    told = environment("gateway")
    assert gateway_variables() - set(told) == {"AFTERWORD_GATEWAY_INSECURE_DEV"}
    assert set(told) - gateway_variables() == {"AFTERWORD_PROBE_PORT"}
    settings = GatewaySettings(host=str(told["AFTERWORD_GATEWAY_HOST"]))
    assert settings.api_keys, "without a token's key it takes API keys"


def test_the_gateway_listens_where_it_is_asked() -> None:
    port = environment("gateway")["AFTERWORD_GATEWAY_PORT"]
    assert environment("gateway")["AFTERWORD_PROBE_PORT"] == port
    assert [each.rsplit(":", 1)[1] for each in services()["gateway"]["ports"]] == [port]


def test_the_gateway_reaches_redis_and_no_store_as_a_user_of_its_own() -> None:
    networks = set(services()["gateway"]["networks"])
    reached = {name for name, service in services().items() if networks & set(service["networks"])}
    # A network has two directions: who scrapes the gateway can be reached by it.
    assert reached - {"gateway"} == {"redis", "prometheus"}
    assert str(environment("gateway")["AFTERWORD_GATEWAY_REDIS_URL"]).startswith("redis://gateway:")


def test_the_gateway_may_send_what_waits_before_it_is_killed() -> None:
    grace = GatewaySettings.model_fields["shutdown_grace"].default
    assert float(services()["gateway"]["stop_grace_period"].removesuffix("s")) > 2 * grace


def test_a_role_may_finish_its_work_before_it_is_killed() -> None:
    grace = Settings.model_fields["shutdown_grace"].default
    for role in ROLES:
        assert float(services()[role]["stop_grace_period"].removesuffix("s")) > grace


def test_roles_can_be_scaled() -> None:
    for role in ROLES:
        assert not {"container_name", "ports", "hostname"} & set(services()[role])


def test_sample_traffic_runs_only_when_asked_for_and_as_a_producer() -> None:
    assert [name for name, service in services().items() if "profiles" in service] == ["traffic"]
    assert str(environment("traffic")["AFTERWORD_REDIS_URL"]).startswith("redis://producer:")
    known = {f"AFTERWORD_{name}".upper() for name in (*ClientSettings.model_fields, "redis_url", "tenant_id")}
    assert set(environment("traffic")) <= known


def test_only_the_roles_and_grafana_reach_the_stores() -> None:
    inside = {name for name, service in services().items() if "stores" in service["networks"]}
    assert inside == {*ROLES, "migrate", "grafana-role", "grafana", "postgres", "qdrant"}
    assert compose()["networks"]["stores"] == {"internal": True}
    assert not [name for name in ("postgres", "qdrant") if "ports" in services()[name]]


def test_qdrant_is_the_version_of_its_client() -> None:
    minor = ".".join(version("qdrant-client").split(".")[:2])
    assert f":v{minor}." in services()["qdrant"]["image"]


# .env.example


def example(*, commented: bool) -> dict[str, str]:
    pattern = r"^# ([A-Z_]+)=(.*)$" if commented else r"^([A-Z_]+)=(.*)$"
    return dict(re.findall(pattern, (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_asks_for_all_that_is_required_and_holds_no_secret() -> None:
    assert set(example(commented=False)) == variables(":?")
    assert set(example(commented=False).values()) == {""}


def test_the_example_names_only_variables_that_are_read() -> None:
    told = {**environment("ingest"), **environment("gateway")}
    taken_as_they_are = {name for name, value in told.items() if value is None}
    assert set(example(commented=True)) <= variables(":-") | taken_as_they_are


def test_every_variable_is_either_required_or_has_a_default() -> None:
    assert variables() == variables(":?") | variables(":-")
    assert variables(":-") <= set(example(commented=True))
