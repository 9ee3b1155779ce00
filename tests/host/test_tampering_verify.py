"""Whatever is altered in a bundle, the verification names it and the check that broke.

The alterations are made from the schema (`tests.tampering`): every field of every message type, every field of every
kind of log entry, every link of every chain. A field or kind without a case fails here.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pytest
from sealhost.audit.bundle import MANIFEST, RECEIPT, Bundle, UnusableError, entries_path
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.signing import keys
from sealwire import chain, messages, schema

from tests.tampering import chains, forging
from tests.tampering.chains import Logs
from tests.tampering.changes import NoCaseError, changes, entry_fields, message_fields
from tests.tampering.effort import INSTANCES, TIMEOUT_S, seeded
from tests.tampering.expected import UNSEEN, Unseen, by_the_rules, entry_named, exactly, unseen
from tests.tampering.shelf import Altered, Shelf
from tests.tampering.town import few_entries_kept, town

pytestmark = pytest.mark.timeout(TIMEOUT_S)

IN_NO_BUNDLE = {
    messages.ENROL: "it goes to the authority, whose roster is the answer",
    messages.CHALLENGE: "its nonce is in the grant that answers it, its anchor in the request",
    messages.ACK: "its fields are known, so that an entry which names it is held against its reference made anew",
}
"""Closed: the types that a bundle does not hold, and why none is missed."""

verify = functools.lru_cache(maxsize=None)(keys.verify)  # most signatures are the same in every altered bundle


@pytest.fixture(autouse=True)
def _few_entries() -> Iterator[None]:
    with few_entries_kept():
        yield


@functools.cache
def shelf() -> Shelf:
    """The bundle that everything is altered in."""
    return Shelf(town())


@functools.cache
def logs() -> Logs:
    """Its logs."""
    return Logs(shelf())


def check(items: dict[str, bytes]) -> Result:
    """Verify items as a bundle."""
    return verify_bundle(Bundle(dict(items)), Trust([town().key("authority").public_key], 1), verify)


def altered(number: int) -> Iterator[Altered]:
    """The alterations of a type that a run tries."""
    for path, forgery in shelf().choose(number, seeded(number), INSTANCES):
        yield shelf().put(path, forgery)


# The bundle, and that nothing is left out


def test_untouched_bundle_of_some_hundred_messages_holds():
    result = check(shelf().items)
    assert result.findings == []
    assert result.notes == []
    assert result.messages > 200
    assert len(result.boxes) == 2


def held_fields() -> set[tuple[int, str]]:
    """Every (type, field) that some message of the bundle holds and that the generator alters."""
    held = set()
    for path, message in shelf().messages.items():
        definition = messages.fields_of(message.number)
        made = changes(definition, forging.wire_value(message), [], seeded(path))
        held |= {(message.number, change.field) for change in made if change.how == "dropped"}
    return held


def missing_fields() -> set[tuple[str, str]]:
    """The fields of messages that no alteration of this bundle can reach."""
    wanted = {(number, name) for number, name in message_fields() if number not in IN_NO_BUNDLE}
    return {(messages.names()[number], name) for number, name in wanted - held_fields()}


def missing_entry_fields() -> set[tuple[str, str]]:
    """The same for entries."""
    held = {(kind, name) for kind in chain.names() for name in logs().held(kind)}
    return {(chain.names()[kind], name) for kind, name in set(entry_fields()) - held}


def test_every_field_of_every_message_type_is_altered():
    assert missing_fields() == set()
    tried = {(number, forgery.field) for number in messages.names() for _, forgery in _chosen(number)}
    assert {(number, name) for number, name in message_fields() if number not in IN_NO_BUNDLE} <= tried


def _chosen(number: int) -> Any:
    return shelf().choose(number, seeded(number), INSTANCES)


def test_no_type_that_a_bundle_holds_is_said_to_be_in_none():
    assert not {message.number for message in shelf().messages.values()} & IN_NO_BUNDLE.keys()


def test_every_field_of_every_kind_of_entry_is_altered():
    assert missing_entry_fields() == set()
    tried = {(kind, one.field) for kind in chain.names() for one in logs().of_fields(kind, seeded(kind), INSTANCES)}
    assert set(entry_fields()) <= tried


def plant(monkeypatch: pytest.MonkeyPatch, module: Any, number: int, *fields: schema.Field) -> None:
    """Define more fields of a type or kind."""
    real = module.fields_of
    monkeypatch.setattr(module, "fields_of", lambda of: (*real(of), *fields) if of == number else real(of))


def test_new_field_of_a_message_has_no_case_until_the_bundle_holds_it(monkeypatch: pytest.MonkeyPatch):
    plant(monkeypatch, messages, messages.FINISH, schema.optional(schema.uint(22, "planted")))
    assert missing_fields() == {("finish", "planted")}


def test_new_field_in_a_row_of_a_roster_has_no_case(monkeypatch: pytest.MonkeyPatch):
    def rows() -> tuple[schema.Field, ...]:
        return (schema.uint(1, "planted"),)

    plant(monkeypatch, messages, messages.ROSTER, schema.optional(schema.many(22, "new", 0, 2, schema.row(rows))))
    assert missing_fields() == {("roster", "new"), ("roster", "new.planted")}


def test_new_field_of_an_entry_has_no_case(monkeypatch: pytest.MonkeyPatch):
    plant(monkeypatch, chain, chain.SEAL, schema.optional(schema.uint(22, "planted")))
    assert missing_entry_fields() == {("seal", "planted")}


def test_new_message_type_has_no_case(monkeypatch: pytest.MonkeyPatch):
    number = max(messages.names()) + 1
    monkeypatch.setattr(messages, "_NAMES", (*messages._NAMES, "planted"))
    real = messages.fields_of
    monkeypatch.setattr(messages, "fields_of", lambda of: (schema.uint(1, "value"),) if of == number else real(of))
    assert missing_fields() == {("planted", "value")}


def test_new_kind_of_entry_has_no_case(monkeypatch: pytest.MonkeyPatch):
    kind = max(chain.names()) + 1
    monkeypatch.setattr(chain, "_NAMES", (*chain._NAMES, "planted"))
    real = chain.fields_of
    monkeypatch.setattr(chain, "fields_of", lambda of: () if of == kind else real(of))
    assert missing_entry_fields() == {("planted", "kind"), ("planted", "time")}


def test_new_kind_of_field_has_no_case(monkeypatch: pytest.MonkeyPatch):
    plant(monkeypatch, messages, messages.FINISH, schema.optional(schema.Field(22, "planted", 99, 0, 0)))
    with pytest.raises(NoCaseError, match="planted"):
        missing_fields()


# A dishonest host, which makes manifest and receipt anew


@pytest.mark.parametrize("number", [number for number in messages.names() if number not in IN_NO_BUNDLE])
def test_no_alteration_of_a_message_passes(number: int):
    wrong = []
    for one in altered(number):
        findings = check(one.items).findings
        expected = exactly(shelf(), one)
        if expected is not None:
            named = bool(expected & {(finding.path, finding.check) for finding in findings})
        else:
            named = by_the_rules(shelf(), one, findings) or (not findings and bool(unseen(one.forgery)))
        if not named:
            wrong.append((one.forgery.name, expected, [(found.path, found.check) for found in findings[:2]]))
    assert wrong == []


@pytest.mark.parametrize("line", UNSEEN, ids=lambda line: line.name)
def test_every_line_of_the_list_of_the_unseen_is_needed(line: Unseen):
    made = shelf().everything(line.number, seeded(line.name))
    tried = (shelf().put(path, forgery) for path, forgery in made if line in unseen(forgery))
    assert any(check(one.items).ok for one in tried)


@pytest.mark.parametrize("kind", chain.names(), ids=chain.names().get)
def test_no_alteration_of_an_entry_passes(kind: int):
    rng = seeded("entry", kind)
    wrong = []
    for change in (*logs().of_fields(kind, rng, INSTANCES), *logs().of_places(kind, rng, INSTANCES)):
        ways = chains.CHAINS[:-1]
        for how in ways if INSTANCES is None else rng.sample(ways, 2):
            one = logs().put(change, how)
            findings = check(one.items).findings
            if not entry_named(logs(), one, findings):
                wrong.append((change.name, how, [(found.subject, found.check) for found in findings[:2]]))
    assert wrong == []


@pytest.mark.parametrize("kind", chain.names(), ids=chain.names().get)
def test_box_that_rewrites_its_own_log_is_found_out_by_whoever_anchored_in_it(kind: int):
    """The box's own key signs the new chain. What no request or reset was anchored after, only a witness knows."""
    rng = seeded("box", kind)
    passed = []
    for change in (*logs().of_fields(kind, rng, INSTANCES), *logs().of_places(kind, rng, INSTANCES)):
        if not check(logs().put(change, chains.BY_BOX).items).findings and change.seq <= last_anchor(
            change.box.key.kid
        ):
            passed.append(change.name)
    assert passed == []


