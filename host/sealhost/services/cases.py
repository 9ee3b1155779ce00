"""Cases: what people must look at, opened once for each subject and closed by one of them, with a reason.

Guarantees: the same subject opens no second case, also after a restart; whoever raised a request closes no case about
it; a break-glass case is closed by the authority alone. The words of a reason are personal data: they are shown to the
site's people, and neither exported, logged nor told. No message type signs a closing yet: that it was said by this
person, only this host vouches for (decisions/0030).
"""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from sealwire import errors, messages, rules
from sealwire.cose import key_id
from sealwire.errors import Refused
from sqlalchemy import Row

from sealhost.core import anomalies
from sealhost.services.access import Caller
from sealhost.services.context import Context, Turn
from sealhost.store import cases
from sealhost.store import messages as message_store

MAX_REASON = 500  # characters
KEEPER_ONLY = 1 << 1
"""The roles of somebody who is a keeper and nothing else."""

_log = structlog.get_logger(__name__)


class CaseError(Exception):
    """A case cannot be closed; `name` says why: unknown_case, closed_already, bad_reason."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def open_case(
    turn: Turn,
    site: bytes,
    kind: str,
    subject: str,
    *,
    request: bytes | None = None,
    box: bytes | None = None,
    detail: str = "",
) -> bool:
    """Open a case unless this subject had one; whether it is new."""
    number = cases.case_id(site, kind, subject)
    if cases.find(turn.tx, site, number) is not None:
        return False
    about = {"request": request, "box": box, "detail": detail}
    cases.add(turn.tx, site=site, id=number, kind=kind, subject=subject, opened=turn.now, **about)
    turn.record(site, "case_opened", request, box, number.hex())
    _log.warning("case opened", kind=kind, case=number.hex(), request=request.hex() if request else None)
    return True


class Cases:
    """Shows them, and lets people close them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def listed(self, site: bytes, open_only: bool = False) -> list[dict[str, Any]]:
        """The newest cases, the open ones first."""
        with self._context.view() as turn:
            return [_shown(turn, row) for row in cases.listed(turn.tx, site, open_only)]

    def close(self, caller: Caller, token: str, number: bytes, reason: str) -> dict[str, Any]:
        """Close a case. Raises CaseError, and Refused: wrong_role, other_keeper (whose own request it is about)."""
        words = reason.strip()
        if not words or len(words) > MAX_REASON or not all(one.isprintable() or one == "\n" for one in words):
            raise CaseError("bad_reason")
        with self._context.turn() as turn:
            row = cases.find(turn.tx, caller.site, number)
            if row is None:
                raise CaseError("unknown_case")
            _check_may_close(turn, caller, row)
            session = hashlib.sha256(token.encode()).digest()
            if not cases.close(turn.tx, caller.site, number, turn.now, caller.kid, session, words):
                raise CaseError("closed_already")
            turn.record(caller.site, "case_closed", row.request, caller.kid, number.hex())
            found = cases.find(turn.tx, caller.site, number)
            assert found is not None
            return _shown(turn, found)


def _check_may_close(turn: Turn, caller: Caller, row: Row[Any]) -> None:
    keys, _ = turn.authority(caller.site)
    if caller.kid in [key_id(key) for key in keys]:
        return
    roster = turn.roster(caller.site)
    if roster is None or row.kind == anomalies.BREAK_GLASS:
        raise Refused(errors.WRONG_ROLE)
    person = roster.signer(caller.kid)[0]
    rules.valid_person(person, turn.now)
    if person["roles"] == KEEPER_ONLY:
        raise Refused(errors.WRONG_ROLE)
    request = None if row.request is None else message_store.request(turn.tx, caller.site, row.request)
    if request is not None and request.person == person["number"]:
        raise Refused(errors.OTHER_KEEPER, "a case about one's own request is closed by somebody else")


def brief(row: Row[Any]) -> dict[str, Any]:
    """A case on a line of the ledger."""
    return {"id": row.id.hex(), "kind": row.kind, "opened": row.opened, "closed": row.closed}


def _shown(turn: Turn, row: Row[Any]) -> dict[str, Any]:
    return {
        **brief(row),
        "request": row.request.hex() if row.request else None,
        "code": messages.short_code(row.request) if row.request else None,
        "box": row.box.hex() if row.box else None,
        "detail": row.detail,
        "closed_by": row.closed_by.hex() if row.closed_by else None,
        "closer": _closer(turn, row),
        "reason": row.reason,
    }


def _closer(turn: Turn, row: Row[Any]) -> str | None:
    roster = turn.roster(row.site)
    if row.closed_by is None or roster is None:
        return None
    try:
        return str(roster.signer(row.closed_by)[0]["name"])
    except Refused:
        return None
