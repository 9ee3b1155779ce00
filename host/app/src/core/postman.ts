// Delivers what was signed here: files first, then the message, again and again with growing pauses, also after a
// restart, until a host of the roster signed a receipt for it. A broker's acknowledgement counts for nothing.

import { sha256, toHex } from "../wire/bytes.ts";
import { reasonName, Refusal } from "../wire/errors.ts";
import type { Api } from "./api.ts";
import { Failure } from "./failure.ts";
import type { Mailbox } from "./mail.ts";
import type { Kept, Store } from "./store.ts";
import type { Trust } from "./trust.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
// Not the last word: the host or the sender is a moment behind, and the same message passes later.
const PROVISIONAL = ["newer_roster", "too_fast"];

export type Settled = (kept: Kept) => void;

export class Postman {
  private readonly store: Store;
  private readonly trust: Trust;
  private readonly api: Api;
  private readonly mailbox: Mailbox;
  private readonly settledBy = new Set<Settled>();
  private readonly pending = new Map<string, Kept>();
  private readonly stored = new Set<string>(); // files that the host has
  private pauseMs = FIRST_PAUSE_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: Store, trust: Trust, api: Api, mailbox: Mailbox) {
    this.store = store;
    this.trust = trust;
    this.api = api;
    this.mailbox = mailbox;
  }

  /** Takes up what earlier visits left, and listens for receipts. */
  async start(): Promise<void> {
    for (const kept of await this.store.signed()) if (kept.result === null) this.pending.set(kept.reference, kept);
    this.mailbox.listen(({ place, payload }) => {
      if (place.kind === "inbox") void this.heard(payload);
    });
    this.mailbox.watch((online) => online && this.hurry());
    this.hurry();
  }

  /** What has no receipt yet. */
  get waiting(): Kept[] {
    return [...this.pending.values()];
  }

  /** Calls `listener` when a message was answered. */
  onSettled(listener: Settled): () => void {
    this.settledBy.add(listener);
    return () => this.settledBy.delete(listener);
  }

  /** Takes a message that the store keeps already, and sends it. */
  post(kept: Kept): void {
    this.pending.set(kept.reference, kept);
    this.hurry();
  }

  /** The answer to a message, as a reason's name; waits for it. */
  answer(reference: string): Promise<string> {
    return new Promise((resolve) => {
      const off = this.onSettled((kept) => {
        if (kept.reference !== reference || kept.result === null) return;
        off();
        resolve(reasonName(kept.result));
      });
    });
  }

  private hurry(): void {
    this.pauseMs = FIRST_PAUSE_MS;
    void this.send();
  }

  private async send(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.pending.size) return;
    this.timer = setTimeout(() => void this.send(), this.pauseMs);
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
    if (!this.mailbox.online) return;
    for (const kept of this.waiting) {
      try {
        await this.putFiles(kept);
      } catch (error) {
        if (error instanceof Failure) continue; // the next round tries again
        throw error;
      }
      for (const topic of kept.topics) this.mailbox.publish(topic, kept.raw);
    }
  }

  private async putFiles(kept: Kept): Promise<void> {
    for (const digest of kept.files) {
      const body = this.stored.has(digest) ? undefined : await this.store.file(digest);
      if (!body) continue;
      await this.api.putFile(digest, body);
      this.stored.add(digest);
    }
  }

  private async heard(payload: Uint8Array): Promise<void> {
    let receipt;
    try {
      receipt = await this.trust.receipt(payload);
    } catch (error) {
      if (error instanceof Refusal || error instanceof Failure) return; // no receipt, or nobody's whom we believe
      throw error;
    }
    const result = receipt.fields.result as number;
    const kept = await this.meant(toHex(receipt.fields.reference as Uint8Array), result);
    if (!kept || PROVISIONAL.includes(reasonName(result))) return;
    this.pending.delete(kept.reference);
    await this.store.settle(kept.reference, result);
    for (const listener of this.settledBy) listener({ ...kept, result });
  }

  /** The message that a receipt is for: by its reference, or, refused unproven, by its very bytes. */
  private async meant(reference: string, result: number): Promise<Kept | undefined> {
    const kept = this.pending.get(reference);
    if (kept || result === 0) return kept;
    for (const one of this.waiting) if (toHex(await sha256(one.raw)) === reference) return one;
    return undefined;
  }
}
