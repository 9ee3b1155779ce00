"""SPEC.md section 6: requests, substitutes and decisions."""

from collections.abc import Iterator
from typing import Any

from sealwire.messages import DENY, OFFICER, SECRETARY, WITHDRAW
from vectors.case import ANY, Case, accept, reject
from vectors.world import (
    AUDITOR_KEY,
    DAY,
    KEEPER_KEY,
    KEEPER_SECOND,
    NOW,
    OFFICER_SECOND,
    OFFICERS,
    REQUEST,
    RULE,
    SECRETARY_KEY,
    SITE,
    STRANGER,
    STRONG_REQUEST,
    STRONG_RULE,
    SUBSTITUTE_KEY,
    Fields,
    decision,
    people,
    request,
    roles,
    roster_bytes,
    rule,
    substitute,
)

ROSTER = roster_bytes()
TWO, THREE, FOUR = OFFICERS


def cases() -> Iterator[Case]:
    yield from _requests()
    yield from _request_times()
    yield from _raisers()
    yield from _substitutes()
    yield from _decisions()
    yield from _decision_times()
    yield from _counting()
    yield from _standing_in()
    yield from _against()


def _request(name: str, about: str, raw: bytes, roster: bytes = ROSTER, now: int = NOW) -> Case:
    make = accept if name.startswith("+") else reject
    return make(name.lstrip("+"), about, "request", roster=roster, site=SITE, request=raw, now=now)


def _requests() -> Iterator[Case]:
    yield _request("+newer_roster", "made under an older roster", request(roster=1))
    yield _request("newer_roster", "made under a newer roster", request(roster=8))
    yield _request("+unknown_box-request", "a box of the roster", request())
    yield _request("unknown_box-request", "no box of the roster", request(box=bytes(16)))
    yield _request("+unknown_bay", "bay 2 of two", STRONG_REQUEST)
    yield _request("unknown_bay", "bay 3 of two", request(bay=3))
    yield _request("+rule_changed", "the rule as it stands", REQUEST)
    changed = roster_bytes(rules=[RULE | {"open_seconds": 61}, STRONG_RULE])
    yield _request("rule_changed", "the rule got other seconds", REQUEST, changed)
    yield _request("rule_changed-bay", "the rule of another bay", request(bay=2))
    yield _request("+unknown_matter", "the rule's last matter", request(matter=12))
    yield _request("unknown_matter", "a matter of another rule", request(matter=21))
    yield _request("+too_many_impressions", "5 of at most 5", request(impressions=5))
    yield _request("too_many_impressions", "6 of at most 5", request(impressions=6))


def _request_times() -> Iterator[Case]:
    yield _request("+time_ahead", "made 600 seconds ahead", request(created=NOW + 600, attended=NOW + 600))
    yield _request("time_ahead", "made 601 seconds ahead", request(created=NOW + 601, attended=NOW + 601))
    least: Fields = {"created": NOW, "expires": NOW + 1, "attended": NOW}
    yield _request("+times_out_of_order", "waits a second, unattended", request(**least))
    yield _request("times_out_of_order", "expires when made", request(**least | {"expires": NOW}))
    yield _request("times_out_of_order-attended", "attended till before", request(**least | {"attended": NOW - 1}))
    longest = NOW + 4 * DAY
    yield _request("+times_out_of_order-most", "attended for 4 days", request(**least | {"attended": longest}))
    yield _request("times_out_of_order-most", "and a second", request(**least | {"attended": longest + 1}))
    yield _request("+waits_too_long", "waits for 3 days", request(**least | {"expires": NOW + 3 * DAY}))
    yield _request("waits_too_long", "and a second", request(**least | {"expires": NOW + 3 * DAY + 1}))


def _changed(number: int, **changes: Any) -> bytes:
    listed = people()
    return roster_bytes(people=[one | changes if one["number"] == number else one for one in listed])


def _raisers() -> Iterator[Case]:
    yield _request("+wrong_role", "a keeper raises", REQUEST)
    yield _request("wrong_role", "an officer raises", request(TWO))
    yield _request("+unknown_signer-request", "a keeper's second key", request(KEEPER_SECOND))
    yield _request("unknown_signer-request", "a key of nobody", request(STRANGER))
    for name, since, until in (
        ("+signer_not_valid-from", NOW, NOW + 1),
        ("+signer_not_valid-until", NOW - 1, NOW),
        ("signer_not_valid-from", NOW + 1, NOW + 2),
        ("signer_not_valid-until", NOW - 2, NOW - 1),
    ):
        roster = _changed(1, **{"from": since, "until": until})
        yield _request(name, "the raiser's validity, both ends included", REQUEST, roster)


