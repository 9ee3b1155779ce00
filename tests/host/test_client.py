"""What the people's side believes: facts of a box, rosters, details, and what its folder keeps."""

from __future__ import annotations

import base64
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import pytest
from sealhost.client import cases, compose, follow
from sealhost.client.errors import ClientError
from sealhost.client.profile import Kept, Profile
from sealhost.client.trust import Trust
from sealhost.core.matters import list_digest
from sealhost.links import Message as Mail
from sealhost.signing import keys
from sealwire import chain, messages, topics
from sealwire.errors import Refused
from sealwire.messages import Message

from tests.host.people import KEEPER, SITE, Site, origin, rule, sign

NOW = 1_800_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path, broker_url="mqtt://b", host_url="http://h")
    made.enrol()
    return made


@pytest.fixture
def trust(site: Site) -> Trust:
    made = Trust(site.profiles[KEEPER])
    made.take_roster([site.roster()])
    return made


class Log:
    """A box's log with its checkpoints, as mail."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seq, self.head = 0, chain.genesis(SITE)
        self.add(origin(site))

    def add(self, *entries: bytes) -> Mail:
        first = self.seq + 1
        for entry in entries:
            self.seq, self.head = self.seq + 1, chain.next_head(self.head, entry)
        item = messages.build_item(messages.ENTRIES, {"first": first, "entries": list(entries)})
        return Mail(topics.box_out(SITE, self.site.box.kid), item, False)

    def checkpoint(self, signer: keys.Signer | None = None, **changes: Any) -> Mail:
        fields = {"boot": 1, "seq": self.seq, "head": self.head, "clock": NOW, "clock_set": 1, "roster": 1}
        raw = sign(signer or self.site.box, messages.CHECKPOINT, fields | {"firmware": "1"} | changes)
        return Mail(topics.box_out(SITE, self.site.box.kid), raw, False)


@pytest.fixture
def log(site: Site) -> Log:
    return Log(site)


@pytest.fixture
def request_(site: Site, trust: Trust, log: Log) -> Message:
    profile = site.profiles[KEEPER]
    anchor = messages.read(log.checkpoint().payload, SITE)
    place = compose.find_place(trust.roster, None, None, None)
    return compose.request(
        profile, trust.roster, place,
        matter=101, impressions=3, details=bytes(32), anchor=anchor, attend_minutes=10, now=NOW,
    )  # fmt: skip


def follower(trust: Trust, request: Message, log: Log) -> follow.Follower:
    return follow.Follower(trust, request, messages.read(log.checkpoint().payload, SITE))


def opening(request: Message, pressed: int) -> list[bytes]:
    about = {"bay": 1, "request": request.reference}
    intent = {"grant": bytes(32), "spends": 3, "roster": 1, "people": [2, 3]}
    closed = {"pressed": pressed, "given_back": 3 - pressed, "cause": chain.BUTTON}
    return [chain.build_entry(chain.INTENT, NOW, about | intent), chain.build_entry(chain.CLOSED, NOW, about | closed)]


def kinds(facts: list[follow.Fact]) -> list[tuple[str, bool, int]]:
    return [(fact.kind, fact.proven, fact.left) for fact in facts]


def test_entries_are_shown_at_once_and_proven_by_the_next_checkpoint(trust: Trust, request_: Message, log: Log) -> None:
    seen = follower(trust, request_, log)
    assert kinds(seen.feed(log.add(*opening(request_, 1)))) == [("opened", False, 0), ("closed", False, 2)]
    assert kinds(seen.feed(log.checkpoint())) == [("opened", True, 2), ("closed", True, 2)]


def test_entries_that_come_twice_are_told_once(trust: Trust, request_: Message, log: Log) -> None:
    seen = follower(trust, request_, log)
    mail = log.add(*opening(request_, 1))
    assert len(seen.feed(mail)) == 2
    assert seen.feed(mail) == []


def test_forged_entries_are_never_proven_and_raise_an_alarm(trust: Trust, request_: Message, log: Log) -> None:
    seen = follower(trust, request_, log)
    forged = Log(log.site)
    seen.feed(forged.add(*opening(request_, 1)))
    log.add(*opening(request_, 2))
    assert kinds(seen.feed(log.checkpoint())) == [("unfit", True, 2)]


def test_a_missed_entry_leaves_what_follows_unproven(trust: Trust, request_: Message, log: Log) -> None:
    seen = follower(trust, request_, log)
    log.add(chain.build_entry(chain.POWER, NOW, {"what": 1}))  # nobody listened
    assert kinds(seen.feed(log.add(*opening(request_, 1)))) == [("opened", False, 0), ("closed", False, 2)]
    assert seen.feed(log.checkpoint()) == []
    assert seen.passed == log.seq


def test_missed_and_forged_entries_are_replaced_by_those_that_the_host_gives(
    trust: Trust, request_: Message, log: Log
) -> None:
    start = messages.read(log.checkpoint().payload, SITE)
    entries = [chain.build_entry(chain.POWER, NOW, {"what": 1}), *opening(request_, 1)]
    for missed in (0, 1, 2):
        asked: list[tuple[int, int]] = []

        def fetch(first: int, last: int, asked: list[tuple[int, int]] = asked) -> list[bytes]:
            asked.append((first, last))
            return entries[first - 2 :]

        seen = follow.Follower(trust, request_, start, fetch)
        live, forged = Log(log.site), chain.build_entry(chain.POWER, NOW + 1, {"what": 1})
        for number, raw in enumerate(entries):
            mail = live.add(raw)
            if number != missed:
                seen.feed(mail)
            elif missed:
                item = messages.build_item(messages.ENTRIES, {"first": live.seq, "entries": [forged]})
                seen.feed(Mail(mail.topic, item, False))
        assert kinds(seen.feed(live.checkpoint())) == [("opened", True, 2), ("closed", True, 2)]
        assert asked == [(2, 4)]


def test_entries_of_the_host_that_do_not_lead_to_the_checkpoint_prove_nothing(
    trust: Trust, request_: Message, log: Log
) -> None:
    start = messages.read(log.checkpoint().payload, SITE)
    seen = follow.Follower(trust, request_, start, lambda first, last: opening(request_, 2))
    for raw in opening(request_, 1):
        log.add(raw)  # nobody listened
    assert seen.feed(log.checkpoint()) == []


def test_a_checkpoint_of_another_key_proves_nothing(trust: Trust, request_: Message, log: Log) -> None:
    seen = follower(trust, request_, log)
    seen.feed(log.add(*opening(request_, 1)))
    assert seen.feed(log.checkpoint(keys.generate())) == []
    assert len(seen.feed(log.checkpoint())) == 2


def test_entries_about_another_request_are_not_told(trust: Trust, request_: Message, log: Log) -> None:
    seen = follower(trust, request_, log)
    other = [
        chain.build_entry(chain.INTENT, NOW, {
            "bay": 1, "request": bytes(32), "grant": bytes(32), "spends": 1, "roster": 1, "people": [1],
        })
    ]  # fmt: skip
    assert seen.feed(log.add(*other)) == []


def test_the_furthest_checkpoint_is_the_anchor_and_is_remembered(site: Site, trust: Trust, log: Log) -> None:
    early = log.checkpoint().payload
    log.add(chain.build_entry(chain.POWER, NOW, {"what": 1}))
    late = log.checkpoint().payload
    found = trust.newest_checkpoint(site.box.kid, [late, early, b"garbage", None])
    assert found is not None
    assert found["seq"] == 2
    again = Trust(Profile.open(site.profiles[KEEPER].home)).newest_checkpoint(site.box.kid, [early])
    assert again is not None
    assert again["seq"] == 2


def test_a_roster_needs_as_many_signatures_as_the_one_before_asks_for(site: Site, tmp_path: Path) -> None:
    second = keys.generate()
    settings = dataclasses.replace(
        site.settings("x"), authority=(site.authority.public_key, second.public_key), threshold=2
    )
    trust = Trust(Profile.make(tmp_path / "two", settings))
    fields = site.roster_fields(authority=[site.authority.public_key, second.public_key], threshold=2)
    one, other = (sign(signer, messages.ROSTER, fields) for signer in (site.authority, second))
    for too_few in ([one], [one, one], [one, sign(keys.generate(), messages.ROSTER, fields)]):
        with pytest.raises(Refused, match="roster_signatures"):
            trust.take_roster(too_few)
    assert trust.take_roster([one, other])
    assert Trust(Profile.open(tmp_path / "two")).version == 1


def test_signatures_over_two_different_rosters_do_not_add_up(site: Site, trust: Trust) -> None:
    with pytest.raises(ClientError) as caught:
        trust.take_roster([site.roster(2), site.roster(2, rules=[rule(impressions=9)])])
    assert caught.value.key == "rosters_differ"


def test_the_next_roster_is_signed_by_the_keys_of_the_one_held(site: Site, trust: Trust) -> None:
    successor = keys.generate()
    trust.take_roster([site.roster(2, authority=[successor.public_key])])
    with pytest.raises(Refused, match="roster_signatures"):
        trust.take_roster([site.roster(3)])
    assert trust.take_roster([sign(successor, messages.ROSTER, site.roster_fields(3))])


def test_signed_messages_are_found_wherever_the_host_puts_them() -> None:
    raw = b"\xd2\x84\x58 a message"
    text = base64.b64encode(raw).decode()
    assert cases.signed_parts({"a": [{"b": text}], "c": "0oRY not base64!", "d": 5}) == [raw]
    assert len(cases.signed_parts([text] * 1000)) == cases.MAX_SIGNED_PARTS


def test_details_are_found_again_by_digest_and_salted_each_time() -> None:
    first, blobs = cases.make_details("t", "r", "p", [])
    second, _ = cases.make_details("t", "r", "p", [])
    assert first != second
    assert set(blobs) == {first}


def test_a_message_leaves_the_outbox_with_its_files_only_by_the_receipt(site: Site) -> None:
    profile = site.profiles[KEEPER]
    kept = Kept(b"\x01" * 32, "request", b"raw", ("topic",), int(time.time()), ("ab" * 32,))
    profile.queue(kept, {"ab" * 32: b"salt and content"})
    again = Profile.open(profile.home)
    assert again.waiting() == [kept]
    assert again.blob("ab" * 32) == b"salt and content"
    assert (profile.home / "outbox" / f"{kept.reference.hex()}.json").stat().st_mode & 0o077 == 0
    again.settle(kept, 0)
    assert again.waiting() == []
    assert again.blob("ab" * 32) is None
    assert [one.result for one in again.signed()] == [0]


def test_a_file_that_another_message_needs_too_stays(site: Site) -> None:
    profile = site.profiles[KEEPER]
    items = [Kept(bytes([number]) * 32, "request", b"raw", (), number, ("cd" * 32,)) for number in (1, 2)]
    for kept in items:
        profile.queue(kept, {"cd" * 32: b"body"})
    profile.settle(items[0], 0)
    assert profile.blob("cd" * 32) == b"body"


def test_what_was_accepted_is_sent_again_with_its_files_and_stays_accepted(site: Site) -> None:
    profile = site.profiles[KEEPER]
    made = int(time.time())
    kinds = ("request", "ready", "report")
    items = [
        Kept(bytes([number]) * 32, kind, b"raw", (), made + number, (f"{number:02d}" * 32,))
        for number, kind in enumerate(kinds)
    ]
    refused = Kept(b"\x09" * 32, "finish", b"raw", (), made + 9)
    for kept in (*items, refused):
        profile.queue(kept, dict.fromkeys(kept.blobs, b"body"))
        profile.settle(kept, 0 if kept is not refused else 80)
    assert profile.waiting() == []
    assert [kept.kind for kept in profile.again(made + 1)] == ["report"]
    assert [kept.kind for kept in profile.again(made)] == ["request", "report"]
    assert [profile.blob(kept.blobs[0]) for kept in items] == [b"body", None, b"body"]
    for kept in profile.waiting():
        profile.settle(kept, 80)
    assert {kept.kind: kept.result for kept in profile.signed()} == {
        "request": 0,
        "ready": 0,
        "report": 0,
        "finish": 80,
    }


def test_files_of_what_was_sent_long_ago_are_forgotten(site: Site) -> None:
    profile = site.profiles[KEEPER]
    for number in (1, 2):
        kept = Kept(bytes([number]) * 32, "request", b"raw", (), number, (f"{number:02d}" * 32,))
        profile.queue(kept, {kept.blobs[0]: b"body"})
        profile.settle(kept, 0)
        path = profile.home / "sent" / f"{kept.blobs[0]}.blob"
        os.utime(path, (time.time() - 15 * 86400,) * 2)
    profile.settle(kept, 0)
    assert list((profile.home / "sent").glob("*.blob")) == []


def test_a_damaged_file_in_the_folder_is_named(site: Site) -> None:
    profile = site.profiles[KEEPER]
    (profile.home / "outbox").mkdir()
    (profile.home / "outbox" / "x.json").write_text("{")
    with pytest.raises(ClientError, match=r"x\.json"):
        profile.waiting()


def test_the_matter_list_is_the_one_whose_digest_the_roster_names(site: Site) -> None:
    def part(version: int, number: int, code: int, wording: str) -> bytes:
        item = {"code": code, "wording": wording, "seal": "居委会"}
        fields = {"version": version, "issued": NOW, "part": number, "parts": 2, "items": [item]}
        return sign(site.authority, messages.MATTERS, fields)

    old = [part(1, 1, 101, "old"), part(1, 2, 102, "old")]
    new = [part(2, 1, 101, "new"), part(2, 2, 102, "new")]
    digest = list_digest([messages.read(raw, SITE).payload for raw in old])
    found = cases.listed_matters([*reversed(old), b"garbage", *new], SITE, digest)
    assert [found[code]["wording"] for code in (101, 102)] == ["old", "old"]
    assert cases.listed_matters(old[:1], SITE, digest) == {}


def test_nothing_is_believed_with_a_bad_signature(site: Site, trust: Trust, request_: Message, log: Log) -> None:
    def spoilt(raw: bytes) -> bytes:
        return raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:]

    receipt = sign(site.host, messages.RECEIPT, {"reference": bytes(32), "result": 0, "at": NOW})
    checkpoint = log.checkpoint().payload
    believing = [
        (lambda raw: trust.receipt(raw), receipt),
        (lambda raw: trust.person_message(raw, (messages.REQUEST,)), request_.raw),
        (lambda raw: trust.box_message(raw, site.box.kid, (messages.CHECKPOINT,)), checkpoint),
        (lambda raw: trust.judge_roster([raw]), site.roster(2)),
    ]
    for believe, raw in believing:
        believe(raw)
        with pytest.raises(Refused, match="bad_signature"):
            believe(spoilt(raw))
