"""The conversations and their questions, as they stand in text files (the format: README.md).

Loading is strict: a label that nothing carries, a question without evidence or a line that is no turn would change the
figures in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from afterword.schemas.errors import AfterwordError

PARTS = ("development", "test")
"""The folders of a corpus: one to tune on, one to look at once."""

SHIPPED = Path(__file__).parent / "conversations"


class BadCorpus(AfterwordError):
    """A file that breaks the format, or a folder without conversations; names file, line and the fault."""


class QuestionKind(StrEnum):
    """The reason why a question is hard."""

    SINGLE = "single"
    SEVERAL = "several"
    TIME = "time"
    CHANGED = "changed"
    PARAPHRASE = "paraphrase"
    UNANSWERABLE = "unanswerable"
    OFF_TOPIC = "off_topic"

    @property
    def answerable(self) -> bool:
        """Whether there is evidence for it."""
        return self not in (QuestionKind.UNANSWERABLE, QuestionKind.OFF_TOPIC)


@dataclass(frozen=True, slots=True)
class Turn:
    """Words said at once, by the user or (`by_agent`) the agent. `id` is "<session>:<turn>", both from 1."""

    id: str
    by_agent: bool
    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Turns of one sitting, which began `at` (aware)."""

    at: datetime
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that a good extractor would learn from a turn."""

    turn_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence` are the turns that answer it, `superseded` those that did so before something changed."""

    kind: QuestionKind
    text: str
    evidence: tuple[str, ...]
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that a person and an agent said to each other. `user` and `agent` are their names, `language` a code."""

    id: str
    language: str
    user: str
    agent: str
    sessions: tuple[Session, ...]
    facts: tuple[Fact, ...]
    questions: tuple[Question, ...]


def load(folder: Path, part: str) -> list[Conversation]:
    """The conversations of a part, by file name, each asked the off-topic messages of its language as well
    (`off_topic/<language>.txt`, where there are such).

    Raises: BadCorpus, also when there are none or two have one id; OSError.
    """
    files = sorted((folder / part).glob("*.txt"))
    if not files:
        raise BadCorpus(f"{folder / part}: no conversations (*.txt)")
    found: dict[str, Conversation] = {}
    for file in files:
        conversation = parse(_text(file), str(file))
        if conversation.id in found:
            raise BadCorpus(f"{file}: another file holds a conversation {conversation.id!r}")
        strange = _off_topic(folder / part / "off_topic" / f"{conversation.language}.txt")
        found[conversation.id] = replace(conversation, questions=conversation.questions + strange)
    return list(found.values())


def parts_of(folder: Path) -> list[str]:
    """The parts that the folder holds, development first."""
    return [part for part in PARTS if (folder / part).is_dir()]


def parse(text: str, name: str) -> Conversation:
    """The conversation in a file's text; `name` stands in errors. Raises: BadCorpus."""
    return _Reader(name).read(text)


def _off_topic(file: Path) -> tuple[Question, ...]:
    """Messages that have nothing to do with any conversation, one a line."""
    if not file.exists():
        return ()
    lines = (line.strip() for line in _text(file).split("\n"))
    return tuple(Question(QuestionKind.OFF_TOPIC, line, ()) for line in lines if line)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadCorpus(f"{file}: not UTF-8: {error}") from None


_HEADER = ("conversation", "language", "user", "agent")
_ID = re.compile(r"[\w.-]+")
_TURN = re.compile(r"(?P<who>[UA])(?:\[(?P<label>[a-z0-9-]+)\])?: (?P<text>\S.*)")
_SECTION = "=== "
_Line = tuple[int, str]


