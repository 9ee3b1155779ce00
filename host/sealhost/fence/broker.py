"""The broker's folder: everything that Mosquitto reads, written from the rosters and the CA, and told to be read anew.

Guarantees: every file is written whole, with the mode it needs; what has not changed is not touched; a reload is a
SIGHUP to the Mosquitto of this very folder (or the command that was set), which drops nobody who is still listed.
Leaves to others: starting Mosquitto, and when to write (`sealhost.app`, `sealhost.cli_broker`).
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography import x509

from sealhost.fence import FenceError, acl, files, mosquitto
from sealhost.fence import x509 as build
from sealhost.fence.acl import Place
from sealhost.fence.ca import SERVER, CertificateAuthority
from sealhost.fence.mosquitto import Layout, Listen
from sealhost.fence.passwords import Passwords

CHOICES = "choices.json"
RELOAD_TIMEOUT_S = 30
SECRET = "broker.secret"
"""In the host's home: what the broker's passwords are computed from."""
CA_FOLDER = "ca"
"""In the host's home."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What `sealhost broker config` was told, kept in the folder so that it need not be told again."""

    names: tuple[str, ...]
    people: str = "127.0.0.1:8883"
    devices: str = "127.0.0.1:8884"
    loopback: int | None = None
    user: str | None = None
    gateways: tuple[str, ...] = ()


