"""New keys at the host's door: taken from anybody, shown to the authority alone."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sealhost.cli_authority import authority_app, enrol_app
from sealhost.cli_roster import roster_app
from sealhost.services.access import Access
from sealhost.services.enrolments import BURST, KEEP_S, MAX_WAITING, Enrolments
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.web.api import create_app
from sealhost.web.server import WebServer
from sealwire import messages
from sealwire.errors import Refused

from tests.host.people import run_json
from tests.host.test_web import sign_in
from tests.host.village import Village

TOKEN = bytes(16)


@pytest.fixture
def http(village: Village) -> Iterator[httpx.Client]:
    """A client of a real server that takes enrolments."""
    app = create_app(
        Access(village.context), village.views, lambda: {"ok": True}, enrolments=Enrolments(village.context)
    )
    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url) as client:
        yield client
    server.stop()


def enrolment(village: Village, key: keys.Signer, name: str = "赵敏", **changes: object) -> bytes:
    """A new key's own message."""
    fields = {"name": name, "kind": messages.ED25519, "public": key.public_key, "token": TOKEN, **changes}
    return messages.build(messages.ENROL, fields, village.site, key.public_key, key.sign)


def path(village: Village) -> str:
    return f"/api/sites/{village.site.hex()}/enrolments"


def headers(village: Village, http: httpx.Client, signer: keys.Signer) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in(village, http, signer).json()['token']}"}


def listed(village: Village, http: httpx.Client) -> list[bytes]:
    """What the authority is shown."""
    answer = http.get(path(village), headers=headers(village, http, village.authority))
    assert answer.status_code == 200
    return [b64decode(row["message"]) for row in answer.json()]


def test_an_enrolment_waits_until_a_roster_lists_its_key(village: Village, http: httpx.Client) -> None:
    key = keys.generate()
    raw = enrolment(village, key)
    for _ in range(2):
        answer = http.post(path(village), content=raw)
        assert (answer.status_code, answer.json()) == (201, {})
    assert listed(village, http) == [raw]
    person = {"number": 9, "name": "赵敏", "roles": 1 << 2, "keys": [bytes([1]) + key.public_key], "from": 0}
    fields = messages.read(village.roster(2), village.site).fields
    people = [*fields["people"], {**person, "until": village.now + 86400}]
    assert village.tell("authority", village.roster(2, people=people)) == "accepted"
    assert listed(village, http) == []
    assert http.post(path(village), content=raw).status_code == 201
    assert listed(village, http) == []


def test_the_authority_alone_sees_and_refuses_them(village: Village, http: httpx.Client) -> None:
    key = keys.generate()
    http.post(path(village), content=enrolment(village, key))
    refusal = f"{path(village)}/{key.kid.hex()}"
    assert http.get(path(village)).status_code == 401
    assert http.delete(refusal).status_code == 401
    keeper = headers(village, http, village.keys["keeper"])
    for answer in (http.get(path(village), headers=keeper), http.delete(refusal, headers=keeper)):
        assert (answer.status_code, answer.json()["error"]) == (403, "wrong_role")
    authority = headers(village, http, village.authority)
    assert [http.delete(refusal, headers=authority).status_code for _ in range(2)] == [204, 204]
    assert listed(village, http) == []


def test_only_a_key_that_signed_for_itself_at_this_site_gets_in(village: Village, http: httpx.Client) -> None:
    key, other = keys.generate(), keys.generate()
    altered = bytearray(enrolment(village, key))
    altered[-40] ^= 1  # within the signature's R
    bad = {
        "bad_signature": bytes(altered),
        "unknown_signer": enrolment(village, key, public=other.public_key),
        "too_large": bytes(513),
        "unexpected_type": village.request(),
        "unsupported_key_kind": enrolment(village, key, kind=2),
    }
    for reason, raw in bad.items():
        assert http.post(path(village), content=raw).json()["error"] == reason
    elsewhere = f"/api/sites/{bytes(16).hex()}/enrolments"
    fields = {"name": "赵敏", "kind": 1, "public": key.public_key, "token": TOKEN}
    raw = messages.build(messages.ENROL, fields, bytes(16), key.public_key, key.sign)
    assert http.post(elsewhere, content=raw).json()["error"] == "wrong_site"
    assert listed(village, http) == []


