"""A bundle verifies as it was exported, and every change to an item of it is named.

The attacker of the first half changes the file on its way; of the second half, it is a dishonest host, which makes
manifest and receipt anew with its real key. What it can drop unseen then is listed here: nothing of the box's log
rests on it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sealhost.audit.bundle import Bundle, checkpoint_path, entries_path, message_path
from sealhost.audit.findings import Finding
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.signing.keys import verify
from sealwire import messages

from tests.host import bundles
from tests.host.bundles import SITE


def check(items: dict[str, bytes], *authority: str, threshold: int = 1) -> Result:
    """Verify items as a bundle."""
    trusted = [bundles.signer(name).public_key for name in authority or ("authority",)]
    return verify_bundle(Bundle(dict(items)), Trust(trusted, threshold), verify)


def first(items: dict[str, bytes]) -> Finding:
    """What is named first."""
    result = check(items)
    assert not result.ok, "nothing was found"
    return result.findings[0]


VILLAGE = bundles.history()
ITEMS = VILLAGE.items()
PATHS = sorted(path for path in ITEMS if not path.startswith("manifest."))
LOG = entries_path(VILLAGE.box.key.kid)
LAST_CHECKPOINT = max(path for path in PATHS if "/checkpoints/" in path)

UNANCHORED = {
    message_path(VILLAGE.named[name].reference) for name in ("report", "second report", "waiting", "denied by first")
} | {path for path in PATHS if "/checkpoints/" in path and path != LAST_CHECKPOINT}
"""What a dishonest host can leave out unseen: no later message and no entry rests on it."""


def flip(content: bytes, at: float = 0.7) -> bytes:
    """The same bytes, one of them changed."""
    place = int(len(content) * at)
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def short(path: str) -> str:
    """A path as a test's name."""
    return path[:24]


def test_an_honest_history_holds_and_its_ledger_tells_it():
    result = check(ITEMS)
    assert result.findings == []
    assert result.notes == []
    lines = {line.request: line for line in result.ledger}
    told = {
        name: lines[VILLAGE.named[name].reference.hex()]
        for name in VILLAGE.named
        if name
        in (
            "used",
            "denied",
            "interrupted",
            "jammed",
            "substituted",
            "later",
            "finished",
            "waiting",
        )
    }
    assert {name: (line.state, line.impressions, line.pressed, line.declared) for name, line in told.items()} == {
        "used": ("used", 2, 2, 2),
        "denied": ("denied", 2, 0, None),
        "interrupted": ("used", 3, 1, None),
        "jammed": ("used", 2, 2, None),
        "substituted": ("used", 2, 2, None),
        "later": ("used", 3, 3, 3),
        "finished": ("finished", 2, 0, None),
        "waiting": ("waiting", 2, 0, None),
    }
    assert told["used"].approved_by == ["first", "second"]
    assert told["denied"].denied_by == ["first", "second"]
    assert told["used"].wording == "居住证明 1"
    assert [case.partition(":")[0] for case in told["interrupted"].cases] == ["interrupted"]
    assert [case.partition(":")[0] for case in told["jammed"].cases] == ["jammed"]
    assert [event.name for event in result.events] == ["jam", "tamper", "reset"]
    assert result.boxes[0].proven == result.boxes[0].entries == VILLAGE.box.seq


# On the way: the manifest is as the host made it


@pytest.mark.parametrize("path", PATHS, ids=short)
def test_a_dropped_item_is_named(path: str):
    finding = first({other: content for other, content in ITEMS.items() if other != path})
    assert (finding.path, finding.check) == (path, "item_missing")


@pytest.mark.parametrize("path", PATHS, ids=short)
@pytest.mark.parametrize("at", [0.3, 0.99])
def test_an_altered_item_is_named(path: str, at: float):
    finding = first({**ITEMS, path: flip(ITEMS[path], at)})
    assert finding.path == path
    assert finding.check == ("item_digest" if not path.startswith("rosters/000001") else finding.check)


@pytest.mark.parametrize("path", PATHS, ids=short)
def test_a_truncated_item_is_named(path: str):
    assert first({**ITEMS, path: ITEMS[path][:-3]}).path == path


def test_an_added_item_is_named():
    forged = VILLAGE.sign(bundles.signer("nobody"), messages.FINISH, request=bytes(32), reason=1)
    path = message_path(messages.read(forged, SITE).reference)
    finding = first({**ITEMS, path: forged})
    assert (finding.path, finding.check) == (path, "item_unlisted")


def test_two_exchanged_items_are_both_named():
    one, other = [path for path in PATHS if path.startswith("messages/")][:2]
    found = check({**ITEMS, one: ITEMS[other], other: ITEMS[one]}).findings
    assert [(finding.path, finding.check) for finding in found] == [(one, "item_digest"), (other, "item_digest")]


