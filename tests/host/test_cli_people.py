"""The keeper's and the officers' commands, against a stand-in host and box on a real broker."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealhost import texts
from sealhost.cli_people import keeper_app, officer_app
from sealhost.signing import keys
from sealwire import chain, errors, messages

from tests.brokers import Broker, rumqttd  # noqa: F401
from tests.host.people import FIRST, KEEPER, MATTER, SECOND, SITE, Site, StandIn, origin, run, run_json, sign, wait_for


@pytest.fixture
def site(tmp_path: Path, rumqttd: Broker) -> Site:  # noqa: F811
    made = Site(tmp_path)
    made.broker_url = f"mqtt://{rumqttd.host}:{rumqttd.port}"
    made.host_url = "http://127.0.0.1:1"
    made.enrol()
    return made


@pytest.fixture
def host(site: Site, rumqttd: Broker) -> Iterator[StandIn]:  # noqa: F811
    started = StandIn(site, rumqttd)
    site.host_url = started.url
    site.enrol()  # the same folders, now with the host's address
    started.log([origin(site)])
    started.checkpoint()
    yield started
    started.stop()
    texts.use(None)


def raise_request(site: Site, *more: str, code: int = 0) -> dict[str, object]:
    arguments = ["--seal", "居委", "--matter", str(MATTER), "--impressions", "2", "--title", "居住证明"]
    return run_json(keeper_app, site.folder / KEEPER, "request", *arguments, "--resident", "赵六", *more, code=code)


def test_request_reaches_the_host_with_its_details_salted_and_its_anchor_in_the_boxs_log(
    site: Site, host: StandIn, tmp_path: Path
) -> None:
    photograph = tmp_path / "page.jpg"
    photograph.write_bytes(b"jpeg")
    said = raise_request(site, "--attach", str(photograph), "--attend", "10")
    (request,) = host.said(messages.REQUEST)
    assert request.reference.hex() == said["reference"]
    request.check(site.profiles[KEEPER].signer.public_key, keys.verify)
    assert (request["anchor_seq"], request["anchor_head"]) == (host.seq, host.head)
    assert request["attended"] == request["created"] + 600
    body = host.blobs[bytes(request["details"]).hex()]
    assert hashlib.sha256(body).digest() == request["details"]
    details = json.loads(body[16:])
    assert (details["title"], details["resident"]) == ("居住证明", "赵六")
    assert host.blobs[details["attachments"][0]][16:] == b"jpeg"


def test_the_whole_way_of_a_request_through_both_officers(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    (request,) = host.said(messages.REQUEST)
    for officer in (FIRST, SECOND):
        host.wait_in_inbox(officer, request.raw)
        listed = run_json(officer_app, site.folder / officer, "list")["requests"]
        assert [(one["code"], one["details"]["title"]) for one in listed] == [(said["code"], "居住证明")]
        answer = run_json(officer_app, site.folder / officer, "approve", str(said["code"]))
        assert (answer["verdict"], answer["again"]) == ("approve", False)
    assert [one["verdict"] for one in host.said(messages.DECISION)] == [messages.APPROVE, messages.APPROVE]
    status = run_json(keeper_app, site.folder / KEEPER, "status", str(said["code"]))
    assert status["state"] == "approved"
    assert [one["person"] for one in status["decisions"]] == [2, 3]


def test_approving_twice_sends_the_same_decision_again(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    for _ in range(2):
        answer = run_json(officer_app, site.folder / FIRST, "approve", str(said["reference"]))
    assert answer["again"] is True
    assert len({one.reference for one in host.said(messages.DECISION)}) == 1


def test_a_denial_goes_to_the_box_as_well_and_no_approval_follows_it(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    run_json(officer_app, site.folder / FIRST, "deny", str(said["code"]), "--reason", "材料不全")
    (decision,) = host.said(messages.DECISION)
    wait_for(lambda: host.to_box == [decision.raw])
    assert json.loads(host.blobs[bytes(decision["reason_digest"]).hex()][16:]) == {"reason": "材料不全"}
    error = run_json(officer_app, site.folder / FIRST, "approve", str(said["code"]), code=1)
    assert error["error"] == "already_decided"


def test_nobody_signs_for_details_that_are_not_the_signed_ones(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    (request,) = host.said(messages.REQUEST)
    digest = bytes(request["details"]).hex()
    honest = host.blobs[digest]
    host.blobs[digest] = honest.replace("赵六".encode(), "钱七".encode())
    for verdict in ("approve", "deny"):
        error = run_json(officer_app, site.folder / FIRST, verdict, str(said["code"]), code=1)
        assert error["error"] == "wont_sign_unseen"
    del host.blobs[digest]
    error = run_json(officer_app, site.folder / FIRST, "approve", str(said["code"]), code=1)
    assert error["error"] == "wont_sign_unseen"
    assert host.said(messages.DECISION) == []


def test_a_forged_request_in_the_inbox_is_not_listed(site: Site, host: StandIn) -> None:
    raise_request(site)
    (request,) = host.said(messages.REQUEST)
    host.wait_in_inbox(FIRST, sign(keys.generate(), messages.REQUEST, request.fields))
    assert run_json(officer_app, site.folder / FIRST, "list")["requests"] == []


def test_a_request_without_receipt_is_kept_and_sent_by_a_later_command(site: Site, host: StandIn) -> None:
    host.silent = True
    error = raise_request(site, "--timeout", "0.5", code=3)
    assert error["error"] == "no_receipt"
    first = host.said(messages.REQUEST)[0]
    host.silent = False
    sent = run_json(keeper_app, site.folder / KEEPER, "send")
    assert sent == {"sent": {first.reference.hex(): "accepted"}, "left": 0}
    assert {one.reference for one in host.said(messages.REQUEST)} == {first.reference}
    assert run_json(keeper_app, site.folder / KEEPER, "send") == {"sent": {}, "left": 0}


def test_a_receipt_of_a_key_that_is_no_host_counts_for_nothing(site: Site, host: StandIn) -> None:
    host.site.host = keys.generate()
    error = raise_request(site, "--timeout", "0.5", code=3)
    assert error["error"] == "no_receipt"
    assert len(site.profiles[KEEPER].waiting()) == 1


def test_a_refusal_by_the_host_names_its_reason(site: Site, host: StandIn) -> None:
    host.results[messages.REQUEST] = errors.UNKNOWN_DETAILS
    assert raise_request(site, code=1)["error"] == "unknown_details"
    assert site.profiles[KEEPER].waiting() == []


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("--impressions", "6", "too_many_impressions"),
        ("--matter", "999", "matter_not_here"),
        ("--seal", "党支部", "no_such_bay"),
    ],
)
def test_what_the_roster_refuses_is_not_even_signed(
    site: Site, host: StandIn, option: str, value: str, error: str
) -> None:
    assert raise_request(site, option, value, code=1)["error"] == error
    assert site.profiles[KEEPER].signed() == []


def test_a_keeper_cannot_approve_an_own_request(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    error = run_json(officer_app, site.folder / KEEPER, "approve", str(said["code"]), code=1)
    assert error["error"] == "own_request"


def test_ready_signs_the_boxs_own_challenge_only(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    run_json(keeper_app, site.folder / KEEPER, "ready", str(said["code"]))
    (ready,) = host.said(messages.READY)
    assert ready["nonce"] == b"\x07" * 32
    assert ready["request"].hex() == said["reference"]


def test_ready_says_so_when_the_box_is_away(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    host.offline = True
    error = run_json(keeper_app, site.folder / KEEPER, "ready", str(said["code"]), "--timeout", "0.5", code=3)
    assert error["error"] == "no_challenge"


def test_waiting_tells_what_the_box_says_and_ends_when_its_signature_proves_it(site: Site, host: StandIn) -> None:
    results: list[dict[str, object]] = []
    waiting = threading.Thread(target=lambda: results.append(raise_request(site, "--wait", "--wait-seconds", "15")))
    waiting.start()
    wait_for(lambda: host.said(messages.REQUEST))
    request = host.said(messages.REQUEST)[0].reference
    at = 1_900_000_000
    intent = {"bay": 1, "request": request, "grant": bytes(32), "spends": 2, "roster": 1, "people": [2, 3]}
    host.log([chain.build_entry(chain.INTENT, at, intent)])
    host.log([chain.build_entry(chain.PRESS, at + 1, {"bay": 1, "request": request, "count": 1})])
    closed = {"bay": 1, "request": request, "pressed": 1, "given_back": 1, "cause": chain.BUTTON}
    host.log([chain.build_entry(chain.CLOSED, at + 2, closed)])
    host.checkpoint()
    waiting.join(20)
    facts = [(one["kind"], one["proven"], one["left"]) for one in results[0]["facts"]]  # type: ignore[attr-defined]
    assert facts[:3] == [("opened", False, 0), ("pressed", False, 0), ("closed", False, 1)]
    assert facts[-1] == ("closed", True, 1)


def test_finish_goes_to_host_and_box_once(site: Site, host: StandIn) -> None:
    said = raise_request(site)
    for again in (False, True):
        answer = run_json(keeper_app, site.folder / KEEPER, "finish", str(said["code"]), "--reason", "已办完")
        assert answer["again"] is again
    (finish,) = {one.reference: one for one in host.said(messages.FINISH)}.values()
    wait_for(lambda: finish.raw in host.to_box)


def test_report_carries_the_count_and_the_photographs_digest(site: Site, host: StandIn, tmp_path: Path) -> None:
    said = raise_request(site)
    page = tmp_path / "page.jpg"
    page.write_bytes(b"stamped")
    run_json(keeper_app, site.folder / KEEPER, "report", str(said["code"]), "--impressions", "2", "--photo", str(page))
    (report,) = host.said(messages.REPORT)
    assert host.blobs[report["photographs"][0].hex()][16:] == b"stamped"


def test_a_substitute_is_named_by_days_of_the_profiles_time_zone(site: Site, host: StandIn) -> None:
    answer = run(
        officer_app, site.folder / FIRST, "substitute", "陈静", "--from", "2030-05-01", "--until", "2030-05-03"
    )
    assert answer.exit_code == 0, answer.output
    (substitute,) = host.said(messages.SUBSTITUTE)
    assert substitute["person"] == 3
    assert substitute["until"] - substitute["from"] == 3 * 86400 - 1
    error = run_json(officer_app, site.folder / FIRST, "substitute", "2", "--until", "2030-05-03", code=1)
    assert error["error"] == "substitute_of_oneself"


def test_an_older_roster_stops_the_command(site: Site, host: StandIn) -> None:
    host.rosters = [site.roster(2)]
    raise_request(site)
    host.rosters = [site.roster(1)]
    assert raise_request(site, code=1)["error"] == "older_roster"


def test_another_roster_of_the_same_version_is_an_alarm(site: Site, host: StandIn) -> None:
    raise_request(site)
    host.rosters = [site.roster(1, threshold=1, matters=b"\x01" * 32)]
    assert raise_request(site, code=1)["error"] == "two_rosters"


def test_a_roster_of_another_authority_is_refused(site: Site, host: StandIn) -> None:
    host.rosters = [sign(keys.generate(), messages.ROSTER, site.roster_fields())]
    assert raise_request(site, code=1)["error"] == "roster_signatures"


def test_enrolment_makes_a_private_folder_and_a_message_signed_by_the_new_key(tmp_path: Path, site: Site) -> None:
    home = tmp_path / "new"
    options = ["--name", "王芳", "--site", SITE.hex(), "--authority", site.authority.public_key.hex()]
    options += ["--token", "00" * 16, "--broker", "mqtt://b", "--host-url", "http://h"]
    said = run_json(keeper_app, home, "enrol", *options)
    raw = Path(said["file"]).read_bytes()
    message = messages.read(raw, SITE, (messages.ENROL,))
    message.check(bytes.fromhex(said["public"]), keys.verify)
    assert (home / "key.pem").stat().st_mode & 0o077 == 0
    assert run_json(keeper_app, home, "enrol", *options)["public"] == said["public"]


def test_sentences_come_in_chinese_when_asked_for(site: Site, host: StandIn) -> None:
    arguments = ["--matter", "999", "--impressions", "1", "--title", "t", "--lang", "zh"]
    result = run(keeper_app, site.folder / KEEPER, "request", *arguments)
    assert "不由“居委会”盖章" in result.stderr


def test_both_languages_have_the_same_blanks() -> None:
    import string

    for key, both in texts.TEXTS.items():
        blanks = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in both]
        assert blanks[0] == blanks[1], key


def test_an_officer_sees_what_waits_but_signs_nothing_while_the_hosts_files_are_out_of_reach(
    site: Site, host: StandIn
) -> None:
    said = raise_request(site)
    (request,) = host.said(messages.REQUEST)
    host.wait_in_inbox(FIRST, request.raw)
    run_json(officer_app, site.folder / FIRST, "list")  # takes the roster
    host.close_web()
    (listed,) = run_json(officer_app, site.folder / FIRST, "list")["requests"]
    assert (listed["code"], listed["problem"]) == (said["code"], "host_unreachable")
    error = run_json(officer_app, site.folder / FIRST, "approve", str(said["code"]), code=1)
    assert error["error"] == "wont_sign_unseen"
    assert "does not answer" in run(officer_app, site.folder / FIRST, "show", str(said["code"])).output


def test_files_the_host_did_not_take_wait_with_their_message(site: Site, host: StandIn) -> None:
    raise_request(site)
    host.close_web()
    assert raise_request(site, code=3)["error"] == "files_not_sent"
    assert len(host.said(messages.REQUEST)) == 1
    (kept,) = site.profiles[KEEPER].waiting()
    assert all(site.profiles[KEEPER].blob(digest) for digest in kept.blobs)


def test_a_host_that_is_a_roster_behind_is_asked_again(site: Site, host: StandIn) -> None:
    host.first_results = [errors.NEWER_ROSTER, errors.TOO_FAST]
    raise_request(site)
    assert len(host.said(messages.REQUEST)) == 3
    assert site.profiles[KEEPER].waiting() == []


def test_every_text_is_there_and_every_text_is_used() -> None:
    import ast

    room = Path(texts.__file__).parent
    used: set[str] = set()
    for path in [*room.glob("cli_*.py"), *(room / "client").glob("*.py"), room / "texts.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                named = isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
                if named and node.func.id in ("say", "ClientError", "NoAnswerError"):
                    used.add(node.args[0].value)  # type: ignore[attr-defined]
    assert used - texts.TEXTS.keys() == set()
    composed = ("role_", "state_", "verdict_", "kind_", "fact_", "unit_", "case_")
    chosen = {"proven", "not_proven", "accepted", "again", "which_bay", "no_such_bay", "which_request"}
    chosen |= {"no_such_request", "refused_by_host"}
    assert {key for key in texts.TEXTS.keys() - used - chosen if not key.startswith(composed)} == set()


def test_receipt_for_the_bytes_ends_the_wait_only_when_it_is_a_refusal(site: Site, host: StandIn) -> None:
    host.silent = True
    raise_request(site, "--timeout", "0.5", code=3)
    (kept,) = site.profiles[KEEPER].waiting()
    assert host.said(messages.REQUEST)[-1].raw == kept.raw
    kid = site.profiles[KEEPER].signer.kid
    others = hashlib.sha256(kept.raw[:-1] + bytes([kept.raw[-1] ^ 1])).digest()  # of a mangled copy

    def answer(reference: bytes, result: int) -> None:
        host.receipt(site.host, reference, result, kid)

    def mislead() -> None:
        answer(others, errors.BAD_SIGNATURE)
        answer(hashlib.sha256(kept.raw).digest(), errors.ACCEPTED)

    host.on_message = mislead
    run_json(keeper_app, site.folder / KEEPER, "send", "--timeout", "0.5", code=3)
    host.on_message = lambda: answer(hashlib.sha256(kept.raw).digest(), errors.UNKNOWN_SIGNER)
    run_json(keeper_app, site.folder / KEEPER, "send", "--timeout", "20")
    assert site.profiles[KEEPER].waiting() == []


def test_host_that_the_roster_does_not_list_is_given_nothing(site: Site, host: StandIn) -> None:
    raise_request(site)
    blobs = len(host.blobs)
    site.host = keys.generate()
    host.web_kid = site.host.kid
    refused = raise_request(site, "--timeout", "0.5", code=3)
    assert host.web_kid.hex() in str(refused["detail"])
    assert len(host.blobs) == blobs
    host.rosters = [site.roster(2)]  # which lists it
    raise_request(site)
    assert len(host.blobs) > blobs


def test_somebody_who_missed_a_roster_takes_those_in_between(site: Site, host: StandIn) -> None:
    raise_request(site)
    successor = keys.generate()
    handing_over = site.roster(2, authority=[successor.public_key])
    host.rosters = [sign(successor, messages.ROSTER, site.roster_fields(3, authority=[successor.public_key]))]
    host.rosters_between = [handing_over, *host.rosters]
    raise_request(site)
    assert host.said(messages.REQUEST)[-1]["roster"] == 3
