"""Bad input through a real host and to a real box: each is refused with its own named reason, to its sender and in the
logs, and the next good message works."""

from collections.abc import Callable, Iterator

import pytest
from sealwire import chain, errors, limits, messages, topics
from sealwire.messages import Message

from tests.host.daemon import eventually
from tests.host.village import rule
from tests.system.site import BAY, Site

HOUR = 3600


def flipped(raw: bytes) -> bytes:
    """The same message with another signature."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def waiting(site: Site, *approved_by: str) -> Message:
    """A request that waits for decisions."""
    request = site.ask_for()
    if approved_by:
        site.approve(request, *approved_by)
    return request


def ago(site: Site, seconds: int) -> int:
    """A time in the past."""
    site.request()
    return site.people.now - seconds


BadInput = Callable[[Site], tuple[str, bytes]]

REQUESTS: dict[str, tuple[str, BadInput]] = {
    "unknown person": ("unknown_signer", lambda site: ("stranger", site.request("stranger").raw)),
    "broken signature": ("bad_signature", lambda site: ("keeper", flipped(site.request().raw))),
    "officer who raises": ("wrong_role", lambda site: ("first", site.request("first").raw)),
    "unknown box": ("unknown_box", lambda site: ("keeper", site.request(box=bytes(16)).raw)),
    "unknown bay": ("unknown_bay", lambda site: ("keeper", site.request(bay=3).raw)),
    "expired": (
        "waiting_expired",
        lambda site: ("keeper", site.request(created=ago(site, 2 * HOUR), expires=ago(site, HOUR)).raw),
    ),
    "from the future": (
        "time_ahead",
        lambda site: ("keeper", site.request(created=ago(site, -HOUR), expires=ago(site, -2 * HOUR)).raw),
    ),
    "too many impressions": ("too_many_impressions", lambda site: ("keeper", site.request(impressions=6).raw)),
    "unknown matter": ("unknown_matter", lambda site: ("other keeper", site.request("other keeper", matter=999).raw)),
    "rule that is not in force": (
        "rule_changed",
        lambda site: ("other keeper", site.request("other keeper", rule=messages.rule_digest(rule(impressions=9))).raw),
    ),
    "another log": (
        "unanchored",
        lambda site: ("other keeper", site.request("other keeper", anchor_seq=2, anchor_head=bytes(32)).raw),
    ),
    "newer roster": ("newer_roster", lambda site: ("other keeper", site.request("other keeper", roster=9).raw)),
}

DECISIONS: dict[str, tuple[str, BadInput]] = {
    "unknown request": ("unknown_request", lambda site: ("first", site.decide("first", site.request()))),
    "same officer twice": (
        "counted_twice",
        lambda site: ("first", site.decide("first", waiting(site, "first"), reason=1)),
    ),
    "two keys of one person": (
        "counted_twice",
        lambda site: ("first, second device", site.decide("first, second device", waiting(site, "first"))),
    ),
    "keeper who approves their own request": (
        "own_request",
        lambda site: ("keeper", site.decide("keeper", waiting(site))),
    ),
    "keeper's second key on their own request": (
        "own_request",
        lambda site: ("keeper, second device", site.decide("keeper, second device", waiting(site))),
    ),
    "auditor who approves": ("not_in_group", lambda site: ("auditor", site.decide("auditor", waiting(site)))),
    "stranger who approves": ("unknown_signer", lambda site: ("stranger", site.decide("stranger", waiting(site)))),
    "decided long ago": (
        "decided_outside_time",
        lambda site: ("third", site.decide("third", waiting(site), decided=ago(site, HOUR))),
    ),
    "decided in the future": (
        "time_ahead",
        lambda site: ("third", site.decide("third", waiting(site), decided=ago(site, -HOUR))),
    ),
    "for oneself": (
        "substitute_of_oneself",
        lambda site: ("third", site.decide("third", waiting(site), **{"for": 4})),
    ),
    "substitute nobody named": (
        "no_substitute",
        lambda site: ("third", site.decide("third", waiting(site), **{"for": 2})),
    ),
    "substitute of oneself": ("substitute_of_oneself", lambda site: ("second", site.substitute("second", 3))),
    "substitute for too long": (
        "substitute_period",
        lambda site: ("second", site.substitute("second", 5, until=ago(site, -40 * 86400))),
    ),
}

ROSTERS: dict[str, tuple[str, BadInput]] = {
    "old version": ("roster_step", lambda site: ("authority", site.people.roster(1, issued=ago(site, 60)))),
    "version too far ahead": ("roster_step", lambda site: ("authority", site.people.roster(5000))),
    "signed by another key": ("unknown_signer", lambda site: ("stranger", site.people.roster(2, by="stranger"))),
    "signed by a person of the site": ("unknown_signer", lambda site: ("second", site.people.roster(2, by="second"))),
    "broken signature": ("bad_signature", lambda site: ("authority", flipped(site.people.roster(2)))),
    "one rule number twice": (
        "duplicate_rule",
        lambda site: ("authority", site.people.roster(2, rules=[rule(), rule(matters=[102])])),
    ),
}

CASES = [
    pytest.param(reason, make, id=f"{kind}: {what}")
    for kind, cases in (("request", REQUESTS), ("decision", DECISIONS), ("roster", ROSTERS))
    for what, (reason, make) in cases.items()
]


@pytest.fixture
def quiet(site: Site) -> Iterator[Site]:
    """A site of which nothing opens during the test, and whose next good request does."""
    openings = site.box.openings(BAY)
    yield site
    assert site.box.openings(BAY) == openings
    site.unharmed()


@pytest.mark.parametrize(("reason", "make"), CASES)
def test_bad_message_is_refused_by_name_to_its_sender_and_in_the_hosts_log(
    quiet: Site, reason: str, make: BadInput
) -> None:
    who, raw = make(quiet)
    assert quiet.tell(who, raw) == reason
    signer = quiet.people.authority if who == "authority" else quiet.people.keys[who]
    lines = quiet.refusals(reason=reason, sender=signer.kid.hex())
    assert [line for line in lines if any(name.hex() in line for name in quiet.names(raw))]


def test_message_under_somebody_elses_topic_is_logged_and_answered_to_nobody(quiet: Site) -> None:
    """A receipt for these very bytes could be carried to whoever did sign them."""
    request = quiet.request("keeper")
    thief = quiet.people.keys["third"].kid
    quiet.publish(topics.host_in(quiet.site, thief), request.raw)
    eventually(lambda: quiet.refusals(reason="unknown_signer", sender=thief.hex()), "the refusal")
    assert quiet.tell("keeper", request.raw) == "accepted"
    answers = quiet.ear.heard(messages.RECEIPT, lambda one: one["reference"] in quiet.names(request.raw))
    assert [one["result"] for one in answers] == [errors.ACCEPTED]


def test_good_requests_work_after_all_that_was_refused(site: Site) -> None:
    request = site.ask_for()
    site.approve(request)
    site.use(request)
    site.verified()


def test_message_of_another_site_is_refused_by_that_name(quiet: Site) -> None:
    there = quiet.neighbour
    assert quiet.everybody.tell_at(there, "authority", there.matters_message()) == "accepted"
    assert quiet.everybody.tell_at(there, "authority", there.roster()) == "accepted"
    raw = there.request()
    quiet.publish(topics.host_in(quiet.site, quiet.people.keys["keeper"].kid), raw)
    assert quiet.receipt(raw) == "wrong_site"
    assert quiet.refusals(reason="wrong_site", sender=quiet.people.keys["keeper"].kid.hex())


GARBAGE: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("not_sign1", lambda good: b"garbage of the first kind"),
    ("truncated", lambda good: b"\xd2"),
    ("truncated", lambda good: good[: len(good) // 2]),
    ("trailing_bytes", lambda good: good + b"\0"),
    ("too_large", lambda good: b"\xd2" + bytes(9 * 1024)),
    ("too_large", lambda good: b"\xd2" + bytes(64 * 1024)),
]


@pytest.mark.parametrize(("reason", "spoil"), GARBAGE, ids=["garbage", "byte", "half", "more", "9 KB", "64 KB"])
def test_garbage_of_any_size_gets_a_receipt_with_its_reason(
    quiet: Site, reason: str, spoil: Callable[[bytes], bytes]
) -> None:
    good = quiet.request()
    raw = spoil(good.raw)
    sender = quiet.people.keys["keeper, second device"]
    quiet.publish(topics.host_in(quiet.site, sender.kid), raw)
    assert quiet.receipt(raw) == reason
    assert quiet.refusals(reason=reason, sender=sender.kid.hex(), size=len(raw))
    assert quiet.tell("keeper", good.raw) == "accepted"


def refused_of_box(site: Site) -> bool:
    """Whether the host's log names garbage as the box's. After a flood it is silent a while: sent again, then."""
    kid = site.kid
    if site.refusals(reason="not_sign1", sender=kid.hex()) or site.refusals(reason="not_a_map", sender=kid.hex()):
        return True
    site.publish(topics.box_status(site.site, kid), b"garbage of the first kind")
    return False


def test_garbage_on_every_topic_of_the_tree_harms_nobody(either_site: Site) -> None:
    site = either_site
    request = site.request()
    kid, person = site.kid, site.people.keys["first"].kid
    tree = [
        topics.host_in(site.site, person),
        topics.box_in(site.site, kid, site.people.host.kid),
        topics.box_in(site.site, kid, person),
        topics.box_out(site.site, kid),
        topics.box_out(site.site, person),
        topics.box_status(site.site, kid),
        topics.inbox(site.site, person),
        topics.inbox_waiting(site.site, person, request.reference),
        f"{topics.PREFIX}{site.site.hex()}/host/in/nobody",
        f"{topics.PREFIX}{site.site.hex()}/box/{'zz' * 16}/out",
        f"{topics.PREFIX}{'ff' * 16}/host/in/{person.hex()}",
    ]
    for _, spoil in GARBAGE:
        for topic in tree:
            site.publish(topic, spoil(request.raw))
    assert site.tell("keeper", request.raw) == "accepted"
    site.approve(request)
    site.use(request)
    if site.host.serial is None:  # of a box on a line, nothing that others say in its name comes so far
        eventually(lambda: refused_of_box(site), "the refusal of what came as the box's")
    site.verified()


def test_bad_input_that_reaches_the_box_is_in_its_log_at_a_bounded_rate(own_site: Site) -> None:
    site = own_site
    good = site.request()
    before = max(site.published_log())
    sent = [spoil(good.raw) for _, spoil in GARBAGE] * 3
    for raw in sent:
        site.publish(topics.box_in(site.site, site.kid, site.people.keys["first"].kid), raw)
    assert site.tell("keeper", good.raw) == "accepted"
    site.approve(good)
    site.use(good)
    log = site.published_log()
    refused = [log[seq] for seq in sorted(log) if seq > before and log[seq].kind == chain.REFUSED]
    assert len(refused) == limits.REFUSALS_PER_HOUR
    names = {errors.name_of(entry["reason"]) for entry in refused}
    assert {"too_large", "truncated", "trailing_bytes"} <= names
    for name in names:
        assert f"refused {name}" in site.box.firmware_log()
    assert site.host_lines("refused by a box", reason="too_large")
    site.box.advance(HOUR + 1)
    site.publish(topics.box_in(site.site, site.kid, site.people.keys["first"].kid), b"once more")
    _, entry = site.ear.entry(chain.REFUSED, lambda entry: bool(entry["unlogged"] >= len(sent) - len(refused)))
    assert entry["unlogged"] == len(sent) - len(refused)
