"""Verifying: the scan of an erasure once more, for whoever asks."""

from __future__ import annotations

from afterword.schemas.erasures import Residue, VerifyErased
from afterword.workers.services.governance.residue import ResidueScan, Sought


class Verifier:
    """Answers `users_verify_erased`."""

    def __init__(self, scan: ResidueScan) -> None:
        self._scan = scan

    def verify(self, command: VerifyErased, _: float | None = None) -> Residue:
        """What is left of a user by now. Their phrases are not known any more: it looks for their id.

        Raises: StoreUnavailable, MemoryUnavailable.
        """
        return self._scan.scan(Sought(tenant_id=command.tenant_id, user_id=command.user_id))
