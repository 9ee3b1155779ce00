"""An honest bundle verifies."""

from __future__ import annotations

from sealhost.audit.bundle import Bundle
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.signing.keys import verify

from tests.host import bundles


def check(items: dict[str, bytes], authority: str = "authority") -> Result:
    """Verify items as a bundle."""
    return verify_bundle(Bundle(dict(items)), Trust([bundles.signer(authority).public_key], 1), verify)


def test_an_honest_history_holds():
    result = check(bundles.history().items())
    assert result.findings == []
    assert result.ok
