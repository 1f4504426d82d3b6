"""Whatever is sent to the routes, none fails: every answer is one that the OpenAPI description knows."""

from __future__ import annotations

from typing import Any

import requests
import schemathesis
from hypothesis import given
from schemathesis.checks import CHECKS, load_all_checks

from tests.support.fuzzing import fuzzed
from tests.support.gateway_stack import GatewayStack, new_user, token

load_all_checks()


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """A batch is text already."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


CHECKED: Any = CHECKS.get_by_names(
    ["not_a_server_error", "content_type_conformance", "response_schema_conformance", "status_code_conformance"]
)


def test_no_request_makes_a_route_fail(door: GatewayStack) -> None:
    headers = {"Authorization": f"Bearer {token(new_user('fuzz'), 'user', 'agent', 'admin', 'operator')}"}
    schema: Any = schemathesis.openapi.from_url(f"{door.url}/openapi.json").exclude(tag="compat")
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) > 20
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations:

            @fuzzed(5, shrink=False)
            @given(case=operation.as_strategy())
            def call(case: Any) -> None:
                case.call_and_validate(checks=CHECKED, headers=headers, session=session)

            call()
