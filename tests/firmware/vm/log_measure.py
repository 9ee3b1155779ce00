"""Measures the log on a real littlefs in memory; prints one JSON object. Argument: entries a segment."""

import gc
import json
import os
import sys
import time

import flash
from flash import MOUNT
from sealbox.log import Log

GENESIS = bytes(32)


class Measured(Log):
    SPAN = int(sys.argv[1]) if len(sys.argv) > 1 else Log.SPAN


def body(number, size=200):
    return (b"%08d" % number) + bytes([number & 255]) * (size - 8)


def ms(since):
    return time.ticks_diff(time.ticks_us(), since) / 1000


def run():
    out = {}
    chip = flash.fresh(1024)
    log = Measured(MOUNT + "/log", GENESIS)
    for batch in (1, 20):
        erases, written = chip.erases, chip.written
        start = time.ticks_us()
        for number in range(400):
            log.append(body(log.seq + 1), flush=number % batch == batch - 1)
        out["erases_%d" % batch] = (chip.erases - erases) / 400
        out["amplification_%d" % batch] = (chip.written - written) / 400 / 200
        out["append_ms_%d" % batch] = ms(start) / 400
    while log.seq < 8192 + 100:
        log.append(body(log.seq + 1), flush=log.seq % 20 == 19)
    log.append(body(log.seq + 1))
    log.close()
    out["files"] = len(os.listdir(MOUNT + "/log"))
    gc.collect()
    reads = chip.reads
    start = time.ticks_us()
    log = Measured(MOUNT + "/log", GENESIS)
    out["open_ms"] = ms(start)
    out["open_reads"] = chip.reads - reads
    for name, needle in (("missing", b"no such entry is here 0123456789"), ("one", body(6000)[:32])):
        start = time.ticks_us()
        reads = chip.reads
        found = list(log.find(needle, log.seq - 4095))
        out["find_%s_ms" % name] = ms(start)
        out["find_%s_count" % name] = len(found)
        out["find_reads"] = chip.reads - reads
    start = time.ticks_us()
    sum(1 for _ in log.entries(log.seq - 4095))
    out["entries_4096_ms"] = ms(start)
    start = time.ticks_us()
    log.head_at(6000)
    out["head_at_ms"] = ms(start)
    start = time.ticks_us()
    log._free = 0
    log.room()
    out["count_free_ms"] = ms(start)
    erases, start = chip.erases, time.ticks_us()
    log.prune(100)
    out["prune_ms"] = ms(start)
    print(json.dumps(out))


run()
