"""Cases: each opened once, by what the box, the keeper or the clock say; closed by a person with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sealhost.audit.bundle import read_bundle
from sealhost.audit.export import export_site
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import verify_bundle
from sealhost.core.anomalies import KINDS
from sealhost.services.access import Access
from sealhost.services.cases import Cases
from sealhost.services.news import Policy
from sealhost.signing import keys
from sealhost.store.models import Audit, News
from sealhost.telling.teller import GRACE_S, WATCH_S, Teller
from sealhost.web.api import create_app
from sealhost.web.server import WebServer
from sealwire import chain, messages
from sqlalchemy import select

from tests.host.test_web import sign_in
from tests.host.village import DAY, Village, rule


@pytest.fixture
def watch(village: Village, tmp_path: Path) -> Teller:
    """What turns news into cases."""
    return Teller(village.context, tmp_path, Policy())


@pytest.fixture
def http(village: Village) -> Iterator[httpx.Client]:
    """A client of a real server that shows cases."""
    app = create_app(Access(village.context), village.views, lambda: {"ok": True}, cases=Cases(village.context))
    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url) as client:
        yield client
    server.stop()


def listed(village: Village, open_only: bool = False) -> list[dict[str, Any]]:
    return Cases(village.context).listed(village.site, open_only)


def kinds(village: Village) -> list[str]:
    return sorted(case["kind"] for case in listed(village))


def report(village: Village, request: bytes, impressions: int) -> str:
    reference = village.reference(request)
    raw = village.sign("keeper", messages.REPORT, request=reference, impressions=impressions, photographs=[])
    return village.tell("keeper", raw)


def headers(village: Village, http: httpx.Client, signer: keys.Signer) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in(village, http, signer).json()['token']}"}


def test_a_good_use_opens_no_case(village: Village, watch: Teller):
    raw = village.approved()
    assert report(village, raw, 2) == "accepted"
    watch.tick()
    village.now += 2 * DAY
    village.box.hello()
    village.run()
    watch.tick()
    assert kinds(village) == []


def test_more_presses_than_approved_are_a_case(village: Village, watch: Teller):
    raw = used_over(village)
    watch.tick()
    watch.tick()
    (case,) = listed(village)
    assert (case["kind"], case["request"]) == ("over_approved", village.reference(raw).hex())
    assert case["detail"] == "1 above the approved number"


def used_over(village: Village) -> bytes:
    """Approved for two, pressed three times while the shutter closed."""
    village.box.press_and_close = False
    raw = village.approved()
    request = village.box.open.pop(1)
    for count in (1, 2, 3):
        village.box.write(chain.PRESS, bay=1, request=request, count=count)
    village.box.write(chain.CLOSED, bay=1, request=request, pressed=3, given_back=0, cause=chain.LAST_IMPRESSION)
    village.box.hello()
    village.run()
    return raw


def test_a_report_of_another_count_is_a_case(village: Village, watch: Teller):
    raw = village.approved()
    assert report(village, raw, 1) == "accepted"
    watch.tick()
    (case,) = listed(village)
    assert (case["kind"], case["detail"]) == ("declared", "1 declared, 2 sensed")
    assert village.views.ledger(village.site)[0]["cases"][0]["kind"] == "declared"


def test_a_report_that_does_not_come_is_a_case_when_it_is_due(village: Village, watch: Teller):
    raw = village.approved()
    watch.tick()
    village.now += DAY - 10
    watch.tick()
    assert kinds(village) == []
    village.box.hello()
    village.run()
    village.now += WATCH_S
    watch.tick()
    (case,) = listed(village)
    assert (case["kind"], case["request"]) == ("report_missing", village.reference(raw).hex())


def test_a_cut_of_power_and_a_jam_are_cases(village: Village, watch: Teller):
    village.box.press_and_close = False
    raw = village.approved()
    village.box.write(chain.JAM, bay=1, request=village.reference(raw), phase=2)
    village.box.start()
    village.box.hello()
    village.run()
    watch.tick()
    assert kinds(village) == ["interrupted", "jammed"]


def test_alarms_of_the_housing_are_cases_once_they_are_proven(village: Village, watch: Teller):
    village.box.write(chain.TAMPER, what=1)
    village.box.write(chain.FORCED, bay=2)
    village.run()
    watch.tick()
    assert kinds(village) == []
    village.box.hello()
    village.run()
    watch.tick()
    assert kinds(village) == ["forced", "tamper"]
    village.box.hello()
    village.box.write(chain.TAMPER, what=1)
    village.box.hello()
    village.run()
    watch.tick()
    assert kinds(village) == ["forced", "tamper", "tamper"]


def test_a_box_with_another_history_gets_nothing_and_one_case(village: Village, watch: Teller):
    raw = village.request()
    village.tell("keeper", raw)
    village.box.head = hashlib.sha256(b"restored flash").digest()
    village.tell("first", village.decide("first", raw))
    village.tell("second", village.decide("second", raw))
    for _ in range(2):
        village.box.challenges.clear()
        village.now += 400
        village.run()
        watch.tick()
    assert village.box.opened == []
    (case,) = listed(village)
    assert (case["kind"], case["box"]) == ("other_chain", village.box.kid.hex())


def test_a_silent_box_is_one_case_for_each_silence(village: Village, watch: Teller):
    village.now += DAY - 60
    watch.tick()
    assert kinds(village) == []
    village.now += 120
    watch.tick()
    village.now += 3600
    watch.tick()
    assert kinds(village) == ["silent"]
    village.box.hello()
    village.run()
    village.now += DAY + 60
    watch.tick()
    assert kinds(village) == ["silent", "silent"]


def test_a_host_that_was_away_does_not_call_its_boxes_silent(village: Village, tmp_path: Path):
    village.now += 7 * DAY
    watch = Teller(village.context, tmp_path, Policy())
    watch.tick()
    village.now += GRACE_S - 60
    watch.tick()
    assert kinds(village) == []
    village.box.hello()
    village.run()
    village.now += GRACE_S
    watch.tick()
    assert kinds(village) == []


def test_a_host_without_its_broker_does_not_call_its_boxes_silent(village: Village, tmp_path: Path):
    watch = Teller(village.context, tmp_path, Policy(), connected=lambda: False)
    for _ in range(3):
        village.now += DAY
        watch.tick()
    assert kinds(village) == []


def test_break_glass_is_a_case_that_only_the_authority_closes(village: Village, watch: Teller, http: httpx.Client):
    loud = rule(break_glass=1)
    assert village.tell("authority", village.roster(2, rules=[loud])) == "accepted"
    village.box.hello()
    village.run()
    assert village.tell("keeper", village.request(rule=messages.rule_digest(loud), roster=2)) == "accepted"
    watch.tick()
    (case,) = listed(village)
    assert case["kind"] == "break_glass"
    path = f"/api/sites/{village.site.hex()}/cases/{case['id']}/close"
    words = {"reason": "核实"}
    refused = http.post(path, json=words, headers=headers(village, http, village.keys["first"]))
    assert (refused.status_code, refused.json()["error"]) == (403, "wrong_role")
    closed = http.post(path, json=words, headers=headers(village, http, village.authority))
    assert closed.status_code == 200


def test_the_verifier_finds_the_same_names_in_the_bundle(village: Village, watch: Teller, tmp_path: Path):
    used_over(village)
    village.box.press_and_close = True
    declared = village.approved()
    assert report(village, declared, 1) == "accepted"
    village.box.press_and_close = False
    cut = village.approved()
    village.box.write(chain.JAM, bay=1, request=village.reference(cut), phase=2)
    village.box.start()
    village.box.hello()
    village.run()
    watch.tick()
    bundle = tmp_path / "bundle.zip"
    export_site(bundle, village.database, village.site, village.now, village.host)
    result = verify_bundle(read_bundle(bundle), Trust([village.authority.public_key], 1), keys.verify)
    theirs = {(line.request, text.partition(":")[0]) for line in result.ledger for text in line.cases}
    ours = {(case["request"], case["kind"]) for case in listed(village)}
    assert ours == theirs
    assert {kind for _, kind in ours} == {"over_approved", "declared", "jammed", "interrupted"}
    assert {kind for _, kind in ours} <= set(KINDS)


# --- closing ---


@pytest.fixture
def case(village: Village, watch: Teller) -> dict[str, Any]:
    """A case about a request of the keeper's."""
    report(village, village.approved(), 1)
    watch.tick()
    return listed(village)[0]


