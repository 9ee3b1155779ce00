"""The demo's second half, and the table of all its steps. Each does one thing, checks it, and says it in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sealwire import cbor, chain, cose, errors, messages, topics

from hardware.sim import VirtualBox
from sealhost.demo_line import sent
from sealhost.demo_seed import (
    COMMITTEE,
    HARDSHIP,
    NAMES,
    RESIDENCE,
    enrol_people,
    publish_roster,
    set_up_box,
    start_host,
    topic_to_box,
)
from sealhost.demo_stage import WAIT_S, Fields, Heard, Stage, Wire, expect, sealhost
from sealhost.signing import keys


class Step(NamedTuple):
    """One line of the demo: its name in Chinese and English, and what does it and tells how it went."""

    chinese: str
    english: str
    play: Callable[[Stage], str]


def _parts(stage: Stage) -> tuple[VirtualBox, Wire]:
    assert stage.box is not None
    assert stage.wire is not None
    return stage.box, stage.wire


def _raise_request(stage: Stage, name: str, matter: int, impressions: int, title: str) -> Fields:
    made = sealhost(
        *("keeper", "request", "--home", stage.folder("keeper"), "--yes", "--bay", COMMITTEE),
        *("--matter", matter, "--impressions", impressions, "--title", title, "--resident", "刘洋"),
    )
    stage.requests[name] = made
    return made


def _decide(stage: Stage, officer: str, verdict: str, name: str) -> Fields:
    """An officer's word; afterwards the case as the keeper sees it."""
    reference = stage.requests[name]["reference"]
    sealhost("officer", verdict, reference, "--home", stage.folder(officer), "--yes")
    return _status(stage, name)


def _status(stage: Stage, name: str) -> Fields:
    return sealhost("keeper", "status", stage.requests[name]["reference"], "--home", stage.folder("keeper"))


def _of(stage: Stage, name: str) -> Callable[[chain.Entry], bool]:
    reference = bytes.fromhex(stage.requests[name]["reference"])
    return lambda entry: bool(entry.get("request") == reference)


def _expect_locked(stage: Stage) -> None:
    box, _ = _parts(stage)
    expect(box.shutter(COMMITTEE) == "closed" and not box.driving(COMMITTEE), "the shutter is not closed")


def _counted(belongs: Callable[[chain.Entry], bool], count: int) -> Callable[[chain.Entry], bool]:
    return lambda entry: belongs(entry) and bool(entry["count"] == count)


def _press_until_locked(stage: Stage, name: str, impressions: int) -> int:
    """Press the seal; how many impressions the box counted when it had locked."""
    box, wire = _parts(stage)
    belongs = _of(stage, name)
    for count in range(1, impressions + 1):
        expect(box.press(COMMITTEE), "the seal cannot be pressed")
        wire.entry(chain.PRESS, _counted(belongs, count))
    box.wait_shutter(COMMITTEE, "closed", WAIT_S)
    _, closed = wire.entry(chain.CLOSED, lambda entry: belongs(entry) and entry["pressed"] > 0)
    return int(closed["pressed"])


# --- the use ---


def request(stage: Stage) -> str:
    """A keeper asks for two impressions of the committee's seal."""
    if stage.line is not None:
        stage.line.start(stage.http())
    made = _raise_request(stage, "first", RESIDENCE, 2, "居住证明")
    return f"{NAMES['keeper']} asks for 2 impressions of 居委会, code {made['code']}"


def first_approval(stage: Stage) -> str:
    """One of two: nothing opens."""
    box, _ = _parts(stage)
    case = _decide(stage, "officer-1", "approve", "first")
    expect(case["state"] == "waiting", f"the request is {case['state']} after one approval")
    _expect_locked(stage)
    expect(box.openings(COMMITTEE) == 0, "the shutter moved after one approval")
    return f"{NAMES['officer-1']} approves, 1 of 2: the box stays locked"


def second_approval(stage: Stage) -> str:
    """Two of two: the host sends a grant, the box checks it and opens."""
    box, wire = _parts(stage)
    expect(box.openings(COMMITTEE) == 0, "the shutter moved before the second approval")
    reference = bytes.fromhex(stage.requests["first"]["reference"])
    sealhost("officer", "approve", reference.hex(), "--home", stage.folder("officer-2"), "--yes")
    box.wait_shutter(COMMITTEE, "open", WAIT_S)
    opened = box.opened_at(COMMITTEE)
    decided = wire.wait(lambda heard: _published(stage, heard, "officer-2", reference), "the decision")
    assert opened is not None
    took = round(1000 * (opened - decided))
    stage.result["approval_to_open_ms"] = took
    return f"{NAMES['officer-2']} approves, 2 of 2: the shutter is open {took} ms after the decision"


