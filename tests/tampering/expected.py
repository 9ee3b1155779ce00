"""What the verification must name for each alteration, and the closed list of what it cannot notice.

A finding is expected exactly, path and check, wherever it follows from how the alteration was made: a broken form, a
signature that does not hold, a signer who may not, a reference that leads nowhere, a link of a chain that does not
hold. Where an honest-looking signer says another thing that nobody contradicts, the rules decide: then some check must
name the message, where it lay or lies now, unless the alteration is on the list :data:`UNSEEN`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sealhost.audit.bundle import RECEIPT
from sealhost.audit.findings import Finding
from sealwire import chain, messages
from sealwire.errors import DecodeError

from tests.host.bundles import SITE
from tests.tampering import chains, forging
from tests.tampering.chains import AlteredLog, Logs
from tests.tampering.forging import Forgery
from tests.tampering.shelf import Altered, Shelf, types_at

Named = set[tuple[str, str]]
"""Paths and checks, one of which must be among the findings."""


def _form(path: str, raw: bytes) -> str | None:
    try:
        messages.read(raw, SITE, types_at(path))
    except DecodeError as error:
        return error.name
    return None


def exactly(shelf: Shelf, altered: Altered) -> Named | None:
    """What must be named; None when it is for the rules to say."""
    forgery, new = altered.forgery, altered.new
    signing = forgery.signing
    broken = _form(new, forgery.raw)
    if new == RECEIPT:
        return None if signing == forging.PEER and forgery.how == "unaltered" else {(RECEIPT, "manifest_receipt")}
    if broken is not None:
        return {(new, broken)}
    if forgery.number == messages.RELEASE:
        same = messages.read(forgery.raw, SITE).reference == altered.message.reference
        return None if same else {(new, "release_not_listed")}
    if forgery.number == messages.ROSTER and forgery.field == "version":
        return _other_version(shelf, altered)
    if signing == forging.WRONG_ROLE:
        return {(new, "unknown_signer")}
    if signing in (forging.KEPT, forging.FORGED, forging.SITE):
        return {(new, "bad_signature")}
    if signing == forging.HEADER:
        return {(new, "bad_signature"), (new, "unknown_signer")}
    if altered.message.reference in shelf.rests:
        return {(altered.old, "message_missing")}
    return None


def _other_version(shelf: Shelf, altered: Altered) -> Named | None:
    """A roster that says another version is named, or the one that now lacks it as one of its signatures."""
    if altered.forgery.signing in (forging.OWN, forging.PEER, forging.ALL):
        return None
    version = altered.message["version"]
    others = [path for path in shelf.of_type(messages.ROSTER) if shelf.messages[path]["version"] == version]
    lacking = {(path, "roster_signatures") for path in others}
    return {(altered.new, check) for check in ("item_name", "unknown_signer", "bad_signature")} | lacking


def by_the_rules(shelf: Shelf, altered: Altered, findings: list[Finding]) -> bool:
    """Whether the altered message is named, by a check that its type allows."""
    if altered.forgery.number in (messages.ROSTER, messages.MATTERS, messages.CHECKPOINT):
        return any(_named_of_site(shelf, altered, finding) for finding in findings)
    names = (altered.old, altered.new)
    speaks = altered.message.reference.hex()
    return any(finding.path in names or speaks in finding.why + finding.subject for finding in findings) or any(
        finding.check == "message_missing" and _named_in(altered, finding) for finding in findings
    )


def _named_in(altered: Altered, finding: Finding) -> bool:
    """A message that is missing, since the altered one names it."""
    return messages.read(altered.forgery.raw, SITE).reference.hex() in finding.why


def _named_of_site(shelf: Shelf, altered: Altered, finding: Finding) -> bool:
    """Rosters, matter lists and checkpoints are named by version or seq as well, or by the entry that adopted them."""
    message = altered.message
    if finding.path in (altered.old, altered.new):
        return True
    if message.number == messages.CHECKPOINT:
        return finding.check in ("log_truncated", "unproven") and finding.path.startswith(altered.old.split("/ch")[0])
    folder = altered.old.split("/")[0]
    if finding.path.startswith(folder + "/"):
        return True
    again = messages.read(altered.forgery.raw, SITE)
    versions = {message["version"], again["version"]}
    return finding.check == "roster_entry" and any(f"roster {version} " in finding.why for version in versions)


@dataclass(frozen=True)
class Unseen:
    """An alteration that verifies, and why no verification could notice it. ``number``: of which type."""

    name: str
    number: int
    why: str
    is_it: Callable[[Forgery], bool]


def _own(*fields: str) -> Callable[[Forgery], bool]:
    def is_it(forgery: Forgery) -> bool:
        return forgery.signing == forging.OWN and (not fields or forgery.field in fields)

    return is_it


def _unaltered(*signing: str) -> Callable[[Forgery], bool]:
    return lambda forgery: not forgery.field and forgery.signing in signing


UNSEEN = (
    Unseen(
        "a report that its keeper makes anew",
        messages.REPORT,
        "a report is the keeper's last word, and nothing rests on it; a count that differs from the sensor is a case",
        _own(),
    ),
    Unseen(
        "a request that waits, made anew by its keeper within the rules",
        messages.REQUEST,
        "nobody decided it yet, so that it is another request which is just as good; the keeper's own copy shows it",
        _own(),
    ),
    Unseen(
        "a request that waits, raised by another keeper",
        messages.REQUEST,
        "whoever signs a request raises it, and nobody decided it yet",
        lambda forgery: forgery.signing == forging.PEER,
    ),
    Unseen(
        "a decision that was not counted, made anew",
        messages.DECISION,
        "nothing rests on it, neither an opening nor an entry; the officer's own copy shows it",
        lambda forgery: forgery.signing in (forging.OWN, forging.PEER),
    ),
    Unseen(
        "a checkpoint's clock that went on, or was lost",
        messages.CHECKPOINT,
        "a box's time goes on without entries, and its clock may fail in use; only with the box's own key",
        _own("clock", "clock_set"),
    ),
    Unseen(
        "a roster's second signature, where one was asked for",
        messages.ROSTER,
        "the roster before asked for one; a signature more or less changes nothing",
        _unaltered(forging.PEER),
    ),
    Unseen(
        "a part of a matter list signed by another authority key",
        messages.MATTERS,
        "each authority key may publish the list that a roster names by its content",
        _unaltered(forging.PEER),
    ),
    Unseen(
        "a signature on a release",
        messages.RELEASE,
        "rosters pin a release by its reference, which covers its content and the maker's kid; no roster has his key",
        lambda forgery: not forgery.field,
    ),
    Unseen(
        "a receipt for the manifest by another host of the last roster",
        messages.RECEIPT,
        "each of the site's hosts may vouch for an export",
        _unaltered(forging.PEER),
    ),
)
"""Closed: an alteration that verifies and is not here is a fault, and so is a line that no alteration needs."""


def unseen(forgery: Forgery) -> list[Unseen]:
    """The lines of the list that an alteration falls under."""
    return [one for one in UNSEEN if one.number == forgery.number and one.is_it(forgery)]


# Logs

_REMADE = ("checkpoint_head", "entry_added", "entry_order", "entry_missing", "log_truncated", "unproven")


def entry_named(logs: Logs, altered: AlteredLog, findings: list[Finding]) -> bool:
    """Whether the entry is named, or the stretch between two checkpoints, or the checkpoint that is nobody's."""
    change = altered.change
    if altered.chain in (chains.WRONG_KEY, chains.FORGED) and altered.checkpoints:
        check = "unknown_signer" if altered.chain == chains.WRONG_KEY else "bad_signature"
        if any(finding.path in altered.checkpoints and finding.check == check for finding in findings):
            return True
    low, high = logs.segment(change.box, change.seq)
    for finding in findings:
        first, last = _entries(finding.subject)
        here = finding.path == altered.path and first <= high + 1 and last >= low
        if here and _fits(altered, finding, first, last):
            return True
    return False


