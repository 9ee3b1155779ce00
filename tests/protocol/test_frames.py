"""Frames are found after any noise, in any pieces, in bounded memory."""

import contextlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealwire import errors, frames
from sealwire.errors import DecodeError

BODIES = st.binary(min_size=1, max_size=600) | st.integers(1, 600).map(bytes) | st.integers(240, 520).map(b"\7".__mul__)


def read(reader, data):
    return [bytes(body) for body in reader.feed(data)]


@given(BODIES)
def test_body_comes_back_and_leaves_no_zero_inside(body):
    frame = bytes(frames.encode(body))
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
    line = frames.encode(body)[1:-1]
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DecodeError):
        assert frames.decode(bytes(line)) != body


@pytest.mark.parametrize("size", [1, 250, 251, 504, 505, 8192])
def test_stuffing_adds_one_byte_and_one_more_for_each_254(size):
    frame = frames.encode(bytes([7]) * size)
    assert len(frame) - 2 in (size + 4 + (size + 4 + 253) // 254, size + 4 + (size + 4) // 254 + 1)
    assert read(frames.Reader(), bytes(frame)) == [b"\7" * size]


@given(st.lists(st.tuples(st.binary(max_size=40), BODIES), min_size=1, max_size=5), st.data())
def test_frames_are_found_after_any_noise_in_any_pieces(parts, data):
    stream = b"".join(noise + frames.encode(body) for noise, body in parts)
    reader = frames.Reader()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += read(reader, stream[:size])
        stream = stream[size:]
    bodies = [body for _, body in parts]
    assert [body for body in found if body in bodies] == [body for body in bodies if body in found] == bodies


@given(st.lists(BODIES, min_size=2, max_size=4), st.integers(1, 10_000))
def test_half_a_frame_costs_only_itself(bodies, cut):
    half = bytes(frames.encode(bodies[0]))
    stream = half[: 1 + cut % (len(half) - 2)] + b"".join(map(frames.encode, bodies[1:]))
    assert read(frames.Reader(), stream)[-len(bodies) + 1 :] == bodies[1:]


def test_who_takes_one_frame_and_leaves_the_rest_of_its_bytes_finds_the_next_one_whole():
    reader = frames.Reader()
    for body in (b"first", b"second", b"third"):
        assert bytes(next(iter(reader.feed(bytes(frames.encode(body)))))) == body
    assert reader.skipped == 0


@given(st.lists(st.integers(1, 20000), min_size=1, max_size=9))
@settings(max_examples=20)
def test_line_without_an_end_is_skipped_once(sizes):
    reader = frames.Reader()
    for size in sizes:
        assert read(reader, b"x" * size) == []
    assert read(reader, b"\0" + frames.encode(b"after")) == [b"after"]
    assert reader.skipped == 1


def test_ten_megabytes_without_an_end_take_no_memory():
    reader = frames.Reader()
    piece = b"x" * 4096
    tracemalloc.start()
    try:
        for _ in range(10 * 256):
            assert read(reader, piece) == []
        assert tracemalloc.get_traced_memory()[1] < 4096
    finally:
        tracemalloc.stop()
    assert read(reader, b"\0" + frames.encode(b"after")) == [b"after"]


def test_small_reader_skips_what_it_cannot_hold_and_can_grow():
    reader = frames.Reader(8)
    long = bytes(frames.encode(b"nine bytes"))
    assert read(reader, long + frames.encode(b"8 bytes!")) == [b"8 bytes!"]
    assert reader.skipped == 1
    reader.resize(10)
    assert read(reader, long) == [b"nine bytes"]


def test_resizing_in_the_middle_of_a_line_loses_that_line_only():
    reader = frames.Reader(64)
    frame = bytes(frames.encode(b"a line"))
    assert read(reader, frame[:5]) == []
    reader.resize(8)
    assert read(reader, frame[5:] + frame) == [b"a line"]


@pytest.mark.parametrize("line", [b"\1" * frames.LINE, b"\xff" + b"x" * 300, b"\xff" * (frames.LINE + 1)])
def test_lines_that_end_early_or_hold_too_much_are_named(line):
    with pytest.raises(DecodeError) as refused:
        frames.decode(line)
    assert refused.value.reason in (errors.TOO_LARGE, errors.BAD_FRAME)
