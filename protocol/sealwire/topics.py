"""The topic tree. Topics carry site, box and sender, so that a broker's ACL can be generated from the roster.

Every name in a topic is lower-case hex: a site is 16 bytes, a kid 16, a reference 32. See ``protocol/SPEC.md`` for who
publishes, who subscribes and what is retained.
"""

from binascii import hexlify, unhexlify

PREFIX = "sealbox/1/"


def hexed(data: bytes) -> str:
    """Lower-case hex of some bytes."""
    return hexlify(data).decode()


def box_in(site: bytes, box: bytes, sender: bytes) -> str:
    """To a box, from a host or a person of the roster: ``sender`` is the publisher's kid."""
    return PREFIX + hexed(site) + "/box/" + hexed(box) + "/in/" + hexed(sender)


def box_in_filter(site: bytes, box: bytes) -> str:
    """What a box subscribes to."""
    return PREFIX + hexed(site) + "/box/" + hexed(box) + "/in/+"


def box_out(site: bytes, box: bytes) -> str:
    """From a box: challenges, checkpoints and log entries."""
    return PREFIX + hexed(site) + "/box/" + hexed(box) + "/out"


def box_status(site: bytes, box: bytes) -> str:
    """Retained: the box's last checkpoint; empty (the last will) while it is away."""
    return PREFIX + hexed(site) + "/box/" + hexed(box) + "/status"


def host_in(site: bytes, sender: bytes) -> str:
    """From a person to the site's hosts."""
    return PREFIX + hexed(site) + "/host/in/" + hexed(sender)


def host_filters(site: bytes) -> "tuple[str, str, str]":
    """What a host subscribes to, for one site."""
    root = PREFIX + hexed(site)
    return (root + "/host/in/+", root + "/box/+/out", root + "/box/+/status")


def inbox(site: bytes, person: bytes) -> str:
    """From a host to one key of a person: receipts and news, not retained."""
    return PREFIX + hexed(site) + "/inbox/" + hexed(person)


def inbox_waiting(site: bytes, person: bytes, reference: bytes) -> str:
    """Retained: a request that waits for this person; cleared with an empty payload."""
    return inbox(site, person) + "/" + hexed(reference)


def inbox_filters(site: bytes, person: bytes) -> "tuple[str, str]":
    """What a person's app subscribes to besides the boxes: news, and what waits."""
    root = inbox(site, person)
    return (root, root + "/+")


def boxes_filters(site: bytes) -> "tuple[str, str]":
    """What a person's app subscribes to, to see what the boxes of its site say."""
    root = PREFIX + hexed(site)
    return (root + "/box/+/out", root + "/box/+/status")


def parse(topic: str) -> "tuple[str, bytes, bytes | None, bytes | None] | None":
    """(kind, site, box, other) of a topic, or None when it is none of ours.

    kind is "box_in" (other: sender), "box_out", "box_status", "host_in" (other: sender), "inbox" (other: person) or
    "inbox_waiting" (box: None, other: person + reference).
    """
    if not topic.startswith(PREFIX):
        return None
    parts = topic[len(PREFIX) :].split("/")
    site = _unhex(parts[0], 16)
    if site is None or len(parts) < 3:
        return None
    if parts[1] == "box":
        return _parse_box(site, parts)
    if parts[1] == "host" and len(parts) == 4 and parts[2] == "in":
        sender = _unhex(parts[3], 16)
        return None if sender is None else ("host_in", site, None, sender)
    if parts[1] == "inbox" and len(parts) in (3, 4):
        return _parse_inbox(site, parts)
    return None


def _parse_box(site: bytes, parts: "list[str]") -> "tuple[str, bytes, bytes | None, bytes | None] | None":
    box = _unhex(parts[2], 16)
    if box is None:
        return None
    if len(parts) == 4 and parts[3] in ("out", "status"):
        return ("box_" + parts[3], site, box, None)
    if len(parts) == 5 and parts[3] == "in":
        sender = _unhex(parts[4], 16)
        return None if sender is None else ("box_in", site, box, sender)
    return None


def _parse_inbox(site: bytes, parts: "list[str]") -> "tuple[str, bytes, bytes | None, bytes | None] | None":
    person = _unhex(parts[2], 16)
    if person is None:
        return None
    if len(parts) == 3:
        return ("inbox", site, None, person)
    reference = _unhex(parts[3], 32)
    return None if reference is None else ("inbox_waiting", site, None, person + reference)


def _unhex(text: str, size: int) -> "bytes | None":
    """Bytes of a lower-case hex name of exactly ``size`` bytes, else None."""
    if len(text) != 2 * size or text != text.lower():
        return None
    try:
        return unhexlify(text)
    except ValueError:
        return None
