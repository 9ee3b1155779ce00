"""TLS towards a broker: the context that is used, and what went wrong in words.

Guarantees: TLS 1.2 and up; chain, validity and host name of the broker are always checked. There is no way to switch
that off.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from sealhost.links import LinkError


class TlsFileError(LinkError):
    """A certificate or key file cannot be used; the text says which, why, and what to do."""


def client_context(
    ca_file: Path | str | None = None, cert_file: Path | str | None = None, key_file: Path | str | None = None
) -> ssl.SSLContext:
    """A context for clients. Without `ca_file`, this machine's own CAs are trusted. Raises TlsFileError."""
    if ca_file is not None:
        _readable(ca_file)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise TlsFileError(f"{ca_file} holds no CA certificate in PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if key_file is not None and cert_file is None:
        raise TlsFileError(f"the key {key_file} needs its certificate too: set broker_cert_file")
    if cert_file is not None:
        load_certificate(context, cert_file, key_file)
    return context


def load_certificate(context: ssl.SSLContext, cert_file: Path | str, key_file: Path | str | None) -> None:
    """Use a client's certificate from the next connection on. Raises TlsFileError."""
    _readable(cert_file)
    if key_file is not None:
        _readable(key_file)
    try:
        context.load_cert_chain(cert_file, key_file)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFileError(f"{cert_file} is not the certificate of the key in {key_file or cert_file}") from error
        raise TlsFileError(f"{cert_file} and {key_file or cert_file} hold no certificate and key in PEM") from error


def _readable(path: Path | str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise TlsFileError(f"{path} cannot be read: {error.strerror}") from error


def explain(error: BaseException) -> str:
    """One line for people: why a connection could not be made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, f"its certificate does not hold: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return explain_text(f"{error.reason} {error}") or f"TLS fails: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, ConnectionResetError):
        return "it ends the connection while it is made: does it speak TLS on this port?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def explain_text(text: str) -> str:
    """The same for the name of an OpenSSL reason somewhere in a text; empty when none is known."""
    plain = text.lower().replace("_", " ")
    return next((meaning for reason, meaning in _REASONS if reason in plain), "")


_VERIFY = {
    9: "its certificate is not valid yet: look at this machine's clock",
    10: "its certificate has expired: renew it on the broker's side",
    18: "its certificate is self-signed and not among the CA certificates that were set",
    19: "its certificate comes from a CA that is not trusted here: look at the CA file that was set",
    20: "its certificate comes from a CA that is not trusted here: look at the CA file that was set",
    21: "its certificate comes from a CA that is not trusted here: look at the CA file that was set",
    62: "its certificate is for another host name: use a name that stands in it",
    64: "its certificate is for another address: use an address that stands in it",
}
"""OpenSSL's verification results (x509_vfy.h)."""

_REASONS = (
    ("certificate required", "it wants a client certificate: set broker_cert_file and broker_key_file"),
    ("peer did not return a certificate", "it wants a client certificate: set broker_cert_file and broker_key_file"),
    ("certificate revoked", "our certificate was revoked: issue one with a new key"),
    ("certificate expired", "our certificate has expired: renew it with `sealhost ca renew`"),
    ("unknown ca", "it does not know the CA of our certificate"),
    ("bad certificate", "it does not take our certificate"),
    ("unsupported certificate", "it does not take our certificate: it is for another purpose"),
    ("wrong version number", "it does not speak TLS on this port"),
    ("record layer failure", "it does not speak TLS on this port"),
    ("unexpected eof", "it ends the connection in the TLS handshake"),
    ("protocol version", "it has no TLS 1.2 or later"),
    ("unsupported protocol", "it has no TLS 1.2 or later"),
    ("handshake failure", "it agrees on no way of encryption, or wants a client certificate"),
)
"""Alerts of the other side, and what OpenSSL says of odd ones."""
