"""How many QoS 1 messages a second the box's client sends (8 in flight, 200 bytes, x64 VM, 160 KB of heap)."""

from __future__ import annotations

from tests.brokers import Broker, broker, mosquitto, rumqttd  # noqa: F401
from tests.firmware.mqtt_vm import VmClient

MESSAGES = 5000


def test_publish_rate(broker: Broker) -> None:  # noqa: F811
    with VmClient(broker.port) as client:
        client.event("connected")
        rates = []
        for _ in range(3):
            client.command("burst", MESSAGES, "bench/out", 200)
            rates.append(MESSAGES * 1000 // client.event("burst")[1])
        print(f"\n{type(broker).__name__}: {sorted(rates)} messages/s, QoS 1, 8 in flight")
        assert max(rates) >= 1000
