"""The HTTP interface."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sealhost.services.access import MAX_BLOB_BYTES, Access
from sealhost.signing import keys
from sealhost.web.api import create_app
from sealhost.web.server import WebServer
from sealwire import chain

from tests.host.village import Village


@pytest.fixture
def http(village: Village, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a real server."""

    def export(site: bytes) -> Path:
        (tmp_path / "bundle").write_bytes(b"zip of " + site)
        return tmp_path / "bundle"

    app = create_app(Access(village.context), village.views, lambda: {"ok": True}, export)
    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url) as client:
        yield client
    server.stop()


def named(village: Village, host: keys.Signer) -> bytes:
    """Site and host as a sign-in names them."""
    return f"{village.site.hex()}/{host.kid.hex()}/".encode()


def sign_in(
    village: Village, http: httpx.Client, signer: keys.Signer, prefix: bytes = b"sealbox/1/sign-in/"
) -> httpx.Response:
    asked = http.post("/api/session/challenge", json={"kid": signer.kid.hex()})
    if asked.status_code != 200:
        return asked
    challenge = asked.json()["challenge"]
    signature = signer.sign(prefix + named(village, village.host) + bytes.fromhex(challenge))
    fields = {"kid": signer.kid.hex(), "challenge": challenge, "signature": signature.hex()}
    return http.post("/api/session", json=fields)


@pytest.fixture
def keeper(village: Village, http: httpx.Client) -> dict[str, str]:
    """The keeper's headers."""
    return {"Authorization": f"Bearer {sign_in(village, http, village.keys['keeper']).json()['token']}"}


def test_people_and_authority_sign_in_and_nobody_else(village: Village, http: httpx.Client):
    assert sign_in(village, http, village.spare["auditor"]).status_code == 200
    assert sign_in(village, http, village.authority).status_code == 200
    answer = sign_in(village, http, keys.generate())
    assert (answer.status_code, answer.json()["error"]) == (403, "unknown_signer")


def test_signature_over_anything_else_does_not_sign_in(village: Village, http: httpx.Client):
    answer = sign_in(village, http, village.keys["keeper"], b"something else/")
    assert (answer.status_code, answer.json()["error"]) == (403, "bad_signature")


def test_challenge_works_once_and_for_its_own_key(village: Village, http: httpx.Client):
    signer = village.keys["keeper"]
    challenge = http.post("/api/session/challenge", json={"kid": signer.kid.hex()}).json()["challenge"]
    signed = b"sealbox/1/sign-in/" + named(village, village.host) + bytes.fromhex(challenge)
    fields = {"kid": signer.kid.hex(), "challenge": challenge, "signature": signer.sign(signed).hex()}
    assert http.post("/api/session", json=fields).status_code == 200
    assert http.post("/api/session", json=fields).json()["error"] == "bad_token"
    assert http.post("/api/session", json={**fields, "challenge": "00" * 32}).json()["error"] == "bad_token"


def test_strangers_who_ask_for_challenges_keep_nobody_from_signing_in(village: Village, http: httpx.Client):
    signer = village.keys["keeper"]
    asked = http.post("/api/session/challenge", json={"kid": signer.kid.hex()}).json()
    for _ in range(50):
        assert http.post("/api/session/challenge", json={"kid": signer.kid.hex()}).status_code == 200
    assert asked["host"] == village.host.kid.hex()
    signed = b"sealbox/1/sign-in/" + named(village, village.host) + bytes.fromhex(asked["challenge"])
    fields = {"kid": signer.kid.hex(), "challenge": asked["challenge"], "signature": signer.sign(signed).hex()}
    assert http.post("/api/session", json=fields).status_code == 200


def test_sign_in_meant_for_another_host_or_too_late_is_refused(village: Village, http: httpx.Client):
    signer = village.keys["keeper"]
    challenge = http.post("/api/session/challenge", json={"kid": signer.kid.hex()}).json()["challenge"]
    fields = {"kid": signer.kid.hex(), "challenge": challenge}
    for host, error in ((keys.generate(), "bad_signature"), (village.host, "bad_token")):
        signed = b"sealbox/1/sign-in/" + named(village, host) + bytes.fromhex(challenge)
        answer = http.post("/api/session", json={**fields, "signature": signer.sign(signed).hex()})
        assert answer.json()["error"] == error
        village.now += 121


@pytest.mark.parametrize("path", ["roster", "matters", "boxes", "requests", "ledger", "export", f"blobs/{'00' * 32}"])
def test_nothing_of_a_site_is_shown_without_a_token_of_it(
    village: Village, http: httpx.Client, keeper: dict[str, str], path: str
):
    own = f"/api/sites/{village.site.hex()}/{path}"
    assert http.get(own).status_code == 401
    assert http.get(own, headers={"Authorization": "Bearer nonsense"}).json()["error"] == "bad_token"
    assert http.get(f"/api/sites/{'11' * 16}/{path}", headers=keeper).json()["error"] == "wrong_site"
    assert http.get(own, headers=keeper).status_code == (404 if "blobs" in path else 200)


