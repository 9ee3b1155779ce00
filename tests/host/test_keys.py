"""Key files: what is made, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sealhost.signing import keys


def test_a_key_file_is_private_and_signs_after_loading(tmp_path: Path):
    made = keys.create(tmp_path / "host.key")
    assert (tmp_path / "host.key").stat().st_mode & 0o777 == 0o600
    loaded = keys.load(tmp_path / "host.key")
    assert loaded.kid == made.kid
    assert keys.verify(made.public_key, b"data", loaded.sign(b"data"))
    assert not keys.verify(made.public_key, b"other", loaded.sign(b"data"))


def test_a_key_file_that_others_can_read_is_refused_with_the_cure(tmp_path: Path):
    path = tmp_path / "host.key"
    keys.create(path)
    path.chmod(0o640)
    with pytest.raises(keys.KeyFileError, match="chmod 600"):
        keys.load(path)


def test_a_key_file_is_never_written_over(tmp_path: Path):
    first = keys.create(tmp_path / "host.key")
    with pytest.raises(keys.KeyFileError, match="not written over"):
        keys.create(tmp_path / "host.key")
    assert keys.load(tmp_path / "host.key").kid == first.kid


def test_a_protected_key_opens_with_its_passphrase_only(tmp_path: Path):
    path = tmp_path / "host.key"
    made = keys.create(path, "correct horse")
    with pytest.raises(keys.PassphraseError, match="give its passphrase"):
        keys.load(path)
    with pytest.raises(keys.PassphraseError, match="does not open"):
        keys.load(path, "battery staple")
    assert keys.load(path, "correct horse").kid == made.kid


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_without_a_key_is_named_as_such(tmp_path: Path, content: bytes):
    path = tmp_path / "host.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(keys.KeyFileError, match="right file"):
        keys.load(path)


def test_public_keys_are_read_from_hex_and_files_and_weak_ones_refused(tmp_path: Path):
    made = keys.create(tmp_path / "a.key")
    (tmp_path / "a.pub").write_text(made.public_key.hex() + "\n")
    assert keys.read_public(made.public_key.hex()) == made.public_key
    assert keys.read_public(str(tmp_path / "a.pub")) == made.public_key
    assert keys.read_public(str(tmp_path / "a.key")) == made.public_key
    with pytest.raises(keys.KeyFileError, match="must not be used"):
        keys.read_public("00" * 32)
    with pytest.raises(keys.KeyFileError, match="neither"):
        keys.read_public("no such thing")
