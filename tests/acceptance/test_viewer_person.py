"""The viewer in a real browser: what a person may ask for, the archive, and the policies of administrators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from afterword.workers.stores.ledger import memories
from tests.acceptance.test_viewer import cards, check_accessible, sign_in
from tests.support.gateway_stack import GatewayStack, new_user, token


@pytest.fixture
def maya(door: GatewayStack) -> str:
    """A user with two memories written by hand."""
    user = new_user("maya")
    with door.agent() as http:
        for text in ("Prefers window seats on trains.", "Allergic to peanuts."):
            assert http.post("/api/v1/memories", json={"user_id": user, "text": text}).status_code == 201
    return user


def test_a_person_objects_and_takes_it_back(page: Page, door: GatewayStack, maya: str) -> None:
    sign_in(page, door, token(maya), "person")
    expect(page.locator("#wish")).to_have_text(f"What is said by {maya} is remembered.")
    check_accessible(page)
    page.get_by_label("Remember nothing any more").check()
    expect(page.locator("#wish")).to_contain_text("Nothing of")
    with door.agent() as http:
        assert http.get(f"/api/v1/users/{maya}").json()["memory_enabled"] is False
    page.get_by_label("Remember nothing any more").uncheck()
    expect(page.locator("#wish")).to_contain_text("is remembered")


def test_a_copy_is_downloaded_and_brought_in_elsewhere(
    page: Page, door: GatewayStack, maya: str, tmp_path: Path
) -> None:
    sign_in(page, door, token("boss", "admin"), "person")
    field = page.locator("#person-id")
    field.fill(maya)
    page.locator("#person").get_by_role("button", name="Show").click()
    with page.expect_download() as loading:
        page.get_by_role("button", name="Download", exact=True).click()
    copy = Path(loading.value.path()).read_text()
    assert (loading.value.suggested_filename, copy.count('"type":"memory"')) == (f"{maya}.jsonl", 2)
    # Into the memories of somebody else, with a line in it that is none.
    *lines, end = copy.strip().split("\n")
    file = tmp_path / "copy.jsonl"
    file.write_text("\n".join([*lines, "{}", end]))
    other = new_user("noor")
    field.fill(other)
    page.locator("#person").get_by_role("button", name="Show").click()
    expect(page.locator("#wish")).to_contain_text(other)
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Bring memories in").click()
    told = "2 memories added, 0 were there, 0 conversations published · 1 refused"
    expect(page.locator("#imported")).to_have_text(told)
    expect(page.locator("#refused li")).to_contain_text(f"Line {len(lines) + 1}")
    check_accessible(page)
    file.write_text("\n".join(lines))
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Bring memories in").click()
    expect(page.get_by_role("alert")).to_have_text("The copy is not whole: try again.")
    mem0 = [{"id": f"m{n}", "memory": f"Memory {n}", "created_at": "2026-05-01T12:00:00Z"} for n in range(150)]
    file.write_text(json.dumps({"results": mem0}, indent=2))
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Bring memories in").click()
    expect(page.locator("#imported")).to_contain_text("150 memories added")


def test_a_person_is_erased_once_their_name_is_typed(
    page: Page, door: GatewayStack, maya: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files are proven in `test_erasure`, and take most of the time.
    monkeypatch.setattr("afterword.workers.stores.vectors.edge.EdgeStore.rewrite", lambda _: True)
    monkeypatch.setattr("afterword.workers.stores.vectors.edge.EdgeStore.folder", lambda _: None)
    sign_in(page, door, token(maya), "person")
    page.get_by_role("button", name="Erase everything").click()
    dialog = page.get_by_role("dialog")
    check_accessible(page)
    sure = dialog.get_by_role("button", name="Erase everything")
    expect(sure).to_be_disabled()
    dialog.get_by_label("Confirmation").fill(maya)
    sure.click()
    expect(page.locator("#receipt")).to_contain_text("Being erased.")
    door.house.governance.erasing(door.house.stores.open_broker()).carry_on()
    expect(page.locator("#receipt")).to_contain_text("A scan found nothing.")
    check_accessible(page)
    with page.expect_download() as loading:
        page.get_by_role("button", name="Download the receipt").click()
    receipt = json.loads(Path(loading.value.path()).read_text())
    assert receipt["residue"]["clean"] is True
    assert receipt["removed"]["ledger"]["memories"] == 2


def test_what_is_archived_is_found_there_and_comes_back(page: Page, door: GatewayStack, maya: str) -> None:
    with door.agent() as http:
        listed = http.get("/api/v1/memories", params={"user_id": maya}).json()["memories"]
    ids = [each["id"] for each in listed if each["text"] == "Allergic to peanuts."]
    with door.house.stores.database.transaction() as connection:
        memories.archive(connection, ids)
    door.house.stores.admin.archive(ids)
    sign_in(page, door, token(maya))
    expect(page.locator("#found")).to_have_text("1 shown")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("In the archive").check()
    expect(page.locator("#list .plain")).to_have_text("Allergic to peanuts.")
    page.get_by_role("searchbox").fill("peanuts")
    page.locator("#list .plain").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("alert")).to_have_text("It is remembered again.")
    page.get_by_role("button", name="Remove filters").click()
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#found")).to_have_text("2 shown")
    assert "Allergic to peanuts." in cards(page)


def test_an_administrator_sees_sets_and_tries_policies(page: Page, door: GatewayStack, maya: str) -> None:
    sign_in(page, door, token(maya))
    expect(page.get_by_role("link", name="Policies")).to_be_hidden()
    page.get_by_role("button", name="Sign out").click()
    with door.http(token("boss", "admin")) as http:
        http.put(f"/api/v1/policies/users/{maya}", json={"limits": {"contexts.user.minute": 90}}).raise_for_status()
    sign_in(page, door, token("boss", "admin"), "policies")
    page.get_by_label("Whose policy").select_option("a user's")
    page.locator("#policies").get_by_label("Id").fill(maya)
    late: list[Route] = []
    # The field that is left and the button both ask. The first answer comes last here.
    page.route("**/policies/users/*", lambda route: route.continue_() if late else late.append(route))
    page.locator("#policies").get_by_role("button", name="Show").click()
    page.get_by_label("Days that memories are kept").fill("all=30, excerpt=7")
    with page.expect_response("**/policies/users/*"):
        late[0].continue_()
    expect(page.get_by_label("Days that memories are kept")).to_have_value("all=30, excerpt=7")
    page.locator("#policy").get_by_label("Memories at most").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#written")).to_contain_text(f"User {maya}")
    expect(page.locator("#policy")).to_contain_text("in force: 1")
    with door.http(token("boss", "admin")) as http:
        assert http.get("/api/v1/policies/tenant").json()["rules"]["max_memories"] is None
        rules = http.get(f"/api/v1/policies/users/{maya}").json()["rules"]
    assert (rules["keep_days"], rules["max_memories"]) == ({"all": 30, "excerpt": 7}, 1)
    assert rules["limits"] == {"contexts.user.minute": 90}
    page.get_by_role("button", name="What would go now").click()
    expect(page.locator("#counts")).to_contain_text("removed, too many")
    check_accessible(page)
    page.get_by_label("Days that memories are kept").fill("somehow")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("keep_days")