def test_token_ends_with_time_and_with_the_roster(village: Village, http: httpx.Client, keeper: dict[str, str]):
    path = f"/api/sites/{village.site.hex()}/roster"
    people = [person for person in village.message(village.roster())["people"] if person["name"] != "keeper"]
    first = {"Authorization": f"Bearer {sign_in(village, http, village.keys['first']).json()['token']}"}
    assert village.tell("authority", village.roster(2, people=people)) == "accepted"
    assert http.get(path, headers=keeper).status_code == 403
    assert http.get(path, headers=first).json()["version"] == 2
    village.now += 3601
    assert http.get(path, headers=first).status_code == 401


def test_rosters_that_somebody_missed_are_shown_in_order(village: Village, http: httpx.Client, keeper: dict[str, str]):
    for version in (2, 5):
        assert village.tell("authority", village.roster(version)) == "accepted"
    path = f"/api/sites/{village.site.hex()}/roster"
    for since, expected in ((0, [1, 2, 5]), (1, [2, 5]), (3, [5]), (5, [])):
        shown = http.get(path, headers=keeper, params={"since": since}).json()
        assert ([one["version"] for one in shown["rosters"]], shown["version"]) == (expected, 5)
        for one in shown["rosters"]:
            assert [village.message(b64decode(raw))["version"] for raw in one["messages"]] == [one["version"]]
    assert http.get(path, headers=keeper, params={"since": "-1"}).status_code == 400


def test_entries_of_a_box_are_shown_in_stretches(village: Village, http: httpx.Client, keeper: dict[str, str]):
    village.box.write(chain.POWER, what=2)
    village.run()  # not proven yet
    path = f"/api/sites/{village.site.hex()}/boxes/{village.box.kid.hex()}/entries"
    shown = http.get(path, headers=keeper, params={"first": 2, "last": 999}).json()
    assert [b64decode(raw) for raw in shown["entries"]] == village.box.entries[1:]
    assert shown["proven_seq"] == village.box.seq - 1
    shown = http.get(path, headers=keeper, params={"first": 1, "last": 2}).json()
    assert [b64decode(raw) for raw in shown["entries"]] == village.box.entries[:2]
    assert http.get(path, headers=keeper, params={"first": 1}).status_code == 400
    assert http.get(path, params={"first": 1, "last": 2}).status_code == 401
    other = path.replace(village.box.kid.hex(), "00" * 16)
    assert http.get(other, headers=keeper, params={"first": 1, "last": 2}).json()["error"] == "unknown_box"


def test_blob_goes_in_and_out_by_its_digest_and_nothing_else(
    village: Village, http: httpx.Client, keeper: dict[str, str]
):
    body = bytes(16) + '{"title":"证明"}'.encode()
    path = f"/api/sites/{village.site.hex()}/blobs/{hashlib.sha256(body).hexdigest()}"
    assert http.put(path, content=body).status_code == 401
    for _ in range(2):
        assert http.put(path, content=body, headers=keeper).status_code == 201
    answer = http.get(path, headers=keeper)
    assert answer.content == body
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert http.put(path, content=body + b"!", headers=keeper).status_code == 400
    assert http.put(path, content=bytes(MAX_BLOB_BYTES + 1), headers=keeper).status_code == 413


def test_requests_are_shown_with_what_was_signed(village: Village, http: httpx.Client, keeper: dict[str, str]):
    request = village.approved()
    root = f"/api/sites/{village.site.hex()}/requests"
    (shown,) = http.get(root, headers=keeper, params={"state": "finished"}).json()
    assert http.get(root, headers=keeper, params={"state": "waiting"}).json() == []
    assert http.get(f"{root}/{shown['reference']}", headers=keeper).json() == shown
    assert len(shown["messages"]) == 3
    assert shown["reference"] == village.reference(request).hex()
    assert http.get(f"{root}/{'00' * 32}", headers=keeper).json()["error"] == "unknown_request"


def test_bundle_is_sent_and_its_file_removed(
    village: Village, http: httpx.Client, keeper: dict[str, str], tmp_path: Path
):
    answer = http.get(f"/api/sites/{village.site.hex()}/export", headers=keeper)
    assert answer.content == b"zip of " + village.site
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"kid": 5}', b'{"kid": "zz"}', b"[" * 5000, b'"' + b"a" * 9000])
def test_bad_json_is_answered_by_json(http: httpx.Client, body: bytes):
    answer = http.post("/api/session/challenge", content=body)
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]


def test_sign_ins_from_one_address_and_files_of_one_key_are_bounded(
    village: Village, http: httpx.Client, keeper: dict[str, str]
):
    bodies = [bytes([number]) * 40 for number in range(70)]
    root = f"/api/sites/{village.site.hex()}/blobs"
    statuses = [
        http.put(f"{root}/{hashlib.sha256(body).hexdigest()}", content=body, headers=keeper).status_code
        for body in bodies
    ]
    assert set(statuses[:60]) == {201}
    assert 429 in statuses[60:]
    other = {"Authorization": f"Bearer {sign_in(village, http, village.keys['first']).json()['token']}"}
    digest = hashlib.sha256(bodies[0]).hexdigest()
    assert http.put(f"{root}/{digest}", content=bodies[0], headers=other).status_code == 201
    asked = {"kid": village.keys["keeper"].kid.hex()}
    said = [http.post("/api/session/challenge", json=asked).status_code for _ in range(150)]
    assert (said[0], said[-1]) == (200, 429)
    assert http.get(f"/api/sites/{village.site.hex()}/roster", headers=keeper).status_code == 200
