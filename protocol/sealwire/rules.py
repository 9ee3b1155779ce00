"""Whether a request, with these decisions, meets its rule, and whether it may open its bay now.

Pure: box, host and verifier ask the same. The messages given here were read and their signatures checked by the
caller; :meth:`~sealwire.roster.Roster.signer` says with which key. Every refusal is one
:class:`~sealwire.errors.Refused` with its own reason, see SPEC.md sections 5 to 7.
"""

from sealwire import errors, limits, messages
from sealwire.chain import History
from sealwire.errors import Refused
from sealwire.messages import APPROVE, DENY, Message, has
from sealwire.roster import Roster

MYPY = False
if MYPY:
    from typing import Any

WAITING = 1
APPROVED = 2
DENIED = 3


def not_ahead(time: int, now: int) -> None:
    """People's clocks may be ten minutes ahead. Raises Refused: time_ahead."""
    if time > now + limits.CLOCK_AHEAD:
        raise Refused(errors.TIME_AHEAD)


def not_newer(version: int, roster: Roster) -> None:
    """A message that names a newer roster waits until that roster is there. Raises Refused: newer_roster."""
    if version > roster.version:
        raise Refused(errors.NEWER_ROSTER)


def valid_signer(roster: Roster, kid: bytes, now: int) -> "dict[str, Any]":
    """The person behind a key, listed and valid now.

    Raises Refused: unknown_signer, unsupported_key_kind, signer_not_valid.
    """
    person = roster.signer(kid)[0]
    valid_person(person, now)
    return person


def valid_person(person: "dict[str, Any]", now: int) -> None:
    """Raises Refused: signer_not_valid, when now is outside the person's validity."""
    if not person["from"] <= now <= person["until"]:
        raise Refused(errors.SIGNER_NOT_VALID)


class Case:
    """A request with what the roster says about it: bay, rule and raiser (dicts of the roster), box (kid)."""

    def __init__(
        self, request: Message, bay: "dict[str, Any]", rule: "dict[str, Any]", raiser: "dict[str, Any]"
    ) -> None:
        self.request = request
        self.bay = bay
        self.rule = rule
        self.raiser = raiser


def check_request(roster: Roster, request: Message, now: int) -> Case:
    """Whether a request is one that this roster allows. Raises Refused, see SPEC.md section 6."""
    not_newer(request["roster"], roster)
    bay = _find_bay(roster.box(request["box"]), request["bay"])
    rule = _find_rule(roster, bay, request["rule"])
    if request["matter"] not in rule["matters"]:
        raise Refused(errors.UNKNOWN_MATTER)
    if request["impressions"] > rule["impressions"]:
        raise Refused(errors.TOO_MANY_IMPRESSIONS)
    raiser = valid_signer(roster, request.kid, now)
    if not has(raiser["roles"], rule["raiser"]):
        raise Refused(errors.WRONG_ROLE)
    created = request["created"]
    not_ahead(created, now)
    longest = rule["wait_seconds"] + rule["use_seconds"]
    if request["expires"] <= created or not created <= request["attended"] <= created + longest:
        raise Refused(errors.TIMES_OUT_OF_ORDER)
    if request["expires"] - created > rule["wait_seconds"]:
        raise Refused(errors.WAITS_TOO_LONG)
    return Case(request, bay, rule, raiser)


def _find_bay(box: "dict[str, Any]", number: int) -> "dict[str, Any]":
    for bay in box["bays"]:
        if bay["number"] == number:
            return bay  # type: ignore[no-any-return]
    raise Refused(errors.UNKNOWN_BAY)


def _find_rule(roster: Roster, bay: "dict[str, Any]", digest: bytes) -> "dict[str, Any]":
    for rule in roster.fields["rules"]:  # one at a time: a rule may be large
        if has(bay["rules"], rule["number"]) and messages.rule_digest(rule) == digest:
            return rule  # type: ignore[no-any-return]
    raise Refused(errors.RULE_CHANGED)


def check_substitute(roster: Roster, substitute: Message, now: int) -> "dict[str, Any]":
    """The substituted person of a `substitute` message.

    Raises Refused: newer_roster, unknown_signer, signer_not_valid, substitute_of_oneself, substitute_period.
    """
    not_newer(substitute["roster"], roster)
    person = valid_signer(roster, substitute.kid, now)
    if substitute["person"] == person["number"]:
        raise Refused(errors.SUBSTITUTE_OF_ONESELF)
    if not 0 <= substitute["until"] - substitute["from"] <= limits.SUBSTITUTE_SECONDS:
        raise Refused(errors.SUBSTITUTE_PERIOD)
    return person


