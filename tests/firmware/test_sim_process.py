"""The virtual box as processes: console, crashes, command line, and that nothing outlives what started it."""

import json
import os
import random
import select
import signal
import subprocess
import sys

import pytest
import serial

from hardware.sim import BoxError, ControlLink, StillWaitingError, VirtualBox
from tests import vms
from tests.firmware.boxes import AGENT, Agent, agent_box


def run_tool(home, *arguments):
    command = [sys.executable, "-m", "hardware.sim", *arguments, "--home", str(home)]
    return subprocess.run(command, cwd=vms.ROOT, capture_output=True, text=True, timeout=60)


def wait_for_end(pid):
    """Returns once the process has ended; the test's time limit is the bound."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([descriptor], [], [])
    os.close(descriptor)


def test_console_carries_every_byte_both_ways(tmp_path, monkeypatch):
    monkeypatch.setenv("SIM_AGENT", "echo")
    with (
        VirtualBox(tmp_path, main=AGENT, modules=vms.compiled_modules()) as box,
        serial.Serial(box.console_path, timeout=20) as console,
    ):
        box.power_on()
        box.wait_display("echo ready")
        console.write(bytes(range(256)))
        assert console.read(256) == bytes(range(256))
        data = random.Random(1).randbytes(20_000)
        for start in range(0, len(data), 1000):
            console.write(data[start : start + 1000])
            assert console.read(1000) == data[start : start + 1000]


def test_console_that_nobody_reads_holds_the_firmware_up_for_nothing(tmp_path):
    with agent_box(tmp_path) as (box, agent):
        agent.send("print_much(1000)")
        agent.send("b.show(['printed'])")
        box.wait_display("printed", timeout=30)
        assert box.firmware_log().count("x" * 1023) == 1000
    with agent_box(tmp_path) as (_, agent):
        assert agent("40 + 2") == 42


def test_console_works_again_after_power_cut_and_reconnection(tmp_path):
    with agent_box(tmp_path) as (box, agent):
        path = box.console_path
        box.cut_power()
        box.power_on()
        box.wait_display("agent ready")
        assert box.console_path == path
        assert agent("1 + 1") == 2
        with Agent(path) as another:
            assert another("2 + 2") == 4


def test_crash_of_the_firmware_is_reported_with_its_traceback(tmp_path):
    script = tmp_path / "crash.py"
    script.write_text("from sealbox import board\nboard.find().open(1, 200)\nraise RuntimeError('no such luck')\n")
    with VirtualBox(tmp_path, main=script, modules=vms.compiled_modules()) as box:
        box.power_on()
        state = box.wait_vm("exited")
        assert state["exit_status"] == 1
        box.wait_shutter(1, "closed")
        assert "RuntimeError: no such luck" in box.firmware_log()
        with pytest.raises(StillWaitingError, match="RuntimeError: no such luck"):
            box.wait_display("alive", timeout=0.05)
        box.cut_power()
        assert box.state["vm"] == "off"


def test_main_of_the_module_folders_runs_unless_told_otherwise(tmp_path):
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "main.py").write_text("from sealbox import board\nboard.find().show(['main here'])\n")
    with VirtualBox(tmp_path / "home", modules=(modules, *vms.SOURCES)) as box:
        box.power_on()
        box.wait_for(lambda state: state["vm"] == "exited")
        assert box.displays() == [["main here"]]


def test_firmware_ends_when_the_box_loses_its_power(tmp_path):
    with agent_box(tmp_path) as (box, _):
        pid = box.state["vm_pid"]
        box.power_off()
        wait_for_end(pid)
        box.wait_for(lambda state: state["vm_pid"] is None)


def test_stalled_firmware_does_not_outlive_a_killed_simulator(tmp_path):
    with agent_box(tmp_path) as (box, agent):
        agent("stall_later()")
        pid = box.state["vm_pid"]
        os.kill(box.pid, signal.SIGKILL)
        wait_for_end(pid)
        with pytest.raises(BoxError, match="gone"):
            box.power_on()


def test_simulator_and_firmware_end_with_the_process_that_started_them(tmp_path):
    modules = [str(folder) for folder in vms.compiled_modules()]
    program = (
        "import sys, os\n"
        "from hardware.sim import VirtualBox\n"
        f"box = VirtualBox({str(tmp_path)!r}, main={str(AGENT)!r}, modules={modules!r})\n"
        "box.start().power_on()\n"
        "box.wait_display('agent ready')\n"
        "print(box.pid, box.state['vm_pid'], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=vms.ROOT, stdout=subprocess.PIPE, timeout=60)
    simulator, vm = map(int, done.stdout.split())
    wait_for_end(simulator)
    wait_for_end(vm)


def test_box_is_driven_from_the_command_line(tmp_path):
    with agent_box(tmp_path) as (box, agent):
        refused = run_tool(tmp_path, "press", "1")
        assert (refused.returncode, "could not press" in refused.stdout) == (1, True)
        agent("b.open(1, 600_000)")
        box.wait_shutter(1, "open")
        assert run_tool(tmp_path, "press", "1", "--json").stdout == "true\n"
        assert "bay 1: open, seal in, 1 openings, 1 impressions" in run_tool(tmp_path, "show").stdout
        assert run_tool(tmp_path, "advance", "700").returncode == 0
        assert json.loads(run_tool(tmp_path, "show", "--json").stdout)["bays"][0]["driving"] is False
        wrong = run_tool(tmp_path, "jam", "9")
        assert (wrong.returncode, wrong.stderr) == (2, "this box has bays 1 to 2\n")
        assert run_tool(tmp_path, "cut-power").returncode == 0
        assert box.state["vm"] == "off"


def test_command_to_a_box_that_does_not_run_says_how_to_start_one(tmp_path):
    done = run_tool(tmp_path, "show")
    assert done.returncode == 2
    assert "no virtual box runs in" in done.stderr
    assert "Traceback" not in done.stderr


def test_second_simulator_in_the_same_home_is_refused(tmp_path):
    with VirtualBox(tmp_path), pytest.raises(BoxError, match="already runs"):
        VirtualBox(tmp_path).start()


def test_home_with_a_path_too_long_for_sockets_works(tmp_path):
    with agent_box(tmp_path / ("long" * 30) / "home") as (_, agent):
        assert agent("b.bays") == 2


def test_wrong_commands_are_refused_in_words(tmp_path):
    with VirtualBox(tmp_path) as box:
        link = ControlLink(tmp_path)
        for command, arguments in (
            ("fly", {}),
            ("press", {}),
            ("press", {"bay": 0}),
            ("press", {"bay": "one"}),
            ("jam", {"bay": 1, "at": "sideways"}),
            ("cut_power", {"last_write": "burn"}),
            ("cut_power", {"after_writes": 0}),
            ("advance", {"seconds": -1}),
        ):
            with pytest.raises(BoxError):
                link.do(command, **arguments)
        link.close()
        assert box.press(1) is False


def test_wait_that_ends_in_vain_says_what_the_box_looks_like(tmp_path):
    with (
        VirtualBox(tmp_path) as box,
        pytest.raises(StillWaitingError, match=r"bay 1 open did not come.*'shutter': 'closed'"),
    ):
        box.wait_shutter(1, "open", timeout=0.05)


def test_every_displayed_text_is_remembered_however_short(tmp_path):
    with agent_box(tmp_path) as (box, agent):
        agent("soon(lambda: [b.show([str(n)]) for n in range(100)])")
        box.wait_display("99")
        assert box.displays()[-100:] == [[str(n)] for n in range(100)]
