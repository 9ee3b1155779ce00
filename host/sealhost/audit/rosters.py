"""The chain of rosters, from the authority keys that the auditor brought, and what each roster lists.

Guarantees: a :class:`RosterChain` holds only rosters that enough keys of the roster before signed, the first by the
auditor's own keys. It ends at the first that is not so; `broken_at` then says where, so that nobody mistakes what is
not known for what is not listed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sealwire import cose, errors, limits, messages
from sealwire.errors import Refused, SealwireError
from sealwire.messages import Message
from sealwire.roster import Roster, check_roster, check_succession

from sealhost.audit.bundle import Bundle, matters_path, roster_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.core.matters import list_digest

Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass
class Trust:
    """What the auditor brings: the authority's public keys and how many of them must sign."""

    authority: list[bytes]
    threshold: int


@dataclass
class RosterChain:
    """The proven rosters by version."""

    trust: Trust
    rosters: dict[int, Roster] = field(default_factory=dict)
    digests: dict[int, bytes] = field(default_factory=dict)
    signers: dict[int, list[bytes]] = field(default_factory=dict)
    broken_at: int | None = None

    @property
    def last(self) -> Roster | None:
        """The newest proven roster."""
        return self.rosters[max(self.rosters)] if self.rosters else None

    def newest_first(self) -> Iterator[Roster]:
        """All proven rosters."""
        return (self.rosters[version] for version in sorted(self.rosters, reverse=True))

    def since(self, version: int) -> list[Roster]:
        """The proven rosters of this version and later, oldest first."""
        return [self.rosters[number] for number in sorted(self.rosters) if number >= version]

    def unknown(self, version: int) -> bool:
        """Whether this version may exist where the chain is broken."""
        return self.broken_at is not None and version >= self.broken_at

    def host_key(self, kid: bytes) -> bytes | None:
        """The public key of a host that any proven roster lists."""
        return _first(kid, (roster.fields["hosts"] for roster in self.rosters.values()))

    def authority_key(self, kid: bytes) -> bytes | None:
        """The public key of an authority: of the auditor's, or of any proven roster."""
        return _first(kid, [self.trust.authority, *(roster.fields["authority"] for roster in self.rosters.values())])

    def box_key(self, kid: bytes) -> bytes | None:
        """The public key of a box that any proven roster lists."""
        return _first(kid, ([box["public"] for box in r.fields["boxes"]] for r in self.rosters.values()))

    def person_key(self, kid: bytes) -> bytes | None:
        """The public key of a person that any proven roster lists. Raises Refused: unsupported_key_kind."""
        for roster in self.newest_first():
            try:
                return roster.signer(kid)[1]
            except Refused as refusal:
                if refusal.reason != errors.UNKNOWN_SIGNER:
                    raise
        return None

    def person_number(self, kid: bytes) -> int | None:
        """The number of the person behind a key, by the newest roster that lists it."""
        for roster in self.newest_first():
            try:
                return int(roster.signer(kid)[0]["number"])
            except Refused:
                continue
        return None


def _first(kid: bytes, lists: Iterable[list[bytes]]) -> bytes | None:
    for keys in lists:
        for key in keys:
            if cose.key_id(key) == kid:
                return bytes(key)
    return None


def check_rosters(bundle: Bundle, site: bytes, trust: Trust, verify: Verify, findings: Findings) -> RosterChain:
    """Prove as many rosters as can be, lowest version first."""
    chain = RosterChain(trust)
    by_version = _read(bundle, site, findings)
    lost = _lost(findings)
    for version in sorted(by_version):
        if not _prove(chain, by_version[version], verify, findings, any(gone <= version for gone in lost)):
            chain.broken_at = min([version, *lost])
            findings.note(f"rosters from version {chain.broken_at} on are not proven; what needs them was not checked")
            return chain
    lost += _lost(findings)
    chain.broken_at = min(lost, default=None)
    if not by_version and not lost:
        findings.add(Rank.ROSTER, "rosters/", "1", Check.ROSTER_MISSING, "the bundle holds no roster")
        chain.broken_at = 1
    return chain


def _lost(findings: Findings) -> list[int]:
    """The versions of the items that are blamed; a path that is none of a roster's says no version."""
    found = (path.removeprefix("rosters/").partition("-")[0] for path in findings.blamed_below("rosters/"))
    return [int(version) for version in found if version.isascii() and version.isdecimal()]


def _version_in(path: str) -> int:
    """The version that a roster's path says; the bundle's reader takes no other path."""
    return int(path.removeprefix("rosters/").partition("-")[0])


def _read(bundle: Bundle, site: bytes, findings: Findings) -> dict[int, list[tuple[str, Message]]]:
    by_version: dict[int, list[tuple[str, Message]]] = {}
    for path in bundle.below("rosters/"):
        if findings.blames(path):
            continue
        try:
            message = messages.read(bundle.items[path], site, (messages.ROSTER,))
        except SealwireError as error:
            findings.add(Rank.ROSTER, path, str(_version_in(path)), error.name, f"this is no roster: {error}")
            continue
        if message["version"] != _version_in(path):
            why = f"this item holds roster {message['version']}, which its path does not say"
            findings.add(Rank.ROSTER, path, str(_version_in(path)), Check.ITEM_NAME, why)
            continue
        by_version.setdefault(message["version"], []).append((path, message))
    return by_version


