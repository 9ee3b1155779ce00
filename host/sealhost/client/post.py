"""Sending and hearing over MQTT: a session on the broker, and the delivery of what waits in the outbox.

Guarantees: a message counts as answered only by a receipt that a host of the roster signed for its reference, or, when
the host refused it before its signature held, for these very bytes. Until then it is published again with growing
delays, and stays in the profile folder when time runs out. A PUBACK counts for nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from sealwire import errors, topics
from sealwire.errors import SealwireError

from sealhost.client.api import Api
from sealhost.client.errors import ClientError, NoAnswerError
from sealhost.client.profile import Kept, Profile
from sealhost.client.trust import Trust
from sealhost.links import LinkError
from sealhost.links import Message as Mail
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.tls import client_context

CONNECT_S = 10.0
FIRST_REPEAT_S = 1.0
LONGEST_REPEAT_S = 15.0
RETAINED_QUIET_S = 0.5
RETAINED_LONGEST_S = 5.0
MAX_WAITING = 5000  # messages of at most 8 KiB each, heard but not looked at yet
MAX_BOX_MAIL = 2000  # a day's worth of a busy box
# Not the last word: the host or the sender is a moment behind, and the same message passes later.
PROVISIONAL = (errors.NEWER_ROSTER, errors.TOO_FAST)


class Session:
    """One connection to the broker, hearing this key's inbox and the site's boxes. Use as a context manager.

    A broker's URL without a user name: `api` is asked for this key's login, and that goes over TLS only.
    """

    def __init__(self, profile: Profile, api: Api | None = None) -> None:
        self.profile = profile
        self._no_login: ClientError | None = None
        self._mail: queue.Queue[Mail] = queue.Queue(MAX_WAITING)
        self._kept: list[Mail] = []
        self.boxes: deque[Mail] = deque(maxlen=MAX_BOX_MAIL)
        """What the boxes said so far, whoever was waiting for something else just then."""
        self._link = self._make_link(api)

    def _make_link(self, api: Api | None) -> MqttLink:
        settings = self.profile.settings
        if not settings.broker:
            raise ClientError("no_broker")
        try:
            address = BrokerAddress.parse(settings.broker)
            tls = client_context(settings.ca_file or None) if address.tls else None
        except (ValueError, LinkError) as error:
            raise ClientError("bad_broker", detail=error) from error
        if address.tls and address.username is None and api is not None:
            address = self._with_login(address, api)
        # A name of its own each time: two commands of one person must not throw each other out.
        name = f"sealperson-{self.profile.signer.kid.hex()[:12]}-{os.urandom(4).hex()}"
        link = MqttLink(address, name, tls=tls, persistent=False)
        site, kid = self.profile.site, self.profile.signer.kid
        news, waiting = topics.inbox_filters(site, kid)
        out, status = topics.boxes_filters(site)
        link.subscribe(news, self._arrived)
        link.subscribe(waiting, self._arrived, retained=True)
        link.subscribe(out, self._arrived)
        link.subscribe(status, self._arrived, retained=True)
        return link

    def _with_login(self, address: BrokerAddress, api: Api) -> BrokerAddress:
        """The address with this key's login, if the host gives one."""
        try:
            login = api.broker_login()
        except ClientError as error:
            self._no_login = error  # the broker may not ask for one
            return address
        return address if login is None else replace(address, username=login[0], password=login[1])

    def __enter__(self) -> Self:
        self._link.start()
        if not self._link.wait_connected(CONNECT_S):
            self._link.stop()
            raise self._unconnected()
        return self

    def _unconnected(self) -> ClientError:
        if not self._link.refused:
            return NoAnswerError("broker_unreachable")
        return NoAnswerError("broker_refused", detail=self._no_login or self._link.trouble)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.stop()

    def _arrived(self, mail: Mail) -> None:
        with contextlib.suppress(queue.Full):  # a flood: what matters is sent again
            self._mail.put_nowait(mail)

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message to the broker."""
        self._link.publish(topic, payload)

    def hear(self, timeout_s: float) -> Mail | None:
        """The next message, None when none came in time."""
        try:
            mail = self._mail.get(timeout=max(timeout_s, 0.001))
        except queue.Empty:
            return None
        if mail.retained:
            self._kept.append(mail)
        if "/box/" in mail.topic:
            self.boxes.append(mail)
        return mail

    def retained(self, enough: str = "") -> list[Mail]:
        """What the broker had kept for us: all that comes until it is quiet, or until the topic `enough`."""
        end = time.monotonic() + RETAINED_LONGEST_S
        while time.monotonic() < end and not any(mail.topic == enough for mail in self._kept):
            if self.hear(RETAINED_QUIET_S) is None:
                break
        return list(self._kept)

    def status(self, box: bytes) -> list[bytes]:
        """What a box's retained status topic holds, if anything has come."""
        topic = topics.box_status(self.profile.site, box)
        return [mail.payload for mail in self.retained(topic) if mail.topic == topic]


