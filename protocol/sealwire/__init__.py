"""The Sealbox wire: the only code that reads or writes a message, a log entry or a frame.

The same files run on CPython and on MicroPython, so that box, host and verifier read the same bytes the same way.
Nothing here does I/O, asks a clock or draws randomness; signing and verifying are passed in. ``protocol/SPEC.md`` says
what the bytes mean.
"""