def _substitute(name: str, about: str, raw: bytes, roster: bytes = ROSTER) -> Case:
    make = accept if name.startswith("+") else reject
    return make(name.lstrip("+"), about, "substitute", roster=roster, site=SITE, substitute=raw, now=NOW)


def _substitutes() -> Iterator[Case]:
    yield _substitute("+substitute_of_oneself", "another person", substitute(TWO, 7))
    yield _substitute("substitute_of_oneself", "oneself", substitute(TWO, 2))
    longest = substitute(TWO, 7, **{"from": NOW, "until": NOW + 31 * DAY})
    yield _substitute("+substitute_period", "31 days", longest)
    longer = substitute(TWO, 7, **{"from": NOW, "until": NOW + 31 * DAY + 1})
    yield _substitute("substitute_period", "31 days and a second", longer)
    yield _substitute("+substitute_period-instant", "one second", substitute(TWO, 7, **{"from": NOW, "until": NOW}))
    back = substitute(TWO, 7, **{"from": NOW, "until": NOW - 1})
    yield _substitute("substitute_period-backwards", "ends before it begins", back)
    yield _substitute("+newer_roster-substitute", "the roster held", substitute(TWO, 7, roster=7))
    yield _substitute("newer_roster-substitute", "a newer roster", substitute(TWO, 7, roster=8))
    yield _substitute(
        "signer_not_valid-substitute", "not valid any more", substitute(TWO, 7), _changed(2, until=NOW - 1)
    )


def judge(name: str, about: str, *decisions: bytes, ok: Any = ANY, **given: Any) -> Case:
    """A vector that weighs decisions; a name with + in front is accepted."""
    make = accept if name.startswith("+") else reject
    base: Fields = {"roster": ROSTER, "site": SITE, "request": REQUEST, "decisions": list(decisions), "now": NOW}
    more: Fields = {"ok": ok} if name.startswith("+") else {}
    return make(name.lstrip("+"), about, "judge", **base | given, **more)


def _state(state: str, people_: list[int], **more: Any) -> Fields:
    base = {"state": state, "people": people_, "denied_by": [], "lacking": 0, "latest": 0, "until": 0}
    if state == "approved":
        base |= {"latest": NOW - 1800, "until": NOW - 1800 + DAY}
    return base | more


def _decisions() -> Iterator[Case]:
    pair = [decision(TWO), decision(THREE)]
    yield judge("+other_request", "two officers approve", *pair, ok=_state("approved", [2, 3]))
    yield judge("other_request", "an approval of another request", decision(TWO, of=STRONG_REQUEST))
    yield judge("newer_roster-decision", "made under a newer roster", decision(TWO, roster=8))
    yield judge("+newer_roster-decision", "made under an older roster", decision(TWO, roster=1))
    yield judge("unknown_signer-decision", "a key of nobody", decision(STRANGER))
    yield judge("signer_not_valid-decision", "no longer valid", decision(TWO), roster=_changed(2, until=NOW - 1))
    yield judge("not_in_group", "an auditor is not asked", decision(AUDITOR_KEY))
    glass = roster_bytes(rules=[RULE | {"groups": [{"role": SECRETARY, "least": 1}]}, STRONG_RULE])
    changed = request(of=RULE | {"groups": [{"role": SECRETARY, "least": 1}]})
    yield judge("+not_in_group", "a secretary is", decision(SECRETARY_KEY, of=changed), roster=glass, request=changed)
    both = _changed(1, roles=roles(1, OFFICER))
    yield judge("own_request", "a keeper, officer too, approves", decision(KEEPER_KEY), roster=both)
    yield judge("own_request-second-key", "by another key", decision(KEEPER_SECOND), roster=both)
    yield judge("+own_request", "a second keeper may", decision(TWO), decision(THREE), roster=_changed(2, roles=6))