class _Reader:
    """Reads one file: header, sessions, facts, questions, in this order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn_of: dict[str, str] = {}

    def read(self, text: str) -> Conversation:
        head, *sections = _sections(text)
        header = self._header(head)
        sessions: list[Session] = []
        facts: tuple[Fact, ...] | None = None
        questions: tuple[Question, ...] | None = None
        for (number, title), *lines in sections:
            if title == "facts" and facts is None and questions is None:
                facts = tuple(self._fact(line) for line in lines)
            elif title == "questions" and questions is None:
                questions = tuple(self._question(line) for line in lines)
            elif facts is None and questions is None:
                sessions.append(self._session(len(sessions) + 1, (number, title), lines))
                self._check_order(number, sessions)
            else:
                raise self._bad(number, f"section {title!r} must not stand here: sessions, facts, questions")
        if not sessions or not questions:
            raise BadCorpus(f"{self._name}: has no {'questions' if sessions else 'sessions'}")
        return Conversation(
            header["conversation"],
            header["language"],
            header["user"],
            header["agent"],
            tuple(sessions),
            facts or (),
            questions,
        )

    def _header(self, lines: Iterable[_Line]) -> dict[str, str]:
        header: dict[str, str] = {}
        for number, line in lines:
            key, _, value = (part.strip() for part in line.partition(":"))
            if key not in _HEADER or key in header or not value:
                raise self._bad(number, f"not a header ({', '.join(_HEADER)}, each once): {line}")
            header[key] = value
        missing = [key for key in _HEADER if key not in header]
        if missing:
            raise BadCorpus(f"{self._name}: the header lacks {', '.join(missing)}")
        if not _ID.fullmatch(header["conversation"]):
            raise BadCorpus(f"{self._name}: {header['conversation']!r} is no id: letters, digits, '.', '_' and '-'")
        return header

    def _session(self, place: int, title: _Line, lines: Iterable[_Line]) -> Session:
        turns = tuple(self._turn(f"{place}:{turn}", line) for turn, line in enumerate(lines, start=1))
        if not turns:
            raise self._bad(title[0], "a session without turns")
        return Session(self._time(title), turns)

    def _time(self, title: _Line) -> datetime:
        try:
            time = datetime.fromisoformat(title[1])
        except ValueError:
            raise self._bad(title[0], f"neither a time nor 'facts' nor 'questions': {title[1]}") from None
        if time.tzinfo is None:
            raise self._bad(title[0], f"a time without a zone: {title[1]}")
        return time.astimezone(UTC)

    def _check_order(self, number: int, sessions: list[Session]) -> None:
        if len(sessions) > 1 and sessions[-1].at <= sessions[-2].at:
            raise self._bad(number, "a session must begin after the one before it")

    def _turn(self, turn_id: str, line: _Line) -> Turn:
        found = _TURN.fullmatch(line[1])
        if not found:
            raise self._bad(line[0], f"not a turn ('U: …', 'A: …', 'U[label]: …'): {line[1]}")
        label = found["label"]
        if label in self._turn_of:
            raise self._bad(line[0], f"label {label!r} is another turn's, too")
        if label:
            self._turn_of[label] = turn_id
        return Turn(turn_id, found["who"] == "A", found["text"], label)

    def _fact(self, line: _Line) -> Fact:
        label, text = self._fields(line, 2)
        if not text:
            raise self._bad(line[0], "a fact without a sentence")
        return Fact(self._turn_labelled(line, label), text)

    def _question(self, line: _Line) -> Question:
        name = line[1].partition("|")[0].strip()
        if name not in tuple(QuestionKind):
            raise self._bad(line[0], f"unknown kind of question {name!r}: {', '.join(QuestionKind)}")
        kind = QuestionKind(name)
        _, text, *labels = self._fields(line, 4 if kind is QuestionKind.CHANGED else 3)
        evidence, *superseded = (self._turns_labelled(line, field) for field in labels)
        question = Question(kind, text, evidence, *superseded)
        if fault := _fault(question):
            raise self._bad(line[0], fault)
        return question

    def _fields(self, line: _Line, count: int) -> list[str]:
        fields = [field.strip() for field in line[1].split("|")]
        if len(fields) != count:
            raise self._bad(line[0], f"{count} fields parted by '|' are wanted, here are {len(fields)}")
        return fields

    def _turns_labelled(self, line: _Line, field: str) -> tuple[str, ...]:
        labels = [label.strip() for label in field.split(",") if label.strip()]
        return tuple(dict.fromkeys(self._turn_labelled(line, label) for label in labels))

    def _turn_labelled(self, line: _Line, label: str) -> str:
        if label not in self._turn_of:
            raise self._bad(line[0], f"no turn has the label {label!r}")
        return self._turn_of[label]

    def _bad(self, number: int, fault: str) -> BadCorpus:
        return BadCorpus(f"{self._name}:{number}: {fault}")


def _sections(text: str) -> Iterator[list[_Line]]:
    """The header's lines, then each section's, its title first; empty lines are left out."""
    section: list[_Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(_SECTION):
            yield section
            section = [(number, line.removeprefix(_SECTION).strip())]
        elif line.strip():
            section.append((number, line.strip()))
    yield section


def _fault(question: Question) -> str | None:
    if not question.text:
        return "a question without words"
    if not question.kind.answerable:
        return f"an {question.kind} question has no evidence" if question.evidence else None
    if not question.evidence:
        return f"a question of kind {question.kind} needs evidence"
    if question.kind is QuestionKind.SEVERAL and len(question.evidence) < 2:
        return "a question of kind several needs evidence in two turns or more"
    if question.kind is QuestionKind.CHANGED and (
        not question.superseded or set(question.superseded) & set(question.evidence)
    ):
        return "a question of kind changed needs old turns other than the new ones"
    return None