def test_one_altered_message_makes_no_other_finding():
    path = message_path(VILLAGE.named["used"].reference)
    assert [finding.path for finding in check({**ITEMS, path: flip(ITEMS[path])}).findings] == [path]


# The manifest itself


@pytest.mark.parametrize("change", [b'"made": 17', b'"sha256": "'])
def test_an_altered_manifest_is_named(change: bytes):
    at = ITEMS["manifest.json"].index(change) + len(change)
    digit = b"1" if ITEMS["manifest.json"][at : at + 1] == b"0" else b"0"
    manifest = ITEMS["manifest.json"][:at] + digit + ITEMS["manifest.json"][at + 1 :]
    finding = first({**ITEMS, "manifest.json": manifest})
    assert (finding.path, finding.check) == ("manifest.receipt", "manifest_receipt")


def test_an_altered_receipt_is_named_and_nothing_else():
    found = check({**ITEMS, "manifest.receipt": flip(ITEMS["manifest.receipt"], 0.9)}).findings
    assert [finding.check for finding in found] == ["manifest_receipt"]


def test_a_bundle_without_receipt_does_not_verify():
    items = {path: content for path, content in ITEMS.items() if path != "manifest.receipt"}
    assert first(items).check == "manifest_receipt"


def test_a_receipt_by_somebody_else_does_not_verify():
    assert first(VILLAGE.seal(ITEMS, by="keeper")).check == "manifest_receipt"


def test_a_manifest_that_lists_an_item_twice_does_not_verify():
    line = b'{\n   "path": "' + PATHS[0].encode()
    manifest = ITEMS["manifest.json"]
    at = manifest.index(line)
    end = manifest.index(b"},", at) + 2
    doubled = manifest[:end] + b"\n  " + manifest[at:end] + manifest[end:]
    host = VILLAGE.key("host")
    receipt = bundles.receipt_for(doubled, host)
    finding = first({**ITEMS, "manifest.json": doubled, "manifest.receipt": receipt})
    assert (finding.check, finding.subject) == ("item_twice", PATHS[0])


def test_a_manifest_of_another_site_is_named_by_the_boxes_log():
    other = bytes(16).hex().encode()
    items = {**ITEMS, "manifest.json": ITEMS["manifest.json"].replace(SITE.hex().encode(), other)}
    finding = first(items)
    assert (finding.path, finding.check) == ("manifest.json", "site")


# A dishonest host, which makes the manifest and its receipt anew


def rebuilt(change: Callable[[dict[str, bytes]], None]) -> dict[str, bytes]:
    """Changed items with a manifest and a receipt that fit them."""
    items = dict(ITEMS)
    change(items)
    return VILLAGE.seal(items)


@pytest.mark.parametrize("path", PATHS, ids=short)
def test_a_dishonest_host_can_drop_only_what_nothing_rests_on(path: str):
    result = check(rebuilt(lambda items: items.__delitem__(path)))
    assert result.ok == (path in UNANCHORED)
    if path == LAST_CHECKPOINT:
        assert result.findings[0].check == "unproven"
    elif not result.ok:
        named = result.findings[0].path
        assert path.startswith(named.removesuffix("…")), named


@pytest.mark.parametrize("path", PATHS, ids=short)
@pytest.mark.parametrize("at", [0.02, 0.5, 0.99])
def test_a_dishonest_host_cannot_alter_anything(path: str, at: float):
    finding = first(rebuilt(lambda items: items.update({path: flip(items[path], at)})))
    assert finding.path == path


@pytest.mark.parametrize("path", PATHS, ids=short)
def test_a_dishonest_host_cannot_truncate_anything(path: str):
    assert first(rebuilt(lambda items: items.update({path: items[path][:-3]}))).path == path


SIGNERS = {
    messages.REQUEST: "other_keeper",
    messages.DECISION: "auditor",
    messages.SUBSTITUTE: "first",
    messages.READY: "other_keeper",
    messages.FINISH: "other_keeper",
    messages.REPORT: "other_keeper",
    messages.GRANT: "keeper",
    messages.TIME: "keeper",
    messages.RESET: "host",
}
"""Another enrolled key for each type."""


@pytest.mark.parametrize("name", sorted(VILLAGE.named))
def test_a_message_signed_anew_by_another_enrolled_key_is_found(name: str):
    message = VILLAGE.named[name]
    key = VILLAGE.key(SIGNERS[message.number])
    again = VILLAGE.sign(key, message.number, **message.fields)
    new = message_path(messages.read(again, SITE).reference)
    old = message_path(message.reference)

    def change(items: dict[str, bytes]) -> None:
        del items[old]
        items[new] = again

    result = check(rebuilt(change))
    if name == "waiting":
        assert result.ok, "another keeper who really signs such a request has raised it"
    else:
        assert {finding.path for finding in result.findings} & {old, new}
        assert result.findings[0].path in (old, new)