def _published(stage: Stage, heard: Heard, officer: str, reference: bytes) -> float | None:
    """When an officer's decision on a request was on the broker, if this is it."""
    kid = keys.load(stage.folder(officer) / "key.pem").kid
    if heard.topic != topics.host_in(stage.site, kid):
        return None
    decision = messages.read(heard.payload, stage.site)
    return heard.at if decision.number == messages.DECISION and decision["request"] == reference else None


def impressions(stage: Stage) -> str:
    """Two presses, and it locks by itself."""
    box, wire = _parts(stage)
    counted = _press_until_locked(stage, "first", 2)
    made = box.impressions(COMMITTEE)
    expect(counted == made == 2, f"{made} impressions were made and {counted} counted")
    stage.result["impressions"] = counted
    line = ""
    if stage.line is not None:
        seq, _ = wire.entry(chain.CLOSED, _of(stage, "first"))
        stage.line.wait_stored(stage.folder("host"), seq)
        line = stage.line.told(stage.http(), stage.result)
    return f"2 presses sensed and logged; the shutter is closed and proven closed{line}"


def third_press(stage: Stage) -> str:
    """A hand that comes once more."""
    box, _ = _parts(stage)
    expect(not box.press(COMMITTEE) and box.impressions(COMMITTEE) == 2, "a third impression was possible")
    return "finds the box locked: no impression"


def denied(stage: Stage) -> str:
    """An officer says no."""
    box, _ = _parts(stage)
    before = box.openings(COMMITTEE)
    made = _raise_request(stage, "denied", HARDSHIP, 1, "救助申请")
    case = _decide(stage, "officer-3", "deny", "denied")
    expect(case["state"] == "denied", f"the request is {case['state']} after a denial")
    _expect_locked(stage)
    expect(box.openings(COMMITTEE) == before, "the shutter moved for a denied request")
    return f"{NAMES['officer-3']} denies {made['code']}: it is over, the box stays locked"


# --- the attacks ---


def _refusal(stage: Stage, fits: Callable[[chain.Entry], bool], openings: int) -> str:
    """Why the box refused what was sent, by its own log; nothing may have moved."""
    box, wire = _parts(stage)
    _, refused = wire.entry(chain.REFUSED, fits)
    name = errors.name_of(refused["reason"])
    _expect_locked(stage)
    expect(box.openings(COMMITTEE) == openings, "the shutter moved")
    stage.result["refused"].append(name)
    return name


def _names(grant: messages.Message) -> Callable[[chain.Entry], bool]:
    return lambda entry: bool(entry.get("message") == grant.reference)


def _first_grant(stage: Stage) -> messages.Message:
    """The grant that opened for the first request, as anybody on the broker (or the line) could record it."""
    _, wire = _parts(stage)
    _, intent = wire.entry(chain.INTENT, _of(stage, "first"))
    if stage.line is not None:
        return sent(stage.folder("host"), stage.site, intent["grant"])
    return wire.message(messages.GRANT, lambda one: bool(one.reference == intent["grant"]))


def replay(stage: Stage) -> str:
    """An attacker on the broker recorded the grant of the first request, and sends it again."""
    box, wire = _parts(stage)
    grant = _first_grant(stage)
    before = box.openings(COMMITTEE)
    wire.publish(topic_to_box(stage, grant.kid), grant.raw)
    return f"somebody on the broker sends the old grant again: refused, {_refusal(stage, _names(grant), before)}"


def stolen_host_key(stage: Stage) -> str:
    """A thief with the host's real key signs grants for a real request: without approvals, then with one too few."""
    box, wire = _parts(stage)
    reference = bytes.fromhex(_raise_request(stage, "jammed", RESIDENCE, 2, "居住证明")["reference"])
    asked = wire.message(messages.REQUEST, lambda one: bool(one.reference == reference))
    thief = keys.load(stage.folder("host") / "host.key")
    before = box.openings(COMMITTEE)
    topic, used = topic_to_box(stage, thief.kid), _first_grant(stage)["nonce"]
    wire.publish(topic, messages.build_item(messages.ASK, {"bay": COMMITTEE}))
    challenge = wire.message(messages.CHALLENGE, lambda one: bool(one["bay"] == COMMITTEE and one["nonce"] != used))
    fields = {"nonce": challenge["nonce"], "request": asked.raw, "decisions": [b"-"], "substitutes": [], "ready": None}

    wire.publish(topic, _without_approvals(stage, thief, fields))
    none = _refusal(stage, lambda entry: entry.get("message") is None, before)

    _decide(stage, "officer-1", "approve", "jammed")
    one = wire.message(messages.DECISION, lambda decision: bool(decision["request"] == reference))
    raw = messages.build(messages.GRANT, {**fields, "decisions": [one.raw]}, stage.site, thief.public_key, thief.sign)
    wire.publish(topic, raw)
    few = _refusal(stage, _names(messages.read(raw, stage.site)), before)
    return f"a thief signs grants with it: refused, {none} (no approval), {few} (1 of 2)"


