"""What the box uses for TLS: CA certificates, and perhaps a certificate and key of its own.

Told over USB with `provision`, renewed by `credentials` messages. Guarantees: newer ones are on flash whole or not at
all; those with which the box last connected stay until newer ones have connected, and are tried in turn with them; what
belongs to an earlier `provision`, or is damaged, is not used; no certificate stays in memory but in the SSL context,
which is made once for many connections. Leaves to others: who may send them, and the log entry (`intake`).
"""

import gc
import os
from hashlib import sha256

import tls
from micropython import const
from sealwire import errors, limits, messages
from sealwire.errors import DecodeError, Refused, SealwireError

from sealbox import config

_NEXT = "/tls.next"  # newer ones, which have not connected yet
_USED = "/tls.used"  # what connected last, when that is not what `provision` brought
# SubjectPublicKeyInfo of a key on P-256 up to its point, which has _POINT bytes (RFC 5480, section 2).
_ON_P256 = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
_POINT = const(65)


def make_context(ca: list, certificate: "bytes | None", key: "bytes | None") -> object:
    """A client's SSL context that checks chain, host name and validity. Raises Refused: bad_certificate."""
    gc.collect()
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    try:
        for one in ca:
            context.load_verify_locations(bytes(one))
        if certificate is not None:
            context.load_cert_chain(bytes(certificate), bytes(key))
    except ValueError as error:
        raise Refused(errors.BAD_CERTIFICATE, str(error)) from None
    return context


def check_key(certificate: bytes, key: bytes) -> None:
    """Whether a certificate is for a key: mbedTLS takes any two. Raises Refused: other_tls_key.

    A private key in DER ends with its public one (RFC 5915, section 3).
    """
    if len(key) < _POINT or bytes(certificate).find(_ON_P256 + bytes(key[-_POINT:])) < 0:
        raise Refused(errors.OTHER_TLS_KEY)


def check_provision(fields: dict, held: "dict | None") -> None:
    """Whether a box that was told ``held`` (None: nothing) may be told this. Raises Refused, see SPEC.md section 9."""
    if "ca" not in fields and held is not None and "ca" in held:
        raise Refused(errors.TLS_NEEDED)
    certificate, key = fields.get("certificate"), fields.get("tls_key")
    if ("ca" in fields) != ("issued" in fields) or (certificate is None) != (key is None):
        raise Refused(errors.MISSING_FIELD)
    if "ca" not in fields:
        if key is not None:
            raise Refused(errors.MISSING_FIELD)
        return
    make_context(fields["ca"], certificate, key)
    if certificate is not None:
        check_key(certificate, key)


class Credentials:
    """What a set-up box holds. ``folder`` is on the mounted volume, ``clock`` tells the machine the time.

    issued: of the newest ones, UTC seconds; reference: of the message that brought them, b"" when `provision` did.
    """

    def __init__(self, folder: str, clock: object) -> None:
        self._folder = folder
        self._clock = clock
        self._context = None
        self._tried = False  # a connection with the context began, and nothing was heard since
        self._newest()

    def _newest(self) -> None:
        told = config.load(self._folder)
        self.issued, self.reference = told["issued"], b""
        self._waiting = False  # whether newer ones are to be tried
        for name in (_USED, _NEXT):
            found = self._read(name)
            if found is not None:
                self.issued, self.reference = found[0]["issued"], found[1]
                self._waiting = name == _NEXT
        self._using_next = self._waiting

    def context(self) -> object:
        """The SSL context for one connection; after one that failed, made of the other credentials if there are any.

        Raises ValueError, as the handshake does, when it cannot be made, and OSError.
        """
        if self._tried and self._waiting:
            self._using_next = not self._using_next
            self._context = None
        self._tried = True
        if self._context is None:
            try:
                self._context = make_context(*self._choose(self._using_next))
            except SealwireError as error:
                raise ValueError(str(error)) from None
            gc.collect()
        self._clock.tell_machine(self.issued)
        return self._context

    def connected(self) -> None:
        """The connection stands. Newer credentials with which it was made take the place of the others for good."""
        self._tried = False
        if self._waiting and self._using_next:
            os.rename(self._folder + _NEXT, self._folder + _USED)
            self._waiting = self._using_next = False

    def take(self, message: "messages.Message") -> None:
        """Keep newer credentials, for the next connection. Raises Refused (bad_certificate, other_tls_key), OSError.

        Without a certificate they go on with the one that the newest have.
        """
        told = config.load(self._folder)
        ca, certificate, key = message["ca"], message.get("certificate"), told.get("tls_key")
        told = None
        if certificate is not None:
            if key is None:
                raise Refused(errors.OTHER_TLS_KEY, "the box has none")
            make_context(ca, certificate, key)
            check_key(certificate, key)
            held = b""
        else:
            held = self._choose(self._waiting)[1]
            make_context(ca, held, key)
        self._store(message, held or b"")
        self.issued, self.reference = message["issued"], message.reference
        self._waiting = self._using_next = True
        self._tried = False
        self._context = None

    def _choose(self, newer: bool) -> "tuple[list, bytes | None, bytes | None]":
        """CA certificates, certificate and key: the newer ones, or those that connected last."""
        told = config.load(self._folder)
        found = self._read(_NEXT if newer else _USED)
        fields = told if found is None else found[0]
        return fields["ca"], fields.get("certificate"), told.get("tls_key")

    def _read(self, name: str) -> "tuple[dict, bytes] | None":
        """Fields and reference of a file; None when there is none that is whole and of this `provision`."""
        try:
            with open(self._folder + name, "rb") as file:
                digest, reference, size = file.read(limits.HASH), file.read(limits.HASH), file.read(2)
                certificate = file.read(int.from_bytes(size, "big"))
                payload = file.read()
            if self._digest((reference, size, certificate, payload)) == digest:
                fields = messages.read_payload(messages.CREDENTIALS, payload)
                if certificate:
                    fields["certificate"] = certificate
                return fields, reference
            print("not used:", name)
        except OSError:
            pass  # there is no such file
        except DecodeError as error:
            print("not used:", name, error)
        return None

    def _store(self, message: "messages.Message", certificate: bytes) -> None:
        """As it came: there may be no room to encode it again. Before it, the certificate that the box goes on with."""
        scratch = self._folder + "/tls.new"
        parts = (message.reference, len(certificate).to_bytes(2, "big"), certificate, message.payload)
        with open(scratch, "wb") as file:
            file.write(self._digest(parts))
            for part in parts:
                file.write(part)
        os.rename(scratch, self._folder + _NEXT)

    def _digest(self, parts: tuple) -> bytes:
        """Binds a file to the `provision` that brought the key, and shows damage: littlefs checks nothing."""
        digest = sha256(config.read(self._folder))
        for part in parts:
            digest.update(part)
        return digest.digest()
