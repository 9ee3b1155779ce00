"""Looks at a host's set-up from outside, running or not: what is wrong, and how to mend it.

Guarantees: nothing is changed, and nobody who is connected is disturbed; one fault does not hide the next; no secret is
in what it says.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from pydantic import ValidationError

from sealhost.config import FILE_NAME, Settings
from sealhost.fence import FenceError
from sealhost.fence.broker import CA_FOLDER, SECRET, BrokerFiles
from sealhost.fence.ca import CertificateAuthority
from sealhost.fence.places import places
from sealhost.services.context import Context
from sealhost.signing import keys
from sealhost.upkeep import settings_of
from sealhost.upkeep.findings import Finding, bad, fine, open_to_others, warning
from sealhost.upkeep.reach import look_at_broker
from sealhost.upkeep.records import look_at_database, usable_database

DAY_S = 86_400
SOON_S = 30 * DAY_S
LEAST_FREE_BYTES = 1 << 30
"""A year of a busy site's database, and room for a backup of it."""

Look = Callable[[Settings, int], Iterator[Finding]]


def examine(home: Path, now: int, least_free_bytes: int = LEAST_FREE_BYTES) -> list[Finding]:
    """Everything that can be seen. `now` is UTC seconds."""
    if not (home / FILE_NAME).is_file():
        return [bad("home", f"{home} is no host's home", f"make it with `sealhost init --home {home} …`")]
    found = list(_look_at_folder(home))
    try:
        settings = settings_of(home)
    except ValidationError as error:
        for one in error.errors():
            name = ".".join(map(str, one["loc"])) or "?"
            found.append(bad("settings", f"setting {name}: {one['msg']}", f"correct it in {home / FILE_NAME}"))
        return found
    except ValueError as error:  # what is no TOML
        return [*found, bad("settings", f"{home / FILE_NAME} cannot be read: {error}", "correct that line")]
    found.append(fine("settings", f"{home / FILE_NAME} and the environment can be read"))
    found += _look_at_disk(home, least_free_bytes)
    looks: tuple[Look, ...] = (
        *(_look_at_settings, _look_at_key, look_at_database, look_at_broker),
        *(_look_at_ca, _look_at_certificate, _look_at_broker_files, _look_at_run_file),
    )
    for look in looks:
        found += look(settings, now)
    return found


def _look_at_folder(home: Path) -> Iterator[Finding]:
    names = ("", FILE_NAME, SECRET, CA_FOLDER, "broker", "run.json", "sealbox.db", "sealbox.db-wal")
    found = [home / name if name else home for name in names]
    opened = [path for path in found if path.exists() and open_to_others(path)]
    # Inside a closed folder a file's own mode opens nothing.
    if home in opened:
        shown = ", ".join(str(path) for path in opened)
        mend = f"chmod 700 {home}; chmod -R go-rwx {home}"
        yield bad("folder_open", f"others on this machine can reach {shown}: keys and personal data", mend)
    else:
        yield fine("folder_open", f"{home} is closed to others")
    if not os.access(home, os.W_OK | os.X_OK):
        yield bad("folder_not_ours", f"{home} cannot be written by this account", "run as the account that owns it")


def _look_at_disk(home: Path, least: int) -> Iterator[Finding]:
    free = shutil.disk_usage(home).free
    text = f"{free // 1_000_000} MB free where {home} is"
    if free < least:
        yield bad("disk", f"only {text}", "make room: a full disk stops the database, and with it every request")
    else:
        yield fine("disk", text)


def _look_at_settings(settings: Settings, now: int) -> Iterator[Finding]:
    if not settings.listens_here_only:
        what = f"the HTTP interface listens on {settings.listen_host} without TLS"
        yield warning("http_open", what, "listen on 127.0.0.1 behind a web server that does TLS")
        if settings.broker is None:
            mend = "name a guarded broker in `broker`"
            yield bad(
                "embedded_broker_open", "whoever reaches /mqtt can use the embedded broker, which guards nothing", mend
            )
    for origin in settings.app_origins:
        if origin.startswith("http://") and not origin.startswith(("http://localhost", "http://127.")):
            mend = "serve the app by https: whoever is on the way can change its code"
            yield bad("app_origin_plain", f"{origin} is served without TLS", mend)
    for port in () if settings.serial in (None, "auto") else str(settings.serial).split(","):
        if port.strip() and not Path(port.strip()).exists():
            mend = 'plug the box in, or set serial = "auto"'
            yield warning("serial_missing", f"serial port {port.strip()} is not there", mend)