def test_an_officer_closes_a_case_once_with_a_reason(
    village: Village, watch: Teller, http: httpx.Client, case: dict[str, Any]
):
    officer = headers(village, http, village.keys["first"])
    path = f"/api/sites/{village.site.hex()}/cases"
    assert http.get(path, headers=officer).json() == [case]
    closed = http.post(f"{path}/{case['id']}/close", json={"reason": " 复核照片，一份作废 "}, headers=officer)
    assert closed.status_code == 200
    shown = http.get(path, headers=officer).json()[0]
    assert shown == closed.json()
    assert (shown["reason"], shown["closer"], shown["closed"]) == ("复核照片，一份作废", "first", village.now)
    assert shown["closed_by"] == village.keys["first"].kid.hex()
    assert http.get(path, params={"state": "open"}, headers=officer).json() == []
    again = http.post(f"{path}/{case['id']}/close", json={"reason": "x"}, headers=officer)
    assert (again.status_code, again.json()["error"]) == (409, "closed_already")
    watch.tick()
    assert kinds(village) == ["declared"]
    assert village.views.ledger(village.site)[0]["cases"][0]["closed"] == village.now


def test_the_words_of_a_reason_are_neither_recorded_nor_told(
    village: Village, http: httpx.Client, case: dict[str, Any]
):
    path = f"/api/sites/{village.site.hex()}/cases/{case['id']}/close"
    http.post(path, json={"reason": "王芳说漏盖"}, headers=headers(village, http, village.keys["auditor"]))
    with village.context.view() as turn:
        rows = [*turn.tx.execute(select(Audit.event, Audit.detail)), *turn.tx.execute(select(News.detail))]
    assert ("case_closed", case["id"]) in [tuple(row) for row in rows]
    assert all("王芳" not in str(row) for row in rows)


