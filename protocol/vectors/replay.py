"""Runs golden vectors against sealwire; the same file runs on CPython and on MicroPython, 64-bit and 32-bit.

    python replay.py FOLDER [MORE]     prints a line for each vector that fails, then how many ran

The exit status is 0 if all hold and there is at least one.

Another implementation needs the operations below and the notation of README.md, nothing else of this file.
"""

import json
import os
import sys
from binascii import hexlify, unhexlify

from sealwire import cbor, chain, cose, errors, frames, messages, roster, rules, schema, strict, topics

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any


def _by_cryptography(public_key: bytes, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


VERIFY = [_by_cryptography]
"""The function in use, ``verify(public_key, message, signature)``; MicroPython's runner puts its own here."""


def shown(value: "Any") -> "Any":
    """A value in the notation of the vectors: bytes as {"hex": ...}, tuples as arrays."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"hex": hexlify(bytes(value)).decode()}
    if isinstance(value, (list, tuple, schema.Rows)):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        if any(isinstance(key, int) for key in value):
            return {"map": {str(key): shown(value[key]) for key in value}}
        return {key: shown(value[key]) for key in value}
    return value


def meant(value: "Any") -> "Any":
    """The reverse of :func:`shown`."""
    if isinstance(value, list):
        return [meant(item) for item in value]
    if isinstance(value, dict):
        if list(value) == ["hex"]:
            return unhexlify(value["hex"])
        if list(value) == ["map"]:
            return {int(key): meant(value["map"][key]) for key in value["map"]}
        return {key: meant(value[key]) for key in value}
    return value


def _decode(given: "dict[str, Any]") -> "Any":
    value = cbor.decode(given["data"], given.get("limit", 8192))
    if cbor.encode(value) != given["data"]:
        raise AssertionError("encodes to other bytes")
    return value


def _read(given: "dict[str, Any]") -> "Any":
    message = messages.read(given["data"], given["site"], given.get("expected"), given["lazily"])
    return {"type": message.name, "kid": message.kid, "reference": message.reference, "fields": message.fields}


def _signature(given: "dict[str, Any]") -> "Any":
    message = messages.read(given["data"], given["site"], None, given["lazily"])
    message.check(given["public"], VERIFY[0])
    return message.reference


def _build(given: "dict[str, Any]") -> "Any":
    signer = lambda data: given["signature"]  # noqa: E731
    return messages.build(given["type"], given["fields"], given["site"], given["public"], signer)


def _strict(given: "dict[str, Any]") -> "Any":
    if not strict.strict(given["public"], given["signature"]):
        raise errors.Refused(errors.BAD_SIGNATURE if strict.strict_key(given["public"]) else errors.WEAK_KEY)


def _item(given: "dict[str, Any]") -> "Any":
    number, fields = messages.read_item(given["data"])
    if messages.build_item(number, fields) != given["data"]:
        raise AssertionError("builds other bytes")
    return {"item": number, "fields": fields}


def _entry(given: "dict[str, Any]") -> "Any":
    entry = chain.read_entry(given["data"])
    if chain.build_entry(entry.kind, entry.time, entry.fields) != given["data"]:
        raise AssertionError("builds other bytes")
    return {"kind": entry.name, "time": entry.time, "fields": entry.fields}


def _heads(given: "dict[str, Any]") -> "Any":
    heads = [chain.genesis(given["site"])]
    for entry in given["entries"]:
        heads.append(chain.next_head(heads[-1], entry))
    return heads


def _frames(given: "dict[str, Any]") -> "Any":
    reader = frames.Reader()
    bodies = []
    for chunk in given["chunks"]:
        bodies.extend([bytes(body) for body in reader.feed(chunk)])
    return {"bodies": bodies, "skipped": reader.skipped}


def _fields(given: "dict[str, Any]", name: str = "roster") -> "dict[str, Any]":
    return messages.read_payload(messages.ROSTER, given[name], given["lazily"])


def _roster(given: "dict[str, Any]") -> "Any":
    roster.check_roster(_fields(given, "payload"))


def _succession(given: "dict[str, Any]") -> "Any":
    fields = _fields(given, "payload")
    roster.check_succession(given["version"], given["authority"], given["threshold"], fields, given["signers"])


def _find(given: "dict[str, Any]") -> "Any":
    held = roster.Roster(_fields(given))
    if given["whose"] == "person":
        person, public = held.signer(given["kid"])
        return {"person": person["number"], "public": public}
    if given["whose"] == "box":
        return held.box(given["kid"])["public"]
    return held.host(given["kid"]) if given["whose"] == "host" else held.authority(given["kid"])


def _rule_digest(given: "dict[str, Any]") -> "Any":
    rule = roster.Roster(_fields(given)).rule(given["rule"])
    return messages.rule_digest(rule) if rule else None


def _message(given: "dict[str, Any]", name: str) -> messages.Message:
    return messages.read(given[name], given["site"])


def _check_request(given: "dict[str, Any]") -> rules.Case:
    held = roster.Roster(_fields(given))
    return rules.check_request(held, _message(given, "request"), given["now"])


def _request(given: "dict[str, Any]") -> "Any":
    case = _check_request(given)
    return {"bay": case.bay["number"], "rule": case.rule["number"], "raiser": case.raiser["number"]}


def _substitute(given: "dict[str, Any]") -> "Any":
    held = roster.Roster(_fields(given))
    return rules.check_substitute(held, _message(given, "substitute"), given["now"])["number"]


def _weigh(given: "dict[str, Any]") -> rules.Judgement:
    decisions = [messages.read(raw, given["site"]) for raw in given["decisions"]]
    substitutes = [messages.read(raw, given["site"]) for raw in given.get("substitutes", [])]
    against = [tuple(known) for known in given.get("against", [])]
    held = roster.Roster(_fields(given))
    return rules.judge(held, _message(given, "request"), decisions, substitutes, given["now"], against)


def _judge(given: "dict[str, Any]") -> "Any":
    judgement = _weigh(given)
    return {
        "state": ("", "waiting", "approved", "denied")[judgement.state],
        "people": judgement.people,
        "denied_by": judgement.denied_by,
        "lacking": sum([count for _, count in judgement.missing]),  # over which groups, a matching may choose
        "latest": judgement.latest,
        "until": judgement.until,
    }


def _ready(given: "dict[str, Any]") -> "Any":
    held = roster.Roster(_fields(given))
    rules.check_ready(held, _check_request(given), _message(given, "ready"), given["nonce"], given["now"])


def _fold(request: bytes, entries: "list[bytes]") -> chain.History:
    history = chain.History(request)
    for raw in entries:
        history.apply(chain.read_entry(raw))
    return history


def _history(given: "dict[str, Any]") -> "Any":
    history = _fold(given["request"], given["entries"])
    names = ("opened", "spent", "against", "finished", "clock_changed")
    return {name: getattr(history, name) for name in names}


def _open(given: "dict[str, Any]") -> "Any":
    history = _fold(_message(given, "request").reference, given["entries"])
    given["against"] = history.against
    return rules.may_open(_weigh(given), history, given["is_ready"], given["now"])


OPERATIONS: "dict[str, Callable[[dict[str, Any]], Any]]" = {
    "decode": _decode,
    "encode": lambda given: cbor.encode(given["value"]),
    "read": _read,
    "payload": lambda given: messages.read_payload(given["type"], given["data"], given["lazily"]),
    "build": _build,
    "signature": _signature,
    "strict": _strict,
    "item": _item,
    "entry": _entry,
    "build_entry": lambda given: chain.build_entry(given["kind"], given["time"], given["fields"]),
    "heads": _heads,
    "frame": lambda given: frames.decode(given["line"]),
    "frames": _frames,
    "build_frame": lambda given: bytes(frames.encode(given["body"])),
    "roster": _roster,
    "authority": lambda given: roster.check_authority(given["keys"], given["threshold"]),
    "succession": _succession,
    "find": _find,
    "rule_digest": _rule_digest,
    "request": _request,
    "substitute": _substitute,
    "judge": _judge,
    "ready": _ready,
    "history": _history,
    "open": _open,
    "topic": lambda given: topics.parse(given["topic"]),
    "reference": lambda given: cose.reference(given["signed"]),
    "short_code": lambda given: messages.short_code(given["digest"]),
    "site_code": lambda given: messages.site_code(given["site"], given["authority"], given["threshold"]),
}


def outcome(vector: "dict[str, Any]") -> "dict[str, Any]":
    """What sealwire makes of a vector's input: {"ok": value} or {"reason": name}.

    What is read at once and from bytes, as a host does, is read lazily and from a memoryview as well, as a box does,
    and must come to the same.
    """
    found = _outcome(vector, False)
    if (
        vector["operation"] in ("read", "payload", "item", "signature")
        or "roster" in vector["input"]
        or "payload" in vector["input"]
    ):
        lazily = _outcome(vector, True)
        if lazily != found:
            return {"at once": found, "lazily": lazily}
    return found


def _outcome(vector: "dict[str, Any]", lazily: bool) -> "dict[str, Any]":
    given = meant(vector["input"])
    given["lazily"] = lazily
    if lazily and "data" in given:
        given["data"] = memoryview(given["data"])
    try:
        return {"ok": shown(OPERATIONS[vector["operation"]](given))}
    except errors.SealwireError as error:
        return {"reason": error.name}
    except (TypeError, ValueError):
        if vector["operation"] not in ("encode", "build", "build_frame"):
            raise
        return {"reason": "unencodable"}


_SHOWN = 10  # failures that are printed; when much fails, the first say why


def main(folders: "list[str]") -> int:
    count = failed = 0
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            with open(folder + "/" + name) as file:
                vector = json.load(file)
            count += 1
            found = outcome(vector)
            if found != vector["expect"]:
                failed += 1
                if failed <= _SHOWN:
                    print(name, "expected", vector["expect"], "found", found)
    print(count, "vectors,", failed, "failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
