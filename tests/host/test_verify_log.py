"""Every change to a box's log is found, and named as closely as can be.

The attacker is a dishonest host: it makes the manifest and its receipt anew, and either leaves the seq and head
beside each entry as they were, or makes the whole chain anew. The box's key it has not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sealhost.audit.bundle import checkpoint_path, entries_path
from sealhost.audit.findings import Finding
from sealhost.audit.log import Line, read_lines, write_entries
from sealwire import cbor, chain, messages

from tests.host import bundles
from tests.host.bundles import SITE
from tests.host.test_verify import ITEMS, VILLAGE, check, first

LOG = entries_path(VILLAGE.box.key.kid)
RAWS = VILLAGE.box.raws
SEQS = range(1, len(RAWS) + 1)
CHECKPOINTS = sorted({messages.read(raw, SITE)["seq"] for raw in VILLAGE.box.checkpoints})
FORGED = chain.build_entry(chain.POWER, bundles.START + 1, {"what": chain.MAINS_LOST})


def with_log(content: bytes) -> dict[str, bytes]:
    """The bundle with other bytes as its log, and a manifest that fits."""
    return VILLAGE.seal({**ITEMS, LOG: content})


def lines_changed(change: Callable[[list[Line]], None]) -> Finding:
    """What is named first when lines change and nothing beside them does."""
    lines, damage = read_lines(ITEMS[LOG])
    assert not damage
    change(lines)
    return first(with_log(b"".join(cbor.encode([line.seq, line.raw, line.head]) for line in lines)))


def chain_anew(raws: list[bytes]) -> Finding:
    """What is named first when the chain is made anew over other entries."""
    return first(with_log(write_entries(chain.genesis(SITE), raws)))


def interval(seq: int) -> tuple[int, int]:
    """The entries between the checkpoints around an entry."""
    return max([0, *(at for at in CHECKPOINTS if at < seq)]) + 1, min(at for at in CHECKPOINTS if at >= seq)


def altered(raw: bytes) -> bytes:
    """An entry with another time, which is still an entry."""
    value = cbor.decode(raw)
    value[1] += 1
    return cbor.encode(value)


def names(finding: Finding, seq: int, *checks: str) -> None:
    """The finding is about the entry, or about the few entries between two checkpoints that it is one of."""
    assert finding.path == LOG
    assert finding.check in checks
    numbers = [int(word) for word in finding.subject.replace("to", "").split()[1:]]
    low, high = interval(seq)
    assert numbers in ([seq], [low, high]), finding


# Seq and head left as they were: the very entry is named


@pytest.mark.parametrize("seq", SEQS)
def test_a_dropped_entry_is_named(seq: int):
    finding = lines_changed(lambda lines: lines.__delitem__(seq - 1))
    if seq == len(RAWS):
        names(finding, seq, "log_truncated")
    else:
        assert (finding.subject, finding.check) == (f"entry {seq}", "entry_missing")


@pytest.mark.parametrize("seq", SEQS)
def test_an_altered_entry_is_named(seq: int):
    def change(lines: list[Line]) -> None:
        lines[seq - 1].raw = altered(lines[seq - 1].raw)

    finding = lines_changed(change)
    assert (finding.path, finding.subject, finding.check) == (LOG, f"entry {seq}", "entry_altered")


@pytest.mark.parametrize("seq", SEQS)
def test_an_altered_head_is_named(seq: int):
    def change(lines: list[Line]) -> None:
        lines[seq - 1].head = bytes(32)

    finding = lines_changed(change)
    assert finding.subject == f"entry {seq}"
    assert finding.check == ("entry_head" if seq < len(RAWS) else "entry_altered")


@pytest.mark.parametrize("seq", SEQS[:-1])
def test_two_exchanged_entries_are_named(seq: int):
    def change(lines: list[Line]) -> None:
        lines[seq - 1], lines[seq] = lines[seq], lines[seq - 1]

    finding = lines_changed(change)
    assert (finding.subject, finding.check) == (f"entry {seq}", "entry_order")


@pytest.mark.parametrize("seq", SEQS)
def test_an_added_entry_is_named(seq: int):
    finding = lines_changed(lambda lines: lines.insert(seq, Line(seq, FORGED, bytes(32))))
    assert (finding.subject, finding.check) == (f"entry {seq}", "entry_added")


def test_an_exchanged_pair_with_its_seqs_put_right_is_named():
    def change(lines: list[Line]) -> None:
        lines[4].raw, lines[5].raw = lines[5].raw, lines[4].raw

    finding = lines_changed(change)
    assert (finding.subject, finding.check) == ("entry 5", "entry_altered")


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_bytes_cut_from_the_end_are_found(cut: int):
    finding = first(with_log(ITEMS[LOG][:-cut]))
    assert (finding.path, finding.check) == (LOG, "entries_damaged")


@pytest.mark.parametrize(
    "tail", [b"\x00", b"\x83\x18\x63\x41\x00", b"\xff", b"\x83\x61a\x40\x40", b"\x83\x01\x5a\xff\xff\xff\xff"]
)
def test_bytes_added_to_the_end_are_found(tail: bytes):
    finding = first(with_log(ITEMS[LOG] + tail))
    assert (finding.subject, finding.check) == (f"entry {len(RAWS) + 1}", "entries_damaged")


def test_a_line_of_another_form_is_found():
    """An array of four, or a text in the place of the seq, that would else read the same."""
    line = read_lines(ITEMS[LOG])[0][-1]
    whole = cbor.encode([line.seq + 1, FORGED, chain.next_head(line.head, FORGED)])
    forms = [
        *(b"\x84" + whole[1:], b"\xa3" + whole[1:], whole[:1] + b"\x58" + whole[2:], whole[:1] + b"\x78" + whole[2:]),
        cbor.encode([line.seq + 1, bytes(600), bytes(32)]),
        whole[:-34] + b"\x78\x20" + bytes(32),
    ]
    for form in forms:
        assert first(with_log(ITEMS[LOG] + form)).check == "entries_damaged"


# The chain made anew: the entries between two checkpoints are named, and what moved is found among them


@pytest.mark.parametrize("seq", SEQS)
def test_a_dropped_entry_is_found_though_the_chain_was_made_anew(seq: int):
    finding = chain_anew(RAWS[: seq - 1] + RAWS[seq:])
    names(finding, seq, "log_truncated" if interval(seq)[1] == len(RAWS) else "checkpoint_head")


@pytest.mark.parametrize("seq", SEQS)
def test_an_altered_entry_is_found_though_the_chain_was_made_anew(seq: int):
    names(chain_anew([*RAWS[: seq - 1], altered(RAWS[seq - 1]), *RAWS[seq:]]), seq, "checkpoint_head")


@pytest.mark.parametrize("seq", SEQS[:-1])
def test_moved_entries_are_found_though_the_chain_was_made_anew(seq: int):
    finding = chain_anew([*RAWS[: seq - 1], RAWS[seq], RAWS[seq - 1], *RAWS[seq + 1 :]])
    if interval(seq) == interval(seq + 1):
        assert (finding.subject, finding.check) == (f"entry {seq}", "entry_order")
    else:
        names(finding, seq, "checkpoint_head", "entry_added")


def test_entries_exchanged_over_a_distance_are_named():
    low, high = max((interval(seq) for seq in SEQS), key=lambda pair: pair[1] - pair[0])
    raws = list(RAWS)
    raws[low - 1], raws[high - 1] = raws[high - 1], raws[low - 1]
    finding = chain_anew(raws)
    assert (finding.subject, finding.check) == (f"entry {low}", "entry_order")
    assert f"{high}" in finding.why


@pytest.mark.parametrize("seq", SEQS)
def test_an_added_entry_is_named_though_the_chain_was_made_anew(seq: int):
    finding = chain_anew([*RAWS[: seq - 1], FORGED, *RAWS[seq - 1 :]])
    assert (finding.path, finding.subject, finding.check) == (LOG, f"entry {seq}", "entry_added")


def test_an_added_entry_at_the_end_is_not_proven():
    finding = chain_anew([*RAWS, FORGED])
    assert (finding.subject, finding.check) == (f"entry {len(RAWS) + 1}", "unproven")


@pytest.mark.parametrize("kept", [0, 1, 10, len(RAWS) - 1])
def test_a_log_cut_short_is_found(kept: int):
    found = check(with_log(write_entries(chain.genesis(SITE), RAWS[:kept]))).findings
    assert found[0].check == "log_truncated"
    assert "manifest_receipt" not in [finding.check for finding in found]


def test_a_log_cut_short_with_its_checkpoints_is_found_by_what_people_signed():
    """Cut to an earlier checkpoint, everything of the log holds; a later request's anchor lies beyond its end."""
    items = {**ITEMS, LOG: write_entries(chain.genesis(SITE), RAWS[:7])}
    kept = f"boxes/{VILLAGE.box.key.kid.hex()}/checkpoints/{7:08d}"
    items = {
        path: content for path, content in items.items() if "/checkpoints/" not in path or path[: len(kept)] <= kept
    }
    found = check(VILLAGE.seal(items)).findings
    assert {finding.check for finding in found} >= {"anchor"}
    assert not {finding.check for finding in found} & {"log_truncated", "unproven"}


