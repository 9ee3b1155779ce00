"""What the log's tests share: a chip with a filled log, what such a log must hold, and ways to damage it."""

from hashlib import sha256

import flash
from flash import MOUNT
from sealbox.log import Log
from sealwire import chain

GENESIS = chain.genesis(bytes(range(16)))
FOLDER = MOUNT + "/log"


class Small(Log):
    """Short segments, so that few entries reach every part of the code."""

    SPAN = 4
    KEEP = 8
    RESERVE = 8192


def body(number, size=None):
    """Entry `number`: 1 to 512 bytes that no other entry has."""
    size = (number * 97) % 509 + 4 if size is None else size
    return (b"%04d" % number + sha256(b"%d" % number).digest() * 16)[:size]


def heads(last):
    """Chain heads after entries 0 to `last`, without the code under test."""
    found = [GENESIS]
    for number in range(1, last + 1):
        found.append(sha256(found[-1] + body(number)).digest())
    return found


def filled(count, kind=Small, blocks=64):
    """A chip and its log with entries 1 to `count`."""
    chip = flash.fresh(blocks)
    log = kind(FOLDER, GENESIS)
    for number in range(1, count + 1):
        assert log.append(body(number)) == number
    return chip, log


def rebooted(chip, kind=Small):
    """The chip after a power cut, mounted, and the log as it is found then."""
    chip = chip.powered_on()
    flash.mount(chip)
    return chip, kind(FOLDER, GENESIS)


def assert_holds(log, seq, first=1):
    """The log has exactly entries first to seq, by every way of reading it."""
    expected = heads(seq)
    assert (log.seq, log.first, log.head) == (seq, first, expected[seq]), (log.seq, log.first, seq, first)
    assert list(log.entries(0)) == [(number, body(number)) for number in range(first, seq + 1)]
    for number in range(first - 1, seq + 1):
        assert log.head_at(number) == expected[number], number
    assert log.head_at(seq + 1) is None
    assert first == 1 or log.head_at(first - 2) is None


def raised(kind, function, *args, **named):
    """The exception of that kind which the call raises."""
    try:
        function(*args, **named)
    except kind as error:
        return error
    raise AssertionError("nothing was raised")


def change(path, function):
    """Replace a file's bytes by function(bytes)."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data = function(data)
    with open(path, "wb") as file:
        file.write(data)
