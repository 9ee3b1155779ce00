"""An authority's papers on their way: which version is next, the files signed, and publishing them.

Guarantees: a version that may have reached a host is never signed again with other content; what is published stays in
the outbox until the host's receipt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealwire import cose, errors, messages
from sealwire.messages import Message

from sealhost.client import compose
from sealhost.client.errors import ClientError
from sealhost.client.post import Postman, Session
from sealhost.client.profile import Kept, Profile, write_whole
from sealhost.client.trust import Trust

NUMBERS = {"roster": messages.ROSTER, "matters": messages.MATTERS}


def next_version(profile: Profile, kind: str, held: int) -> int:
    """One more than the highest version that may have reached a host."""
    versions = [held]
    for kept in profile.signed():
        if kept.kind == kind and kept.result in (None, errors.ACCEPTED, errors.ROSTER_SIGNATURES):
            versions.append(int(messages.read(kept.raw, profile.site, (NUMBERS[kind],))["version"]))
    return max(versions) + 1


def roster_file(folder: Path, version: int, kid: bytes) -> Path:
    """Where a signed roster lies."""
    return folder / f"roster-{version:06d}-{kid.hex()}.cose"


def write_signed(profile: Profile, name: str, raw: bytes) -> Path:
    """Put a signed paper into the profile's folder of papers."""
    folder = profile.home / "papers"
    folder.mkdir(exist_ok=True)
    write_whole(folder / name, raw)
    return folder / name


def signed_rosters(profile: Profile, version: int) -> list[Message]:
    """The messages of one version, by whichever authority keys, all of one payload. ClientError: rosters_differ."""
    found = []
    for path in sorted((profile.home / "papers").glob(f"roster-{version:06d}-*.cose")):
        found.append(messages.read(path.read_bytes(), profile.site, (messages.ROSTER,)))
    if len({message.payload for message in found}) > 1:
        raise ClientError("rosters_differ")
    return found


def latest_signed(profile: Profile) -> int:
    """The highest version of a signed roster in the folder, 0 for none."""
    names = [path.name.split("-")[1] for path in (profile.home / "papers").glob("roster-*-*.cose")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def signed_matters(profile: Profile, version: int) -> list[Message]:
    """The parts of one version of the matter list, in order."""
    paths = sorted((profile.home / "papers").glob(f"matters-{version:06d}-*.cose"))
    return [messages.read(path.read_bytes(), profile.site, (messages.MATTERS,)) for path in paths]


def latest_matters(profile: Profile) -> int:
    """The highest version of a signed matter list in the folder, 0 for none."""
    names = [path.name.split("-")[1] for path in (profile.home / "papers").glob("matters-*-*.cose")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def enough_signatures(trust: Trust, found: list[Message]) -> tuple[int, int]:
    """(how many keys that count have signed, how many must) for the roster that follows the one held."""
    settings = trust.profile.settings
    held: dict[str, Any] | None = trust.roster.fields if trust.version else None
    authority = list(settings.authority) if held is None else held["authority"]
    need = settings.threshold if held is None else int(held["threshold"])
    kids = {cose.key_id(key) for key in authority}
    return len({message.kid for message in found} & kids), need


def publish(trust: Trust, session: Session, papers: list[Message], timeout_s: float, made: int) -> dict[bytes, int]:
    """Publish papers and wait for the receipts; result by reference. What was published before is sent again."""
    profile = trust.profile
    known = {kept.reference: kept for kept in profile.signed()}
    items: list[Kept] = []
    for paper in papers:
        before = known.get(paper.reference)
        if before is None or before.result not in (None, errors.ACCEPTED):
            before = compose.keep(profile, paper, made=made)
            profile.queue(before)
        items.append(before)
    # Before the first roster is held, the host that answers is believed by the one that was signed here.
    hosts = [key for roster in signed_rosters(profile, latest_signed(profile)) for key in roster["hosts"]]
    return Postman(session, trust, None, hosts).deliver(items, timeout_s)
