"""Frames are found after any noise, in any pieces, in bounded memory."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from sealwire import frames
from sealwire.errors import DecodeError

BODIES = st.binary(min_size=1, max_size=600) | st.integers(1, 600).map(bytes) | st.integers(240, 520).map(b"\7".__mul__)


@given(BODIES)
def test_body_comes_back_and_leaves_no_zero_inside(body):
    frame = frames.encode(body)
    assert 0 not in frame[1:-1]
    assert frames.decode(frame[1:-1]) == body


@given(st.binary(max_size=300))
def test_any_line_is_a_frame_that_builds_the_same_line_or_refused(line):
    try:
        body = frames.decode(line)
    except DecodeError:
        return
    assert frames.encode(body) == b"\0" + line + b"\0"


@given(BODIES, st.data())
def test_damaged_line_is_refused(body, data):
    line = bytearray(frames.encode(body)[1:-1])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DecodeError):
        assert frames.decode(bytes(line)) != body


@given(st.lists(st.tuples(st.binary(max_size=40), BODIES), min_size=1, max_size=5), st.data())
def test_frames_are_found_after_any_noise_in_any_pieces(parts, data):
    stream = b"".join(noise + frames.encode(body) for noise, body in parts)
    reader = frames.Reader()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    bodies = [body for _, body in parts]
    assert [body for body in found if body in bodies] == [body for body in bodies if body in found] == bodies


@given(st.lists(st.integers(1, 20000), min_size=1, max_size=9))
@settings(max_examples=20)
def test_reader_holds_at_most_one_line(sizes):
    reader = frames.Reader()
    for size in sizes:
        assert reader.feed(b"x" * size) == []
        assert len(reader._line) <= frames.LINE
    assert reader.feed(b"\0" + frames.encode(b"after")) == [b"after"]
    assert reader.skipped == 1
