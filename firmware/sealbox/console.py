"""Setting the box up over its USB line: what it is told once, with the button held."""

from sealwire import errors
from sealwire.errors import Refused
from sealwire.roster import check_authority

from sealbox import config

_OF_TLS = ("ca", "certificate", "tls_key", "issued")


def accept(board: object, folder: str, held: "dict | None", raw: bytes, fields: dict) -> int:
    """Keep a `provision` item; the reason why it was refused, 0 when it was not.

    ``held``: what the box was told before, None while it is not set up.
    """
    # All else can be told again, and counts from the next boot.
    if held is not None and any(fields[name] != held[name] for name in ("site", "authority", "threshold")):
        return errors.ALREADY_PROVISIONED
    if not board.button():
        return errors.BUTTON_NOT_HELD
    try:
        check_authority(fields["authority"], fields["threshold"])
        if any(name in given for name in _OF_TLS for given in (fields, held or ())):
            from sealbox.credentials import check_provision  # rarely needed, and large

            check_provision(fields, held)
    except Refused as error:
        return error.reason
    config.store(folder, raw)
    return 0