def check_decision(
    roster: Roster, case: Case, decision: Message, substitutes: "list[Message]", now: int
) -> "tuple[int, int]":
    """(person, principal): who decided, and whose voice it is (the same number unless as a substitute).

    Raises Refused, see SPEC.md section 6.
    """
    request = case.request
    if decision["request"] != request.reference:
        raise Refused(errors.OTHER_REQUEST)
    not_newer(decision["roster"], roster)
    person = valid_signer(roster, decision.kid, now)
    decided = decision["decided"]
    not_ahead(decided, now)
    late = decision["verdict"] == APPROVE and decided > request["expires"]
    if late or decided < request["created"] - limits.CLOCK_AHEAD:
        raise Refused(errors.DECIDED_OUTSIDE_TIME)
    principal = _principal(roster, decision, person, substitutes, now)
    raiser = case.raiser["number"]
    if raiser in (person["number"], principal["number"]):
        raise Refused(errors.OWN_REQUEST)
    if not in_groups(case.rule, principal):
        raise Refused(errors.NOT_IN_GROUP)
    return person["number"], principal["number"]


def _principal(
    roster: Roster, decision: Message, person: "dict[str, Any]", substitutes: "list[Message]", now: int
) -> "dict[str, Any]":
    number = decision.get("for")
    if number is None:
        return person
    if number == person["number"]:
        raise Refused(errors.SUBSTITUTE_OF_ONESELF)
    reason = errors.NO_SUBSTITUTE
    for substitute in substitutes:
        principal = check_substitute(roster, substitute, now)
        if principal["number"] == number and substitute["person"] == person["number"]:
            if substitute["from"] <= decision["decided"] <= substitute["until"]:
                return principal
            reason = errors.SUBSTITUTE_PERIOD
    raise Refused(reason)


def in_groups(rule: "dict[str, Any]", person: "dict[str, Any]") -> bool:
    """Whether a person's voice is asked for by a rule."""
    return any(has(person["roles"], group["role"]) for group in rule["groups"])


