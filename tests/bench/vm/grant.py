"""A whole grant checked as the gate does it, and a checkpoint signed, beside one verification by the RFC's reference.

The box is the firmware's own, on a real littlefs in memory; the grant carries a request and two decisions, and all four
keys are remembered.
"""

import gc

import rfc8032
import timing
import use_stage
from sealbox import ed25519, gate
from sealwire import messages
from use_stage import main

gates = []


class Seen(gate.Gate):
    def __init__(self, *parts):
        super().__init__(*parts)
        gates.append(self)


main.Gate = Seen
CHECKPOINT = {
    "boot": 1,
    "seq": 9,
    "head": bytes(32),
    "clock": use_stage.NOW,
    "clock_set": 1,
    "roster": 1,
    "firmware": "1",
}


async def measure(link):
    await link.send(messages.build_item(messages.ASK, {"bay": use_stage.BAY}))
    await link.until(lambda: link.challenge is not None)
    judge, site = gates[-1], use_stage.SITE
    fields = {"nonce": link.challenge["nonce"], "request": use._request, "decisions": use._decisions}
    raw = use_stage.HOST.build(messages.GRANT, dict(fields, substitutes=[], ready=None))
    signers = [use_stage.HOST, use_stage.KEEPER] + use_stage.OFFICERS
    for key in signers:
        ed25519.remember(key.public)

    def check():
        candidate = judge.read(messages.read(raw, site, (messages.GRANT,), True), ed25519.verify)
        for _ in gate.check_signatures(candidate, judge.roster, ed25519.verify):
            pass
        assert judge.decide(candidate) == use_stage.APPROVED

    key, data = use_stage.HOST, bytes(range(200))
    signature = ed25519.sign(key.seed, data)
    gc.threshold(-1)  # the firmware's own would have this large heap, with the flash in it, collected all the time
    gc.collect()
    timing.in_turn(
        9,
        (
            ("reference_verify", 1, lambda: rfc8032.verify(key.public, data, signature)),
            ("grant", 2, check),
            ("checkpoint", 8, lambda: use_stage.AUTHORITY.build(messages.CHECKPOINT, CHECKPOINT)),
        ),
    )


use = use_stage.Use()
use_stage.live(use.chip(), measure)
