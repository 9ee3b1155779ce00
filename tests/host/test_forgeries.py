"""What a stranger on the broker can send in somebody's place: it costs nobody their answer, and delays nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sealhost.signing import keys
from sealhost.store import sites
from sealwire import errors, messages, topics

from tests.host.village import People, Village


@pytest.fixture
def village(tmp_path: Path) -> Village:
    """A site whose box is connected."""
    made = Village(tmp_path)
    made.begin()
    return made


def mangled(raw: bytes) -> bytes:
    """The same message with another signature: it has the same reference."""
    return raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:]


def receipts(village: Village, who: str) -> list[tuple[bytes, str]]:
    """(reference, result) of all receipts in somebody's inbox."""
    inbox = topics.inbox(village.site, village.keys[who].kid)
    read = [village.message(send.payload) for send in village.sent if send.topic == inbox]
    return [(one["reference"], errors.name_of(one["result"])) for one in read if one.number == messages.RECEIPT]


def test_mangled_copy_is_answered_by_its_bytes_and_never_by_the_reference_of_the_message(village: Village):
    raw = village.request()
    assert village.tell("keeper", mangled(raw)) == "bad_signature"
    assert receipts(village, "keeper") == [(hashlib.sha256(mangled(raw)).digest(), "bad_signature")]
    assert village.tell("keeper", raw) == "accepted"
    assert receipts(village, "keeper")[-1] == (village.reference(raw), "accepted")


def test_what_is_refused_before_its_signature_is_checked_is_answered_by_its_bytes(village: Village):
    for who, raw in (("keeper", village.request(roster=2)), ("authority", village.roster(2, by=keys.generate()))):
        village.tell(who, raw)
    assert receipts(village, "keeper") == [(hashlib.sha256(village.request(roster=2)).digest(), "newer_roster")]
    stranger = keys.generate()
    raw = village.request(stranger)
    village.tell(stranger, raw)
    assert village.message(village.sent[-1].payload)["reference"] == hashlib.sha256(raw).digest()


def test_what_is_refused_for_what_it_says_is_answered_by_its_reference(village: Village):
    raw = village.request(impressions=6)
    assert village.tell("keeper", raw) == "too_many_impressions"
    assert receipts(village, "keeper") == [(village.reference(raw), "too_many_impressions")]


def test_message_of_another_site_is_answered_by_its_bytes(village: Village):
    other = People(b"other site here!")
    other.authority, other.keys, other.spare = village.authority, village.keys, village.spare
    with village.context.turn() as turn:
        sites.add(turn.tx, other.site, "邻村", [other.authority.public_key], 1, village.now)
    village.service.handle(topics.host_in(other.site, other.authority.kid), other.roster())
    raw = other.request(box=village.box.kid)
    assert village.tell("keeper", raw) == "wrong_site"
    assert receipts(village, "keeper") == [(hashlib.sha256(raw).digest(), "wrong_site")]


def test_genuine_message_under_another_topic_gets_no_receipt_that_could_be_carried_to_its_signer(village: Village):
    raw = village.request()
    assert village.tell("first", raw) == "silence"
    assert receipts(village, "first") == []
    assert village.tell("keeper", raw) == "accepted"
