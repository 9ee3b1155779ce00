"""The matter list: one or more signed parts, named by one digest in the roster.

The digest is the SHA-256 of the parts' payloads, one after the other in the order of their part numbers. Payloads are
deterministic CBOR maps and so self-delimiting: no two lists share a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def list_digest(payloads: Sequence[bytes]) -> bytes:
    """The digest of a matter list from its parts' payloads in order."""
    return hashlib.sha256(b"".join(payloads)).digest()
