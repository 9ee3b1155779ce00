"""The rules against brute force: who fills which place, whom a request counts, and that order never matters."""

import itertools
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from sealwire import messages, rules
from sealwire.errors import Refused
from sealwire.messages import APPROVE, DENY, WITHDRAW
from sealwire.roster import Roster
from vectors import world

_GROUPS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=3, unique_by=lambda pair: pair[0]
)
_PEOPLE = st.lists(st.integers(0, 31).map(lambda bits: bits << 1), max_size=6)


@given(_GROUPS, _PEOPLE)
def test_matching_agrees_with_trying_every_assignment(groups, masks):
    people = [world.person(number, mask) for number, mask in enumerate(masks, 1)]
    rule = world.rule(groups=[{"role": role, "least": least} for role, least in groups])
    missing = rules._missing(Roster(world.roster(people=people)), rule, list(range(1, len(masks) + 1)))
    places = [role for role, least in groups for _ in range(least)]
    filled = max(_filled(places, order) for order in itertools.permutations(masks)) if len(masks) < 6 else None
    if filled is not None:
        assert sum(count for _, count in missing) == len(places) - filled
    assert {role for role, _ in missing} <= {role for role, _ in groups}


def _filled(places: list[int], masks: tuple[int, ...]) -> int:
    """The most places that people in this order can fill, each the next place or none."""
    best = {0: 0}
    for mask in masks:
        after = dict(best)
        for taken, count in best.items():
            for at, role in enumerate(places):
                if mask >> role & 1 and not taken >> at & 1:
                    after[taken | 1 << at] = max(count + 1, after.get(taken | 1 << at, 0))
        best = after
    return max(best.values())


_KEYS = {
    2: world.OFFICERS[0],
    3: world.OFFICERS[1],
    4: world.OFFICERS[2],
    5: world.SECRETARY_KEY,
    7: world.SUBSTITUTE_KEY,
}
_SUBSTITUTIONS = ((2, 7), (3, 4))  # 7 may speak for 2, and 4 for 3
_LETTERS = [world.message(world.substitute(_KEYS[principal], person)) for principal, person in _SUBSTITUTIONS]
_VOICES = st.sampled_from([(2, 2), (3, 3), (4, 4), (5, 5), (7, 2), (4, 3)])  # (person, principal)
_DECISIONS = st.lists(st.tuples(_VOICES, st.sampled_from([APPROVE, APPROVE, DENY, WITHDRAW])), max_size=6)
_ROSTER = Roster(messages.read_payload(messages.ROSTER, world.roster_bytes()))


@cache
def _decision(voice: tuple[int, int], verdict: int) -> messages.Message:
    person, principal = voice
    return world.message(world.decision(_KEYS[person], verdict, on_behalf=principal if principal != person else None))


def _judged(
    given_: list[tuple[tuple[int, int], int]], against: list[tuple[int, int, int | None]]
) -> rules.Judgement | str:
    decisions = [_decision(voice, verdict) for voice, verdict in given_]
    try:
        return rules.judge(_ROSTER, world.message(world.REQUEST), decisions, _LETTERS, world.NOW, against)
    except Refused as refusal:
        return refusal.name


@given(_DECISIONS, st.randoms())
@settings(max_examples=300)
def test_each_person_counts_once_and_a_denial_outweighs_in_any_order(decisions, source):
    judged = _judged(decisions, [])
    approvals = [voice for voice, verdict in decisions if verdict == APPROVE]
    heard = [number for voice in approvals for number in set(voice)]
    if len(heard) != len(set(heard)):
        assert judged == "counted_twice"
        return
    assert isinstance(judged, rules.Judgement)
    silenced = {number for voice, verdict in decisions if verdict != APPROVE for number in voice}
    counted = [voice for voice in approvals if not silenced & set(voice)]
    denials = {voice for voice, verdict in decisions if verdict == DENY}
    assert judged.people == sorted(number for voice in counted for number in set(voice))
    assert len(judged.denied_by) <= _most_denials(denials)
    assert (not judged.denied_by) == (not denials)
    if len(judged.denied_by) >= world.RULE["denials"]:
        assert judged.state == rules.DENIED
    else:
        assert (judged.state == rules.APPROVED) == (len(counted) >= 2)
    assert (judged.until > 0) == (judged.state == rules.APPROVED)
    source.shuffle(decisions)
    again = _judged(decisions, [])
    assert isinstance(again, rules.Judgement)
    assert vars(again) | {"case": None} == vars(judged) | {"case": None}


def _most_denials(denials: set[tuple[int, int]]) -> int:
    """How many of them can be given without one person in two."""
    sizes = range(len(denials), -1, -1)
    for size in sizes:
        for chosen in itertools.combinations(denials, size):
            heard = [number for voice in chosen for number in set(voice)]
            if len(heard) == len(set(heard)):
                return size
    return 0


@given(_DECISIONS)
@settings(max_examples=200)
def test_denial_in_the_boxs_log_weighs_as_much_as_the_message(decisions):
    approvals = [one for one in decisions if one[1] == APPROVE]
    refusals = [one for one in decisions if one[1] != APPROVE]
    known = [(verdict, person, principal if principal != person else None) for (person, principal), verdict in refusals]
    by_message, by_log = _judged(decisions, []), _judged(approvals, known)
    if isinstance(by_message, str) or isinstance(by_log, str):
        assert by_message == by_log
    else:
        assert vars(by_message) | {"case": None} == vars(by_log) | {"case": None}


@given(_DECISIONS, _VOICES, st.sampled_from([DENY, WITHDRAW]))
@settings(max_examples=200)
def test_one_more_denial_or_withdrawal_never_approves(decisions, voice, verdict):
    before, after = _judged(decisions, []), _judged([*decisions, (voice, verdict)], [])
    if isinstance(before, str) or before.state != rules.APPROVED:
        assert isinstance(after, str) or after.state != rules.APPROVED