def last_anchor(box: bytes) -> int:
    """The last entry of a box that a request or reset in the bundle names."""
    anchored = [message for message in shelf().messages.values() if message.get("anchor_seq") and message["box"] == box]
    return max(int(message["anchor_seq"]) for message in anchored)


@pytest.mark.parametrize("how", ["head flipped", "head of another", "seq flipped", "cut off with all after it"])
def test_no_altered_link_of_a_chain_passes(how: str):
    rng = seeded(how)
    found = [change for change in logs().of_links(rng) if change.how == how]
    wrong = []
    for change in found if INSTANCES is None else rng.sample(found, min(len(found), 12 * INSTANCES)):
        for fit in (chains.LEFT,) if change.head_too else (chains.LEFT, chains.WRONG_KEY):
            one = logs().put(change, fit)
            findings = check(one.items).findings
            if not entry_named(logs(), one, findings):
                wrong.append((change.name, fit, [(finding.subject, finding.check) for finding in findings[:2]]))
    assert wrong == []


def test_logs_of_two_boxes_exchanged_are_both_named():
    first, second = (entries_path(box.key.kid) for box in town().both)
    items = {**shelf().items, first: shelf().items[second], second: shelf().items[first]}
    findings = check(shelf().seal(items)).findings
    assert {first, second} <= {finding.path for finding in findings}


