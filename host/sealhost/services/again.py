"""What people send again after the database was brought back from a backup: the host had it once and lost it.

Guarantees: only what was signed between backup and restore (where the message says when), whose signature held, and
which was refused for nothing but coming late or before what it speaks of; it is kept as evidence and counts as far as
the rules say, and a month after the restore this ends. A box judges everything by itself, as before.
"""

from __future__ import annotations

import structlog
from sealwire import errors, messages, rules
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import Roster

from sealhost.services.context import Turn
from sealhost.services.lifecycles import refresh
from sealhost.services.people import check_signer, keep, store_request

_log = structlog.get_logger(__name__)

LATE = {
    messages.REQUEST: ("created", (errors.WAITING_EXPIRED,)),
    messages.DECISION: (
        "decided",
        (
            *(errors.UNKNOWN_REQUEST, errors.WAITING_EXPIRED, errors.USE_EXPIRED, errors.REQUEST_CLOSED),
            *(errors.ALREADY_DECIDED, errors.FINISHED, errors.DENIED),
        ),
    ),
    messages.SUBSTITUTE: ("from", (errors.SUBSTITUTE_PERIOD,)),
    messages.FINISH: (None, (errors.UNKNOWN_REQUEST, errors.REQUEST_CLOSED)),
    messages.REPORT: (None, (errors.UNKNOWN_REQUEST, errors.NOT_USED_YET)),
}
"""For each kind of message: the field with its time, and the refusals that lateness explains. A `ready` is over."""


def take(turn: Turn, roster: Roster, message: Message, refusal: Refused) -> None:
    """Keep a message that was refused, if the backup lacks it; else raise the refusal."""
    field, excused = LATE.get(message.number, (None, ()))
    if refusal.reason not in excused or not turn.verified:
        raise refusal
    if not turn.may_be_lost(None if field is None else message[field]):
        raise refusal
    person = check_signer(roster, message, turn)
    if message.number == messages.REQUEST:
        store_request(turn, message, rules.check_request(roster, message, turn.now).raiser["number"])
    else:
        request = message.get("request")
        keep(turn, message, request)
        if request is not None:
            refresh(turn, message.site, request)
    _log.info("taken again after a restore", reference=message.reference.hex(), person=person["number"])