def test_one_address_is_slowed_down_and_a_site_holds_only_so_many(village: Village, http: httpx.Client) -> None:
    answers = [http.post(path(village), content=b"").json()["error"] for _ in range(BURST + 1)]
    assert answers == ["truncated"] * BURST + ["too_fast"]
    service = Enrolments(village.context)
    for _ in range(MAX_WAITING):
        service.take(village.site, enrolment(village, keys.generate()))
    with pytest.raises(Refused, match="too_fast"):
        service.take(village.site, enrolment(village, keys.generate()))
    village.now += KEEP_S + 1
    service.take(village.site, enrolment(village, keys.generate()))
    assert len(listed(village, http)) == 1


def test_a_second_key_of_the_same_network_shares_its_limit(village: Village) -> None:
    service = Enrolments(village.context)
    for number in range(BURST):
        service.admit(f"2001:db8::{number:x}")
    with pytest.raises(Refused, match="too_fast"):
        service.admit("2001:db8::ffff")
    service.admit("2001:db8:0:1::1")


def test_a_roster_short_of_signatures_is_shown_to_the_other_authority_keys(
    village: Village, http: httpx.Client
) -> None:
    other = keys.generate()
    two = [village.authority.public_key, other.public_key]
    assert village.tell("authority", village.roster(2, authority=two, threshold=2)) == "accepted"
    waiting = village.roster(3, authority=two, threshold=2)
    assert village.tell("authority", waiting) == "accepted"
    shown = f"/api/sites/{village.site.hex()}/rosters/waiting"
    assert http.get(shown, headers=headers(village, http, village.keys["keeper"])).status_code == 403
    answer = http.get(shown, headers=headers(village, http, other))
    assert [b64decode(text) for text in answer.json()["messages"]] == [waiting]
    fields = messages.read(waiting, village.site).fields
    signed = messages.build(messages.ROSTER, fields, village.site, other.public_key, other.sign)
    assert village.tell(other, signed) == "accepted"
    assert http.get(shown, headers=headers(village, http, other)).json() == {"messages": []}


def test_the_authority_fetches_adds_and_refuses_enrolments_by_command(
    village: Village, http: httpx.Client, tmp_path: Path
) -> None:
    home, site = tmp_path / "authority", bytes(range(1, 17))
    made = run_json(authority_app, home, "init", "--site", site.hex(), "--host-url", str(http.base_url))
    with village.context.turn() as turn:
        sites.add(turn.tx, site, "邻村", [bytes.fromhex(made["public"])], 1, village.now)
    run_json(roster_app, home, "new")
    token = bytes.fromhex(run_json(enrol_app, home, "token", "--name", "赵敏")["token"])
    invited, stranger = keys.generate(), keys.generate()
    for key, secret in ((invited, token), (stranger, TOKEN)):
        fields = {"name": "赵敏", "kind": 1, "public": key.public_key, "token": secret}
        raw = messages.build(messages.ENROL, fields, site, key.public_key, key.sign)
        assert http.post(f"/api/sites/{site.hex()}/enrolments", content=raw).status_code == 201
    found = {row["invited"]: row for row in run_json(enrol_app, home, "list")["enrolments"]}
    assert found[True]["code"] == messages.long_code(invited.kid)
    run_json(enrol_app, home, "add", found[True]["file"], "--role", "officer", "--until", "2030-12-31")
    assert run_json(enrol_app, home, "add", found[False]["file"], code=1)["error"] == "unknown_token"
    run_json(enrol_app, home, "refuse", found[False]["file"])
    assert [row["code"] for row in run_json(enrol_app, home, "list")["enrolments"]] == [found[True]["code"]]
