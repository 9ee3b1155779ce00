"""The verification of a bundle: trusts neither the host nor whoever made the file, only the authority's keys that the
auditor brought.

What holds then: every opening that a box's log proves was requested, approved and granted by the rules; every entry
under the last checkpoint is there, unaltered and in order; every count fits. What a bundle cannot show: what never
reached a box and what came after its last checkpoint. A witness who remembers a later checkpoint, and people's own
copies, show that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealwire import chain, cose, errors
from sealwire.errors import DecodeError

from sealhost.audit.bundle import MANIFEST, RECEIPT, Bundle, entries_path
from sealhost.audit.evidence import check_evidence
from sealhost.audit.findings import Check, Finding, Findings, Rank
from sealhost.audit.ledger import LedgerLine, ledger_of
from sealhost.audit.letters import check_letters
from sealhost.audit.log import BoxLog, check_log, read_lines
from sealhost.audit.manifest import Manifest, check_archive, check_items, check_receipt, read_manifest
from sealhost.audit.replay import Replay, check_adopted
from sealhost.audit.requests import Papers, check_requests
from sealhost.audit.rosters import RosterChain, Trust, Verify, check_matters, check_rosters
from sealhost.audit.standing import Event


@dataclass
class BoxSummary:
    """A box's log in numbers. proven: entries under a checkpoint; head: the chain's after them, in hex, for a witness
    to compare.
    """

    kid: str
    entries: int
    proven: int
    head: str
    checkpoints: int
    openings: int


@dataclass
class Result:
    """What a verification says. ``ok`` only when nothing was found; evidence: how many files fit, if any were given."""

    site: str
    made: int
    rosters: int = 0
    messages: int = 0
    evidence: int | None = None
    boxes: list[BoxSummary] = field(default_factory=list)
    ledger: list[LedgerLine] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """As one object."""
        return {
            "ok": self.ok,
            "site": self.site,
            "made": self.made,
            "rosters": self.rosters,
            "messages": self.messages,
            "evidence": self.evidence,
            "boxes": [vars(box) for box in self.boxes],
            "ledger": [line.as_json() for line in self.ledger],
            "events": [{"box": e.box.hex(), "entry": e.seq, "time": e.time, "name": e.name} for e in self.events],
            "findings": [finding.as_json() for finding in self.findings],
            "notes": self.notes,
        }


def verify_bundle(bundle: Bundle, trust: Trust, verify: Verify, evidence: Path | None = None) -> Result:
    """Check everything that a bundle holds, and the evidence (a folder or ZIP file) that is kept apart from it.

    Raises UnusableError when its manifest is none, or the evidence cannot be read at all.
    """
    manifest = read_manifest(bundle.items[MANIFEST])
    site = manifest.site
    findings = Findings()
    check_archive(bundle, findings)
    _check_manifest(bundle, manifest, trust, verify, findings)
    rosters = check_rosters(bundle, site, trust, verify, findings)
    logs = _check_logs(bundle, site, rosters, verify, findings)
    for log in logs.values():
        check_adopted(log, rosters, findings)
    wordings = check_matters(bundle, site, rosters, verify, findings)
    letters = check_letters(bundle, site, rosters, verify, findings)
    papers = Papers(rosters, letters, logs, {}, set(), findings)
    result = Result(site.hex(), manifest.made, len(rosters.rosters), len(letters.by_reference))
    for log in logs.values():
        _replay(log, site, papers, verify, result)
    check_requests(papers)
    _note_silent_boxes(papers)
    if evidence is not None:
        result.evidence = check_evidence(evidence, letters, findings)
    result.ledger = ledger_of(papers, wordings)
    result.findings, result.notes = findings.ordered(), findings.notes
    return result


def _check_manifest(bundle: Bundle, manifest: Manifest, trust: Trust, verify: Verify, findings: Findings) -> None:
    """The receipt needs a host's key and so the rosters, which are proven here on trial."""
    trial = check_rosters(bundle, manifest.site, trust, verify, Findings())
    why = check_receipt(bundle, manifest, _host_key(trial), verify)
    if why is not None and trial.rosters:
        findings.add(Rank.RECEIPT, RECEIPT, MANIFEST, Check.MANIFEST_RECEIPT, why)
    check_items(bundle, manifest, findings, receipt_holds=why is None)
    if not trial.rosters:
        _check_site(bundle, manifest, findings)


def _host_key(rosters: RosterChain) -> Callable[[bytes], bytes | None]:
    """How to find a host's key in the last roster."""

    def find(kid: bytes) -> bytes | None:
        try:
            return None if rosters.last is None else bytes(rosters.last.host(kid))
        except errors.Refused:
            return None

    return find


def _check_site(bundle: Bundle, manifest: Manifest, findings: Findings) -> None:
    """No signature holds under another site's name: say so, when the boxes' logs say another one."""
    for path in bundle.below("boxes/"):
        if not path.endswith("/entries.cbor"):
            continue
        lines, _ = read_lines(bundle.items[path])
        try:
            origin = chain.read_entry(lines[0].raw) if lines else None
        except DecodeError:
            continue
        if origin is not None and origin.kind == chain.ORIGIN and origin["site"] != manifest.site:
            why = f"the manifest names another site than the box's log, which is of site {origin['site'].hex()}"
            findings.add(Rank.FILE, MANIFEST, manifest.site.hex(), Check.SITE, why)


def _check_logs(
    bundle: Bundle, site: bytes, rosters: RosterChain, verify: Verify, findings: Findings
) -> dict[bytes, BoxLog]:
    """The chains and checkpoints of all boxes that the rosters list, by kid."""
    logs = {}
    for kid in sorted({bytes.fromhex(path.split("/")[1]) for path in bundle.below("boxes/")}):
        path = entries_path(kid)
        if rosters.box_key(kid) is None and rosters.broken_at is None:
            why = f"no roster lists the box {kid.hex()}"
            findings.add(Rank.CHAIN, path, kid.hex(), errors.name_of(errors.UNKNOWN_BOX), why)
        elif path not in bundle.items and findings.blames(path):
            logs[kid] = BoxLog(kid, path, broken=True)
        else:
            logs[kid] = check_log(bundle, site, kid, rosters, verify, findings)
    return logs


def _replay(log: BoxLog, site: bytes, papers: Papers, verify: Verify, result: Result) -> None:
    """What the entries of a log say, and whether it could be so."""
    box = log.kid.hex()
    if log.broken:
        papers.findings.note(f"box {box}: what its log says after entry {len(log.entries)} was not checked")
    replay = Replay(site, log, papers.rosters, papers.letters, verify, papers.findings)
    replay.run()
    for opening in replay.openings:
        papers.openings.setdefault(opening.request, []).append(opening)
    papers.used |= replay.used
    result.events += replay.events
    head = log.heads[log.proven - 1].hex() if log.proven else ""
    entries, checkpoints = len(log.entries), len(log.checkpoints)
    result.boxes.append(BoxSummary(box, entries, log.proven, head, checkpoints, len(replay.openings)))


def _note_silent_boxes(papers: Papers) -> None:
    last = papers.rosters.last
    for box in last.fields["boxes"] if last else []:
        kid = cose.key_id(box["public"])
        if kid not in papers.logs:
            papers.findings.note(f"box {kid.hex()} of the last roster has no log in the bundle")