def _fits(altered: AlteredLog, finding: Finding, first: int, last: int) -> bool:
    change = altered.change
    if altered.chain == chains.LEFT:
        return finding.check in _LEFT[change.how if not change.field else ""]
    broken = _entry_form(change.lines[change.seq - 1].raw if change.seq <= len(change.lines) else b"")
    if broken is not None and change.field:
        return first == last == change.seq and finding.check == broken
    return finding.check in _REMADE


_LEFT: dict[str, tuple[str, ...]] = {
    "": ("entry_altered",),
    "removed": ("entry_missing", "log_truncated"),
    "moved": ("entry_order",),
    "repeated": ("entry_added",),
    "exchanged with another": ("entry_order",),
    "replaced by the other box's": ("entry_altered",),
    "head flipped": ("entry_head", "entry_altered"),
    "head of another": ("entry_head", "entry_altered"),
    "seq flipped": ("entry_missing", "entry_added", "entry_order", "log_truncated"),
    "cut off with all after it": ("log_truncated",),
}


def _entry_form(raw: bytes) -> str | None:
    try:
        chain.read_entry(raw)
    except DecodeError as error:
        return error.name
    return None


def _entries(subject: str) -> tuple[int, int]:
    """The entries that a subject names."""
    words = subject.split()
    if words[0] == "entry":
        return int(words[1]), int(words[1])
    if words[0] == "entries":
        return int(words[1]), int(words[3])
    return 1 << 31, 0
