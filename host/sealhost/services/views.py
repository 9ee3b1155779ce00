"""What the host shows: dicts ready for JSON. Signed messages go along as base64, so that whoever reads can check."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from sealwire import errors, messages
from sealwire.errors import Refused
from sealwire.roster import Roster
from sqlalchemy import Row

from sealhost.services.cases import brief
from sealhost.services.context import Context, Turn
from sealhost.services.weighing import substitutes_of
from sealhost.store import boxes, cases, sites
from sealhost.store import messages as message_store

MAX_REQUESTS = 500
MAX_ROSTERS = 64  # in one answer: half a megabyte for each signature
MAX_ENTRIES = 512  # in one answer


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


class Views:
    """Reads. `site` is trusted to be one that the caller may see."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def sites(self) -> list[dict[str, str]]:
        """The sites of this host."""
        with self._context.view() as turn:
            return [{"site": row.site.hex(), "name": row.name} for row in sites.all_sites(turn.tx)]

    def roster(self, site: bytes) -> dict[str, Any]:
        """The adopted roster's messages. Raises Refused: no_roster."""
        with self._context.view() as turn:
            version = sites.newest_version(turn.tx, site)
            if not version:
                raise Refused(errors.NO_ROSTER)
            rows = sites.messages_of_version(turn.tx, site, version)
        return {"version": version, "messages": [_text(row.raw) for row in rows]}

    def rosters_since(self, site: bytes, since: int) -> dict[str, Any]:
        """The newest roster, and those after version `since`, oldest first: each follows from the one before it.

        Raises Refused: no_roster.
        """
        found = self.roster(site)
        with self._context.view() as turn:
            versions = [version for version in sites.adopted_versions(turn.tx, site) if version > since]
            found["rosters"] = [
                {"version": version, "messages": [_text(row.raw) for row in rows]}
                for version in versions[:MAX_ROSTERS]
                for rows in [sites.messages_of_version(turn.tx, site, version)]
            ]
        return found

    def entries(self, site: bytes, box: bytes, first: int, last: int) -> dict[str, Any]:
        """Entries of a box's log, proven and not yet proven ones, at most MAX_ENTRIES. Raises Refused: unknown_box."""
        last = min(last, first + MAX_ENTRIES - 1)
        with self._context.view() as turn:
            known = boxes.get(turn.tx, site, box)
            if known is None:
                raise Refused(errors.UNKNOWN_BOX)
            raws = boxes.stretch(turn.tx, site, box, first, last)
        return {"first": first, "proven_seq": known.seq, "entries": [_text(raw) for raw in raws]}

    def matters(self, site: bytes) -> dict[str, Any]:
        """All matter lists' messages; the roster's digest says which list holds."""
        with self._context.view() as turn:
            rows = sites.matters(turn.tx, site)
        return {"version": rows[-1].version if rows else 0, "messages": [_text(row.raw) for row in rows]}

    def boxes(self, site: bytes) -> list[dict[str, Any]]:
        """The boxes, each with its last checkpoint."""
        with self._context.view() as turn:
            return [self._box(turn, row) for row in boxes.all_boxes(turn.tx, site)]

    def _box(self, turn: Turn, row: Row[Any]) -> dict[str, Any]:
        last = boxes.last_staged(turn.tx, row.site, row.kid)
        return {
            "kid": row.kid.hex(),
            "public": row.public.hex(),
            "online": row.online,
            "seen": row.seen,
            "checkpoint": _text(row.checkpoint) if row.checkpoint else None,
            "proven_seq": row.seq,
            "proven_head": row.head.hex(),
            "received_seq": last.seq if last is not None else row.seq,
            "boot": row.boot,
            "clock_set": row.clock_set,
            "roster": row.roster,
            "firmware": row.firmware,
            "bays": _bays(turn.roster(row.site), row.kid),
        }

    def requests(self, site: bytes, state: str | None = None) -> list[dict[str, Any]]:
        """The newest requests, of one state or all."""
        with self._context.view() as turn:
            rows = message_store.requests(turn.tx, site, None if state is None else [state], MAX_REQUESTS)
            return [self._request(turn, row) for row in rows]

    def request(self, site: bytes, reference: bytes) -> dict[str, Any]:
        """One request. Raises Refused: unknown_request."""
        with self._context.view() as turn:
            row = message_store.request(turn.tx, site, reference)
            if row is None:
                raise Refused(errors.UNKNOWN_REQUEST)
            return self._request(turn, row)

    def _request(self, turn: Turn, row: Row[Any]) -> dict[str, Any]:
        signed = message_store.about_request(turn.tx, row.site, row.reference)
        raws = [message.raw for message in signed if message.type != messages.GRANT]
        roster = turn.roster(row.site)
        decisions = [messages.read(m.raw, row.site) for m in signed if m.type == messages.DECISION]
        # While it waits, whoever may stand in for somebody must learn of it to decide.
        stood_for = any(decision.get("for") is not None for decision in decisions)
        if roster is not None and (stood_for or row.live_state == "waiting"):
            raws += [message.raw for message in substitutes_of(turn, roster, row.site)]
        return {
            "reference": row.reference.hex(),
            "code": messages.short_code(row.reference),
            "state": row.live_state,
            "proven": row.state == row.live_state,
            "reason": errors.name_of(row.reason) if row.reason else None,
            "until": row.until or None,
            "impressions": row.impressions,
            "opened": row.opened,
            "spent": row.spent,
            "pressed": row.pressed,
            "received": row.received,
            "changed": row.changed,
            "messages": [_text(raw) for raw in raws],
            "grants": [_text(message.raw) for message in signed if message.type == messages.GRANT],
        }

    def ledger(self, site: bytes) -> list[dict[str, Any]]:
        """The register of seal use, newest first: one line for each request, from proven facts where `proven`."""
        with self._context.view() as turn:
            roster = turn.roster(site)
            rows = message_store.requests(turn.tx, site, None, MAX_REQUESTS)
            wordings = _wordings(turn, site)
            found = cases.of_requests(turn.tx, site, [row.reference for row in rows])
            lines = [self._line(turn, roster, row, wordings) for row in rows]
            return [
                {**line, "cases": [brief(case) for case in found.get(row.reference, [])]}
                for line, row in zip(lines, rows, strict=True)
            ]

    def _line(self, turn: Turn, roster: Roster | None, row: Row[Any], wordings: dict[int, str]) -> dict[str, Any]:
        reports = message_store.of_request(turn.tx, row.site, row.reference, messages.REPORT)
        declared = messages.read(reports[-1], row.site)["impressions"] if reports else None
        approved, denied = _voices(turn, roster, row)
        seal = next((bay["seal"] for bay in _bays(roster, row.box) if bay["number"] == row.bay), None)
        return {
            "code": messages.short_code(row.reference),
            "request": row.reference.hex(),
            "box": row.box.hex(),
            "bay": row.bay,
            "seal": seal,
            "matter": row.matter,
            "wording": wordings.get(row.matter),
            "created": row.created,
            "keeper": _name(roster, row.person),
            "approved_by": approved,
            "denied_by": denied,
            "state": row.live_state,
            "proven": row.state == row.live_state,
            "impressions": row.impressions,
            "spent": row.spent,
            "pressed": row.pressed,
            "declared": declared,
        }


