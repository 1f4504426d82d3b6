"""Bringing memories and chats of a user in over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx

from afterword.gateway.routes.imports import MOST_THINGS
from tests.support.gateway_stack import GatewayStack, new_user, token

MEM0 = {"id": "m-1", "memory": "Likes tea", "created_at": "2026-05-01T12:00:00Z", "user_id": "whoever"}
CHAT = {"title": "Trips", "messages": [{"role": "user", "content": "I sail at weekends."}]}


def bring(http: httpx.Client, user: str, *lines: Any, **more: Any) -> httpx.Response:
    body = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
    headers = {"content-type": "application/x-ndjson"}
    return http.post(f"/api/v1/users/{user}/import", content=body.encode(), headers=headers, **more)


def texts(http: httpx.Client, user: str) -> set[str]:
    return {each["text"] for each in http.get("/api/v1/memories", params={"user_id": user}).json()["memories"]}


def test_an_export_of_one_becomes_anothers_and_nothing_comes_twice(door: GatewayStack) -> None:
    ann, bob = new_user("ann"), new_user("bob")
    with door.agent() as http:
        for number in range(3):
            http.post("/api/v1/memories", json={"user_id": ann, "text": f"Note {number}"})
        lines = http.get(f"/api/v1/users/{ann}/export").text.splitlines()
        told = bring(http, bob, *lines)
        assert told.json() == {"added": 3, "known": 0, "published": 0, "left_out": 0, "refused": []}
        assert bring(http, bob, *lines).json()["known"] == 3
        assert texts(http, bob) == {"Note 0", "Note 1", "Note 2"}
        # Who brings their own back in has it all.
        assert bring(http, ann, *lines).json()["known"] == 3


def test_a_line_that_cannot_be_read_costs_itself_alone(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token(ann)) as http:
        told = bring(
            http, ann, MEM0, "{", {**MEM0, "id": "m-2", "created_at": "once"}, "", {"a": 1}, CHAT, {"messages": 5}
        )
        assert told.status_code == 200
        report = told.json()
        assert (report["added"], report["published"]) == (1, 1)
        assert [(each["line"], each["status"]) for each in report["refused"]] == [
            (2, 422),
            (3, 422),
            (5, 422),
            (7, 422),
        ]
        assert report["refused"][1]["field"] == "occurred_at"
    door.until_remembered(ann, "I sail at weekends.")


def test_documents_of_mem0_and_of_chatgpt(door: GatewayStack) -> None:
    ann = new_user("ann")
    node = {
        "parent": None,
        "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}},
    }
    tool = {"parent": "a", "message": {"author": {"role": "tool"}, "content": {"content_type": "text", "parts": ["x"]}}}
    with door.http(token(ann)) as http:
        path = f"/api/v1/users/{ann}/import"
        assert http.post(path, json={"results": [MEM0]}).json()["added"] == 1
        told = http.post(path, json=[{"id": "c", "mapping": {"a": node, "b": tool}, "current_node": "b"}]).json()
        assert (told["published"], told["left_out"]) == (1, 1)
        assert http.post(path, json=[MEM0] * (MOST_THINGS + 1)).status_code == 413
        assert http.post(path, content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_too_many_lines_are_told_and_those_before_are_in(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token(ann)) as http:
        report = bring(http, ann, MEM0, *[""] * (MOST_THINGS - 1), MEM0 | {"id": "m-4"}).json()
        assert report["added"] == 1
        assert [(each["line"], each["code"]) for each in report["refused"]] == [(MOST_THINGS + 1, "too_large")]


def test_an_objection_comes_along_and_after_it_nothing(door: GatewayStack) -> None:
    ann = new_user("ann")
    objection = {"type": "wishes", "wishes": {"user_id": "somebody", "memory_enabled": False}}
    with door.http(token(ann)) as http:
        assert bring(http, ann, objection, MEM0).json()["added"] == 1
        assert http.get(f"/api/v1/users/{ann}").json()["memory_enabled"] is False
        assert bring(http, ann, MEM0 | {"id": "m-3"}).status_code == 403


def test_only_into_what_is_ones_own(door: GatewayStack) -> None:
    with door.http(token(new_user("ann"))) as http:
        assert bring(http, "somebody-else", MEM0).status_code == 403
    with door.http() as http:
        assert bring(http, "ann", MEM0).status_code == 401
