"""The box's log: append-only, hash-chained, on a littlefs folder.

Guarantees, through a power cut at any write or erase: what is found at the next start is a prefix of the entries
appended, whole ones only, with every entry whose `append` or `flush` returned before the cut, and it can be appended
to. A write that fails leaves `seq` and `head` as they were. What is handed out was checked against the chain, else
LogCorrupt is raised. Opening reads one segment however long the log is; reading and searching take about 1 KiB.

On flash a log is a folder of segments of SPAN entries (see `segment`), named by their number in eight hex digits.

Leaves to others: what entries mean, when to flush, which prunings are allowed (only KEEP is held here), and to look
into the host's copy for whole entries missing at the end: no file can show that by itself.
"""

import os
from errno import EEXIST, EIO
from hashlib import sha256

from micropython import const
from sealwire import limits
from sealwire.chain import next_head

from sealbox.segment import CHUNK, FRAME, HEADER, LogCorrupt, Reader, put_header, put_record

MYPY = False
if MYPY:
    from collections.abc import Iterator
    from typing import BinaryIO

_BATCH = const(1024)  # holds a header and the longest record; most entries are flushed alone, and it stays in memory
_ENOSPC = const(28)  # not in MicroPython's errno
_TRIES = const(3)  # littlefs takes another block after a failed erase or write, so trying again helps
_SCRATCH = "cut"


class LogFull(OSError):  # noqa: N818 - a name of the design
    """There is no room for this entry; the log is unchanged. Prune, or keep the box locked."""

    def __init__(self) -> None:
        super().__init__(_ENOSPC, "log is full")


