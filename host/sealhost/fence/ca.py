"""The deployment's own small certificate authority: a folder with its keys, an index of what it issued, and a CRL.

Guarantees: keys have mode 0600 from their first byte; every file is written whole; two processes never issue at
once; a certificate is in the index before anybody gets it. A CA certificate has a number; the set (`ca_set`) holds all
that are trusted, one of them signs. So a CA is changed in three steps with nobody cut off: `add_next`, and when all
clients have the set, `switch`, and when all certificates were renewed, `retire`.
Leaves to others: what a certificate permits (the broker's access list), and bringing it to who needs it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealhost.fence import FenceError, files
from sealhost.fence import x509 as build

DAY_S = 86_400
CA_DAYS = 7305
BOX_DAYS = 730
SERVER_DAYS = 365
HOST_DAYS = 365
MAX_DAYS = 36_525
MAX_SET = 3
"""A box holds at most three CA certificates."""
MAX_CERTIFICATE_BYTES = 1024
"""A box takes none larger."""
SERVER, HOST, BOX = "server", "host", "box"
KINDS = (SERVER, HOST, BOX)
_DER = serialization.Encoding.DER
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate in the index. `serial` in hex, `public_key` is SubjectPublicKeyInfo in hex, times in UTC seconds.

    `names`: a client's kid in hex, or a server's names. `authority` is the number of the CA certificate.
    """

    serial: str
    kind: str
    names: tuple[str, ...]
    public_key: str
    begins: int
    ends: int
    authority: int
    revoked: int | None = None

    @property
    def name(self) -> str:
        """The subject: a client's kid, a server's first name."""
        return self.names[0]

    @property
    def due(self) -> int:
        """From when on it is to be renewed: a third of its life is left."""
        return self.ends - (self.ends - self.begins) // 3


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a server or client needs, all DER. `key` (PKCS #8) is None when only the certificate was made anew."""

    ca: tuple[bytes, ...]
    certificate: bytes
    key: bytes | None
    issued: Issued

    def pem(self) -> bytes:
        """One file of PEM blocks: the CA set, the certificate, the key."""
        parts = [*(build.pem(one) for one in self.ca), build.pem(self.certificate)]
        return b"".join(parts) + (b"" if self.key is None else build.key_pem(self.key))


@dataclass(frozen=True, slots=True)
class _Index:
    """What index.json holds. `signing` is the number of the CA certificate that signs; `listed` dates the last CRL."""

    name: str
    signing: int
    trusted: tuple[int, ...]
    listed: int
    issued: tuple[Issued, ...]


class CertificateAuthority:
    """One folder. `create` makes it, `load` opens it; `now` gives UTC seconds."""

    def __init__(self, folder: Path, now: Callable[[], int] = lambda: int(time.time())) -> None:
        self.folder = folder
        self._now = now
        self._index = self._read()

    @classmethod
    def create(
        cls, folder: Path, name: str, *, days: int = CA_DAYS, now: Callable[[], int] = lambda: int(time.time())
    ) -> CertificateAuthority:
        """A new CA in a folder that has none. FenceError when there is one, or the folder cannot be made."""
        if not name or len(name) > 48 or not name.isprintable():
            raise FenceError("a CA's name has 1 to 48 letters")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FenceError(f"{folder} cannot be made: {error.strerror}") from error
        with files.locked(folder):
            if (folder / "index.json").exists():
                raise FenceError(f"{folder} holds a CA already, which is not written over")
            _make_root(folder, name, 1, _span(now(), days))
            _write_index(folder, _Index(name, 1, (1,), 0, ()))
        made = cls(folder, now)
        with made._changing():
            made._write_public()
        return made

    @classmethod
    def load(cls, folder: Path, now: Callable[[], int] = lambda: int(time.time())) -> CertificateAuthority:
        """The CA of a folder. FenceError when there is none, or it is damaged."""
        return cls(folder, now)

    # --- what is there ---

    @property
    def name(self) -> str:
        """As it was created."""
        return self._index.name

    def ca_set(self) -> list[bytes]:
        """The CA certificates to trust, DER, the signing one first."""
        numbers = sorted(self._index.trusted, key=lambda number: number != self._index.signing)
        return [self._certificate(number).public_bytes(_DER) for number in numbers]

    @property
    def set_file(self) -> Path:
        """The same as one PEM file, for brokers and clients."""
        return self.folder / "ca.pem"

    @property
    def crl_file(self) -> Path:
        """What `crl` gives, for brokers."""
        return self.folder / "crl.pem"

    def issued(self) -> list[Issued]:
        """All that was ever issued, oldest first."""
        return list(self._index.issued)

    def current(self, name: str) -> Issued | None:
        """The newest certificate of a name or kid that is not revoked; it may have expired."""
        found = [one for one in self._index.issued if one.name == name and one.revoked is None]
        return found[-1] if found else None

    def certificate(self, issued: Issued) -> bytes:
        """An issued certificate, DER."""
        return self._load(self.folder / "issued" / f"{issued.serial}.pem").public_bytes(_DER)

    def due(self, now: int | None = None) -> list[Issued]:
        """The newest certificate of each name that must be renewed: a third of its life is left, or another CA signs.

        Revoked ones are not due. `now` in UTC seconds.
        """
        moment = self._now() if now is None else now
        newest = {one.name: one for one in self._index.issued if one.revoked is None}
        return [one for one in newest.values() if moment >= one.due or one.authority != self._index.signing]

    def ca_due(self, now: int | None = None) -> bool:
        """Whether the signing CA certificate has less than a third of its life left and no next one is in the set."""
        moment = self._now() if now is None else now
        ca = self._certificate(self._index.signing)
        begins, ends = int(ca.not_valid_before_utc.timestamp()), int(ca.not_valid_after_utc.timestamp())
        return moment >= ends - (ends - begins) // 3 and max(self._index.trusted) == self._index.signing

    def ca_ends(self) -> int:
        """When the signing CA certificate expires."""
        return int(self._certificate(self._index.signing).not_valid_after_utc.timestamp())

    # --- issuing ---

    def issue_server(self, names: Sequence[str], *, days: int = SERVER_DAYS) -> Credentials:
        """A new key and certificate for a server of these host names and addresses; the first is its name here."""
        if not names:
            raise FenceError("a server needs at least one host name or IP address")
        return self._issue(SERVER, tuple(names), None, days)

    def issue_host(self, kid: bytes, *, days: int = HOST_DAYS) -> Credentials:
        """A new key and certificate for a host."""
        return self._issue(HOST, (kid.hex(),), None, days)

    def issue_box(self, kid: bytes, public_key: bytes | None = None, *, days: int = BOX_DAYS) -> Credentials:
        """A certificate for a box; for a public key (SubjectPublicKeyInfo, P-256) or, without one, a new key."""
        return self._issue(BOX, (kid.hex(),), public_key, days)

    def renew(self, name: bytes | str, *, days: int | None = None) -> Credentials:
        """A new certificate for the newest key of a kid or server name. The one before stays valid until it ends.

        FenceError when there is none, or all were revoked: then issue anew, with a new key.
        """
        known = name.hex() if isinstance(name, bytes) else name
        before = self.current(known)
        if before is None:
            raise FenceError(f"{known} has no certificate that could be renewed: issue one")
        if any(one.public_key == before.public_key and one.revoked is not None for one in self._index.issued):
            raise FenceError(f"the key of {known} was revoked: issue a certificate with a new key")
        if days is None:
            days = max(1, (before.ends - before.begins) // DAY_S)
        return self._issue(before.kind, before.names, bytes.fromhex(before.public_key), days)

    def revoke(self, name: bytes | str) -> list[Issued]:
        """Revoke a kid's, server's or serial number's certificates and write the CRL; those that were not yet revoked.

        FenceError when nothing of that name was issued.
        """
        known = name.hex() if isinstance(name, bytes) else name.lower()
        with self._changing():
            if not any(known in (one.name, one.serial) for one in self._index.issued):
                raise FenceError(f"no certificate of {known[:64]!r} was issued here: see `sealhost ca list`")
            fresh = [one for one in self._index.issued if known in (one.name, one.serial) and one.revoked is None]
            now = self._now()
            changed = tuple(replace(one, revoked=now) if one in fresh else one for one in self._index.issued)
            self._index = replace(self._index, issued=changed)
            self._write_public()
        return fresh

    def crl(self) -> bytes:
        """What is revoked, PEM: one list for each CA certificate of the set."""
        return files.read(self.crl_file)

    # --- changing the CA's own certificate ---

    def add_next(self, *, days: int = CA_DAYS) -> None:
        """Put a next CA certificate into the set; the one before goes on signing. FenceError when there is one."""
        with self._changing():
            number = max(self._index.trusted) + 1
            if max(self._index.trusted) != self._index.signing:
                raise FenceError("a next CA certificate is in the set already: `sealhost ca switch` lets it sign")
            if len(self._index.trusted) >= MAX_SET:
                raise FenceError("the set is full: retire the CA certificate that no longer signs first")
            _make_root(self.folder, self._index.name, number, _span(self._now(), days))
            self._index = replace(self._index, trusted=(*self._index.trusted, number))
            self._write_public()

    def switch(self) -> None:
        """Let the next CA certificate sign. All that was issued before becomes due. FenceError when there is none."""
        with self._changing():
            number = max(self._index.trusted)
            if number == self._index.signing:
                raise FenceError("there is no next CA certificate: `sealhost ca next` makes one")
            self._index = replace(self._index, signing=number)
            self._write_public()

    def retire(self) -> None:
        """Take the CA certificates that no longer sign out of the set. FenceError while anything still hangs on one."""
        with self._changing():
            hanging = [one.name for one in self.due() if one.authority < self._index.signing]
            if hanging:
                raise FenceError(
                    f"{len(hanging)} certificates hang on the CA before: renew them first ({hanging[0]} …)"
                )
            kept = tuple(number for number in self._index.trusted if number >= self._index.signing)
            self._index = replace(self._index, trusted=kept)
            self._write_public()

    # --- inside ---

    def _issue(self, kind: str, names: tuple[str, ...], public_key: bytes | None, days: int) -> Credentials:
        key = build.new_key() if public_key is None else None
        try:
            public = build.read_public(public_key) if key is None and public_key is not None else None
        except ValueError as error:
            raise FenceError("this is no public key on P-256 (SubjectPublicKeyInfo, DER)") from error
        public = key.public_key() if key is not None else public
        assert public is not None
        with self._changing():
            ca, ca_key = self._certificate(self._index.signing), self._key(self._index.signing)
            span = _span(self._now(), days, int(ca.not_valid_after_utc.timestamp()))
            if kind == SERVER:
                certificate = build.server(names, public, span, ca, ca_key)
            else:
                certificate = build.client(names[0], public, span, ca, ca_key)
            der = certificate.public_bytes(_DER)
            if len(der) > MAX_CERTIFICATE_BYTES and kind != SERVER:
                raise FenceError(f"the certificate has {len(der)} bytes, a box takes {MAX_CERTIFICATE_BYTES}")
            serial = f"{certificate.serial_number:040x}"
            spki = build.public_der(public).hex()
            issued = Issued(serial, kind, names, spki, span.begins, span.ends, self._index.signing)
            files.write_whole(self.folder / "issued" / f"{serial}.pem", certificate.public_bytes(_PEM))
            self._index = replace(self._index, issued=(*self._index.issued, issued))
        return Credentials(tuple(self.ca_set()), der, None if key is None else build.key_der(key), issued)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The newest index under a lock; written when the block ends well."""
        with files.locked(self.folder):
            self._index = self._read()
            before = self._index
            try:
                yield
            except BaseException:
                self._index = before
                raise
            if self._index != before:
                _write_index(self.folder, self._index)

    def _write_public(self) -> None:
        """The set and the revocation lists as files. Within `_changing`."""
        # OpenSSL goes by the newest list of a CA, to the second: each must be dated later than the one before.
        listed = max(self._now() - build.BACKDATED_S, self._index.listed + 1)
        self._index = replace(self._index, listed=listed)
        lists = b""
        for number in self._index.trusted:
            ca = self._certificate(number)
            revoked = [
                (int(one.serial, 16), one.revoked)
                for one in self._index.issued
                if one.revoked is not None and one.authority == number
            ]
            # A list that ran out would lock everybody out, and nobody fetches this one from afar: it ends with its CA.
            ends = int(ca.not_valid_after_utc.timestamp())
            span = build.Span(min(listed, ends - 1), ends)
            lists += build.revocations(revoked, span, ca, self._key(number)).public_bytes(_PEM)
        files.write_whole(self.crl_file, lists, files.PUBLIC)
        files.write_whole(self.set_file, b"".join(build.pem(one) for one in self.ca_set()), files.PUBLIC)

    def _certificate(self, number: int) -> x509.Certificate:
        return self._load(self.folder / f"ca-{number}.pem")

    def _load(self, path: Path) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(files.read(path))
        except ValueError as error:
            raise FenceError(f"{path} holds no certificate: restore it from a backup") from error

    def _key(self, number: int) -> build.Key:
        path = self.folder / f"ca-{number}.key"
        try:
            return build.read_key(files.read(path, private=True))
        except (ValueError, TypeError) as error:
            raise FenceError(f"{path} holds no key that can be used: restore it from a backup") from error

    def _read(self) -> _Index:
        path = self.folder / "index.json"
        if not path.is_file():
            raise FenceError(f"{self.folder} holds no CA: make one with `sealhost ca create`")
        try:
            fields = json.loads(files.read(path))
            issued = tuple(Issued(**{**one, "names": tuple(one["names"])}) for one in fields.pop("issued"))
            return _Index(**{**fields, "trusted": tuple(fields["trusted"])}, issued=issued)
        except (ValueError, KeyError, TypeError) as error:
            raise FenceError(f"{path} is damaged: restore it from a backup") from error


def _span(now: int, days: int, most: int | None = None) -> build.Span:
    if not 1 <= days <= MAX_DAYS:
        raise FenceError(f"a certificate is valid for 1 to {MAX_DAYS} days")
    ends = now + days * DAY_S
    if most is not None and most < now:
        raise FenceError("the CA certificate has expired: make a next one with `sealhost ca next`, then `ca switch`")
    return build.Span(now - build.BACKDATED_S, ends if most is None else min(ends, most))


def _make_root(folder: Path, name: str, number: int, span: build.Span) -> None:
    key = build.new_key()
    (folder / "issued").mkdir(mode=0o700, exist_ok=True)
    files.write_whole(folder / f"ca-{number}.key", build.key_pem(build.key_der(key)))
    certificate = build.root(f"{name} CA {number}", key, span)
    files.write_whole(folder / f"ca-{number}.pem", certificate.public_bytes(_PEM), files.PUBLIC)


def _write_index(folder: Path, index: _Index) -> None:
    files.write_whole(folder / "index.json", json.dumps(asdict(index), ensure_ascii=False, indent=1).encode())