class Judgement:
    """What the decisions make of a request.

    state: WAITING, APPROVED or DENIED; people: numbers of all who count, substitutes and substituted both; missing:
    [(role, how many)]; latest: when the last counted approval was given; until: last second of use (both 0 unless
    approved).
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.state = WAITING
        self.people = []  # type: list[int]
        self.denied_by = []  # type: list[int]
        self.missing = []  # type: list[tuple[int, int]]
        self.latest = 0
        self.until = 0


def judge(
    roster: Roster,
    request: Message,
    decisions: "list[Message]",
    substitutes: "list[Message]",
    now: int,
    against: "list[tuple[int, int, int | None]]",
) -> Judgement:
    """Weigh the decisions on a request by the roster's rule at ``now``.

    against: (verdict, person, for) of denials and withdrawals known from a box's log
    (:class:`~sealwire.chain.History`). Raises Refused when any message given is not acceptable, or when a person
    approves twice (counted_twice).
    """
    case = check_request(roster, request, now)
    judgement = Judgement(case)
    approvals = []
    silenced = set()
    denials = set()  # type: set[tuple[int, int]]
    for decision in decisions:
        person, principal = check_decision(roster, case, decision, substitutes, now)
        if decision["verdict"] == APPROVE:
            approvals.append((person, principal, decision["decided"]))
        else:
            silenced.add(person)
            silenced.add(principal)
            if decision["verdict"] == DENY:
                denials.add((person, principal))
    for verdict, person, principal in _known(roster, case, substitutes, against, now):
        silenced.add(person)
        silenced.add(principal)
        if verdict == DENY:
            denials.add((person, principal))
    judgement.denied_by = _once_each(denials)
    _count(roster, judgement, approvals, silenced)
    if len(judgement.denied_by) >= case.rule["denials"]:
        judgement.state = DENIED
        judgement.latest = judgement.until = 0
    return judgement


def _once_each(denials: "set[tuple[int, int]]") -> "list[int]":
    """Whose denials count, given (person, principal): each person once, for themselves, as substitute or by one.

    People's own denials come first, then those of substitutes, in the order of their numbers.
    """
    heard = set()  # type: set[int]
    voices = []
    for own in (True, False):
        for person, principal in sorted(denials):
            if (person == principal) == own and person not in heard and principal not in heard:
                heard.add(person)
                heard.add(principal)
                voices.append(principal)
    return sorted(voices)


def _known(
    roster: Roster,
    case: Case,
    substitutes: "list[Message]",
    against: "list[tuple[int, int, int | None]]",
    now: int,
) -> "list[tuple[int, int, int]]":
    """The denials and withdrawals of a box's log that are somebody's voice in this case.

    The box logged them without knowing the request. A denial as substitute stands for the principal only with the
    `substitute` message at hand; without it, it still silences whoever gave it.
    """
    known = []
    for verdict, number, principal in against:
        voice = _stood_for(roster, substitutes, number, principal, now) or roster.person(number)
        if voice is None:
            continue
        if in_groups(case.rule, voice):
            known.append((verdict, number, voice["number"]))
        else:
            known.append((messages.WITHDRAW, number, number))
    return known


def _stood_for(
    roster: Roster, substitutes: "list[Message]", number: int, principal: "int | None", now: int
) -> "dict[str, Any] | None":
    """The person of number ``principal``, when a `substitute` shows that ``number`` may speak for them."""
    for substitute in substitutes:
        person = check_substitute(roster, substitute, now)
        if substitute["person"] == number and person["number"] == principal:
            return person
    return None


def _count(roster: Roster, judgement: Judgement, approvals: "list[tuple[int, int, int]]", silenced: "set[int]") -> None:
    """Count each person once, in at most one group, and see which groups are met."""
    voices = []
    seen = set()  # type: set[int]
    for person, principal, decided in approvals:
        if person in seen or principal in seen:
            raise Refused(errors.COUNTED_TWICE)
        seen.add(person)
        seen.add(principal)
        if person not in silenced and principal not in silenced:
            voices.append(principal)
            judgement.people.append(person)
            if principal != person:
                judgement.people.append(principal)
            judgement.latest = max(judgement.latest, decided)
    rule = judgement.case.rule
    judgement.people.sort()
    judgement.missing = _missing(roster, rule, voices)
    if judgement.missing:
        judgement.latest = 0
    else:
        judgement.state = APPROVED
        judgement.until = judgement.latest + rule["use_seconds"]


def _missing(roster: Roster, rule: "dict[str, Any]", voices: "list[int]") -> "list[tuple[int, int]]":
    """Which groups lack how many people when each person fills one place at most.

    A bipartite matching by augmenting paths (Kuhn 1955); at most 8 places and 8 people.
    """
    places = [group["role"] for group in rule["groups"] for _ in range(group["least"])]
    roles = []
    for number in voices:
        person = roster.person(number)
        roles.append(person["roles"] if person else 0)
    taken = [-1] * len(places)  # which voice fills a place
    for voice in range(len(voices)):
        _place(voice, places, roles, taken, [False] * len(places))
    missing = []
    for group in rule["groups"]:
        lacking = len([i for i in range(len(places)) if places[i] == group["role"] and taken[i] < 0])
        if lacking:
            missing.append((group["role"], lacking))
    return missing


def _place(voice: int, places: "list[int]", roles: "list[int]", taken: "list[int]", tried: "list[bool]") -> bool:
    for i in range(len(places)):
        if tried[i] or not has(roles[voice], places[i]):
            continue
        tried[i] = True
        if taken[i] < 0 or _place(taken[i], places, roles, taken, tried):
            taken[i] = voice
            return True
    return False


def check_ready(roster: Roster, case: Case, ready: Message, nonce: bytes, now: int) -> None:
    """Whether a `ready` stands for this request, this challenge and its own keeper.

    Raises Refused: other_request, stale_nonce, unknown_signer, signer_not_valid, other_keeper.
    """
    if ready["request"] != case.request.reference:
        raise Refused(errors.OTHER_REQUEST)
    if ready["nonce"] != nonce:
        raise Refused(errors.STALE_NONCE)
    if valid_signer(roster, ready.kid, now)["number"] != case.raiser["number"]:
        raise Refused(errors.OTHER_KEEPER)


def may_open(judgement: Judgement, history: History, ready: bool, now: int) -> int:
    """How many impressions the bay may open for now; at least 1.

    history: of the box's log after the request's anchor; ready: whether a `ready` was given and checked. Raises
    Refused: unanchored, finished, denied, too_few_approvals, spent, use_expired, not_attended.
    """
    case = judgement.case
    request = case.request
    if history.clock_changed:
        raise Refused(errors.UNANCHORED, "the clock was set after the anchor")
    if case.raiser["number"] in history.finished:
        raise Refused(errors.FINISHED)
    if judgement.state == DENIED:
        raise Refused(errors.DENIED)
    if judgement.state != APPROVED:
        raise Refused(errors.TOO_FEW_APPROVALS)
    left = request["impressions"] - history.spent
    if left < 1:
        raise Refused(errors.SPENT)
    if now > judgement.until:
        raise Refused(errors.USE_EXPIRED)
    if not ready and (history.opened or now > request["attended"]):
        raise Refused(errors.NOT_ATTENDED)
    return left  # type: ignore[no-any-return]