def _voices(turn: Turn, roster: Roster | None, row: Row[Any]) -> tuple[list[str], list[str]]:
    """(who approved and did not take it back, who denied), by name."""
    spoke: dict[str, set[int]] = {}
    for raw in message_store.of_request(turn.tx, row.site, row.reference, messages.DECISION):
        decision = messages.read(raw, row.site)
        try:
            number = roster.signer(decision.kid)[0]["number"] if roster is not None else 0
        except Refused:
            number = 0
        spoke.setdefault(_name(roster, number), set()).add(decision["verdict"])
    approved = [name for name, verdicts in spoke.items() if verdicts == {messages.APPROVE}]
    denied = [name for name, verdicts in spoke.items() if messages.DENY in verdicts]
    return approved, denied


def _name(roster: Roster | None, number: int) -> str:
    person = roster.person(number) if roster is not None else None
    return str(person["name"]) if person is not None else f"#{number}"


def _bays(roster: Roster | None, box: bytes) -> list[dict[str, Any]]:
    if roster is None:
        return []
    try:
        return [{"number": bay["number"], "seal": bay["seal"]} for bay in roster.box(box)["bays"]]
    except Refused:
        return []


def _wordings(turn: Turn, site: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in sites.matters(turn.tx, site):
        for item in messages.read(row.raw, site)["items"]:
            found[item["code"]] = item["wording"]
    return found
