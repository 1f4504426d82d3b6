"""Without an LLM first, with one later: what was taken in before gets its facts when asked for."""

from __future__ import annotations

from datetime import timedelta

from afterword.schemas import Kind
from afterword.workers.runtime import checks
from afterword.workers.services.upkeep.late_extraction import LateExtraction, LateReport
from tests.fixtures.workshops import OpenWorkshop
from tests.support.workshop import NOON, event


def test_conversations_from_before_are_extracted_when_asked_for(open_workshop: OpenWorkshop) -> None:
    before = open_workshop(llm="none")
    before.take_in(event("I play the cello.", session_id="s1"), event("I live in Lisbon.", user="bob"))
    before.some_time_passes(30 * 86_400)
    before.house.upkeep.sweeps(before.broker).drop_transcripts()
    assert before.statuses() == ["skipped", "skipped"]

    before.store.close()
    later = open_workshop()
    told = checks.check_facts(later.house)
    assert told.status == "warning"
    assert "2 conversations came before there was an LLM: `afterword extract --all`" in told.detail
    late = LateExtraction(later.database)
    assert late.request(since=NOON + timedelta(days=1)) == LateReport(0, 0)
    assert late.request(since=None, tenant_id="another") == LateReport(0, 0)
    assert late.request(since=NOON) == LateReport(2, 0)
    assert late.request(since=None) == LateReport(0, 0), "asked for twice, done once"

    later.extract_all()
    assert later.statuses() == ["done", "done"]
    assert later.memories(kind=Kind.FACT)
    assert "extraction_request" in later.audit_types()
