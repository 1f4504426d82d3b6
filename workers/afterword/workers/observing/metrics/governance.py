"""Metrics of governance: erasures, quotas, and the effects of policies."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from afterword.schemas.policies import PolicyEffect
from afterword.workers.observing.metrics.instruments import Instruments


class GovernanceMetrics(Instruments):
    """Users who are erased, and memories that policies take or keep out of recall."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.erasures = self._counter(
            "erasures",
            "Erasures of users that are done, by outcome: clean, residue (the scan found something, see the receipt).",
            outcome=("clean", "residue"),
        )
        self.erasures_pending = self._reading("erasures_pending", "Erasures of users that are not done yet.")
        self.oldest_pending_erasure_age = self._reading(
            "oldest_pending_erasure_age_seconds", "How long the oldest of them has taken by now; 0 without any."
        )
        # Read every five minutes, since each reading looks at every memory.
        self.over_quota = self._reading(
            "over_quota", "Users and agents (type) of whom more is kept than their quota.", "type", kept=900.0
        )
        self.left_out = self._reading(
            "left_out_of_recall",
            "Kept out of recall, by type: archived (memories), objecting (users who object to being remembered).",
            "type",
            kept=900.0,
        )
        self.policy_effects = self._counter(
            "policy_effects",
            "Things that policies and settings took, by effect: memories (retention, cap, archive), transcripts, rows "
            "of the audit.",
            type=[effect.value for effect in PolicyEffect],
        )
