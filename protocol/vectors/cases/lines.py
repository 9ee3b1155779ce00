"""SPEC.md section 9 and the topic tree: frames on a serial line, topics, and the codes that people compare."""

from binascii import crc32
from collections.abc import Iterator

from sealwire import frames
from vectors.case import Case, accept, reject
from vectors.world import AUTHORITY, BOX, KEEPER_KEY, SITE, digest


def _line(data: bytes) -> bytes:
    """What stands between the delimiters for data whose checksum is part of it."""
    return bytes(frames._stuff(data)[1:-1])


def _whole(body: bytes) -> bytes:
    return body + crc32(body).to_bytes(4, "little")


_LONGEST = bytes(range(1, 256)) * 32 + bytes(range(1, 33))


def cases() -> Iterator[Case]:
    yield from _frames()
    yield from _readers()
    yield from _topics()
    yield from _codes()


def _frames() -> Iterator[Case]:
    for name, body in (
        ("one-byte", b"\0"),
        ("zeros", bytes(5)),
        ("253", b"\7" * 249),
        ("254", bytes(range(1, 251))),
        ("255", bytes(range(1, 252))),
        ("text", "印章".encode()),
    ):
        line = frames.encode(body)[1:-1]
        yield accept(f"bad_frame-{name}", "a body comes back whole", "frame", line=line, ok=body)
        yield accept(f"bad_frame-build-{name}", "and is built so", "build_frame", body=body, ok=b"\0" + line + b"\0")
    good = frames.encode(b"body")[1:-1]
    yield accept("bad_crc", "a checksum that fits", "frame", line=good, ok=b"body")
    yield reject("bad_crc", "one bit of the body changed", "frame", line=bytes((good[0], good[1] ^ 1)) + good[2:])
    yield reject(
        "bad_crc-checksum", "one bit of the checksum changed", "frame", line=good[:-1] + bytes((good[-1] ^ 1,))
    )
    yield reject("bad_frame-no-body", "a checksum of nothing", "frame", line=_line(_whole(b"")))
    yield reject("bad_frame-short", "fewer bytes than a checksum", "frame", line=b"\3ab")
    yield reject("bad_frame-zero", "a zero byte inside", "frame", line=b"\2a\0\2b" + good)
    yield reject("bad_frame-over-the-end", "a block that reaches over the end", "frame", line=b"\x20" + good[1:])
    body = _full_block()
    line = frames.encode(body)[1:-1]
    yield accept("bad_frame-full-block", "a body that ends with a full block", "frame", line=line, ok=body)
    yield reject("bad_frame-second-form", "the same with an empty block behind", "frame", line=line + b"\1")
    yield reject("unencodable-frame-empty", "an empty body", "build_frame", body=b"")
    yield reject("unencodable-frame-long", "a body of 8,193 bytes", "build_frame", body=_LONGEST + b"\1")
    zero = next(body for body in (b"body %d" % i for i in range(9999)) if _whole(body)[-1] == 0)
    yield accept("bad_frame-last-zero", "a checksum that ends in zero", "frame", line=_line(_whole(zero)), ok=zero)
    longest = frames.encode(_LONGEST)[1:-1]
    yield accept("unencodable-frame", "a body of 8,192 bytes", "build_frame", body=_LONGEST)
    yield accept("too_large-frame", "a body of 8,192 bytes", "frame", line=longest)
    longer = _line(_whole(_LONGEST + b"\1"))
    yield reject("too_large-frame", "a body of 8,193 bytes", "frame", line=longer)


def _full_block() -> bytes:
    """A body that is, with its checksum, 254 bytes without a zero."""
    bodies = [bytes(range(1, 250)) + bytes((last,)) for last in range(1, 256)]
    return next(body for body in bodies if 0 not in _whole(body))


def _readers() -> Iterator[Case]:
    first, second = frames.encode(b"first"), frames.encode(b"\0second")
    chunks = [b"boot: ok\r\n", first[:3], first[3:], b"\0\0", second + b"noise" + first, second[:4]]
    ok = {"bodies": [b"first", b"\0second", b"first"], "skipped": 2}
    yield accept("frames-noise", "console text between frames is no frame", "frames", chunks=chunks, ok=ok)
    long = b"x" * (frames.LINE + 1)
    ok = {"bodies": [b"first"], "skipped": 1}
    yield accept("frames-long-line", "an over-long line is one refusal", "frames", chunks=[long, long, first], ok=ok)
    ok = {"bodies": [], "skipped": 1}
    chunks = [long, first[1:]]
    yield accept("frames-long-tail", "the end of an over-long line is no frame", "frames", chunks=chunks, ok=ok)
    longest = frames.encode(_LONGEST)
    ok = {"bodies": [_LONGEST], "skipped": 0}
    yield accept("frames-longest", "the longest line in two parts", "frames", chunks=[longest[:9], longest[9:]], ok=ok)


def _topics() -> Iterator[Case]:
    site, box, kid = SITE.hex(), BOX.kid.hex(), KEEPER_KEY.kid.hex()
    reference = digest("some request")
    root = f"sealbox/1/{site}"
    for topic, ok in (
        (f"{root}/box/{box}/in/{kid}", ["box_in", SITE, BOX.kid, KEEPER_KEY.kid]),
        (f"{root}/box/{box}/out", ["box_out", SITE, BOX.kid, None]),
        (f"{root}/box/{box}/status", ["box_status", SITE, BOX.kid, None]),
        (f"{root}/host/in/{kid}", ["host_in", SITE, None, KEEPER_KEY.kid]),
        (f"{root}/inbox/{kid}", ["inbox", SITE, None, KEEPER_KEY.kid]),
        (f"{root}/inbox/{kid}/{reference.hex()}", ["inbox_waiting", SITE, None, KEEPER_KEY.kid + reference]),
    ):
        yield accept(f"topic-{ok[0]}", "a topic of ours", "topic", topic=topic, ok=ok)
    for number, topic in enumerate(
        (
            "",
            root,
            f"sealbox/2/{site}/box/{box}/out",
            f"{root[:-1]}/box/{box}/out",
            f"sealbox/1/{site.upper()}/box/{box}/out",
            f"{root}/box/{box}",
            f"{root}/box/{box[2:]}/out",
            f"{root}/box/{box}/other",
            f"{root}/box/{box}/in",
            f"{root}/box/{box}/in/{kid[:-2]}zz",
            f"{root}/box/{box}/out/{kid}",
            f"{root}/box/{box}/in/{kid}/more",
            f"{root}/host/out/{kid}",
            f"{root}/host/in/{kid}/more",
            f"{root}/host/in/{kid[1:]}",
            f"{root}/inbox/{box[1:]}",
            f"{root}/inbox/{kid}/{kid}",
            f"{root}/inbox/{kid}/{reference.hex()}/more",
            f"{root}/other/{kid}",
            f"{root}/other/in/{kid}",
        )
    ):
        yield accept(f"topic-none-{number}", "no topic of ours", "topic", topic=topic, ok=None)


def _codes() -> Iterator[Case]:
    yield accept("short_code-zero", "40 bits of zero", "short_code", digest=bytes(32), ok="0000-0000")
    yield accept("short_code-ones", "40 bits of one", "short_code", digest=b"\xff" * 32, ok="ZZZZ-ZZZZ")
    yield accept("short_code", "5 bits a letter", "short_code", digest=digest("some request"))
    keys = [key.public for key in AUTHORITY]
    yield accept("site_code", "site, keys and threshold", "site_code", site=SITE, authority=keys, threshold=2)
