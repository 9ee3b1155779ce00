"""Rosters that a box would take and an authority hardly means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost import texts
from sealhost.cli_roster import roster_app
from sealhost.client import draft_text
from sealhost.client.cautions import cautions
from sealhost.client.profile import Profile
from sealhost.core.matters import list_digest
from sealhost.signing import keys
from sealwire import messages

from tests.host.people import FIRST, KEEPER, SITE, Site, rule, run_json, sign

NOW = 1_800_000_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, broker_url="mqtt://b", host_url="http://h")
    made.enrol()
    texts.use("en")
    yield made
    texts.use(None)


def doubts(site: Site, held: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    return cautions(site.profiles[KEEPER], held, site.roster_fields(2, **{"issued": NOW, **changes}))


def roles(site: Site, *masks: tuple[int, ...]) -> list[dict[str, Any]]:
    """People with keys and these roles."""
    return [
        {
            "number": number,
            "name": f"p{number}",
            "roles": sum(1 << one for one in held),
            "from": 0,
            "until": 4_000_000_000,
            "keys": [b"\x01" + keys.generate().public_key],
        }
        for number, held in enumerate(masks, 1)
    ]


def test_nothing_is_doubtful_about_a_good_roster(site: Site) -> None:
    assert doubts(site) == []
    assert doubts(site, site.roster_fields()) == []


def test_rule_for_a_matter_that_the_list_calls_abolished_is_doubtful(site: Site) -> None:
    items = [{"code": 101, "wording": "a", "seal": "b"}, {"code": 102, "wording": "c", "seal": "b", "abolished": 1}]
    fields = {"version": 1, "issued": NOW, "part": 1, "parts": 1, "items": items}
    raw = sign(site.authority, messages.MATTERS, fields)
    (site.folder / KEEPER / "papers").mkdir()
    (site.folder / KEEPER / "papers" / "matters-000001-01.cose").write_bytes(raw)
    digest = list_digest([messages.read(raw, SITE).payload])
    (doubt,) = doubts(site, matters=digest)
    assert doubt.endswith("abolished: 102")
    assert doubts(site, matters=digest, rules=[rule(matters=[101])]) == []
    assert doubts(site) == []  # of another list nothing is known


def test_number_that_was_somebody_elses_is_doubtful(site: Site) -> None:
    held = site.roster_fields()
    people = site.roster_fields()["people"]
    people[1] = {**people[1], "name": "新人"}
    assert doubts(site, held, people=people) == []  # the same key: a new name
    people[1] = {**people[1], "keys": [b"\x01" + keys.generate().public_key]}
    (doubt,) = doubts(site, held, people=people)
    assert "Number 2 was 李强's" in doubt
    people[1] = {**people[1], "name": "李强"}
    assert doubts(site, held, people=people) == []  # the same name: a new device


@pytest.mark.parametrize(
    ("masks", "groups", "expected"),
    [
        ([(1,), (2,), (2,)], [(2, 2)], True),
        ([(1,), (2,)], [(2, 2)], False),
        ([(1, 2), (2,)], [(2, 2)], False),  # who asks does not decide
        ([(1, 2), (1, 2), (2,)], [(2, 2)], True),
        ([(2,), (2,)], [(2, 1)], False),  # nobody may ask
        ([(1,), (2, 4), (2,)], [(2, 1), (4, 1)], True),
        ([(1,), (2,), (2, 4)], [(2, 2), (4, 1)], False),  # nobody fills two places
        ([(1,), (2, 4), (2, 4), (2,)], [(2, 2), (4, 1)], True),
    ],
)
def test_rule_that_the_people_listed_can_never_meet_is_doubtful(
    site: Site, masks: list[tuple[int, ...]], groups: list[tuple[int, int]], expected: bool
) -> None:
    asked = rule(groups=[{"role": role, "least": least} for role, least in groups])
    assert (doubts(site, people=roles(site, *masks), rules=[asked]) == []) is expected


def test_people_without_key_or_time_left_meet_no_rule(site: Site) -> None:
    changes: list[dict[str, Any]] = [{"keys": []}, {"until": NOW - 1}]
    for change in changes:
        people = site.roster_fields()["people"]
        people[2].update(change)
        assert len(doubts(site, people=people)) == 1


def test_doubtful_draft_is_signed_only_by_force(site: Site) -> None:
    profile = Profile.open(site.folder / FIRST)
    fields = site.roster_fields(rules=[rule(groups=[{"role": 2, "least": 3}])])
    (profile.home / "draft.toml").write_text(draft_text.render(fields, profile.zone, "…"), encoding="utf-8")
    refused = run_json(roster_app, profile.home, "sign", code=1)
    assert refused["error"] == "draft_doubtful"
    assert "Rule 1 can never be met" in run_json(roster_app, profile.home, "show", "--lang", "en")["doubts"][0]
    assert not (profile.home / "papers").exists()
    assert run_json(roster_app, profile.home, "sign", "--force")["version"] == 1
