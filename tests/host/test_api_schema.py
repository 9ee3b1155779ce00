"""The HTTP interface does what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sealhost.core.lifecycle import State
from sealhost.core.limiter import Limiter
from sealhost.services.access import Access
from sealhost.services.cases import Cases
from sealhost.services.enrolments import Enrolments
from sealhost.services.figures import Watch
from sealhost.signing import keys
from sealhost.web.api import create_app
from sealhost.web.openapi import STATES, document
from sealhost.web.server import WebServer
from sealhost.web.watch import routes
from sealwire import messages
from starlette.applications import Starlette
from starlette.routing import Route

from tests.host.village import Village

EXAMPLES = 12


class Place:
    """A village with something of each kind in it, its application, and tokens of a keeper and of the authority."""

    def __init__(self, folder: Path) -> None:
        self.village = village = Village(f"sqlite:///{folder / 'host.db'}")
        village.begin()
        self.request = village.reference(village.approved())
        access, enrolments = Access(village.context), Enrolments(village.context)
        # Bounds for each sender have tests of their own; here one sender calls all the time.
        access._sign_ins = access._files = enrolments._limiter = Limiter(10**9, 1, 10**9, 1)
        watch = Watch(village.context, lambda: {"broker_connected": True})
        self.app: Starlette = create_app(
            access, village.views, lambda: {"ok": True}, lambda site: _bundle(folder), enrolments=enrolments,
            cases=Cases(village.context), more=routes(watch, open_here=False, token="token"),
        )  # fmt: skip
        self.tokens = [self.sign_in(access, signer) for signer in (village.authority, village.keys["keeper"])]

    def sign_in(self, access: Access, signer: Any) -> str:
        """A token."""
        challenge = access.challenge(signer.kid)
        named = f"sealbox/1/sign-in/{self.village.site.hex()}/{access.host.hex()}/".encode()
        return access.sign_in(signer.kid, challenge, signer.sign(named + challenge))[0]

    def aim(self, case: Any) -> None:
        """Have a well-formed call mean what is there, else none would ever find anything."""
        known = {"site": self.village.site, "box": self.village.box.kid, "reference": self.request}
        for name, value in (case.path_parameters or {}).items():
            if name in known and re.fullmatch(f"[0-9a-fA-F]{{{2 * len(known[name])}}}", str(value)):
                case.path_parameters[name] = known[name].hex()


def _bundle(folder: Path) -> Path:
    path = folder / "bundle"
    path.write_bytes(b"PK")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One for all calls."""
    made = Place(tmp_path_factory.mktemp("api"))
    yield made
    made.village.close()


CALLS = [(path, method.upper()) for path, calls in document("1")["paths"].items() for method in calls]


@pytest.fixture(scope="module")
def schema(place: Place) -> Any:
    """What schemathesis makes of the document."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", place.app)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), CALLS)
def test_every_call_is_answered_as_the_document_says(
    place: Place, schema: Any, path: str, method: str, mode: GenerationMode
):
    call, described = schema[path][method], document("1")["paths"][path][method.lower()]
    if mode is GenerationMode.NEGATIVE and not (call.path_parameters or call.query or call.body):
        return  # nothing can be wrong with it

    named = {one["name"] for one in described.get("parameters", ()) if one["in"] == "query"}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=call.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        # Whoever adds what the document does not name is not stopped: newer clients talk to older hosts.
        assume(set(case.query or {}) <= named)
        place.aim(case)
        token = place.tokens[method != "GET" and "enrolments" not in path]
        headers = {"Authorization": f"Bearer {token}"}
        # What is well-formed may still be refused: a signature, a digest, a state.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    holds()


def test_document_names_every_route_and_no_other(place: Place):
    served = {
        (route.path, method.lower())
        for route in place.app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(path, method) for path, calls in document("1")["paths"].items() for method in calls}
    assert served == described


def test_states_are_those_of_the_lifecycle():
    assert set(STATES["enum"]) == {str(state) for state in State}


def test_state_that_is_none_is_refused_by_name(place: Place, client: httpx.Client):
    path, headers = f"/api/sites/{place.village.site.hex()}/requests", {"Authorization": f"Bearer {place.tokens[1]}"}
    assert len(client.get(path, params={"state": "finished"}, headers=headers).json()) == 1
    answer = client.get(path, params={"state": "lost"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "value_range")


@pytest.fixture(scope="module")
def client(place: Place) -> Any:
    """A client of the application."""
    server = WebServer(place.app, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url) as made:
        yield made
    server.stop()


def test_nothing_of_a_site_is_open_without_a_token(place: Place, client: httpx.Client):
    for path, calls in document("1")["paths"].items():
        for method, call in calls.items():
            if "/sites/" in path and call["security"]:
                shown = path.format(
                    site=place.village.site.hex(), digest="00" * 32, box="00" * 16, reference="00" * 32,
                    kid="00" * 16, id="00" * 8,
                )  # fmt: skip
                assert client.request(method, shown).status_code == 401, (method, path)


def test_enrolment_of_a_new_key_is_taken(place: Place, client: httpx.Client):
    village = place.village
    signer = keys.generate()
    raw = village.sign(
        signer, messages.ENROL, name="新人", kind=messages.ED25519, public=signer.public_key, token=bytes(16)
    )
    assert client.post(f"/api/sites/{village.site.hex()}/enrolments", content=raw).status_code == 201
