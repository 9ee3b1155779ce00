"""The roster: who is who at a site, whether it is consistent in itself, and whether it may follow the one held.

Pure look-ups and checks; whoever reads a roster has its signatures checked first. Refusals are named as in SPEC.md
section 5.
"""

from sealwire import cose, errors, limits
from sealwire.errors import Refused
from sealwire.messages import ED25519, has
from sealwire.schema import Rows
from sealwire.strict import strict_key

MYPY = False
if MYPY:
    from typing import Any


_JUDGED = ("number", "roles", "from", "until")  # what a box keeps of a person while it looks at what they signed
_REMEMBERED = 16  # signers whose entry is kept at hand; a grant has at most 14


class Roster:
    """A roster's fields with the look-ups that the rules need. It guarantees nothing about who signed it."""

    def __init__(self, fields: "dict[str, Any]") -> None:
        self.fields = fields
        self.version = fields["version"]
        self._keys = {}  # type: dict[bytes, tuple[dict[str, Any], bytes]]  # of the signers met so far

    def person(self, number: int) -> "dict[str, Any] | None":
        """The person with this number, None when not listed."""
        for person in self.fields["people"]:
            if person["number"] == number:
                return person  # type: ignore[no-any-return]
        return None

    def signer(self, kid: bytes) -> "tuple[dict[str, Any], bytes]":
        """(person, public key) of a person's key; of a roster that is read lazily, the person without name and keys.

        Raises Refused: unknown_signer, unsupported_key_kind.
        """
        found = self._keys.get(kid)
        if found is None:
            person, key = self._find(kid)
            if isinstance(self.fields["people"], Rows):
                person = {name: person[name] for name in _JUDGED}
            found = (person, key)
            if len(self._keys) == _REMEMBERED:
                self._keys = {}
            self._keys[kid] = found
        return found

    def _find(self, kid: bytes) -> "tuple[dict[str, Any], bytes]":
        for person in self.fields["people"]:
            for key in person["keys"]:
                if cose.key_id(key[1:]) == kid:
                    if key[0] != ED25519:
                        raise Refused(errors.UNSUPPORTED_KEY_KIND)
                    return person, key[1:]
        raise Refused(errors.UNKNOWN_SIGNER)

    def host(self, kid: bytes) -> bytes:
        """The public key of a host. Raises Refused: unknown_signer."""
        return by_kid(self.fields["hosts"], kid)

    def authority(self, kid: bytes) -> bytes:
        """The public key of an authority. Raises Refused: unknown_signer."""
        return by_kid(self.fields["authority"], kid)

    def box(self, kid: bytes) -> "dict[str, Any]":
        """A box of the site. Raises Refused: unknown_box."""
        for box in self.fields["boxes"]:
            if cose.key_id(box["public"]) == kid:
                return box  # type: ignore[no-any-return]
        raise Refused(errors.UNKNOWN_BOX)

    def rule(self, number: int) -> "dict[str, Any] | None":
        """The rule with this number, None when there is none."""
        for rule in self.fields["rules"]:
            if rule["number"] == number:
                return rule  # type: ignore[no-any-return]
        return None

    def bay_rules(self, bay: "dict[str, Any]") -> "list[dict[str, Any]]":
        """The rules of a bay."""
        return [rule for rule in self.fields["rules"] if has(bay["rules"], rule["number"])]


def by_kid(keys: "list[bytes]", kid: bytes) -> bytes:
    """The key of a list that a kid names. Raises Refused: unknown_signer."""
    for key in keys:
        if cose.key_id(key) == kid:
            return key
    raise Refused(errors.UNKNOWN_SIGNER)


def check_roster(fields: "dict[str, Any]") -> None:
    """Whether a roster is consistent in itself. Raises Refused, see SPEC.md section 5."""
    _once([person["number"] for person in fields["people"]], errors.DUPLICATE_PERSON)
    if sum([len(person["keys"]) for person in fields["people"]]) > limits.KEYS:
        raise Refused(errors.TOO_MANY_KEYS)
    _once([box["public"] for box in fields["boxes"]], errors.DUPLICATE_BOX)
    check_authority(fields["authority"], fields["threshold"])
    _check_keys(fields)
    _check_rules(fields)
    for box in fields["boxes"]:
        _once([bay["number"] for bay in box["bays"]], errors.DUPLICATE_BAY)
        for bay in box["bays"]:
            _check_bay(fields["rules"], bay)