class Postman:
    """Delivers a profile's outbox.

    `hosts` are host keys believed besides the roster's, for the first roster of all.
    """

    def __init__(
        self, session: Session, trust: Trust, api: Callable[[], Api] | None, hosts: Iterable[bytes] = ()
    ) -> None:
        self._session = session
        self._trust = trust
        self._api = api
        self._hosts = list(hosts)
        self._profile = session.profile
        self._inbox = topics.inbox(self._profile.site, self._profile.signer.kid)

    def deliver(self, wanted: Iterable[Kept], timeout_s: float) -> dict[bytes, int]:
        """Send everything that waits; return each answered message's result once all of `wanted` are answered.

        Raises NoAnswerError (no_receipt) when a wanted one is not answered in time; it stays in the outbox.
        """
        needed = {kept.reference for kept in wanted if kept.result is None}
        results = {kept.reference: kept.result for kept in wanted if kept.result is not None}
        pending = {kept.reference: kept for kept in self._profile.waiting()}
        self._put_blobs(pending.values(), needed)
        end = time.monotonic() + timeout_s
        repeat_s = FIRST_REPEAT_S
        while needed & pending.keys():
            self._publish(pending.values())
            again = min(end, time.monotonic() + repeat_s)
            repeat_s = min(repeat_s * 2, LONGEST_REPEAT_S)
            while needed & pending.keys() and time.monotonic() < again:
                self._take(pending, results, again - time.monotonic())
            if needed & pending.keys() and time.monotonic() >= end:
                raise NoAnswerError("no_receipt", seconds=round(timeout_s))
        return results

    def _publish(self, items: Iterable[Kept]) -> None:
        for kept in items:
            for topic in kept.topics:
                self._session.publish(topic, kept.raw)

    def _take(self, pending: dict[bytes, Kept], results: dict[bytes, int], timeout_s: float) -> None:
        """Hear one message; when it is a receipt of ours, settle what it answers."""
        mail = self._session.hear(timeout_s)
        if mail is None or mail.topic != self._inbox:
            return
        try:
            receipt = self._trust.receipt(mail.payload, self._hosts)
        except SealwireError:
            return  # no receipt, or nobody's whom we believe: only time is lost
        kept = _answered(pending, receipt["reference"], receipt["result"])
        if kept is None or receipt["result"] in PROVISIONAL:
            return
        pending.pop(kept.reference)
        self._profile.settle(kept, receipt["result"])
        results[kept.reference] = receipt["result"]

    def _put_blobs(self, items: Iterable[Kept], needed: set[bytes]) -> None:
        """Give the host the files that messages name, before the messages."""
        for kept in items:
            for digest in kept.blobs:
                body = self._profile.blob(digest)
                if body is None or self._api is None:
                    continue
                try:
                    self._api().put_blob(digest, body)
                except ClientError as error:
                    if kept.reference in needed:
                        raise NoAnswerError("files_not_sent", detail=error) from error


def _answered(pending: dict[bytes, Kept], reference: bytes, result: int) -> Kept | None:
    """The message that a receipt is for: by its reference, or, refused unproven, by the bytes themselves."""
    kept = pending.get(reference)
    if kept is not None or result == errors.ACCEPTED:
        return kept
    return next((one for one in pending.values() if hashlib.sha256(one.raw).digest() == reference), None)