@pytest.mark.parametrize(
    "path", [path for path in PATHS if not path.startswith("messages/") and path != LOG], ids=short
)
def test_rosters_matters_and_checkpoints_signed_anew_are_found(path: str):
    message = messages.read(ITEMS[path], SITE)
    again = VILLAGE.sign(VILLAGE.key("host"), message.number, **message.fields)
    finding = first(rebuilt(lambda items: items.update({path: again})))
    assert (finding.path, finding.check) == (path, "unknown_signer")


def test_an_item_under_another_name_is_found():
    for path in PATHS:
        if path == LOG:
            continue
        moved = _renamed(path)
        items = {moved if other == path else other: content for other, content in ITEMS.items()}
        result = check(VILLAGE.seal(items))
        assert (moved, "item_name") in [(finding.path, finding.check) for finding in result.findings], path


def _renamed(path: str) -> str:
    """Another path of the same form."""
    place = path.index(".cose") - 1
    return path[:place] + ("0" if path[place] != "0" else "1") + path[place + 1 :]


def test_an_added_message_of_nobody_is_found():
    forged = VILLAGE.sign(bundles.signer("nobody"), messages.FINISH, request=VILLAGE.named["used"].reference, reason=1)
    path = message_path(messages.read(forged, SITE).reference)
    finding = first(rebuilt(lambda items: items.update({path: forged})))
    assert (finding.path, finding.check) == (path, "unknown_signer")


def test_a_message_of_another_site_is_found():
    key = VILLAGE.key("keeper")
    raw = messages.build(messages.REQUEST, VILLAGE.named["used"].fields, bytes(16), key.public_key, key.sign)
    path = message_path(messages.read(raw, SITE).reference)
    finding = first(rebuilt(lambda items: items.update({path: raw})))
    assert (finding.path, finding.check) == (path, "bad_signature")


def test_a_message_of_a_type_that_no_bundle_holds_is_found():
    raw = VILLAGE.sign(VILLAGE.key("host"), messages.RECEIPT, reference=bytes(32), result=0, at=1)
    path = message_path(messages.read(raw, SITE).reference)
    finding = first(rebuilt(lambda items: items.update({path: raw})))
    assert (finding.path, finding.check) == (path, "unexpected_type")


def test_other_authority_keys_verify_nothing():
    result = check(ITEMS, "authority2")
    assert not result.ok
    assert result.findings[0].path.startswith("rosters/000001")


def test_all_given_keys_must_have_signed_the_first_roster():
    finding = check(ITEMS, "authority", "authority2", threshold=2).findings[0]
    assert finding.check == "roster_signatures"
    assert "--threshold" in finding.why


def test_checkpoints_of_one_entry_have_paths_of_their_own():
    village = bundles.history()
    village.box.now += bundles.DAY
    village.box.checkpoint()
    seqs = [
        path
        for path in village.items()
        if path.startswith(checkpoint_path(village.box.key.kid, village.box.seq, b"")[:-22])
    ]
    assert len({path for path in seqs if f"/{village.box.seq:08d}-" in path}) == 2
    assert check(village.items()).ok


def test_a_broken_roster_makes_no_findings_further_on():
    """Who signs by a roster that is not proven is not known, so nothing is said of what they signed."""
    village = bundles.begin()
    village.keys["fourth"] = bundles.signer("fourth")
    village.keys["new keeper"] = bundles.signer("new keeper")
    new = [village.person("fourth", 7, 2), village.person("new keeper", 8, 1)]
    village.roster(2, people=[village.person("keeper", 1, 1), village.person("first", 2, 2), *new])
    village.box.adopt(2)
    request = village.request("asked")
    decisions = [village.decide(request, who) for who in ("first", "fourth")]
    village.box.intend(request, village.grant("granted", request, decisions), 2, [2, 7])
    village.box.press(request, 1, 2)
    village.box.close(request, 2, 0)
    village.decide(village.request("another", who="new keeper"), "first")
    assert check(village.items()).ok
    path = next(path for path in village.items() if path.startswith("rosters/000002"))
    for items in ({**village.items(), path: flip(village.items()[path])}, _without(village.items(), path)):
        for bundle in (items, village.seal(items)):
            found = check(bundle).findings
            assert {finding.path[:14] for finding in found} == {"rosters/000002"}, found


def _without(items: dict[str, bytes], path: str) -> dict[str, bytes]:
    return {other: content for other, content in items.items() if other != path}