def _decision_times() -> Iterator[Case]:
    short = request(expires=NOW - 60)
    pair = [decision(TWO, of=short, decided=NOW - 60), decision(THREE, of=short, decided=NOW - 60 - DAY // 100)]
    ok = _state("approved", [2, 3], latest=NOW - 60, until=NOW - 60 + DAY)
    yield judge("+decided_outside_time", "approved in the last second", *pair, request=short, ok=ok)
    late = decision(TWO, of=short, decided=NOW - 59)
    yield judge("decided_outside_time-late", "approved a second later", late, request=short)
    denial = decision(TWO, DENY, of=short, decided=NOW)
    ok = _state("waiting", [], denied_by=[2], lacking=2)
    yield judge("+decided_outside_time-denial", "a denial is never too late", denial, request=short, ok=ok)
    first = NOW - 3600 - 600
    yield judge("+decided_outside_time-early", "clocks differ by 600 seconds", decision(TWO, decided=first))
    yield judge("decided_outside_time-early", "by 601 seconds", decision(TWO, decided=first - 1))
    yield judge("decided_outside_time-denial", "a denial before the request", decision(TWO, DENY, decided=first - 1))
    yield judge("+time_ahead-decision", "600 seconds ahead", decision(TWO, decided=NOW + 600))
    yield judge("time_ahead-decision", "601 seconds ahead", decision(TWO, decided=NOW + 601))


def _counting() -> Iterator[Case]:
    ok = _state("waiting", [2], lacking=1)
    yield judge("+counted_twice-one", "one of two", decision(TWO), ok=ok)
    yield judge("counted_twice", "one approval twice", decision(TWO), decision(TWO))
    yield judge("counted_twice-second-key", "one person by two keys", decision(TWO), decision(OFFICER_SECOND))
    all_three = [decision(TWO), decision(THREE), decision(FOUR, decided=NOW)]
    ok = _state("approved", [2, 3, 4], latest=NOW, until=NOW + DAY)
    yield judge("+counted_twice-three", "three people, the latest decides", *all_three, ok=ok)
    lone = [decision(SECRETARY_KEY, of=STRONG_REQUEST)]
    ok = _state("waiting", [5], lacking=1)
    about = "a person of two roles fills one place"
    yield judge("+counted_twice-roles", about, *lone, request=STRONG_REQUEST, ok=ok)
    for name, keys in (("first", [SECRETARY_KEY, TWO]), ("last", [TWO, SECRETARY_KEY])):
        given = [decision(key, of=STRONG_REQUEST) for key in keys]
        ok = _state("approved", [2, 5])
        yield judge(f"+matching-{name}", "in whatever order", *given, request=STRONG_REQUEST, ok=ok)
    given = [decision(key, of=STRONG_REQUEST) for key in (TWO, THREE)]
    ok = _state("waiting", [2, 3], lacking=1)
    yield judge("+matching-other-role", "two officers are no secretary", *given, request=STRONG_REQUEST, ok=ok)
    wide = rule(groups=[{"role": OFFICER, "least": 1}, {"role": SECRETARY, "least": 1}])
    raw = request(of=wide)
    roster = roster_bytes(rules=[wide, STRONG_RULE])
    given = [decision(SECRETARY_KEY, of=raw), decision(THREE, of=raw)]
    ok = _state("approved", [3, 5])
    yield judge("+matching-moves", "the secretary makes room", *given, request=raw, roster=roster, ok=ok)
    pair = [decision(TWO, DENY), decision(THREE)]
    ok = _state("waiting", [3], denied_by=[2], lacking=1)
    yield judge("+denied-one", "one denial of two", *pair, ok=ok)
    ok = _state("denied", [], denied_by=[2, 3], lacking=2)
    yield judge("+denied-two", "two denials", decision(TWO, DENY), decision(THREE, DENY), ok=ok)
    ok = _state("denied", [4, 5], denied_by=[2, 3])
    mixed = [decision(TWO, DENY), decision(THREE, DENY), decision(FOUR), decision(SECRETARY_KEY)]
    yield judge("+denied-despite", "enough approvals do not help", *mixed, ok=ok)
    for name, order in (("before", [DENY, 1]), ("after", [1, DENY])):
        given = [decision(TWO, verdict) for verdict in order] + [decision(THREE)]
        ok = _state("waiting", [3], denied_by=[2], lacking=1)
        yield judge(f"+denied-{name}", "a denial outweighs an approval", *given, ok=ok)
    given = [decision(TWO), decision(OFFICER_SECOND, WITHDRAW), decision(THREE)]
    ok = _state("waiting", [3], lacking=1)
    yield judge("+withdrawn", "withdrawn by another key", *given, ok=ok)


def _standing_in() -> Iterator[Case]:
    letter = substitute(TWO, 7)
    approval = decision(SUBSTITUTE_KEY, on_behalf=2)
    ok = _state("approved", [2, 3, 7])
    yield judge("+no_substitute", "7 for 2", approval, decision(THREE), substitutes=[letter], ok=ok)
    yield judge("no_substitute", "nothing shows it", approval, decision(THREE))
    yield judge("no_substitute-other", "4 stands in, not 7", approval, substitutes=[substitute(TWO, 4)])
    yield judge("no_substitute-of-other", "for 3, not for 2", approval, substitutes=[substitute(THREE, 7)])
    self_made = decision(TWO, on_behalf=2)
    yield judge("substitute_of_oneself-decision", "for oneself", self_made, substitutes=[letter])
    for name, since, until in (
        ("+substitute_period-first", NOW - 1800, NOW),
        ("+substitute_period-last", NOW - DAY, NOW - 1800),
        ("substitute_period-early", NOW - 1799, NOW),
        ("substitute_period-late", NOW - DAY, NOW - 1801),
    ):
        letters = [substitute(TWO, 7, **{"from": since, "until": until})]
        yield judge(name, "decided within the time, both ends included", approval, substitutes=letters)
    letters = [substitute(TWO, 7, **{"from": NOW - DAY, "until": NOW - DAY}), letter]
    yield judge("+substitute_period-second", "a later letter covers it", approval, substitutes=letters)
    late = [substitute(TWO, 7, until=NOW - 1801), substitute(THREE, 4)]
    yield judge("substitute_period-beside", "no letter in time", approval, substitutes=late)
    yield judge("counted_twice-substituted", "2 and 7 for 2", decision(TWO), approval, substitutes=[letter])
    both = [decision(THREE), decision(THREE, on_behalf=2)]
    yield judge("counted_twice-substitute", "3 and 3 for 2", *both, substitutes=[substitute(TWO, 3)])
    own = decision(KEEPER_KEY, on_behalf=2)
    yield judge("own_request-substitute", "the keeper for 2", own, substitutes=[substitute(TWO, 1)])
    officer = _changed(1, roles=roles(1, OFFICER))
    given: Fields = {"roster": officer, "substitutes": [substitute(KEEPER_KEY, 7)]}
    yield judge("own_request-substituted", "7 for the keeper", decision(SUBSTITUTE_KEY, on_behalf=1), **given)
    given = {"substitutes": [substitute(AUDITOR_KEY, 3)]}
    yield judge("not_in_group-substituted", "an officer for an auditor", decision(THREE, on_behalf=6), **given)
    pair = [approval, decision(TWO, WITHDRAW), decision(THREE)]
    ok = _state("waiting", [3], lacking=1)
    yield judge("+withdrawn-substituted", "2 withdraws what 7 said for 2", *pair, substitutes=[letter], ok=ok)
    denials = [decision(THREE, DENY), decision(THREE, DENY, on_behalf=2)]
    ok = _state("waiting", [], denied_by=[3], lacking=2)
    about = "a person denies once, also as substitute"
    yield judge("+denied-once", about, *denials, substitutes=[substitute(TWO, 3)], ok=ok)
    denials = [decision(SUBSTITUTE_KEY, DENY, on_behalf=2), decision(TWO, DENY)]
    yield judge("+denied-once-substituted", "2 and 7 for 2", *denials, substitutes=[letter], ok=ok | {"denied_by": [2]})


def _against() -> Iterator[Case]:
    pair = [decision(TWO), decision(THREE)]
    letter = substitute(TWO, 7)
    base = _state("waiting", [3], lacking=1)
    for name, known, letters, ok in (
        ("withdrawn", [WITHDRAW, 2, None], [], base),
        ("denied", [DENY, 2, None], [], base | {"denied_by": [2]}),
        ("substitute", [DENY, 7, 2], [letter], base | {"denied_by": [2]}),
        ("no-letter", [DENY, 7, 2], [], _state("approved", [2, 3])),
        ("other-letter", [DENY, 7, 3], [letter], _state("approved", [2, 3])),
        ("not-named", [DENY, 4, 2], [letter], _state("approved", [2, 3], denied_by=[4])),
        ("auditor", [DENY, 6, None], [], _state("approved", [2, 3])),
        ("nobody", [DENY, 99, None], [], _state("approved", [2, 3])),
        ("own-voice", [DENY, 2, 3], [], base | {"denied_by": [2]}),
    ):
        given = {"substitutes": letters, "against": [known]}
        yield judge(f"+denied-log-{name}", "what the box's log holds against a request", *pair, **given, ok=ok)
    twice = [[DENY, 2, None], [DENY, 2, None]]
    yield judge("+denied-log-twice", "one denial logged twice", *pair, against=twice, ok=base | {"denied_by": [2]})
    both = [[DENY, 2, None], [DENY, 3, None]]
    ok = _state("denied", [], denied_by=[2, 3], lacking=2)
    yield judge("+denied-log-two", "two denials logged", *pair, against=both, ok=ok)
    given = {"against": [[DENY, 7, None]], "substitutes": [letter]}
    standing = [decision(SUBSTITUTE_KEY, on_behalf=2), decision(THREE)]
    about = "whoever denied cannot approve for another"
    yield judge("+denied-log-silenced", about, *standing, **given, ok=base)
