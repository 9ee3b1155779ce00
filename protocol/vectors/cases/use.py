"""SPEC.md sections 7 and 8: `ready`, what the log says of a request, and whether a bay may open now."""

from collections.abc import Iterator
from typing import Any

from sealwire import chain
from sealwire.messages import CLEARS_CLOCK, CLEARS_TAMPER, DENY
from vectors.case import ANY, Case, accept, reject
from vectors.cases.requests import ROSTER
from vectors.world import (
    DAY,
    KEEPER_SECOND,
    NONCE,
    NOW,
    OFFICERS,
    REQUEST,
    SECRETARY_KEY,
    SITE,
    STRANGER,
    STRONG_REQUEST,
    Fields,
    decision,
    digest,
    people,
    person,
    ready,
    reference,
    request,
    roles,
    roster_bytes,
    substitute,
)

_R = reference(REQUEST)
_PAIR = [decision(OFFICERS[0]), decision(OFFICERS[1])]


def cases() -> Iterator[Case]:
    yield from _readies()
    yield from _histories()
    yield from _openings()
    yield from _spending()


def _ready(name: str, about: str, raw: bytes, **given: Any) -> Case:
    make = accept if name.startswith("+") else reject
    base: Fields = {"roster": ROSTER, "site": SITE, "request": REQUEST, "nonce": NONCE, "now": NOW}
    return make(name.lstrip("+"), about, "ready", ready=raw, **base | given)


def _readies() -> Iterator[Case]:
    yield _ready("+other_keeper", "the keeper's other key", ready(KEEPER_SECOND))
    other = [*people(), person(8, roles(1), STRANGER)]
    yield _ready("other_keeper", "another keeper", ready(STRANGER), roster=roster_bytes(people=other))
    yield _ready("unknown_signer-ready", "a key of nobody", ready(STRANGER))
    yield _ready("+stale_nonce", "the nonce of the live challenge", ready())
    yield _ready("stale_nonce", "another nonce", ready(nonce=digest("old nonce")))
    yield _ready("other_request-ready", "for another request", ready(of=STRONG_REQUEST))


def _entry(kind: int, **fields: Any) -> bytes:
    return chain.build_entry(kind, NOW - 60, fields)


def _intent(spends: int = 2, of: bytes = _R) -> bytes:
    fields: Fields = {"grant": digest("grant"), "roster": 7, "people": [2, 3]}
    return _entry(chain.INTENT, bay=1, request=of, spends=spends, **fields)


def _closed(back: int, of: bytes = _R, pressed: int = 0) -> bytes:
    return _entry(chain.CLOSED, bay=1, request=of, pressed=pressed, given_back=back, cause=chain.BUTTON)


def _against(verdict: int, who: int, **more: int) -> bytes:
    return _entry(chain.DECISION, request=_R, verdict=verdict, person=who, message=digest("m"), **more)


def _finish(who: int = 1, of: bytes = _R) -> bytes:
    return _entry(chain.FINISH, request=of, reason=1, person=who, message=digest("finish"))


_INTERRUPTED = _entry(chain.INTERRUPTED, bay=1, request=_R)
_PRESS = _entry(chain.PRESS, bay=1, request=_R, count=1)
_TIME = _entry(chain.TIME, utc=NOW, message=digest("time"))


def _reset(clears: int) -> bytes:
    return _entry(chain.RESET, clears=clears, utc=NOW, message=digest("reset"))


def _histories() -> Iterator[Case]:
    nothing: Fields = {"opened": 0, "spent": 0, "against": [], "finished": [], "clock_changed": False}
    other = digest("other request")
    boot = _entry(chain.BOOT, boot=2, cause=0, firmware="1.0", clock_set=1)
    for name, entries, changes in (
        ("nothing", [], {}),
        ("others", [boot, _intent(of=other), _closed(1, other), _finish(of=other), _reset(CLEARS_TAMPER)], {}),
        ("intent", [_intent(5)], {"opened": 1, "spent": 5}),
        ("presses", [_intent(5), _PRESS, _PRESS], {"opened": 1, "spent": 5}),
        ("closed", [_intent(5), _PRESS, _closed(4)], {"opened": 1, "spent": 1}),
        ("again", [_intent(5), _closed(4), _intent(4), _closed(1)], {"opened": 2, "spent": 4}),
        ("too-much-back", [_intent(2), _closed(5)], {"opened": 1, "spent": 0}),
        ("back-twice", [_intent(2), _closed(1), _closed(1)], {"opened": 1, "spent": 1}),
        ("back-without-intent", [_closed(5)], {}),
        ("interrupted", [_intent(2), _INTERRUPTED, _closed(2)], {"opened": 1, "spent": 2}),
        ("against", [_against(2, 3), _against(3, 4, **{"for": 5})], {"against": [[2, 3, None], [3, 4, 5]]}),
        ("finished", [_finish(1), _finish(3)], {"finished": [1, 3]}),
        ("time", [_TIME], {"clock_changed": True}),
        ("reset", [_reset(CLEARS_CLOCK)], {"clock_changed": True}),
    ):
        ok = nothing | changes
        yield accept(f"history-{name}", "what a log says of a request", "history", request=_R, entries=entries, ok=ok)