def _prove(
    chain: RosterChain, offered: list[tuple[str, Message]], verify: Verify, findings: Findings, after_loss: bool
) -> bool:
    """Whether a version follows the chain; it is added then.

    ``after_loss``: a roster before it is known to be lost, so that its signers may be unknown for that reason.
    """
    held = chain.last
    version = offered[0][1]["version"]
    authority = chain.trust.authority if held is None else held.fields["authority"]
    threshold = chain.trust.threshold if held is None else held.fields["threshold"]
    signed = [pair for pair in offered if _is_signed(pair, authority, verify, findings, after_loss)]
    counting = [pair for pair in signed if pair[1].kid in [cose.key_id(key) for key in authority]]
    blamed = len(signed) < len(offered)
    first = (counting or signed or offered)[0][1]
    for path, message in counting:
        if message.payload != first.payload:
            why = f"the authority's keys stand under two different rosters of version {version}"
            findings.add(Rank.ROSTER, path, str(version), Check.ROSTER_FORK, why)
            return False
    for path, message in signed:
        if message.payload != first.payload:
            why = f"this other roster {version} is signed by nobody whom the roster before it lists"
            findings.add(Rank.ROSTER, path, str(version), errors.name_of(errors.UNKNOWN_SIGNER), why)
    signers = [message.kid for _, message in signed if message.payload == first.payload]
    try:
        check_succession(held.version if held else 0, authority, threshold, first.fields, signers)
        check_roster(first.fields)
    except Refused as refusal:
        if not blamed and not after_loss:
            why = f"roster {version} may not follow {f'roster {held.version}' if held else 'the given keys'}: {refusal}"
            if held is None and refusal.reason == errors.ROSTER_SIGNATURES:
                why += f" ({len(counting)} of the given keys signed, {threshold} must; see --threshold)"
            findings.add(Rank.ROSTER, offered[0][0], str(version), refusal.name, why)
        return False
    chain.rosters[version] = Roster(first.fields)
    chain.digests[version] = hashlib.sha256(first.payload).digest()
    chain.signers[version] = signers
    return True


def _is_signed(
    pair: tuple[str, Message], authority: list[bytes], verify: Verify, findings: Findings, after_loss: bool
) -> bool:
    """Whether a roster message's signature holds, by a key of the roster before or, counting for later, of its own."""
    path, message = pair
    version = message["version"]
    try:
        message.check(_key(message, authority), verify)
    except Refused as refusal:
        if not (after_loss and refusal.reason == errors.UNKNOWN_SIGNER):
            why = f"roster {version} carries a signature that does not count: {refusal}"
            findings.add(Rank.ROSTER, path, str(version), refusal.name, why)
        return False
    if path != roster_path(version, message.kid):
        why = f"this item holds roster {version} by {message.kid.hex()}, which its path does not say"
        findings.add(Rank.ROSTER, path, str(version), Check.ITEM_NAME, why)
    return True


def _key(message: Message, authority: list[bytes]) -> bytes:
    """The public key that a roster message names by its kid."""
    for key in [*authority, *message["authority"]]:
        if cose.key_id(key) == message.kid:
            return bytes(key)
    raise Refused(errors.UNKNOWN_SIGNER)


def check_matters(
    bundle: Bundle, site: bytes, chain: RosterChain, verify: Verify, findings: Findings
) -> dict[int, dict[int, str]]:
    """The matter lists that rosters name by digest: roster version to (code to wording)."""
    parts: dict[int, dict[int, Message]] = {}
    for path in bundle.below("matters/"):
        if findings.blames(path):
            continue
        try:
            message = messages.read(bundle.items[path], site, (messages.MATTERS,))
            public_key = chain.authority_key(message.kid)
            if public_key is None and chain.broken_at is not None:
                continue
            message.check(public_key or b"", verify)
        except SealwireError as error:
            findings.add(Rank.ROSTER, path, path, error.name, f"this part of the matter list is refused: {error}")
            continue
        if path != matters_path(message["version"], message["part"], message.reference):
            why = "this item holds another part of the matter list than its path says"
            findings.add(Rank.ROSTER, path, path, Check.ITEM_NAME, why)
        same = parts.setdefault(message["version"], {}).setdefault(message["part"], message)
        if same.payload != message.payload:
            why = f"there are two different parts {message['part']} of matter list {message['version']}"
            findings.add(Rank.ROSTER, path, path, Check.MATTERS_FORK, why)
    return _match_lists(parts, chain, findings)


def _match_lists(
    parts: dict[int, dict[int, Message]], chain: RosterChain, findings: Findings
) -> dict[int, dict[int, str]]:
    lists: dict[bytes, dict[int, str]] = {bytes(limits.HASH): {}}  # a roster without a list names none
    digests: dict[int, bytes] = {}
    for number, numbered in parts.items():
        whole = [numbered[part] for part in sorted(numbered)]
        digests[number] = list_digest([part.payload for part in whole])
        lists[digests[number]] = {item["code"]: item["wording"] for part in whole for item in part["items"]}
    named = {roster.fields["matters"] for roster in chain.rosters.values()}
    strays = sorted(number for number, digest in digests.items() if digest not in named)
    wordings: dict[int, dict[int, str]] = {}
    for version, roster in chain.rosters.items():
        found = lists.get(roster.fields["matters"])
        if found is None and not findings.blamed_below("matters/"):
            _blame_list(version, strays, findings)
        wordings[version] = found or {}
    return wordings


def _blame_list(version: int, strays: list[int], findings: Findings) -> None:
    """A roster's list is not there; the lists that no roster names are the ones that may have been it."""
    why = f"the matter list that roster {version} names by its digest is not in the bundle, or not whole"
    if not strays:
        findings.report(Rank.ROSTER, "matters/", str(version), Check.MATTER_LIST, why)
    for stray in strays:
        also = f"{why}: no roster names matter list {stray} as it is here"
        findings.report(Rank.ROSTER, f"matters/{stray:06d}-…", str(version), Check.MATTER_LIST, also)
