"""SPEC.md section 5: whether a roster holds together, whether it may follow another, and who is who."""

from collections.abc import Iterator
from typing import Any

from sealwire import cose
from sealwire.messages import DIRECTOR, OFFICER, SECRETARY
from vectors.case import Case, accept, reject
from vectors.world import (
    AUTHORITY,
    BOX,
    HOST,
    KEEPER_KEY,
    KEEPER_SECOND,
    NOW,
    RULE,
    STRANGER,
    STRONG_RULE,
    Fields,
    Key,
    bay,
    digest,
    people,
    person,
    roster_bytes,
    rule,
)

_WEAK = (1).to_bytes(32, "little")


def _takes(name: str, about: str, **changes: Any) -> Case:
    return accept(name, about, "roster", payload=roster_bytes(**changes))


def _refuses(name: str, about: str, **changes: Any) -> Case:
    return reject(name, about, "roster", payload=roster_bytes(**changes))


def _with_people(*more: Fields) -> list[Fields]:
    return people() + list(more)


def _box(public: bytes, *bays: Fields) -> Fields:
    return {"public": public, "bays": list(bays)}


def cases() -> Iterator[Case]:
    yield from _people_and_keys()
    yield from _keys()
    yield from _boxes_and_rules()
    yield from _rules()
    yield from _authority()
    yield from _succession()
    yield from _finding()


def _people_and_keys() -> Iterator[Case]:
    same = people()[1] | {"number": 8, "keys": []}
    yield _takes("duplicate_person", "two people of one name", people=_with_people(same))
    yield _refuses("duplicate_person", "two people of one number", people=_with_people(same | {"number": 2}))
    other, public = Key("other"), KEEPER_KEY.public
    yield _takes("duplicate_signing_key", "every key once", people=_with_people(person(8, 0, other)))
    yield _refuses("duplicate_signing_key", "two people's", people=_with_people(person(8, 0, KEEPER_KEY)))
    yield _refuses("duplicate_signing_key-twice", "one person's twice", people=_with_people(person(8, 0, other, other)))
    passkey = person(8, 0) | {"keys": [b"\2" + public]}
    yield _refuses("duplicate_signing_key-kind", "the same bytes as two kinds", people=_with_people(passkey))
    yield _refuses("duplicate_signing_key-host", "a person's and a host's", hosts=[public])
    yield _refuses("duplicate_signing_key-hosts", "two hosts'", hosts=[HOST.public, HOST.public])
    yield _refuses("duplicate_signing_key-box", "a person's and a box's", boxes=[_box(public, bay(1, 1))])
    keys = [key.public for key in AUTHORITY]
    across = other.public[16:] + HOST.public[:16]
    about = "a key that is the end of one and the beginning of the next"
    yield _takes("duplicate_signing_key-across", about, hosts=[other.public, HOST.public, across])
    yield _refuses("duplicate_signing_key-first", "the first authority's and a host's", hosts=[keys[0]])
    yield _refuses("duplicate_signing_key-authority", "a person's and an authority's", authority=[*keys, public])
    yield _takes("duplicate_box", "two boxes", boxes=[_box(BOX.public, bay(1, 1)), _box(other.public, bay(1, 1))])
    yield _refuses("duplicate_box", "a box twice", boxes=[_box(BOX.public, bay(1, 1)), _box(BOX.public, bay(2, 2))])
    yield _takes("duplicate_authority_key", "three keys", authority=keys)
    yield _refuses("duplicate_authority_key", "a key twice", authority=[keys[0], keys[1], keys[0]])


