"""Good messages of every type that somebody could publish to a running host or box, to be altered on their way.

What a host takes is made so that it would be taken: each original can be sent after its alterations.
"""

from __future__ import annotations

from typing import Any

from sealhost.core.matters import list_digest
from sealwire import messages
from sealwire.messages import Message

from tests.host.village import DAY, MATTER, People
from tests.tampering import forging
from tests.tampering.forging import Keys

Said = dict[int, list[Message]]
"""Messages by type; together those of a type have every field of it."""


def to_host(people: People, waiting: bytes, used: bytes) -> Said:
    """A message of every type; ``waiting`` and ``used`` are requests that the host knows."""
    now, digest = people.now, bytes(range(32))
    of = {"request": people.reference(waiting)}
    done = {"request": people.reference(used)}
    period = {"from": now - 60, "until": now + DAY, "roster": 1}
    reset = {"box": people.box.kid, "anchor_seq": people.box.seq, "anchor_head": people.box.head}
    raws = [
        people.request(impressions=1, details=digest),
        people.request("other keeper", impressions=3, follows=done["request"]),
        people.decide("first", waiting, reason=1, reason_digest=digest),
        people.decide("third", waiting, **{"for": 3}),
        people.sign("second", messages.SUBSTITUTE, person=4, **period),
        people.sign("keeper", messages.READY, nonce=digest, **of),
        people.sign("keeper", messages.FINISH, reason=1, reason_digest=digest, **of),
        people.sign("keeper", messages.REPORT, impressions=2, photographs=[digest, bytes(32)], **done),
        people.sign("authority", messages.RESET, clears=messages.CLEARS_TAMPER, utc=now, **reset),
        *_by_authority(people),
    ]
    said: Said = {}
    for raw in raws:
        message = people_read(people, raw)
        said.setdefault(message.number, []).append(message)
    for number in messages.names():
        if number not in said:
            said[number] = [forging.least_message(number, people.site, people.authority)]
    return said


def _by_authority(people: People) -> list[bytes]:
    """The next matter list, and the next roster, which names it."""
    more: dict[str, Any] = {"attachments": "身份证", "resolution": 1, "abolished": 1, "responsible": "王芳"}
    items = [
        {"code": MATTER, "wording": "居住证明", "seal": "居委会"},
        {"code": 7, "wording": "证明", "seal": "党支部", **more},
    ]
    matters = {"version": 2, "issued": people.now, "part": 1, "parts": 1, "items": items}
    raw = people.sign("authority", messages.MATTERS, **matters)
    digest = list_digest([people_read(people, raw).payload])
    return [raw, people.roster(2, matters=digest, releases=[bytes(range(32))])]


def people_read(people: People, raw: bytes) -> Message:
    """A message of their site."""
    return messages.read(raw, people.site)


def keys_for(people: People, message: Message) -> Keys:
    """Whose keys are tried: its signer's, another person's of the same role, and the host's."""
    everybody = {**people.keys, "authority": people.authority, "box": people.box.signer}
    name = next(name for name, key in everybody.items() if key.kid == message.kid)
    peers = {"keeper": "other keeper", "other keeper": "keeper", "first": "third", "second": "first", "third": "second"}
    return Keys(everybody[name], everybody[peers.get(name, "auditor")], people.host)