def _look_at_key(settings: Settings, now: int) -> Iterator[Finding]:
    secret = settings.key_passphrase
    try:
        signer = keys.load(settings.key_file, None if secret is None else secret.get_secret_value())
    except keys.PassphraseError as error:
        yield bad("key", error, "set SEALHOST_KEY_PASSPHRASE")
    except keys.KeyFileError as error:
        yield bad("key", error, "bring the file back with `sealhost restore`, or do as it says")
    else:
        yield fine("key", f"host key {signer.public_key.hex()}")


def _look_at_ca(settings: Settings, now: int) -> Iterator[Finding]:
    folder = settings.home / CA_FOLDER
    if not folder.exists():
        return
    try:
        ca = CertificateAuthority.load(folder, lambda: now)
        ends = ca.ca_ends()
        soon = [one for one in ca.issued() if ca.current(one.name) == one and one.ends < now + SOON_S]
    except FenceError as error:
        yield bad("ca", error, "bring the folder back with `sealhost restore`")
        return
    if ends < now + SOON_S:
        yield bad("ca_ends", f"the CA's certificate ends in {_days(ends, now)}", "change it: `sealhost ca --help`")
    for one in soon:
        what = f"the certificate of {one.kind} {one.name} {_ending(one.ends, now)}"
        yield bad("certificate_ends", what, f"`sealhost ca renew {one.name}`, or have the box connect, which renews it")
    if not soon:
        yield fine("certificate_ends", "no certificate of this CA ends within 30 days")


def _look_at_certificate(settings: Settings, now: int) -> Iterator[Finding]:
    path = settings.broker_cert_file
    if path is None:
        return
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        yield bad("own_certificate", f"{path} cannot be read: {error}", "`sealhost ca issue-host`")
        return
    ends = int(certificate.not_valid_after_utc.timestamp())
    if ends < now + SOON_S:
        mend = "`sealhost ca renew`; a running host with its CA renews it by itself"
        yield bad("own_certificate", f"this host's certificate {path} {_ending(ends, now)}", mend)
    key = settings.broker_key_file or path
    if key.exists() and open_to_others(key):
        yield bad("own_certificate_open", f"{key} can be read or changed by others", f"chmod 600 {key}")


def _look_at_broker_files(settings: Settings, now: int) -> Iterator[Finding]:
    folder = settings.broker_files
    if folder is None:
        return
    again = f"`sealhost broker config --out {folder} …`"
    if not (settings.home / SECRET).exists():
        yield bad("broker_secret", f"{settings.home / SECRET} is missing: everybody's broker password changes", again)
        return
    context = None
    try:
        broker = BrokerFiles.open(folder, settings.home, settings.broker_reload)
        context = read_context(settings, now)
        behind = [] if context is None else broker.behind(places(context))
    except FenceError as error:
        yield bad("broker_files", error, again)
        return
    finally:
        if context is not None:
            context.database.close()
    if behind:
        what = f"{', '.join(behind)} in {folder} are older than the roster: the broker keeps people out, or in"
        yield bad("broker_files_old", what, "start the host, which writes them; look into its log if it runs")
    elif context is not None:
        yield fine("broker_files_old", f"{folder} is what the rosters say")


def read_context(settings: Settings, now: int) -> Context | None:
    """What is needed to read this host's rosters; None when key or tables cannot be used, which is named elsewhere."""
    secret = settings.key_passphrase
    try:
        signer = keys.load(settings.key_file, None if secret is None else secret.get_secret_value())
    except keys.KeyFileError:
        return None
    database = usable_database(settings)
    return None if database is None else Context(database, signer, keys.verify, lambda: now)


def _look_at_run_file(settings: Settings, now: int) -> Iterator[Finding]:
    path = settings.home / "run.json"
    if not path.exists():
        yield fine("run_file", "no host is running here")
        return
    if _is_locked(settings.home / "lock"):
        yield fine("run_file", f"a host is running here, process {_pid(path)}")
        return
    what = f"{path} names process {_pid(path)}, which has ended without cleaning up"
    yield warning("run_file", what, "start the host again, or remove the file; its log says how it ended")


def _is_locked(path: Path) -> bool:
    """Whether a daemon holds this home."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _pid(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return "?"


def _ending(ends: int, now: int) -> str:
    return f"ends in {_days(ends, now)}" if ends > now else "has ended"


def _days(ends: int, now: int) -> str:
    return f"{max(0, ends - now) // DAY_S} days"
