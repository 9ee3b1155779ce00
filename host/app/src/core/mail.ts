// The connection to the broker, over the host's /mqtt relay. What is published here is not thereby delivered: the
// postman sends again until the host's own receipt.

import type { MqttClient } from "mqtt";

import { toHex } from "../wire/bytes.ts";
import * as topics from "../wire/topics.ts";
import type { Api } from "./api.ts";
import type { Trust } from "./trust.ts";

const KEEPALIVE_S = 20;
const RECONNECT_MS = 2_000;

export interface Mail {
  place: topics.Place;
  payload: Uint8Array;
  retained: boolean;
}

type Listener = (mail: Mail) => void;

export class Mailbox {
  private readonly trust: Trust;
  private readonly api: Api;
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<(online: boolean) => void>();
  private client: MqttClient | null = null;
  private stopped = false;

  constructor(trust: Trust, api: Api) {
    this.trust = trust;
    this.api = api;
  }

  get online(): boolean {
    return this.client?.connected ?? false;
  }

  /** Calls `listener` for each message until the returned function is called. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls `watcher` when the connection comes and goes. */
  watch(watcher: (online: boolean) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Connects, and again whenever the connection is lost, until `stop`. Throws Failure when signing in fails. */
  async start(): Promise<void> {
    const login = await this.api.brokerLogin();
    const { default: mqtt } = await import("mqtt"); // the largest part of the app: loaded beside the first page, not before it
    if (this.stopped) return;
    const { profile } = this.trust;
    const url = new URL("/mqtt", profile.hostUrl || location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const random = toHex(crypto.getRandomValues(new Uint8Array(4)));
    this.client = mqtt.connect(url.href, {
      protocolVersion: 4,
      clientId: `sealapp-${toHex(profile.kid).slice(0, 12)}-${random}`, // two tabs must not throw each other out
      clean: true,
      keepalive: KEEPALIVE_S,
      reconnectPeriod: RECONNECT_MS,
      timerVariant: "native", // the other kind starts a worker from a blob, which the page's policy forbids
      queueQoSZero: false,
      ...(login && { username: login.user, password: login.password }),
    });
    this.client.on("connect", () => {
      this.client?.subscribe(topics.filters(profile.site, profile.kid), { qos: 1 });
      this.tell(true);
    });
    this.client.on("close", () => this.tell(false));
    this.client.on("error", () => this.tell(false)); // it goes on trying by itself
    this.client.on("message", (topic, payload, packet) => {
      const place = topics.parse(topic);
      if (!place) return;
      const mail = { place, payload: new Uint8Array(payload), retained: packet.retain };
      for (const listener of this.listeners) listener(mail);
    });
  }

  /** Hands a message to the broker, if there is one; nothing is queued here. */
  publish(topic: string, payload: Uint8Array): void {
    if (this.online) this.client?.publish(topic, payload as Buffer, { qos: 1 });
  }

  stop(): void {
    this.stopped = true;
    this.client?.end(true);
  }

  private tell(online: boolean): void {
    for (const watcher of this.watchers) watcher(online);
  }
}