def _keys() -> Iterator[Case]:
    many = [Key(f"device {number}") for number in range(91)]
    crowd = [person(100 + i, 0, *many[4 * i : 4 * i + 4]) for i in range(22)]
    yield _takes("too_many_keys", "90 keys", people=[*crowd, person(200, 0, *many[88:90])])
    yield _refuses("too_many_keys", "91 keys", people=[*crowd, person(200, 0, *many[88:91])])
    passkey = person(8, 0) | {"keys": [b"\2" + _WEAK + b"\0"]}
    yield _takes("weak_roster_key-passkey", "what is no Ed25519 key is not judged", people=_with_people(passkey))
    weak = person(8, 0) | {"keys": [b"\1" + _WEAK]}
    yield _takes("weak_roster_key", "a key that is canonical and not of low order")
    yield _refuses("weak_roster_key-person", "the identity as a person's key", people=_with_people(weak))
    long = person(8, 0) | {"keys": [b"\1" + KEEPER_KEY.public + b"\0"]}
    yield _refuses("weak_roster_key-long", "an Ed25519 key of 33 bytes", people=_with_people(long))
    yield _refuses("weak_roster_key-host", "the identity as a host's key", hosts=[_WEAK])
    yield _refuses("weak_roster_key-box", "the identity as a box's key", boxes=[_box(_WEAK, bay(1, 1))])
    authority = [AUTHORITY[0].public, _WEAK]
    yield _refuses("weak_roster_key-authority", "the identity as an authority's key", authority=authority)


def _boxes_and_rules() -> Iterator[Case]:
    yield _takes("duplicate_bay", "bays 1 and 2", boxes=[_box(BOX.public, bay(1, 1), bay(2, 1))])
    yield _refuses("duplicate_bay", "bay 1 twice", boxes=[_box(BOX.public, bay(1, 1), bay(1, 2))])
    yield _takes("unknown_rule_number", "a bay without rules", boxes=[_box(BOX.public, bay(1))])
    yield _refuses("unknown_rule_number", "a bay with rule 3 of two", boxes=[_box(BOX.public, bay(1, 1, 3))])
    yield _refuses("unknown_rule_number-last", "in the last bay", boxes=[_box(BOX.public, bay(1, 1), bay(2, 8))])
    both = [_box(BOX.public, bay(1, 1, 2))]
    yield _takes("matter_in_two_rules", "two rules with other matters in one bay", boxes=both)
    overlap = STRONG_RULE | {"matters": [12]}
    yield _refuses("matter_in_two_rules", "one matter under two rules of a bay", boxes=both, rules=[RULE, overlap])
    yield _takes("matter_in_two_rules-two-bays", "one matter in two bays", rules=[RULE, overlap])
    glass = overlap | {"break_glass": 1}
    yield _takes("matter_in_two_rules-break-glass", "a break-glass rule repeats it", boxes=both, rules=[RULE, glass])
    twice = RULE | {"matters": [11, 11]}
    yield _refuses("matter_in_two_rules-twice", "one matter twice in a rule", rules=[twice, STRONG_RULE])


def _rules() -> Iterator[Case]:
    yield _takes("duplicate_rule", "rules 1 and 2")
    yield _refuses("duplicate_rule", "rule 2 twice", rules=[RULE, STRONG_RULE, STRONG_RULE])
    many = rule(2, matters=list(range(100, 354)))
    yield _takes("too_many_matters", "256 matters in two rules", rules=[RULE, many])
    more = many | {"matters": list(range(100, 355))}
    yield _refuses("too_many_matters", "257 matters in two rules", rules=[RULE, more])
    groups = [{"role": OFFICER, "least": 4}, {"role": SECRETARY, "least": 4}]
    yield _takes("rule_too_wide", "8 people", rules=[RULE | {"groups": groups}, STRONG_RULE])
    wide = [*groups, {"role": DIRECTOR, "least": 1}]
    yield _refuses("rule_too_wide", "9 people", rules=[RULE | {"groups": wide}, STRONG_RULE])
    yield _takes("duplicate_group", "two groups", rules=[RULE | {"groups": groups}, STRONG_RULE])
    same = [{"role": OFFICER, "least": 1}, {"role": OFFICER, "least": 2}]
    yield _refuses("duplicate_group", "a role asked for twice", rules=[RULE | {"groups": same}, STRONG_RULE])