def test_a_log_of_another_box_in_its_place_is_found():
    other = bundles.begin()
    finding = first(with_log(write_entries(chain.genesis(SITE), other.box.raws)))
    assert finding.check == "log_truncated"


def test_two_heads_signed_after_one_entry_are_found():
    """What a box does whose flash was put back to an earlier image."""
    village = bundles.history()
    village.box.checkpoint(head=bytes(32))
    finding = check(village.items()).findings[0]
    assert (finding.check, finding.subject) == ("checkpoint_head", f"checkpoint {village.box.seq}")


@pytest.mark.parametrize("change", [{"boot": 9}, {"roster": 1}, {"clock": bundles.START}, {"firmware": "9.9"}])
def test_a_checkpoint_that_contradicts_its_log_is_found(change: dict[str, Any]):
    village = bundles.history()
    village.box.checkpoints.pop()
    village.box.checkpoint(**change)
    finding = check(village.items()).findings[0]
    assert (finding.check, finding.subject) == ("checkpoint_state", f"checkpoint {village.box.seq}")
    assert "/checkpoints/" in finding.path
    assert f"`{next(iter(change))}`" in finding.why


def test_a_checkpoint_that_calls_a_lost_clock_set_is_found():
    village = bundles.begin()
    village.box.start(clock_set=0)
    village.box.checkpoint(clock_set=1)
    assert [finding.check for finding in check(village.items()).findings] == ["checkpoint_state"]


