"""Drives sealbox.mqtt or sealbox.link by lines of JSON: commands on standard input, events on standard output.

The first argument is JSON: {"kind": "client" | "link", ...options}. Commands: ["publish", n, topic or channel, payload,
retain] with the payload as hex or [size, byte], ["burst", count, topic, size], ["fail", n], ["memory"].
"""

import asyncio
import gc
import json
import sys
import time
from binascii import hexlify, unhexlify
from hashlib import sha256

from sealbox import link, mqtt

config = json.loads(sys.argv[1])
failing = [0]


def say(*event):
    print(json.dumps(event))


def log(line):
    say("log", line)


def on_message(where, payload, retained=False):
    name = hexlify(where).decode() if isinstance(where, bytes) else where
    told = payload if len(payload) <= 1024 else sha256(payload).digest()
    say("message", name, hexlify(told).decode(), retained)
    if failing[0]:
        failing[0] -= 1
        raise RuntimeError("the handler fails")


def make(host, port, options):
    options["log"] = log
    options["on_connect"] = lambda: say("connected")
    for name in ("filters", "user", "backoff_ms", "will"):
        if name in options:
            options[name] = tuple(options[name])
    if config["kind"] == "link":
        site, box = unhexlify(config["site"]), unhexlify(config["box"])
        return link.MqttLink(host, port, site, box, on_message, **options)
    if "tls_ca" in config:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_mode = ssl.CERT_REQUIRED
        with open(config["tls_ca"], "rb") as file:
            context.load_verify_locations(cadata=file.read())
        options["tls"] = lambda: context
    return mqtt.MqttClient(host, port, config["client_id"], on_message, **options)


async def report(number, message):
    await message.wait()
    say("acknowledged", number)


async def burst(client, count, topic, size):
    payload = bytes(size)
    began = time.ticks_ms()
    for _ in range(count):
        await client.publish(topic, payload)
    await client.flush()
    say("burst", time.ticks_diff(time.ticks_ms(), began))


async def obey(client):
    tasks = []
    commands = asyncio.StreamReader(sys.stdin)
    while True:
        line = await commands.readline()
        if not line:
            return
        command = json.loads(line)
        tasks = [task for task in tasks if not task.done()]
        if command[0] == "publish":
            _, number, where, payload, retain = command
            try:
                data = unhexlify(payload) if isinstance(payload, str) else bytes((payload[1],)) * payload[0]
                message = await client.publish(where, data, retain)
            except ValueError as error:
                say("refused", number, str(error))
                continue
            say("taken", number)
            tasks.append(asyncio.create_task(report(number, message)))
        elif command[0] == "burst":
            tasks.append(asyncio.create_task(burst(client, *command[1:])))
        elif command[0] == "fail":
            failing[0] = command[1]
        elif command[0] == "memory":
            gc.collect()
            say("memory", gc.mem_alloc())


async def main():
    client = make(config["host"], config["port"], config.get("options", {}))
    running = asyncio.create_task(client.run())
    await obey(client)
    running.cancel()


asyncio.run(main())
