"""Bad input without end, over a real broker, into firmware with the heap of a board: errors only, the good passes."""

import os
import random
from collections.abc import Callable, Iterator

import pytest
from sealwire import chain, limits, messages

from tests.system.stage import COMMITTEE, PARTY, WAIT, Stage

COUNT = int(os.environ.get("SEALBOX_FLOOD", "20000"))
"""Messages."""


def originals(stage: Stage) -> list[bytes]:
    """One true message of each type that a box takes, each of which would have an effect, but never the opening."""
    request = stage.request(details=bytes([77] * 32))
    anchored = {**stage.anchor(), "box": stage.kid, "clears": messages.CLEARS_TAMPER, "utc": stage.now()}
    nonce = stage.ask(PARTY)["nonce"]
    return [
        stage.grant(request, stage.approvals(request), bytes(32), stage.ready(request, bytes(32))).raw,
        stage.grant(request, stage.approvals(request), nonce).raw,
        stage.authority.build(messages.ROSTER, stage.roster(version=1), stage.site),
        stage.authority.build(messages.RESET, anchored, stage.site),
        stage.host.build(messages.TIME, {"box": stage.kid, "nonce": nonce, "utc": stage.now()}, stage.site),
        stage.host.build(messages.ACK, {"box": stage.kid, "seq": 1, "head": stage.heads()[1]}, stage.site),
        stage.decision(request, 0, messages.DENY),
        stage.finish(request),
        messages.build_item(messages.ASK, {"bay": PARTY}),
    ]


def mutated(rng: random.Random, raw: bytes) -> bytes:
    """A message with something done to it: a bit, a byte, a cut, a repetition, or all of it."""
    data = bytearray(raw)
    at = rng.randrange(len(data))
    kind = rng.randrange(7)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at] = rng.randrange(256)
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + rng.randrange(1, 9)]
    elif kind == 4:
        data[at:at] = rng.randbytes(rng.randrange(1, 9))
    elif kind == 5:
        data[at:at] = data[max(0, at - rng.randrange(1, 900)) : at]
    else:
        return rng.randbytes(rng.randrange(limits.MESSAGE + 2))
    return bytes(data[: limits.MESSAGE + 1])


def noise(stage: Stage, seed: int) -> Iterator[bytes]:
    """Bad messages, for ever, the same for the same seed."""
    rng = random.Random(seed)
    good = originals(stage)
    while True:
        yield mutated(rng, rng.choice(good))


def use_once(
    stage: Stage, number: int, bad: Iterator[bytes], count: int, send: Callable[[bytes], None] | None = None
) -> None:
    """A use from request to closing, with so many bad messages before each step of it, sent by `send`."""

    def flood() -> None:
        for _ in range(count // 4):
            (send or stage.send)(next(bad))

    flood()
    request = stage.request(details=number.to_bytes(32, "big"))
    nonce = stage.ask()["nonce"]
    flood()
    stage.send(stage.grant(request, stage.approvals(request), nonce).raw)
    flood()
    stage.wait_entry(chain.INTENT, lambda entry: bool(entry["request"] == request.reference))
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)
    assert stage.box.press(COMMITTEE)
    flood()
    assert stage.box.press(COMMITTEE)
    closed = stage.wait_entry(chain.CLOSED, lambda entry: bool(entry["request"] == request.reference))
    assert (closed["pressed"], closed["cause"]) == (2, chain.LAST_IMPRESSION)


def assert_unharmed(stage: Stage, boots: int, uses: int) -> None:
    printed = stage.box.firmware_log()
    assert "MemoryError" not in printed
    assert "Traceback" not in printed
    assert "handler:" not in printed
    assert stage.box.state["boots"] == boots
    assert (stage.box.openings(COMMITTEE), stage.box.openings(PARTY)) == (uses, 0)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1])
def test_flood_of_bad_messages_fills_nothing_stops_nothing_and_opens_nothing(stage: Stage, seed: int) -> None:
    boots = stage.box.state["boots"]
    bad = noise(stage, seed)
    before = max(stage.entries)
    uses = 3
    for number in range(uses):
        use_once(stage, number, bad, COUNT // uses)
    refused = len(stage.log(chain.REFUSED))
    assert refused <= 2 * limits.REFUSALS_PER_HOUR, "logged at a bounded rate"
    loose = len(stage.log(chain.DECISION)) + len(stage.log(chain.FINISH))
    assert max(stage.entries) - before <= uses * 4 + refused + loose + 10
    assert_unharmed(stage, boots, uses)


def test_flood_of_well_made_grants_with_bad_signatures_delays_no_closing(stage: Stage) -> None:
    """These cost the most: each is read and judged, and its host's signature checked, before it is refused."""
    boots = stage.box.state["boots"]
    request = stage.open()
    other = stage.request(details=bytes([9] * 32))
    grant = stage.grant(other, stage.approvals(other), bytes(32)).raw
    for _ in range(100):
        stage.send(grant[:-1] + bytes([grant[-1] ^ 1]))
    stage.box.press_button()
    for _ in range(100):
        stage.send(grant[:-1] + bytes([grant[-1] ^ 1]))
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
    closed = stage.wait_entry(chain.CLOSED)
    assert (closed["request"], closed["cause"]) == (request.reference, chain.BUTTON)
    assert_unharmed(stage, boots, 1)