def test_a_clock_that_is_lost_in_use_is_no_finding():
    village = bundles.begin()
    village.box.checkpoint(clock_set=0)
    assert check(village.items()).ok


def test_a_checkpoint_that_the_later_ones_contradict_is_named_itself():
    village = bundles.history()
    fields = messages.read(village.box.checkpoints[2], SITE).fields
    village.box.checkpoints[2] = village.sign(village.box.key, messages.CHECKPOINT, **{**fields, "head": bytes(32)})
    again = messages.read(village.box.checkpoints[2], SITE)
    path = checkpoint_path(village.box.key.kid, again["seq"], again.reference)
    finding = check(village.items()).findings[0]
    assert (finding.check, finding.path) == ("checkpoint_head", path)


def test_a_broken_log_makes_no_findings_further_on():
    def change(lines: list[Line]) -> None:
        lines[4].raw = altered(lines[4].raw)

    lines, _ = read_lines(ITEMS[LOG])
    change(lines)
    result = check(with_log(b"".join(cbor.encode([line.seq, line.raw, line.head]) for line in lines)))
    assert [finding.check for finding in result.findings] == ["entry_altered"]
    assert any("after entry 4" in note for note in result.notes)


def test_checkpoint_paths_say_seq_and_reference():
    message = messages.read(VILLAGE.box.checkpoints[0], SITE)
    path = checkpoint_path(VILLAGE.box.key.kid, message["seq"], message.reference)
    assert ITEMS[path] == VILLAGE.box.checkpoints[0]
