"""SHA-512's compression of one block (FIPS 180-4 section 6.4.2) as machine code.

Importing this fails where the port has no viper emitter or another processor; `sha512` then takes the plain one.

A 64-bit word is two 32-bit halves, `_hi` and `_lo`. Viper's words have 32 bits on the board and 64 elsewhere, so no
half is ever assumed to be cut at 32 bits: what stands above bit 31 is rubbish, and every right shift masks it away
(and the sign that the board's shift brings in). Sums are made of 16-bit quarters, with carries that stay far below
2^31. A test runs this very source with both word sizes.
"""

import micropython

from sealbox.sha512_constants import ROUND

_schedule = bytearray(128)  # the last 16 words of the message schedule, each as lo, hi in the machine's order


@micropython.viper
def _compress(state: ptr8, data: ptr8, start: int, k: ptr8, w: ptr32):  # noqa: PLR0915  (unrolled on purpose)
    at = 0
    while at < 32:
        p = start + at * 4
        w[at ^ 1] = (data[p] << 24) | (data[p + 1] << 16) | (data[p + 2] << 8) | data[p + 3]
        at += 1

    a_hi = (state[0] << 24) | (state[1] << 16) | (state[2] << 8) | state[3]
    a_lo = (state[4] << 24) | (state[5] << 16) | (state[6] << 8) | state[7]
    b_hi = (state[8] << 24) | (state[9] << 16) | (state[10] << 8) | state[11]
    b_lo = (state[12] << 24) | (state[13] << 16) | (state[14] << 8) | state[15]
    c_hi = (state[16] << 24) | (state[17] << 16) | (state[18] << 8) | state[19]
    c_lo = (state[20] << 24) | (state[21] << 16) | (state[22] << 8) | state[23]
    d_hi = (state[24] << 24) | (state[25] << 16) | (state[26] << 8) | state[27]
    d_lo = (state[28] << 24) | (state[29] << 16) | (state[30] << 8) | state[31]
    e_hi = (state[32] << 24) | (state[33] << 16) | (state[34] << 8) | state[35]
    e_lo = (state[36] << 24) | (state[37] << 16) | (state[38] << 8) | state[39]
    f_hi = (state[40] << 24) | (state[41] << 16) | (state[42] << 8) | state[43]
    f_lo = (state[44] << 24) | (state[45] << 16) | (state[46] << 8) | state[47]
    g_hi = (state[48] << 24) | (state[49] << 16) | (state[50] << 8) | state[51]
    g_lo = (state[52] << 24) | (state[53] << 16) | (state[54] << 8) | state[55]
    h_hi = (state[56] << 24) | (state[57] << 16) | (state[58] << 8) | state[59]
    h_lo = (state[60] << 24) | (state[61] << 16) | (state[62] << 8) | state[63]

    low31 = 0x3FFFFFFF  # no literal: mpy-cross takes none from 0x7FFFFFFF
    low31 = low31 * 2 + 1
    turn = 0
    while turn < 80:
        at = (turn & 15) * 2
        if turn >= 16:
            # w = w + small0(word 15 back) + word 7 back + small1(word 2 back)
            p = ((turn + 1) & 15) * 2
            lo = w[p]
            hi = w[p + 1]
            s_lo = (lo >> 1) & low31
            # rotations by 1 and 8, shift by 7
            x_lo = (s_lo | (hi << 31)) ^ (((lo >> 8) & 0xFFFFFF) | (hi << 24)) ^ (((lo >> 7) & 0x1FFFFFF) | (hi << 25))
            s_hi = (hi >> 1) & low31
            x_hi = (s_hi | (lo << 31)) ^ (((hi >> 8) & 0xFFFFFF) | (lo << 24)) ^ ((hi >> 7) & 0x1FFFFFF)
            p = ((turn + 14) & 15) * 2
            lo = w[p]
            hi = w[p + 1]
            # rotations by 19 and 61 (29 with the halves swapped), shift by 6
            y_lo = (
                (((lo >> 19) & 0x1FFF) | (hi << 13))
                ^ (((hi >> 29) & 7) | (lo << 3))
                ^ (((lo >> 6) & 0x3FFFFFF) | (hi << 26))
            )
            y_hi = (((hi >> 19) & 0x1FFF) | (lo << 13)) ^ (((lo >> 29) & 7) | (hi << 3)) ^ ((hi >> 6) & 0x3FFFFFF)
            p = ((turn + 9) & 15) * 2
            lo = w[p]
            z_lo = w[at]
            q0 = (x_lo & 0xFFFF) + (y_lo & 0xFFFF) + (lo & 0xFFFF) + (z_lo & 0xFFFF)
            q1 = (
                ((x_lo >> 16) & 0xFFFF)
                + ((y_lo >> 16) & 0xFFFF)
                + ((lo >> 16) & 0xFFFF)
                + ((z_lo >> 16) & 0xFFFF)
                + (q0 >> 16)
            )
            w[at] = (q1 << 16) | (q0 & 0xFFFF)
            w[at + 1] = x_hi + y_hi + w[p + 1] + w[at + 1] + (q1 >> 16)

        # t1 = h + big1(e) + choose(e, f, g) + k + w; rotations by 14, 18 and 41 (9 with the halves swapped)
        x_lo = (
            (((e_lo >> 14) & 0x3FFFF) | (e_hi << 18))
            ^ (((e_lo >> 18) & 0x3FFF) | (e_hi << 14))
            ^ (((e_hi >> 9) & 0x7FFFFF) | (e_lo << 23))
        )
        x_hi = (
            (((e_hi >> 14) & 0x3FFFF) | (e_lo << 18))
            ^ (((e_hi >> 18) & 0x3FFF) | (e_lo << 14))
            ^ (((e_lo >> 9) & 0x7FFFFF) | (e_hi << 23))
        )
        y_lo = g_lo ^ (e_lo & (f_lo ^ g_lo))
        y_hi = g_hi ^ (e_hi & (f_hi ^ g_hi))
        lo = w[at]
        p = turn * 8
        q0 = (h_lo & 0xFFFF) + (x_lo & 0xFFFF) + (y_lo & 0xFFFF) + (lo & 0xFFFF) + ((k[p + 6] << 8) | k[p + 7])
        q1 = (
            ((h_lo >> 16) & 0xFFFF)
            + ((x_lo >> 16) & 0xFFFF)
            + ((y_lo >> 16) & 0xFFFF)
            + ((lo >> 16) & 0xFFFF)
            + ((k[p + 4] << 8) | k[p + 5])
            + (q0 >> 16)
        )
        q0 = q0 & 0xFFFF
        hi = (
            h_hi + x_hi + y_hi + w[at + 1] + ((k[p] << 24) | (k[p + 1] << 16) | (k[p + 2] << 8) | k[p + 3]) + (q1 >> 16)
        )
        q1 = q1 & 0xFFFF
        h_lo = g_lo
        h_hi = g_hi
        g_lo = f_lo
        g_hi = f_hi
        f_lo = e_lo
        f_hi = e_hi
        # e = d + t1
        x_lo = (d_lo & 0xFFFF) + q0
        y_lo = ((d_lo >> 16) & 0xFFFF) + q1 + (x_lo >> 16)
        e_lo = (y_lo << 16) | (x_lo & 0xFFFF)
        e_hi = d_hi + hi + (y_lo >> 16)
        # a = t1 + big0(a) + majority(a, b, c); rotations by 28, 34 and 39 (2 and 7 with the halves swapped)
        x_lo = (
            (((a_lo >> 28) & 15) | (a_hi << 4))
            ^ (((a_hi >> 2) & 0x3FFFFFFF) | (a_lo << 30))
            ^ (((a_hi >> 7) & 0x1FFFFFF) | (a_lo << 25))
        )
        x_hi = (
            (((a_hi >> 28) & 15) | (a_lo << 4))
            ^ (((a_lo >> 2) & 0x3FFFFFFF) | (a_hi << 30))
            ^ (((a_lo >> 7) & 0x1FFFFFF) | (a_hi << 25))
        )
        y_lo = (a_lo & b_lo) | (c_lo & (a_lo | b_lo))
        y_hi = (a_hi & b_hi) | (c_hi & (a_hi | b_hi))
        d_lo = c_lo
        d_hi = c_hi
        c_lo = b_lo
        c_hi = b_hi
        b_lo = a_lo
        b_hi = a_hi
        q0 = q0 + (x_lo & 0xFFFF) + (y_lo & 0xFFFF)
        q1 = q1 + ((x_lo >> 16) & 0xFFFF) + ((y_lo >> 16) & 0xFFFF) + (q0 >> 16)
        a_lo = (q1 << 16) | (q0 & 0xFFFF)
        a_hi = hi + x_hi + y_hi + (q1 >> 16)
        turn += 1

    w[0] = a_lo
    w[1] = a_hi
    w[2] = b_lo
    w[3] = b_hi
    w[4] = c_lo
    w[5] = c_hi
    w[6] = d_lo
    w[7] = d_hi
    w[8] = e_lo
    w[9] = e_hi
    w[10] = f_lo
    w[11] = f_hi
    w[12] = g_lo
    w[13] = g_hi
    w[14] = h_lo
    w[15] = h_hi
    at = 0
    while at < 8:
        p = at * 8
        lo = w[at * 2]
        hi = w[at * 2 + 1]
        q0 = (lo & 0xFFFF) + ((state[p + 6] << 8) | state[p + 7])
        q1 = ((lo >> 16) & 0xFFFF) + ((state[p + 4] << 8) | state[p + 5]) + (q0 >> 16)
        hi = hi + ((state[p] << 24) | (state[p + 1] << 16) | (state[p + 2] << 8) | state[p + 3]) + (q1 >> 16)
        state[p] = hi >> 24
        state[p + 1] = hi >> 16
        state[p + 2] = hi >> 8
        state[p + 3] = hi
        state[p + 4] = q1 >> 8
        state[p + 5] = q1
        state[p + 6] = q0 >> 8
        state[p + 7] = q0
        at += 1


def compress(state: bytearray, data: bytes, start: int) -> None:
    """Works the 128 bytes of `data` from `start` into the 64-byte state."""
    _compress(state, data, start, ROUND, _schedule)