def test_a_keeper_closes_none_and_nobody_their_own(village: Village, http: httpx.Client, watch: Teller):
    raw = village.request("other keeper")
    assert village.tell("other keeper", raw) == "accepted"
    village.tell("first", village.decide("first", raw))
    village.tell("second", village.decide("second", raw))
    reference = village.reference(raw)
    said = village.sign(
        "other keeper", messages.REPORT, request=reference, impressions=1, photographs=[]
    )  # fmt: skip
    assert village.tell("other keeper", said) == "accepted"
    watch.tick()
    (case,) = listed(village)
    path = f"/api/sites/{village.site.hex()}/cases/{case['id']}/close"
    for who, error in (("keeper", "wrong_role"), ("other keeper", "other_keeper")):
        answer = http.post(path, json={"reason": "x"}, headers=headers(village, http, village.keys[who]))
        assert answer.json()["error"] == error
    assert listed(village, open_only=True) != []


@pytest.mark.parametrize(
    ("number", "body", "status"),
    [
        (None, {"reason": ""}, 400), (None, {"reason": " "}, 400), (None, {"reason": "x" * 501}, 400),
        (None, {"reason": 5}, 400), (None, {"reason": "a\x1b[2J"}, 400), (None, {}, 400),
        ("00" * 8, {"reason": "x"}, 404), ("zz", {"reason": "x"}, 404),
    ],
)  # fmt: skip
def test_what_closes_no_case(
    number: str | None, body: dict[str, Any], status: int, village: Village, http: httpx.Client, case: dict[str, Any]
):
    path = f"/api/sites/{village.site.hex()}/cases/{number or case['id']}/close"
    answer = http.post(path, json=body, headers=headers(village, http, village.keys["first"]))
    assert answer.status_code == status
    assert len(listed(village, open_only=True)) == 1


def test_nobody_sees_cases_without_a_token_of_the_site(village: Village, http: httpx.Client, case: dict[str, Any]):
    assert http.get(f"/api/sites/{village.site.hex()}/cases").status_code == 401
    keeper = headers(village, http, village.keys["keeper"])
    assert http.get(f"/api/sites/{'ab' * 16}/cases", headers=keeper).status_code == 403
