"""The outer fence: TLS certificates, the broker's configuration, access list and passwords.

Nothing that is decided here opens a bay: every message is signed and checked again by who receives it.
"""


class FenceError(Exception):
    """Something of the outer fence cannot be made or used; the text says what, why, and what to do."""
