"""The viewer in a real browser, over the gateway, real workers and real stores: everything that a person does there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from afterword.gateway.headers import PAGE_POLICY
from afterword.gateway.pages import FOLDER
from tests.support.gateway_stack import GatewayStack, new_user, token
from tests.support.waiting import wait_until

KILOBYTES = 72
HTML = '<img src=x onerror=alert(1)><b>bold</b> & "quoted"'


@pytest.fixture
def ann(door: GatewayStack) -> str:
    """A user with three memories written by hand, a conversation of two turns, and a fact that was learned from it."""
    user = new_user("ann")
    with door.agent() as http:
        for text in ("Prefers window seats on trains.", "Allergic to peanuts.", HTML):
            assert http.post("/api/v1/memories", json={"user_id": user, "text": text}).status_code == 201
        turns = [
            {"role": "user", "content": "I moved to Lisbon in May."},
            {"role": "assistant", "content": "How do you like it there?"},
        ]
        told = http.post(
            "/api/v1/conversations",
            json={"user_id": user, "session_id": "thread-1", "messages": turns},
            headers={"Idempotency-Key": f"{user}-run"},
        )
        assert told.status_code == 202
    door.until_remembered(user, "User said: I moved to Lisbon")
    return user


def sign_in(page: Page, door: GatewayStack, credential: str, section: str = "memories") -> None:
    page.goto(f"{door.url}/viewer/#{section}")
    page.get_by_label("Token or key").fill(credential)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=2).and_(page.locator(":visible"))).not_to_have_text("Sign in")


def cards(page: Page) -> list[str]:
    return page.locator("#list .plain").all_inner_texts()


def check_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


class TestMemories:
    def test_a_person_sees_their_own_and_nobody_elses(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        expect(page.locator("#found")).to_have_text("6 shown")
        assert {"Prefers window seats on trains.", "Allergic to peanuts.", HTML} <= set(cards(page))
        expect(page.get_by_role("link", name="Overview")).to_be_hidden()
        # The field is locked; whoever unlocks it is refused by the gateway.
        field = page.locator("#memories-id")
        expect(field).to_have_value(ann)
        field.evaluate("each => (each.readOnly = false)")
        field.fill("bob")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("alert")).to_have_text("This is not open to you.")
        assert cards(page) == []

    def test_search_as_you_type_and_filters(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        page.get_by_role("searchbox").type("peanuts")
        expect(page.locator("#list .plain").first).to_have_text("Allergic to peanuts.")
        page.get_by_role("searchbox").fill("")
        page.get_by_text("Filters", exact=True).click()
        page.get_by_label("Kind").select_option("excerpt")
        expect(page.locator("#found")).to_have_text("2 shown")
        page.locator("#search").get_by_role("textbox", name="Session").fill("no-such-thread")
        expect(page.locator("#found")).to_have_text("Nothing was found.")
        page.get_by_role("button", name="Remove filters").click()
        expect(page.locator("#found")).to_have_text("6 shown")
        tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
        page.get_by_label("From").fill(tomorrow)
        expect(page.locator("#found")).to_have_text("Nothing was found.")

    def test_pages_are_asked_for_one_after_the_other(self, page: Page, door: GatewayStack) -> None:
        user = new_user("many")
        with door.agent() as http:
            for number in range(31):
                http.post("/api/v1/memories", json={"user_id": user, "text": f"Number {number}"})
        sign_in(page, door, token(user))
        expect(page.locator("#found")).to_have_text("30 shown")
        page.get_by_role("button", name="More").click()
        expect(page.locator("#found")).to_have_text("31 shown")
        expect(page.get_by_role("button", name="More")).to_be_hidden()
        assert len(set(cards(page))) == 31

    def test_a_memory_is_shown_as_text_and_deleted(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        page.get_by_role("button", name="<img src=x").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".text").first).to_have_text(HTML)
        assert dialog.locator("img, b").count() == 0
        expect(dialog).to_contain_text("It was written by hand.")
        dialog.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Delete").click()
        expect(dialog).to_be_hidden()
        expect(page.locator("#found")).to_have_text("5 shown")
        assert HTML not in cards(page)

    def test_a_memory_leads_to_the_words_it_comes_from(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        page.get_by_role("button", name="How do you like it there?").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".said")).to_have_count(2)
        expect(dialog.locator(".said").first).to_contain_text("I moved to Lisbon in May.")
        expect(dialog.locator(".said.this")).to_contain_text("How do you like it there?")
        expect(dialog).to_contain_text("thread-1")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

    def test_a_memory_is_corrected_and_shows_what_it_said_before(
        self, page: Page, door: GatewayStack, ann: str
    ) -> None:
        sign_in(page, door, token(ann))
        page.get_by_role("button", name="Prefers window seats").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Edit").click()
        dialog.get_by_label("Text").fill("Prefers aisle seats.")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.locator(".text").first).to_have_text("Prefers aisle seats.")
        expect(dialog.locator("#versions")).to_contain_text("Prefers window seats on trains.")
        check_accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Prefers aisle seats.")).to_be_visible()
        # What somebody said stays as it was said.
        page.get_by_role("button", name="How do you like it there?").click()
        expect(dialog.get_by_role("button", name="Delete")).to_be_visible()
        expect(dialog.get_by_role("button", name="Edit")).to_be_hidden()

    def test_a_fact_is_deleted_with_the_words_it_comes_from(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        expect(page.locator("#found")).to_have_text("6 shown")
        page.get_by_role("button", name="User said: I moved to Lisbon").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Delete").click()
        dialog.get_by_label("Also delete the words").check()
        check_accessible(page)
        dialog.get_by_role("button", name="Delete").click()
        expect(page.locator("#found")).to_have_text("4 shown")
        assert not [each for each in cards(page) if "Lisbon" in each]

    def test_one_is_added(self, page: Page, door: GatewayStack) -> None:
        sign_in(page, door, token(new_user()))
        expect(page.locator("#found")).to_have_text("Nothing is remembered here.")
        page.get_by_role("button", name="Add a memory").click()
        page.get_by_label("Text").fill("Plays the cello.")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#list .plain")).to_have_text("Plays the cello.")

    def test_clearing_needs_the_name_typed(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        page.get_by_role("button", name="Clear all").click()
        dialog = page.get_by_role("dialog")
        clear = dialog.get_by_role("button", name="Clear all")
        expect(clear).to_be_disabled()
        dialog.get_by_label("Confirmation").fill("not the name")
        expect(clear).to_be_disabled()
        dialog.get_by_label("Confirmation").fill(ann)
        clear.click()
        expect(page.locator("#found")).to_have_text("Nothing is remembered here.")
        with door.agent() as http:
            assert http.get("/api/v1/memories", params={"user_id": ann}).json()["memories"] == []

    def test_a_session_is_cleared_alone(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        page.get_by_text("Filters", exact=True).click()
        page.locator("#search").get_by_role("textbox", name="Session").fill("thread-1")
        expect(page.locator("#found")).to_have_text("2 shown")
        page.get_by_role("button", name="Clear all").click()
        page.get_by_label("Confirmation").fill("thread-1")
        page.get_by_role("dialog").get_by_role("button", name="Clear all").click()
        expect(page.locator("#found")).to_have_text("Nothing was found.")
        page.get_by_role("button", name="Remove filters").click()
        # The fact stays: it is known of the person, not of the thread.
        expect(page.locator("#found")).to_have_text("4 shown")


class TestPlayground:
    def test_a_question_shows_the_block_and_why(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token("an-agent", "agent"), "playground")
        page.locator("#playground").get_by_label("Id").fill(ann)
        page.get_by_label("Question").fill("Is she allergic to anything?")
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("#block")).to_contain_text("Allergic to peanuts.")
        expect(page.locator("#answered")).to_contain_text("memories in")
        rows = page.locator("#why tbody tr")
        expect(rows.first).to_contain_text("Allergic to peanuts.")
        assert rows.count() >= 2
        check_accessible(page)


class TestOverview:
    def test_an_administrator_sees_figures_growth_and_users(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token("boss", "admin"), "overview")
        expect(page.locator("#figures")).to_contain_text("Memories")
        expect(page.locator("#growth svg[role=img]")).to_have_attribute(
            "aria-label", re.compile("Memories added a day")
        )
        expect(page.locator("#growth .bar").last).to_be_visible()
        look = page.get_by_role("button", name=ann)
        expect(look).to_be_visible()
        check_accessible(page)
        look.click()
        expect(page.locator("#found")).to_have_text("6 shown")
        expect(page.get_by_role("heading", name="Memories")).to_be_visible()


class TestStrangers:
    """Texts and names of others are theirs alone: nothing in them runs, reaches anybody, or passes for ours."""

    MARKUP = (
        '<img src="https://evil.example/i" onerror="window.owned=1"><svg onload="window.owned=1"></svg>'
        '<script>window.owned=1</script>"\'`--><a href="javascript:window.owned=1">here</a>'
        "![x](https://evil.example/p) https://evil.example/{0} \u202etxt.exe\u2066"
    )

    def test_nothing_of_theirs_runs_or_is_fetched(
        self, page: Page, door: GatewayStack, caplog: pytest.LogCaptureFixture
    ) -> None:
        user = new_user("<b>ann</b>")
        noted = {
            "text": self.MARKUP,
            "session_id": "<img src=//evil.example/s onerror=window.owned=1>",
            "metadata": {"agent": "boss", "constructor": "c", "<script>window.owned=1</script>": self.MARKUP},
        }
        turns = [{"role": "user", "content": self.MARKUP}, {"role": "assistant", "content": self.MARKUP}]
        said = {"messages": turns, "agent_id": "<i onclick=window.owned=1>x</i>", "session_id": "</script>"}
        credential = token(user, "user", "admin")
        with door.http(credential) as http:
            assert http.post("/api/v1/memories", json=noted).status_code == 201
            assert http.post("/api/v1/conversations", json=said).status_code == 202
        door.until_remembered(user, "evil.example/p")
        wait_until(lambda: len(listed(door, credential)) >= 3, 10, "its turns")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.add_init_script("addEventListener('securitypolicyviolation', each => (window.owned = each.blockedURI))")

        sign_in(page, door, credential)
        page.get_by_role("button", name="<img src").first.wait_for()
        dialog = page.get_by_role("dialog")
        for card in page.locator("#list .plain").all():
            card.click()
            expect(dialog.locator(".text").first).to_contain_text("evil.example")
            page.keyboard.press("Escape")
        page.goto(f"{door.url}/viewer/#playground")
        page.get_by_label("Question").fill("Where is evil.example?")
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("#block")).to_contain_text("evil.example")
        page.goto(f"{door.url}/viewer/#overview")
        expect(page.get_by_role("button", name=user)).to_be_visible()

        assert page.evaluate("window.owned") is None
        assert page.locator("#content, dialog").locator("img, script, a[href^=javascript], i").count() == 0
        assert [each for each in asked if not each.startswith(f"{door.url}/")] == []
        kept = page.evaluate("JSON.stringify(localStorage) + document.cookie")
        for place in (*asked, page.url, kept, caplog.text):
            assert credential not in place

    def test_names_of_metadata_do_not_pass_for_the_pages_own(self, page: Page, door: GatewayStack) -> None:
        user = new_user()
        with door.http(token(user)) as http:
            http.post("/api/v1/memories", json={"text": "Tea", "metadata": {"wrongToken": 1, "{0}": "x"}})
        sign_in(page, door, token(user))
        page.get_by_role("button", name="Tea").click()
        facts = page.locator(".facts dt")
        expect(facts.filter(has_text="wrongToken")).to_be_visible()
        expect(facts.filter(has_text="{0}")).to_be_visible()

    def test_a_user_whose_id_ends_in_a_space_is_not_taken_for_another(self, page: Page, door: GatewayStack) -> None:
        ann = new_user("ann")
        with door.agent() as http:
            for user, said in ((ann, "I am Ann."), (f"{ann} ", "I am another.")):
                http.post("/api/v1/memories", json={"user_id": user, "text": said})
        sign_in(page, door, token("boss", "admin"), "overview")
        page.get_by_role("button", name=ann, exact=True).last.click()
        expect(page.locator("#list .plain")).to_have_text("I am another.")


def listed(door: GatewayStack, credential: str) -> list[str]:
    with door.http(credential) as http:
        return [each["text"] for each in http.get("/api/v1/memories").json()["memories"]]


class TestThePage:
    def test_a_wrong_token_is_told(self, page: Page, door: GatewayStack) -> None:
        page.goto(f"{door.url}/")
        assert page.url.endswith("/viewer/")
        page.get_by_label("Token or key").fill("no such token")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("The gateway does not accept this token.")
        expect(page.get_by_label("Token or key")).to_be_focused()

    def test_signing_out_leaves_nothing(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        expect(page.locator("#found")).to_have_text("6 shown")
        page.reload()
        expect(page.locator("#found")).to_have_text("6 shown")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token or key")).to_be_focused()
        assert cards(page) == []
        assert page.evaluate("Object.keys(sessionStorage)") == []
        page.reload()
        expect(page.get_by_label("Token or key")).to_be_visible()

    def test_it_speaks_chinese(self, page: Page, door: GatewayStack, ann: str) -> None:
        sign_in(page, door, token(ann))
        page.get_by_role("button", name="中文").click()
        expect(page.get_by_role("heading", level=2, name="记忆")).to_be_visible()
        expect(page.locator("#found")).to_have_text("显示 6 条")
        assert page.locator("html").get_attribute("lang") == "zh"
        page.get_by_role("button", name="全部清除").click()
        expect(page.get_by_role("dialog")).to_contain_text("永久删除")

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_everybody_can_use_it(self, page: Page, door: GatewayStack, ann: str, scheme: str) -> None:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{door.url}/viewer/")
        expect(page.get_by_label("Token or key")).to_be_visible()
        check_accessible(page)
        sign_in(page, door, token(ann))
        page.get_by_text("Filters", exact=True).click()
        expect(page.locator("#found")).to_have_text("6 shown")
        check_accessible(page)
        # By keyboard alone, as whoever uses no mouse.
        page.get_by_role("button", name="Allergic to peanuts.").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        check_accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Allergic to peanuts.")).to_be_focused()

    @pytest.mark.usefixtures("ann")
    def test_it_fits_a_phone(self, page: Page, door: GatewayStack) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        sign_in(page, door, token("boss", "admin"))
        for section in ("memories", "playground", "person", "overview", "policies"):
            page.goto(f"{door.url}/viewer/#{section}")
            expect(page.locator(f"#{section}")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360

    def test_browsers_are_held_to_a_strict_policy(self, door: GatewayStack) -> None:
        with door.http() as http:
            assert http.get("/viewer/").headers["content-security-policy"] == PAGE_POLICY
            for path in ("/viewer/main.js", "/viewer/style.css", "/viewer/icon.svg"):
                answer = http.get(path)
                assert answer.status_code == 200
                assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert http.get("/viewer/../settings.py").status_code == 404
        assert "unsafe" not in PAGE_POLICY

    def test_it_is_small(self) -> None:
        assert sum(each.stat().st_size for each in FOLDER.iterdir()) <= KILOBYTES * 1024

    def test_each_word_is_there_in_both_languages(self) -> None:
        words = (FOLDER / "words.js").read_text()
        known = dict(re.findall(r'^  (\w+): \["(.+?)", ".+?"\],$', words, re.MULTILINE))
        page = (FOLDER / "index.html").read_text()
        asked = set(re.findall(r'data-(?:word|label)="(\w+)"', page))
        for script in FOLDER.glob("*.js"):
            asked |= set(re.findall(r'\bword\("(\w+)"', script.read_text()))
        assert asked <= known.keys()
        # The page's own text is what English readers see before a script has run.
        for name, text in re.findall(r'data-word="(\w+)"[^>]*>([^<]+)<', page):
            assert known[name] == text