# Items, whoever altered them


def test_dropped_message_is_missed_by_whatever_rests_on_it():
    wrong = []
    for path in sample_paths(12):
        message = shelf().messages.get(path)
        if message is None or message.number == messages.RELEASE or message.reference not in shelf().rests:
            continue
        found = named(shelf().seal(without(path)))
        if (path, "message_missing") not in found:
            wrong.append((path, message.name, found))
    assert wrong == []


def sample_paths(count: int) -> list[str]:
    """Some items of every folder."""
    paths = [path for path in sorted(shelf().items) if not path.startswith("manifest.")]
    rng = seeded("paths", count)
    chosen: dict[str, list[str]] = {}
    for path in paths if INSTANCES is None else rng.sample(paths, len(paths)):
        folder = "/".join(path.split("/")[:-1])
        if INSTANCES is None or len(chosen.setdefault(folder, [])) < count * INSTANCES:
            chosen.setdefault(folder, []).append(path)
    return [path for found in chosen.values() for path in found]


def without(path: str) -> dict[str, bytes]:
    """All items but one."""
    return {other: content for other, content in shelf().items.items() if other != path}


def test_item_altered_dropped_added_or_exchanged_on_the_way_is_named():
    items = shelf().items
    paths = sample_paths(4)
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        flipped = items[path][:-1] + bytes([items[path][-1] ^ 1])
        added = path.replace("/", "/0", 1)[: len(path)] if path.startswith("messages/") else None
        assert (path, "item_digest") in named({**items, path: flipped})
        assert (path, "item_missing") in named(without(path))
        assert {(path, "item_digest"), (other, "item_digest")} <= named(
            {**items, path: items[other], other: items[path]}
        )
        if added:
            assert (added, "item_unlisted") in named({**items, added: items[path]})


def named(items: dict[str, bytes]) -> set[tuple[str, str]]:
    """(path, check) of all that is found."""
    return {(finding.path, finding.check) for finding in check(items).findings}


def test_item_under_the_name_of_another_is_named_though_the_host_vouches_for_it():
    for path in sample_paths(4):
        same = [other for other in sample_paths(4) if other != path and other.split("/")[0] == path.split("/")[0]]
        for other in same[:1]:
            items = {**shelf().items, other: shelf().items[path]}
            assert other in {finding.path for finding in check(shelf().seal(items)).findings}, (path, other)


def test_every_digest_and_word_of_the_manifest_counts():
    manifest = shelf().items[MANIFEST]
    rng = seeded("manifest")
    places = [at for at in range(len(manifest)) if manifest[at : at + 1].isalnum()]
    for at in places if INSTANCES is None else rng.sample(places, 30 * INSTANCES):
        digit = b"1" if manifest[at : at + 1] == b"0" else b"0"
        items = {**shelf().items, MANIFEST: manifest[:at] + digit + manifest[at + 1 :]}
        with contextlib.suppress(UnusableError):  # it has no longer the form of a manifest
            assert {path for path, _ in named(items)} & {MANIFEST, RECEIPT}


def test_whole_bundle_passed_off_as_another_sites_is_named():
    manifest = shelf().items[MANIFEST].replace(bytes(range(16)).hex().encode(), forging.OTHER_SITE.hex().encode())
    assert (MANIFEST, "site") in named({**shelf().items, MANIFEST: manifest})
