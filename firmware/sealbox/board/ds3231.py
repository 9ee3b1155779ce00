"""The battery-backed clock DS3231 on I2C: UTC in, UTC out (data sheet: registers 00h to 06h, 0Eh, 0Fh).

Guarantees: a clock whose oscillator stood still, or that says what no calendar has, reads as lost until it is set. The
years are 2000 to 2199, the day of the week is not used. Raises OSError when the chip does not answer.
"""

from micropython import const

MYPY = False
if MYPY:
    from machine import I2C

_TIME = const(0x00)
_CONTROL = const(0x0E)
_STATUS = const(0x0F)
_STOPPED = const(0x80)  # in _STATUS: the oscillator stood still since this was cleared
_PLAIN = const(0x04)  # in _CONTROL: the oscillator runs on the cell, no square wave
_CENTURY = const(0x80)  # in the month's register
_TWELVE_HOURS = const(0x40)  # in the hour's register: nobody but us sets the clock, and we do not use it

_DAY_S = const(86_400)
_DAYS_TO_2000 = const(10_957)  # from 1970
_DAYS_TO_2200 = const(84_006)


class Ds3231:
    """The clock at an address of a bus."""

    def __init__(self, i2c: "I2C", address: int) -> None:
        self._i2c = i2c
        self._address = address

    def read(self) -> "int | None":
        """Seconds since 1970, None if the clock lost its time."""
        if self._i2c.readfrom_mem(self._address, _STATUS, 1)[0] & _STOPPED:
            return None
        second, minute, hour, _, day, month, year = self._i2c.readfrom_mem(self._address, _TIME, 7)
        if hour & _TWELVE_HOURS:
            return None
        full_year = 2000 + (100 if month & _CENTURY else 0) + _binary(year)
        days = days_since_1970(full_year, _binary(month & 0x1F), _binary(day))
        if days is None or _binary(year) > 99 or _binary(hour) > 23 or _binary(minute) > 59 or _binary(second) > 59:
            return None
        return days * _DAY_S + _binary(hour) * 3600 + _binary(minute) * 60 + _binary(second)

    def write(self, utc: int) -> None:
        """Set the clock, then say that it runs. Raises ValueError outside of 2000 to 2199."""
        days, second = divmod(utc, _DAY_S)
        if not _DAYS_TO_2000 <= days < _DAYS_TO_2200:
            raise ValueError("the clock knows the years 2000 to 2199")
        year, month, day = date_of(days)
        century = _CENTURY if year >= 2100 else 0
        time = (second % 60, second // 60 % 60, second // 3600, 1, day, month, year % 100)
        registers = bytearray([_decimal(value) for value in time])
        registers[5] |= century
        self._i2c.writeto_mem(self._address, _CONTROL, bytes([_PLAIN]))
        self._i2c.writeto_mem(self._address, _TIME, registers)
        status = self._i2c.readfrom_mem(self._address, _STATUS, 1)[0]
        self._i2c.writeto_mem(self._address, _STATUS, bytes([status & ~_STOPPED & 0xFF]))


def _binary(decimal: int) -> int:
    """The value of two decimal digits in a byte; 99 or more for what are none."""
    tens, ones = decimal >> 4, decimal & 15
    return tens * 10 + ones if tens < 10 and ones < 10 else 255


def _decimal(value: int) -> int:
    return value // 10 << 4 | value % 10


def days_since_1970(year: int, month: int, day: int) -> "int | None":
    """Days of the Gregorian calendar; None if it has no such day."""
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    # Counted in years that begin in March, so that the leap day comes last.
    shifted = year - (1 if month <= 2 else 0)
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + in_year - 719_468
    return days if date_of(days) == (year, month, day) else None


def date_of(days: int) -> "tuple[int, int, int]":
    """(year, month, day) of the Gregorian calendar, so many days after 1970-01-01."""
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    in_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march = (5 * in_year + 2) // 153
    month = march + 3 if march < 10 else march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year, month, in_year - (153 * march + 2) // 5 + 1