def _open(name: str, about: str, *entries: bytes, ok: Any = ANY, **given: Any) -> Case:
    make = accept if name.startswith("+") else reject
    base: Fields = {
        "roster": ROSTER,
        "site": SITE,
        "request": REQUEST,
        "decisions": _PAIR,
        "substitutes": [],
        "entries": list(entries),
        "is_ready": False,
        "now": NOW,
    }
    more: Fields = {"ok": ok} if name.startswith("+") else {}
    return make(name.lstrip("+"), about, "open", **base | given, **more)


def _openings() -> Iterator[Case]:
    yield _open("+too_few_approvals", "two approvals of two", ok=2)
    yield _open("too_few_approvals", "one approval of two", decisions=_PAIR[:1])
    yield _open("too_few_approvals-withdrawn", "one withdrawn at the box", _against(3, 2))
    yield _open("+denied", "one denial of two", _against(DENY, 4), ok=2)
    yield _open("denied", "two denials of two", _against(DENY, 4), _against(DENY, 5))
    yield _open("denied-host", "two denials by way of the host", decisions=[*_PAIR, *_denials()])
    yield _open("+finished", "somebody else's finish", _finish(2), ok=2)
    yield _open("finished", "the keeper's finish", _finish(1))
    yield _open("finished-before-denied", "finished and denied", _finish(1), _against(DENY, 4), _against(DENY, 5))
    yield _open("+unanchored", "an alarm was reset", _reset(CLEARS_TAMPER), ok=2)
    yield _open("unanchored-time", "the clock was set since", _TIME)
    yield _open("unanchored-reset", "the clock was reset since", _reset(CLEARS_CLOCK | CLEARS_TAMPER))


def _denials() -> list[bytes]:
    return [decision(OFFICERS[2], DENY), decision(SECRETARY_KEY, DENY)]


def _spending() -> Iterator[Case]:
    yield _open("+spent", "one of two is left", _intent(2), _closed(1, pressed=1), is_ready=True, ok=1)
    yield _open("spent", "none of two is left", _intent(2), _closed(0, pressed=2), is_ready=True)
    yield _open("spent-interrupted", "the power was cut", _intent(2), _INTERRUPTED, is_ready=True)
    yield _open("spent-open", "it is open now", _intent(2), is_ready=True)
    late = NOW - 1800 + DAY
    used = request(attended=late + 1)
    pair = [decision(key, of=used) for key in OFFICERS[:2]]
    yield _open("+use_expired", "the last second of use", request=used, decisions=pair, now=late, ok=2)
    yield _open("use_expired", "a second later", request=used, decisions=pair, now=late + 1)
    yield _open("use_expired-ready", "ready does not help", decisions=_PAIR, now=late + 1, is_ready=True)
    yield _open("+not_attended", "the last attended second", now=NOW + 3600, ok=2)
    yield _open("not_attended", "a second later", now=NOW + 3601)
    yield _open("+not_attended-ready", "later, with ready", now=NOW + 3601, is_ready=True, ok=2)
    yield _open("not_attended-again", "a second opening", _intent(2), _closed(2))
    yield _open("+not_attended-again", "a second opening, with ready", _intent(2), _closed(2), is_ready=True, ok=2)
    letters = [substitute(OFFICERS[0], 7)]
    logged = _against(DENY, 7, **{"for": 2})
    yield _open("too_few_approvals-substitute", "a substitute denied at the box", logged, substitutes=letters)
