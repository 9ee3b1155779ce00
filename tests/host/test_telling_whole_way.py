"""The real host tells a real receiver; a wrong report becomes a case, which an officer closes by command."""

from __future__ import annotations

from typing import Any

from tests.host.people import wait_for
from tests.host.test_client_whole_way import OFFICERS, sealhost, village  # noqa: F401
from tests.host.test_telling import Receiver, receiver  # noqa: F401


def test_a_running_host_tells_and_its_case_is_closed_by_an_officer(
    village: dict[str, Any],  # noqa: F811
    receiver: Receiver,  # noqa: F811
) -> None:
    folder, home = village["folder"], village["folder"] / "host"
    keeper, officer = ["--home", str(folder / "王芳")], ["--home", str(folder / OFFICERS[0])]
    sealhost("webhook", "add", f"{receiver.url}/oa", "--private", "--home", str(home))
    sealhost("notify", "add", "--to", "officer", "--url", f"{receiver.apprise}/群", "--home", str(home))
    wanted = ["--seal", "居委会", "--matter", "101", "--impressions", "1", "--title", "居住证明", "--resident", "赵六"]
    code = sealhost("keeper", "request", *wanted, *keeper)["code"]
    wait_for(lambda: {"/oa", "/%E7%BE%A4"} <= {path for path, _, _ in list(receiver.got)})
    assert "赵六" not in str(receiver.bodies())
    for name in OFFICERS:
        sealhost("officer", "approve", code, "--home", str(folder / name))
    wait_for(lambda: sealhost("keeper", "status", code, *keeper)["host_state"] == "finished")
    sealhost("keeper", "report", code, "--impressions", "0", *keeper)
    wait_for(lambda: any(body.get("type") == "case.opened" for body in receiver.bodies()))
    (case,) = sealhost("officer", "cases", "--open", *officer)["cases"]
    assert (case["kind"], case["code"]) == ("declared", code)
    assert sealhost("officer", "close-case", case["id"], "--reason", "x", *keeper, code=1)["error"] == "case_not_yours"
    closed = sealhost("officer", "close-case", case["id"], "--reason", "照片显示已盖一次", *officer)["case"]
    assert closed["closer"] == OFFICERS[0]
    wait_for(lambda: any(body.get("type") == "case.closed" for body in receiver.bodies()))
    assert sealhost("officer", "cases", "--open", *officer)["cases"] == []