class Log:
    """One log. Only one object at a time may have the folder open.

    seq: number of the last entry, 0 when empty. head: chain head after it. durable: number of the last entry that a
    power cut can't take; publish no head later than it. first: lowest number stored. cut: bytes of a torn write that
    were left out at opening.
    """

    SPAN = 128  # entries a segment: what opening and head_at hash at most; 64 files hold KEEP
    KEEP = limits.KEEP_ENTRIES  # the last entries, which no pruning takes
    RESERVE = 96 * 1024  # bytes for closings, alarms and boots on a full disk, and for the copy that _cut makes

    def __init__(self, folder: str, genesis_head: bytes) -> None:
        """Open or create it. OSError if the flash can't be read, LogCorrupt if it isn't whole or is another site's."""
        self.folder = folder
        self.genesis = genesis_head
        self.seq = 0
        self.durable = 0
        self.head = genesis_head
        self.first = 1
        self.cut = 0
        self._batch = memoryview(bytearray(_BATCH))  # records not written yet; they belong at _end of segment _index
        self._fill = 0
        self._index = 0
        self._end = 0  # bytes of segment _index known to be on flash and good
        self._digest = sha256()  # of these bytes
        self._file: "BinaryIO | None" = None  # open for appending, with nothing unwritten in it
        self._torn = False  # there may be bytes beyond _end
        self._free = 0  # bytes on the volume, at most; 0: count again
        self._open()

    # Opening

    def _open(self) -> None:
        low, high, count = self._list()
        if count and high - low + 1 != count:
            raise LogCorrupt("a segment is missing")
        if count and not self._load(high):
            # The cut came when this segment was begun: nothing is in it yet, and its predecessor must be complete.
            count -= 1
            if high > 0 and (count == 0 or not self._load(high - 1) or self.seq != high * self.SPAN):
                raise LogCorrupt("the last segments are incomplete")
        if count == 0:
            self._begin(0, self.genesis, bytes(32))
        self.first = low * self.SPAN + 1
        self.durable = self.seq

    def _list(self) -> "tuple[int, int, int]":
        """Lowest and highest segment number, and how many there are."""
        try:
            os.mkdir(self.folder)
        except OSError as error:
            if error.errno != EEXIST:
                raise
        low, high, count = 0, 0, 0
        for item in os.ilistdir(self.folder):
            if item[0] == _SCRATCH:
                continue
            try:
                number = int(item[0], 16)
            except ValueError:
                raise LogCorrupt("strange file") from None
            low = number if count == 0 else min(low, number)
            high = max(high, number)
            count += 1
        return low, high, count

    def _load(self, index: int) -> bool:
        """Make `index` the current segment, up to its last good record; False if it holds no record."""
        size = os.stat(self._path(index))[6]
        self._index, self._end = index, size
        if size < HEADER:
            self._end = 0
            self.cut += size
            return False
        reader = self._reader(index)
        good = 0
        self.head, self._digest = reader.head, sha256(reader.view[:HEADER])
        while reader.step() is not None:
            self._digest.update(reader.view[reader.start : reader.pos])
            self.head, self.seq, good = reader.head, reader.seq, reader.base + reader.pos
        # A torn write leaves a record without its end. Anything else was whole once, and may be what a request spent.
        if reader.seq > (index + 1) * self.SPAN or (size != good and not reader.lacks_end()):
            raise LogCorrupt("segment %d is damaged at %d" % (index, good))
        self._end = good
        self._torn = size != good
        self.cut += size - good
        return good > 0

    # Appending

    def append(self, entry: bytes, flush: bool = True, reserve: bool = False) -> int:
        """Add an entry and return its number; durable on return with flush, else with the next flush.

        reserve: it may use the bytes kept for closings, alarms and boots. Raises LogFull, OSError if the flash fails
        (the entry isn't in the log then, what was batched before it still is), ValueError unless it has 1 to 512 bytes.
        """
        size = len(entry)
        if not 0 < size <= limits.ENTRY:
            raise ValueError("entry of %d bytes" % size)
        if not reserve and not self.room():
            raise LogFull
        if self.seq == (self._index + 1) * self.SPAN:
            self._roll()
        elif self._fill + size + FRAME > _BATCH:
            self.flush()
        head = next_head(self.head, entry)
        before = self._fill
        self._fill = put_record(self._batch, before, entry, head)
        if flush:
            try:
                self._write_batch()
            except BaseException:
                self._fill = before
                raise
            self.durable = self.seq + 1
        self.seq += 1
        self.head = head
        return self.seq

    def flush(self) -> None:
        """Make every entry durable. Raises LogFull or OSError; those batched stay so then and can be flushed later."""
        if self.durable != self.seq:
            self._write_batch()
            self.durable = self.seq

    def close(self) -> None:
        """Flush and close the file, before the volume is unmounted."""
        self.flush()
        self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _begin(self, index: int, head: bytes, previous: bytes) -> None:
        """Batch a new segment's header; on flash it appears together with its first record."""
        self._index, self._end = index, 0
        self._fill = put_header(self._batch, self.genesis, index * self.SPAN + 1, head, previous)
        self._digest = sha256()
        self._torn = False

    def _roll(self) -> None:
        self.flush()
        if self._torn:
            self._cut()
        self._close_file()
        self._begin(self._index + 1, self.head, self._digest.digest())
        self._free = 0  # files take whole blocks, so what is left drifts away from what was written

    def _write_batch(self) -> None:
        for left in range(_TRIES - 1, -1, -1):
            try:
                self._write()
                return
            except OSError as error:
                if error.errno == _ENOSPC:
                    raise LogFull from None
                if left == 0:
                    raise

    def _write(self) -> None:
        """Write the batch and flush it. If anything goes wrong nothing of it counts, and the next try starts afresh.

        The file is closed then, because littlefs reports success for every later flush of a file that failed once.
        """
        count = self._fill
        file, self._file = self._file, None
        try:
            if file is None:
                file = self._open_for_append()
            if file.write(self._batch[:count]) != count:
                raise OSError(EIO)
            file.flush()
            self._file = file
        finally:
            if self._file is None:
                self._torn = True
                _close_failed(file)
        self._torn = False
        self._digest.update(self._batch[:count])
        self._end += count
        self._free -= count
        self._fill = 0

    def _open_for_append(self) -> "BinaryIO":
        if self._end == 0:
            return open(self._path(self._index), "wb")
        if self._torn:
            self._cut()
        return open(self._path(self._index), "ab")

    def _cut(self) -> None:
        """Drop what lies beyond the last good record. MicroPython can't shorten a file, so it is replaced whole."""
        path, scratch = self._path(self._index), self.folder + "/" + _SCRATCH
        size = os.stat(path)[6]
        if size < self._end:
            raise LogCorrupt("entries vanished")
        if size > self._end:
            buffer = memoryview(bytearray(CHUNK))
            left = self._end
            with open(path, "rb") as source, open(scratch, "wb") as target:
                while left:
                    count = source.readinto(buffer[: min(left, CHUNK)])
                    if not count or target.write(buffer[:count]) != count:
                        raise OSError(EIO)
                    left -= count
            os.rename(scratch, path)
        self._torn = False

    # Room

    def room(self) -> bool:
        """Whether an ordinary entry may be written. Counts the free blocks only now and then. OSError if that fails."""
        need = self.RESERVE + _BATCH
        if self._free < need:
            state = os.statvfs(self.folder)
            # littlefs may count a block in use twice; the free ones of a full volume are then below 0, unsigned.
            self._free = state[0] * state[3] if state[3] <= state[2] else 0
        return self._free >= need

    def prunable(self, upto: int) -> int:
        """The last entry that prune(upto) would drop; lower than `first` if none."""
        return min(upto, self.seq - self.KEEP) // self.SPAN * self.SPAN

    def prune(self, upto: int) -> int:
        """Drop the segments whose entries are all <= upto, but none of the last KEEP entries. Returns the new `first`.

        The oldest goes first, so that a power cut leaves no gap.
        """
        last = self.prunable(upto)
        while self.first <= last:
            os.remove(self._path(self.first // self.SPAN))
            self.first += self.SPAN
        self._free = 0
        return self.first

    # Reading

    def head_at(self, seq: int) -> "bytes | None":
        """Chain head after entry `seq`, None if that was pruned or isn't there yet. Reads at most one segment."""
        if seq == self.seq:
            return self.head
        if not self.first - 1 <= seq < self.seq:
            return None
        reader = self._reader(seq // self.SPAN)
        while reader.seq < seq:
            reader.entry()
        return reader.head

    def entries(self, first: int, last: "int | None" = None) -> "Iterator[tuple[int, bytes]]":
        """Yield (seq, entry) from `first`, or the lowest stored, to `last`, or the last one when it began.

        No file is open between entries: others may append meanwhile, and the iterator may be dropped anywhere.
        """
        seq = max(first, self.first)
        last = self.seq if last is None else min(last, self.seq)
        head = None
        while seq <= last:
            reader = self._reader((seq - 1) // self.SPAN)
            if head is not None and reader.head != head:
                raise LogCorrupt("segment %d doesn't continue the one before" % reader.index)
            stop = min(last, (reader.index + 1) * self.SPAN)
            while reader.seq < stop:
                entry = reader.entry()
                if reader.seq >= seq:
                    yield reader.seq, entry
            head = reader.head
            seq = reader.seq + 1

    def find(self, needle: bytes, first: int) -> "Iterator[tuple[int, bytes]]":
        """Yield (seq, entry) for the entries from `first` on that contain `needle` (1 to 512 bytes).

        Finding nothing counts only if the iterator came to its end: each segment is checked while it is searched.
        """
        if not 0 < len(needle) <= limits.ENTRY:
            raise ValueError("needle of %d bytes" % len(needle))
        first, last = max(first, self.first), self.seq
        for index in range((first - 1) // self.SPAN, (last + self.SPAN - 1) // self.SPAN):
            if index < self._index and not self._contains(index, needle):
                continue
            stop = min(last, (index + 1) * self.SPAN)
            for seq, entry in self.entries(max(first, index * self.SPAN + 1), stop):
                if needle in entry:
                    yield seq, entry

    def _contains(self, index: int, needle: bytes) -> bool:
        """Whether a complete segment's bytes contain the needle, by C loops only.

        They are checked against the digest that the next segment holds: a rotten bit must not hide an entry.
        """
        overlap = len(needle) - 1
        buffer = bytearray(overlap + CHUNK)
        view = memoryview(buffer)
        digest = sha256()
        found, kept = False, 0
        with open(self._path(index), "rb") as file:
            while True:
                count = file.readinto(view[kept : kept + CHUNK])
                if not count:
                    break
                digest.update(view[kept : kept + count])
                end = kept + count
                found = found or buffer.find(needle, 0, end) >= 0
                kept = min(overlap, end)
                view[:kept] = bytes(view[end - kept : end])
        if digest.digest() != self._reader(index + 1).previous:
            raise LogCorrupt("segment %d is damaged" % index)
        return found

    def _reader(self, index: int) -> Reader:
        return Reader(self._read, self.genesis, index, index * self.SPAN)

    def _read(self, index: int, offset: int, view: memoryview) -> int:
        """Fill `view` from a segment, what is batched following what is on flash. Returns the count."""
        if index == self._index:
            if offset >= self._end:
                start = offset - self._end
                count = max(0, min(len(view), self._fill - start))
                view[:count] = self._batch[start : start + count]
                return count
            view = view[: self._end - offset]
        with open(self._path(index), "rb") as file:
            file.seek(offset)
            return file.readinto(view) or 0

    def _path(self, index: int) -> str:
        return "%s/%08x" % (self.folder, index)


def _close_failed(file: "BinaryIO | None") -> None:
    """Close a file whose write failed, so that littlefs forgets it now and not when the collector finds it."""
    if file is not None:
        try:
            file.close()
        except OSError:
            pass  # the failure itself is on its way to the caller, and the file is closed all the same
