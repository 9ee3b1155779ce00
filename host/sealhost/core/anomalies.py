"""What people must look at though every proof holds: the cases of one request, read from its box's entries.

The names are those of the ledger of `sealhost verify`, which finds the same in a bundle.
"""

from __future__ import annotations

from collections.abc import Iterable

from sealwire import chain
from sealwire.chain import Entry

OVER_APPROVED = "over_approved"
INTERRUPTED = "interrupted"
JAMMED = "jammed"
DECLARED = "declared"
# What no bundle shows, or shows in another way
OTHER_CHAIN = "other_chain"
FOREIGN_GRANT = "foreign_grant"
SILENT = "silent"
REPORT_MISSING = "report_missing"
TAMPER = "tamper"
FORCED = "forced"
BREAK_GLASS = "break_glass"

KINDS = (
    *(OVER_APPROVED, INTERRUPTED, JAMMED, DECLARED, OTHER_CHAIN, FOREIGN_GRANT, SILENT),
    *(REPORT_MISSING, TAMPER, FORCED, BREAK_GLASS),
)


def of_request(entries: Iterable[Entry], request: bytes, declared: int | None) -> dict[str, str]:
    """Kind to what it is about, for a request whose openings have all ended; `entries` in order, of its box.

    `declared`: the count of the newest report, None without one.
    """
    found: dict[str, str] = {}
    spends = pressed = over = 0
    for entry in entries:
        if entry.get("request") != request:
            continue
        if entry.kind == chain.INTENT:
            spends = entry["spends"]
        elif entry.kind == chain.JAM:
            found[JAMMED] = f"bay {entry['bay']}"
        elif entry.kind == chain.CLOSED:
            pressed += entry["pressed"]
            over += max(0, entry["pressed"] - spends)
        elif entry.kind == chain.INTERRUPTED:
            found[INTERRUPTED] = f"bay {entry['bay']}"
    if over:
        found[OVER_APPROVED] = f"{over} above the approved number"
    if declared is not None and declared != pressed:
        found[DECLARED] = f"{declared} declared, {pressed} sensed"
    return found
