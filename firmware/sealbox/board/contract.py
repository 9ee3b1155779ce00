"""The Board contract: what every board implements. For readers, type checks and tests; a box does not load it.

What holds for all of it stands in the package's docstring.
"""


class Board:
    """The contract. `bays` is their number. Errors are OSError for hardware that failed, ValueError for misuse."""

    bays = 0

    both_drive = False
    """Whether the supply carries several drives at once; if not, a bay waits until the others are closed."""

    # Shutters

    def open(self, bay: int, max_ms: int) -> bool:
        """Energise the shutter's drive for at most `max_ms` (1..MAX_DRIVE_MS); a hardware timer ends it.

        While the bay is already driven this changes nothing, least of all the timer, and returns False.
        """
        raise NotImplementedError

    def close(self, bay: int) -> None:
        """End the drive now; the spring closes the shutter. Closing a bay that isn't driven does nothing."""
        raise NotImplementedError

    def driving(self, bay: int) -> bool:
        """Whether the drive is energised. False as soon as the timer has ended it."""
        raise NotImplementedError

    def switches(self, bay: int) -> "tuple[bool, bool]":
        """The raw end switches (closed_made, open_made): both False between the ends, both True is a fault."""
        raise NotImplementedError

    # Inputs

    def take_edges(self, bay: int) -> "list[tuple[int, int]]":
        """The press sensor's edges since the last call, oldest first: (ticks_ms, RELEASED | PRESSED | LOST).

        A contact that is closed at boot is an edge at boot: nothing may be pressed unseen.
        """
        raise NotImplementedError

    def seal_present(self, bay: int) -> bool:
        """Whether the seal is in its bay."""
        raise NotImplementedError

    def tampered(self) -> bool:
        """Whether the tamper loop is broken, or was since the last call."""
        raise NotImplementedError

    def lid_open(self) -> bool:
        """Whether the service lid is open, or was since the last call."""
        raise NotImplementedError

    def button(self) -> bool:
        """Whether the button is held down, or was since the last call."""
        raise NotImplementedError

    def battery_mv(self) -> "int | None":
        """Millivolts of the backup battery, None if the box has none."""
        raise NotImplementedError

    def mains_ok(self) -> bool:
        """Whether the box runs from the mains."""
        raise NotImplementedError

    async def changed(self) -> None:
        """Wait until any input changed since the last return: edges, end switches, drives, button, seals, tamper, lid,
        battery, mains.

        Returns at once if something already has. May return without a change; never misses one. For one task only.
        """
        raise NotImplementedError

    # Time

    def ticks_ms(self) -> int:
        """Milliseconds since some moment before this boot, 30 bits. Only for `ticks_diff` and `ticks_add`."""
        raise NotImplementedError

    def clock(self) -> "int | None":
        """UTC in seconds since 1970 from the battery-backed clock; None once it has lost its time, until it is set."""
        raise NotImplementedError

    def set_clock(self, utc: int) -> None:
        """Set the battery-backed clock."""
        raise NotImplementedError

    def set_time(self, utc: int) -> None:
        """Set the machine's own time, in UTC seconds: it starts anywhere at each boot, and mbedTLS checks by it whether
        a certificate is valid. Nothing else reads it."""
        raise NotImplementedError

    # Outputs

    def draw(self, row: int, picture: bytearray) -> None:
        """Put 128 x 16 pixels on a row (0..3, from the top) of the display, which stay until the next ones.

        `picture` is 256 bytes, two pages as an SSD1306 takes them: 128 columns of 8 pixels each, the lowest bit on top.
        It is the caller's again on return.
        """
        raise NotImplementedError

    def show(self, lines: "list[str]") -> None:
        """What the display now says, in words, after the last `draw` of it. A board with nobody to tell ignores it."""
        raise NotImplementedError

    def buzz(self, pattern: "tuple[int, ...]") -> None:
        """Sound the buzzer: milliseconds on, off, on, ... Returns at once; a new pattern replaces the old one."""
        raise NotImplementedError

    # The machine

    def random(self, n: int) -> bytes:
        """`n` (at most MAX_RANDOM) bytes from the hardware's random generator, fit for keys."""
        raise NotImplementedError

    def feed(self) -> None:
        """Feed the watchdog. The first call arms it for good; from then on WATCHDOG_MS without a call reset the VM."""
        raise NotImplementedError

    def reset_cause(self) -> int:
        """Why this boot happened: POWER_ON, WATCHDOG, BROWN_OUT or SOFT."""
        raise NotImplementedError

    def reset(self) -> None:
        """Restart the VM. Does not return; all drives end."""
        raise NotImplementedError

    def flash(self) -> object:
        """The data partition as a block device for `vfs.VfsLfs2`: readblocks, writeblocks, ioctl, all extended."""
        raise NotImplementedError

    async def join(self, name: "str | None", password: "str | None") -> None:
        """Join the wireless network of this name, and again whenever it is lost, until cancelled.

        Returns at once when there is no name, or the machine needs no network of its own.
        """
        raise NotImplementedError

    def console(self) -> "tuple[object, object]":
        """The USB console, raw: (reader, writer).

        `await reader.read(n)` gives 1..n bytes as they come; `writer.write(data)`, then `await writer.drain()`.
        Output that no computer takes is dropped, so that the box never waits for one. A `write` leaves whole or not at
        all, so that nothing printed stands in the middle of it.
        """
        raise NotImplementedError