def _authority() -> Iterator[Case]:
    keys = [key.public for key in AUTHORITY]
    yield _takes("threshold_range", "all of them", threshold=3)
    yield _refuses("threshold_range", "one more than there are", threshold=4)
    yield accept("threshold_range-provisioning", "all of them", "authority", keys=keys, threshold=3)
    for rule_name, given, threshold in (
        ("threshold_range", keys, 4),
        ("duplicate_authority_key", [keys[0], keys[0]], 2),
        ("weak_roster_key", [keys[0], _WEAK], 1),
    ):
        about = "a box is not provisioned with it"
        yield reject(f"{rule_name}-provisioning", about, "authority", keys=given, threshold=threshold)


def _succession() -> Iterator[Case]:
    keys, kids = [key.public for key in AUTHORITY], [key.kid for key in AUTHORITY]

    def follows(held: int, payload: bytes, signers: list[bytes], authority: list[bytes] = keys) -> Fields:
        return {
            "version": held,
            "authority": authority,
            "threshold": 2,
            "payload": payload,
            "signers": signers,
        }

    seven, last = roster_bytes(), roster_bytes(version=1007)
    yield accept("roster_step", "the next version", "succession", **follows(6, seven, kids))
    yield accept("roster_step-most", "1,000 versions on", "succession", **follows(7, last, kids))
    yield accept("roster_step-first", "a first roster", "succession", **follows(0, seven, kids))
    yield reject("roster_step-same", "the version held", "succession", **follows(7, seven, kids))
    yield reject("roster_step-older", "an older version", "succession", **follows(8, seven, kids))
    yield reject("roster_step-far", "1,001 versions on", "succession", **follows(6, last, kids))
    yield accept("roster_signatures", "two of three", "succession", **follows(6, seven, kids[1:]))
    yield reject("roster_signatures", "one of three", "succession", **follows(6, seven, kids[:1]))
    yield reject("roster_signatures-twice", "one key twice", "succession", **follows(6, seven, [kids[0]] * 2))
    twice = [keys[0], keys[0], keys[1]]
    yield reject("roster_signatures-listed", "one listed twice", "succession", **follows(6, seven, kids[:1], twice))
    own = roster_bytes(authority=[STRANGER.public], threshold=1)
    given = follows(6, own, [STRANGER.kid, kids[0]])
    yield reject("roster_signatures-own", "a roster does not name its own signers", "succession", **given)


def _finding() -> Iterator[Case]:
    roster = roster_bytes()
    for whose, key in (("person", KEEPER_SECOND), ("host", HOST), ("authority", AUTHORITY[2]), ("box", BOX)):
        rule_name = "unknown_box" if whose == "box" else "unknown_signer"
        given = {"roster": roster, "whose": whose}
        yield accept(f"{rule_name}-{whose}", f"a {whose} of the roster", "find", kid=key.kid, **given)
        yield reject(f"{rule_name}-{whose}", f"no {whose} of the roster", "find", kid=STRANGER.kid, **given)
    for whose, key in (("person", HOST), ("host", AUTHORITY[0]), ("authority", KEEPER_KEY)):
        given = {"roster": roster, "whose": whose, "kid": key.kid}
        yield reject(f"unknown_signer-not-{whose}", "a key in another part of the roster", "find", **given)
    passkey = person(8, 0, since=NOW) | {"keys": [b"\2" + digest("passkey") + b"\0", b"\1" + STRANGER.public]}
    mixed = roster_bytes(people=_with_people(passkey))
    second = cose.key_id(digest("passkey") + b"\0")
    given = {"roster": mixed, "whose": "person"}
    yield accept("unsupported_key_kind", "an Ed25519 key beside a passkey", "find", kid=STRANGER.kid, **given)
    yield reject("unsupported_key_kind", "a passkey cannot sign yet", "find", kid=second, **given)
    for number in (1, 2):
        yield accept(f"rule_digest-{number}", "the SHA-256 of the rule", "rule_digest", roster=roster, rule=number)
