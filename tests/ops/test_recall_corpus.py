"""The recall benchmark's files: what is read of them, and what is refused."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.recall.corpus import SHIPPED, BadCorpus, Fact, Question, QuestionKind, Session, Turn, load, parse, parts_of

SAMPLE = """\
conversation: en-ada
language: en
user: Ada
agent: leo

=== 2026-01-05T09:00:00Z
U[rome]: I live in Rome.
A: Lovely: the light, the food!

=== 2026-02-05T10:30:00+01:00
A[leo-boat]: I painted my boat.
U[paris]: We moved to Paris.

=== facts
rome | Ada lives in Rome.

=== questions
single | What did Leo paint? | leo-boat
several | Where has Ada lived? | rome, paris
changed | Where does Ada live? | paris | rome
unanswerable | What is Ada's shoe size? |
"""


def test_a_conversation_is_read_with_its_evidence() -> None:
    ada = parse(SAMPLE, "ada.txt")

    assert (ada.id, ada.language, ada.user, ada.agent) == ("en-ada", "en", "Ada", "leo")
    assert ada.sessions == (
        Session(
            datetime(2026, 1, 5, 9, tzinfo=UTC),
            (
                Turn("1:1", by_agent=False, text="I live in Rome.", label="rome"),
                Turn("1:2", by_agent=True, text="Lovely: the light, the food!"),
            ),
        ),
        Session(
            datetime(2026, 2, 5, 9, 30, tzinfo=UTC),
            (
                Turn("2:1", by_agent=True, text="I painted my boat.", label="leo-boat"),
                Turn("2:2", by_agent=False, text="We moved to Paris.", label="paris"),
            ),
        ),
    )
    assert ada.facts == (Fact("1:1", "Ada lives in Rome."),)
    assert ada.questions == (
        Question(QuestionKind.SINGLE, "What did Leo paint?", ("2:1",)),
        Question(QuestionKind.SEVERAL, "Where has Ada lived?", ("1:1", "2:2")),
        Question(QuestionKind.CHANGED, "Where does Ada live?", ("2:2",), ("1:1",)),
        Question(QuestionKind.UNANSWERABLE, "What is Ada's shoe size?", ()),
    )


def test_only_a_line_feed_ends_a_turn() -> None:
    ada = parse(SAMPLE.replace("the light, the food", "the light,\u2028the food"), "ada.txt")
    assert ada.sessions[0].turns[1].text == "Lovely: the light,\u2028the food!"


def test_a_file_with_windows_line_ends_reads_the_same() -> None:
    assert parse(SAMPLE.replace("\n", "\r\n"), "ada.txt") == parse(SAMPLE, "ada.txt")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("language: en", "tongue: en", ":2: not a header"),
        ("agent: leo", "user: Leo", ":4: not a header"),
        ("language: en\n", "", ": the header lacks language"),
        ("en-ada", "en ada", ": 'en ada' is no id"),
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00", ":6: a time without a zone"),
        ("2026-01-05T09:00:00Z", "yesterday", ":6: neither a time nor"),
        ("2026-02-05T10:30:00+01:00", "2026-01-05T10:00:00+01:00", ":10: a session must begin after"),
        ("U[rome]:", "U[rome]", ":7: not a turn"),
        ("U[rome]:", "U[Rome]:", ":7: not a turn"),
        ("U[rome]:", "B[rome]:", ":7: not a turn"),
        ("A: Lovely: the light, the food!", "A: ", ":8: not a turn"),
        ("U[paris]:", "U[rome]:", ":12: label 'rome' is another turn's"),
        ("rome | Ada lives in Rome.", "oslo | Ada lives in Oslo.", ":15: no turn has the label 'oslo'"),
        ("rome | Ada lives in Rome.", "rome |", ":15: a fact without a sentence"),
        ("rome | Ada lives in Rome.", "rome: Ada lives in Rome.", ":15: 2 fields parted by '|' are wanted, here are 1"),
        ("single |", "simple |", ":18: unknown kind of question 'simple'"),
        ("What did Leo paint?", "", ":18: a question without words"),
        ("| leo-boat", "| leo-boat | rome", ":18: 3 fields"),
        ("| leo-boat", "|", ":18: a question of kind single needs evidence"),
        ("| rome, paris", "| rome", ":19: a question of kind several needs"),
        ("| rome, paris", "| rome, rome", ":19: a question of kind several needs"),
        ("| paris | rome", "| paris", ":20: 4 fields"),
        ("| paris | rome", "| paris |", ":20: a question of kind changed needs old turns"),
        ("| paris | rome", "| paris | paris", ":20: a question of kind changed needs old turns"),
        ("shoe size? |", "shoe size? | rome", ":21: an unanswerable question has no evidence"),
        ("=== facts", "=== 2026-03-05T09:00:00Z", ":15: not a turn"),
        ("=== questions", "=== facts", ":17: section 'facts' must not stand here"),
    ],
)
def test_a_fault_is_named_with_its_line(old: str, new: str, fault: str) -> None:
    assert SAMPLE.count(old) >= 1
    with pytest.raises(BadCorpus) as raised:
        parse(SAMPLE.replace(old, new, 1), "ada.txt")
    assert str(raised.value).startswith(f"ada.txt{fault}")


def test_a_session_and_a_question_there_must_be() -> None:
    head, questions = SAMPLE.split("=== 2026-01")[0], SAMPLE.split("=== questions\n")[1]
    with pytest.raises(BadCorpus, match=r"ada\.txt: has no sessions"):
        parse(head, "ada.txt")
    with pytest.raises(BadCorpus, match=r"ada\.txt: has no questions"):
        parse(SAMPLE.replace(questions, ""), "ada.txt")
    with pytest.raises(BadCorpus, match=r"ada\.txt:6: a session without turns"):
        parse(SAMPLE.replace("U[rome]: I live in Rome.\nA: Lovely: the light, the food!\n", ""), "ada.txt")


def test_a_part_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    for name in ("b", "a"):
        (tmp_path / "test" / f"{name}.txt").write_text(SAMPLE.replace("en-ada", f"en-{name}"), encoding="utf-8")

    assert [conversation.id for conversation in load(tmp_path, "test")] == ["en-a", "en-b"]
    assert parts_of(tmp_path) == ["test"]


def test_a_part_without_conversations_or_with_one_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCorpus, match="development: no conversations"):
        load(tmp_path, "development")
    (tmp_path / "test").mkdir()
    for name in ("a", "b"):
        (tmp_path / "test" / f"{name}.txt").write_text(SAMPLE, encoding="utf-8")
    with pytest.raises(BadCorpus, match=r"b\.txt: another file holds a conversation 'en-ada'"):
        load(tmp_path, "test")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.txt").write_bytes(SAMPLE.replace("Lovely", "Schön").encode("latin-1"))
    with pytest.raises(BadCorpus, match=r"a\.txt: not UTF-8"):
        load(tmp_path, "test")


def test_the_format_that_the_readme_shows_is_read() -> None:
    """Its sample is the one indented block that begins with a header."""
    readme = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    block = readme[readme.index("    conversation: ") :].split("\n- ")[0]
    maya = parse(textwrap.dedent(block), "README.md")
    assert (len(maya.sessions), len(maya.facts), len(maya.questions)) == (2, 1, 3)