def _check_keys(fields: "dict[str, Any]") -> None:
    """No key is weak or stands twice. One string of keys, and no set of them: a box has little memory."""
    seen = bytearray()
    for key in fields["authority"]:
        _add_key(seen, key)
    for keys in (fields["hosts"], [box["public"] for box in fields["boxes"]]):
        for key in keys:
            if not strict_key(key):
                raise Refused(errors.WEAK_ROSTER_KEY)
            _add_key(seen, key)
    for person in fields["people"]:
        for key in person["keys"]:
            if key[0] == ED25519 and not strict_key(key[1:]):
                raise Refused(errors.WEAK_ROSTER_KEY)
            _add_key(seen, key[-limits.PUBLIC_KEY :])


def _add_key(seen: bytearray, key: bytes) -> None:
    at = seen.find(key)
    while at > -1 and at % limits.PUBLIC_KEY:  # not a key, but the end of one and the beginning of the next
        at = seen.find(key, at + 1)
    if at >= 0:
        raise Refused(errors.DUPLICATE_SIGNING_KEY)
    seen.extend(key)


def check_authority(keys: "list[bytes]", threshold: int) -> None:
    """Whether authority keys can be trusted as they are given, in a roster or at provisioning.

    Raises Refused: duplicate_authority_key, weak_roster_key, threshold_range.
    """
    _once(keys, errors.DUPLICATE_AUTHORITY_KEY)
    for key in keys:
        if not strict_key(key):
            raise Refused(errors.WEAK_ROSTER_KEY)
    if threshold > len(keys):
        raise Refused(errors.THRESHOLD_RANGE)


def _once(items: "list[Any]", reason: int) -> None:
    if len(set(items)) != len(items):
        raise Refused(reason)


def _check_rules(fields: "dict[str, Any]") -> None:
    _once([rule["number"] for rule in fields["rules"]], errors.DUPLICATE_RULE)
    if sum([len(rule["matters"]) for rule in fields["rules"]]) > limits.MATTERS:
        raise Refused(errors.TOO_MANY_MATTERS)
    for rule in fields["rules"]:
        _once([group["role"] for group in rule["groups"]], errors.DUPLICATE_GROUP)
        if sum([group["least"] for group in rule["groups"]]) > limits.GRANT_DECISIONS:
            raise Refused(errors.RULE_TOO_WIDE)


def _check_bay(rules: "list[dict[str, Any]]", bay: "dict[str, Any]") -> None:
    """A bay's rules exist, and a matter is under one of them only (break-glass apart): nobody picks the weaker."""
    known = 0
    codes = set()  # type: set[int]
    count = 0
    for rule in rules:  # one at a time: a box may read them lazily
        if has(bay["rules"], rule["number"]):
            known |= 1 << rule["number"]
            if not rule["break_glass"]:
                codes.update(rule["matters"])
                count += len(rule["matters"])
    if known != bay["rules"]:
        raise Refused(errors.UNKNOWN_RULE_NUMBER)
    if len(codes) != count:
        raise Refused(errors.MATTER_IN_TWO_RULES)


def check_succession(
    version: int, authority: "list[bytes]", threshold: int, fields: "dict[str, Any]", signers: "list[bytes]"
) -> None:
    """Whether a roster may follow the held one, of which version (0 without one), authority and threshold are given.

    signers: kids whose signatures over the same payload were checked; a key counts once, however often it is listed.
    Raises Refused: roster_step, roster_signatures.
    """
    if not 1 <= fields["version"] - version <= limits.ROSTER_STEP:
        raise Refused(errors.ROSTER_STEP)
    kids = {cose.key_id(key) for key in authority}
    if len(kids.intersection(signers)) < threshold:
        raise Refused(errors.ROSTER_SIGNATURES)