def _without_approvals(stage: Stage, thief: keys.Signer, fields: Fields) -> bytes:
    """A grant with an empty list of decisions, which `messages.build` would not make."""
    payload = cbor.decode(messages.payload(messages.GRANT, fields))
    number = next(number for number, value in payload.items() if value == fields["decisions"])
    signed = cbor.encode({**payload, number: []})
    name = messages.names()[messages.GRANT]
    return cose.sign(messages.GRANT, name, stage.site, thief.public_key, signed, thief.sign)


# --- what goes wrong ---


def jam(stage: Stage) -> str:
    """Something is in the shutter's way: it is driven, does not arrive, and nothing is spent."""
    box, wire = _parts(stage)
    box.jam(COMMITTEE)
    _decide(stage, "officer-2", "approve", "jammed")
    wire.entry(chain.JAM, _of(stage, "jammed"))
    expect(box.shutter(COMMITTEE) != "open", "the shutter opened")
    box.unjam(COMMITTEE)
    box.wait_shutter(COMMITTEE, "closed", WAIT_S)
    _, closed = wire.entry(chain.CLOSED, _of(stage, "jammed"))
    expect((closed["pressed"], closed["given_back"]) == (0, 2), f"{closed['given_back']} of 2 were given back")
    return "approved, but the shutter jams: closed again, 2 impressions given back"


def ready(stage: Stage) -> str:
    """The keeper says `ready` at the box: the same approvals open it again."""
    box, _ = _parts(stage)
    sealhost("keeper", "ready", stage.requests["jammed"]["reference"], "--home", stage.folder("keeper"))
    box.wait_shutter(COMMITTEE, "open", WAIT_S)
    counted = _press_until_locked(stage, "jammed", 2)
    made = box.impressions(COMMITTEE)
    expect(counted == 2 and made == 4, f"{counted} impressions were counted, {made} of 4 made in all")
    return f"{NAMES['keeper']} says ready at the box: it opens, 2 presses, locked again"


# --- the audit ---


def report(stage: Stage) -> str:
    """The keeper declares what was made; the box's count stands beside it."""
    for name in ("first", "jammed"):
        reference = stage.requests[name]["reference"]
        sealhost("keeper", "report", reference, "--home", stage.folder("keeper"), "--impressions", 2)
    return f"{NAMES['keeper']} declares 2 impressions for each"


def export(stage: Stage) -> str:
    """Everything signed and logged goes into one file, once the host has proven and acked the last closing."""
    box, wire = _parts(stage)
    expect(box.state["boots"] == 2, "the box restarted on the way")  # once when it got power, once when it was set up
    belongs = _of(stage, "jammed")
    seq, _ = wire.entry(chain.CLOSED, lambda entry: belongs(entry) and entry["pressed"] == 2)
    if stage.line is None:
        wire.message(messages.ACK, lambda ack: bool(ack["seq"] >= seq))
    else:
        stage.line.wait_stored(stage.folder("host"), seq)
    bundle = stage.home / "bundle.zip"
    made = sealhost("export", "--home", stage.folder("host"), "--out", bundle)
    stage.result["bundle"] = str(bundle)
    return f"{made['items']} items in one file, {bundle.stat().st_size // 1024} KiB"


def verify(stage: Stage) -> str:
    """With the file and the authority's public key, and nothing else."""
    found = sealhost("verify", stage.result["bundle"], "--authority", stage.result["authority_key"])
    stage.result["verified"] = found["ok"]
    proven = ", ".join(f"{box['proven']} log entries" for box in found["boxes"])
    return f"{found['messages']} messages and {proven}: everything holds"


STEPS = (
    Step("启动主机", "host", start_host),
    Step("设置印章盒", "box", set_up_box),
    Step("人员登记", "people", enrol_people),
    Step("名册生效", "roster", publish_roster),
    Step("用印申请", "request", request),
    Step("第一人审批", "first approval", first_approval),
    Step("第二人审批", "second approval", second_approval),
    Step("用印两次", "two impressions", impressions),
    Step("第三次按压", "third press", third_press),
    Step("申请被否决", "denied request", denied),
    Step("重放授权", "replayed grant", replay),
    Step("盗用主机密钥", "stolen host key", stolen_host_key),
    Step("闸门卡住", "jammed shutter", jam),
    Step("到场再开", "ready", ready),
    Step("用印回报", "report", report),
    Step("导出", "export", export),
    Step("离线核验", "verify", verify),
)
