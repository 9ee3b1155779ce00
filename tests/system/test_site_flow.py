"""The main job of a whole site, and its turns: real host, real firmware, over either broker."""

from pathlib import Path

import pytest
from sealhost.demo_fence import DemoFence
from sealhost.demo_stage import Stage as Demo
from sealhost.demo_stage import new_home
from sealhost.demo_steps import STEPS
from sealwire import chain, messages, topics

from tests.brokers import Broker
from tests.system.site import BAY, Site


def test_approved_request_opens_by_itself_and_is_proven_to_the_auditor(either_site: Site) -> None:
    site = either_site
    openings, impressions = site.box.openings(BAY), site.box.impressions(BAY)
    request = site.ask_for()
    site.approve(request, "first")
    assert site.line(request)["state"] == "waiting"
    assert site.box.openings(BAY) == openings
    site.approve(request, "second")
    site.use(request)
    assert not site.box.press(BAY)
    assert (site.box.openings(BAY), site.box.impressions(BAY)) == (openings + 1, impressions + 2)
    assert site.report(request, 2) == "accepted"
    line = site.wait_state(request, "finished")
    assert (line["approved_by"], line["pressed"], line["declared"]) == (["first", "second"], 2, 2)
    audited = site.verified_line(request)
    assert (audited["state"], audited["pressed"], audited["declared"], audited["cases"]) == ("used", 2, 2, [])


def test_every_step_of_the_demo_goes_well_over_a_plain_mosquitto(
    tmp_path: Path, mosquitto: Broker, firmware_image: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALHOST_BROKER", f"mqtt://{mosquitto.host}:{mosquitto.port}")
    demo = Demo(new_home(tmp_path))
    try:
        for step in STEPS:
            step.play(demo)
    finally:
        demo.close()
    assert (demo.result["impressions"], demo.result["verified"]) == (2, True)
    assert demo.result["refused"] == ["stale_nonce", "length_range", "too_few_approvals"]


def test_every_step_of_the_demo_goes_well_over_tls_and_the_generated_access_list(
    tmp_path: Path, firmware_image: tuple[Path, ...]
) -> None:
    demo = Demo(new_home(tmp_path), fence=DemoFence())
    try:
        for step in STEPS:
            step.play(demo)
    finally:
        demo.close()
    assert (demo.result["impressions"], demo.result["verified"]) == (2, True)
    assert demo.result["refused"] == ["stale_nonce", "length_range", "too_few_approvals"]


def test_denied_request_ends_and_opens_nothing(site: Site) -> None:
    openings = site.box.openings(BAY)
    request = site.ask_for()
    site.approve(request, "first")
    site.deny("third", request)
    assert site.tell("second", site.decide("second", request)) == "denied"
    assert site.wait_state(request, "denied")["denied_by"] == ["third"]
    assert site.box.openings(BAY) == openings
    assert site.verified_line(request)["state"] == "denied"


def test_withdrawal_before_use_needs_another_approval(site: Site) -> None:
    site.box.cut_power()
    request = site.ask_for()
    site.approve(request)
    assert site.tell("first", site.decide("first", request, messages.WITHDRAW)) == "accepted"
    line = site.wait_state(request, "waiting")
    assert (line["approved_by"], line["denied_by"]) == (["second"], [])
    openings = site.box.openings(BAY)
    site.power_on()
    assert site.box.openings(BAY) == openings
    assert site.tell("first", site.decide("first", request, reason=1)) == "counted_twice"
    site.approve(request, "third")
    site.use(request)
    assert site.verified_line(request)["approved_by"] == ["second", "third"]


def test_substitute_stands_in_and_both_are_named_in_the_log(site: Site) -> None:
    request = site.ask_for()
    assert site.tell("auditor", site.decide("auditor", request, **{"for": 3})) == "no_substitute"
    assert site.tell("second", site.substitute("second", 5)) == "accepted"
    assert site.tell("auditor", site.decide("auditor", request, **{"for": 3})) == "accepted"
    assert site.tell("second", site.decide("second", request)) == "counted_twice"
    site.approve(request, "first")
    site.use(request)
    _, intent = site.ear.entry(chain.INTENT, site.of(request))
    assert intent["people"] == [2, 3, 5]
    assert site.verified_line(request)["state"] == "used"


def test_keeper_who_finishes_early_closes_the_shutter_and_the_request(site: Site) -> None:
    request = site.ask_for()
    site.approve(request)
    site.wait_open(request)
    site.press(request)
    assert site.finish(request) == "accepted"
    closed = site.closed(request)
    assert (closed["pressed"], closed["given_back"], closed["cause"]) == (1, 1, chain.FINISHED_BY_KEEPER)
    assert site.ready(request) == "finished"
    site.wait_state(request, "finished")
    assert site.verified_line(request)["state"] == "finished"


def test_jammed_shutter_gives_all_back_and_opens_after_ready(site: Site) -> None:
    request = site.ask_for()
    site.box.jam(BAY, "closed")
    site.approve(request)
    jammed = site.closed(request, cause=chain.JAMMED)
    assert (jammed["pressed"], jammed["given_back"]) == (0, 2)
    site.box.unjam(BAY)
    site.wait_state(request, "approved")
    assert site.ready(request) == "accepted"
    site.use_rest(request, 2)
    line = site.verified_line(request)
    assert (line["state"], line["pressed"]) == ("used", 2)
    assert [case.partition(":")[0] for case in line["cases"]] == ["jammed"]


@pytest.mark.parametrize("end", ["window", "button"])
def test_unused_rest_opens_again_only_with_ready(site: Site, end: str) -> None:
    request = site.ask_for(impressions=3)
    site.approve(request)
    site.wait_open(request)
    site.press(request)
    if end == "button":
        site.box.press_button()
    else:
        site.box.advance(61)
    closed = site.closed(request)
    assert (closed["pressed"], closed["given_back"]) == (1, 2)
    openings = site.box.openings(BAY)
    assert site.wait_state(request, "approved")["pressed"] == 1
    assert site.box.openings(BAY) == openings
    assert site.ready(request) == "accepted"
    site.use_rest(request, 2)
    assert site.box.openings(BAY) == openings + 1
    assert site.verified_line(request)["pressed"] == 3


def test_officers_inbox_holds_what_waits_and_is_emptied_when_it_is_decided(either_site: Site) -> None:
    site = either_site
    request = site.ask_for()
    topic = topics.inbox_waiting(site.site, site.people.keys["third"].kid, request.reference)
    assert site.ear.last(topic, lambda payload: bool(payload)) == request.raw
    site.approve(request)
    assert site.ear.last(topic, lambda payload: not payload) == b""
    site.use(request)


def test_receipt_of_a_repeated_message_is_the_same_and_nothing_opens_twice(site: Site) -> None:
    request = site.ask_for()
    decisions = [(who, site.decide(who, request)) for who in ("first", "second")]
    for who, raw in decisions:
        assert site.tell(who, raw) == "accepted"
    site.use(request)
    openings = site.box.openings(BAY)
    for who, raw in [("keeper", request.raw), *decisions]:
        assert site.tell(who, raw) == "accepted"
    assert site.tell("third", site.decide("third", request)) == "finished"
    assert site.box.openings(BAY) == openings