class BrokerFiles:
    """One folder. `home` is the host's, with its CA and the secret of the passwords."""

    def __init__(self, folder: Path, home: Path, choices: Choices, reload_command: str | None = None) -> None:
        self.folder = folder.resolve()
        self.choices = choices
        self._ca_folder = home / CA_FOLDER
        self._reload_command = reload_command
        self.passwords = Passwords.open(home / SECRET)
        self._owner = _account(choices.user)

    @classmethod
    def open(cls, folder: Path, home: Path, reload_command: str | None = None) -> BrokerFiles:
        """A folder that `sealhost broker config` made. Raises FenceError."""
        return cls(folder, home, kept_choices(folder), reload_command)

    @property
    def pid_file(self) -> Path:
        """Where Mosquitto writes its process id."""
        return self.folder / mosquitto.PID

    def set_up(self, places: Iterable[Place]) -> bool:
        """Make or complete the folder; whether anything changed. Raises FenceError."""
        layout = self._layout()
        text = mosquitto.config(layout)  # before anything is written: it may refuse
        self._make_folders()
        changed = self._write(CHOICES, json.dumps(asdict(self.choices), indent=1).encode())
        changed |= self._write_server()
        changed |= self.refresh(places)
        return self._write(mosquitto.CONFIG, text) or changed

    def refresh(self, places: Iterable[Place]) -> bool:
        """Write the access list, the passwords, the CA set and what is revoked; whether anything changed."""
        ca = self._ca()
        rules = acl.users(places if ca is None else _without_revoked(ca, places), self.choices.gateways)
        changed = self._write(mosquitto.ACL, acl.file(rules))
        changed |= self._write(mosquitto.PASSWORDS, self.passwords.file(rules))
        if ca is not None:
            changed |= self._write(mosquitto.CA_SET, files.read(ca.set_file))
            changed |= self._write(mosquitto.REVOKED, ca.crl())
        return changed

    def behind(self, places: Iterable[Place]) -> list[str]:
        """The names of the files that are older than the rosters; nothing is written. Raises FenceError."""
        ca = self._ca()
        rules = acl.users(places if ca is None else _without_revoked(ca, places), self.choices.gateways)
        wanted = {mosquitto.ACL: acl.file(rules), mosquitto.PASSWORDS: self.passwords.file(rules)}
        return [name for name, content in wanted.items() if files.read(self.folder / name) != content]

    def renew_server(self) -> bool:
        """Certify the server's key anew when that is due; whether it was. Nothing without a CA in the host's home."""
        return self._ca() is not None and self._write_server()

    def reload(self) -> bool:
        """Have Mosquitto read its files anew; False when none runs here. Raises FenceError."""
        if self._reload_command:
            return self._run(self._reload_command)
        pid = self._pid()
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            return False
        except PermissionError as error:
            raise FenceError(
                f"Mosquitto (process {pid}) is not ours to signal: set broker_reload, like 'sudo systemctl reload …'"
            ) from error
        return True

    # --- inside ---

    def _ca(self) -> CertificateAuthority | None:
        """The CA of the host's home; None when it is kept elsewhere, and its files are brought here by hand."""
        return CertificateAuthority.load(self._ca_folder) if (self._ca_folder / "index.json").is_file() else None

    def _layout(self) -> Layout:
        chosen = self.choices
        people, devices = Listen.parse(chosen.people), Listen.parse(chosen.devices)
        return Layout(self.folder, people, devices, chosen.loopback, chosen.user)

    def _make_folders(self) -> None:
        try:
            for folder in (self.folder, self.folder / mosquitto.DATA, self.folder / "conf.d"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._owner is not None and os.geteuid() == 0:
                    os.chown(folder, *self._owner)
        except OSError as error:
            raise FenceError(f"{error.filename} cannot be made: {error.strerror}") from error

        self._check_way()

    def _check_way(self) -> None:
        """Raises FenceError when Mosquitto's account cannot get to the folder."""
        if self._owner is None or self._owner[0] == os.geteuid():
            return
        user, group = self._owner
        for parent in self.folder.parents:
            found = parent.stat()
            bit = 0o100 if found.st_uid == user else 0o010 if found.st_gid == group else 0o001
            if not found.st_mode & bit and user != 0:
                raise FenceError(f"{parent} is closed to {self.choices.user}: choose an --out that account can reach")

    def _write(self, name: str, content: bytes) -> bool:
        return files.write_whole(self.folder / name, content, files.PRIVATE, self._owner)

    def _write_server(self) -> bool:
        """Key and certificate of the broker: made once, certified anew when it is due or its names changed."""
        ca = CertificateAuthority.load(self._ca_folder)
        key, path = self.folder / mosquitto.SERVER_KEY, self.folder / mosquitto.SERVER_CERTIFICATE
        names = self.choices.names
        issued = ca.current(names[0]) if names else None
        if issued is None or issued.names != names or not key.exists() or not _fits(key, path):
            made = ca.issue_server(names)
            assert made.key is not None
            self._write(mosquitto.SERVER_KEY, build.key_pem(made.key))
            return self._write(mosquitto.SERVER_CERTIFICATE, build.pem(made.certificate))
        if issued in ca.due():
            return self._write(mosquitto.SERVER_CERTIFICATE, build.pem(ca.renew(names[0]).certificate))
        return False

    def _pid(self) -> int | None:
        """The process id in the pid file, when that is a Mosquitto: the number may be another's by now."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if b"mosquitto" in Path(os.fsdecode(command[0])).name.encode() else None

    def _run(self, command: str) -> bool:
        words = shlex.split(command)
        try:
            subprocess.run(words, check=True, capture_output=True, timeout=RELOAD_TIMEOUT_S, stdin=subprocess.DEVNULL)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            raise FenceError(
                f"{words[0]} ended with {error.returncode}: {said[-1][:200] if said else 'no output'}"
            ) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FenceError(f"broker_reload does not work: {error}") from error
        return True


def kept_choices(folder: Path) -> Choices:
    """What the folder was made with. Raises FenceError."""
    path = folder / CHOICES
    if not path.exists():
        raise FenceError(f"{folder} is no folder of a broker: make it with `sealhost broker config --out {folder} …`")
    try:
        fields = json.loads(files.read(path))
        lists = {name: tuple(fields[name]) for name in ("names", "gateways")}
        return Choices(**{**fields, **lists})
    except (ValueError, KeyError, TypeError) as error:
        raise FenceError(f"{path} is damaged: remove it and run `sealhost broker config` again") from error


def _without_revoked(ca: CertificateAuthority, places: Iterable[Place]) -> list[Place]:
    """Boxes and hosts that had certificates and have none left lose their lines: a connection that stands is muted."""
    clients = {one.name for one in ca.issued() if one.kind != SERVER}
    gone = frozenset(bytes.fromhex(name) for name in clients if ca.current(name) is None)
    return [replace(place, hosts=place.hosts - gone, boxes=place.boxes - gone) for place in places]


def _fits(key: Path, certificate: Path) -> bool:
    """Whether the files hold a key and its certificate."""
    try:
        public = build.read_key(files.read(key, private=True)).public_key()
        return x509.load_pem_x509_certificate(files.read(certificate)).public_key() == public
    except (FenceError, ValueError):
        return False


def _account(name: str | None) -> files.Owner | None:
    if name is None:
        return None
    try:
        found = pwd.getpwnam(name)
    except KeyError as error:
        raise FenceError(f"there is no account {name[:40]!r} on this machine") from error
    return found.pw_uid, found.pw_gid
