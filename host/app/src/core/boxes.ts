// What boxes say: checkpoints and challenges, believed by the box's key; log entries, believed under a checkpoint and
// until then shown as what was delivered, no more.

import { signal } from "@preact/signals";

import { toHex, type Bytes } from "../wire/bytes.ts";
import { ITEM, limits, MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { askItem, isSigned, readItem, type Message } from "../wire/messages.ts";
import * as topics from "../wire/topics.ts";
import type { Api } from "./api.ts";
import { Failure } from "./failure.ts";
import type { Mail, Mailbox } from "./mail.ts";
import type { Store } from "./store.ts";
import { Follower, type Story } from "./story.ts";
import type { Trust } from "./trust.ts";

const ASK_EVERY_MS = 1_500; // a question or its answer may be lost
const SILENT_AFTER_MS = 20_000;
const RETRY_MS = 1_500; // in which the host stores what a checkpoint proves
const HEARD_KEPT = 1_024; // entries; older ones come from the host

/** A point of a box's log that the box signed. */
export interface Anchor {
  seq: number;
  head: Bytes;
}

/** What was heard of one box. */
export class Heard {
  /** The furthest that the box signed, and is believed. */
  checkpoint: Message | null = null;
  /** Log entries by their place, as delivered. */
  readonly entries = new Map<number, Bytes>();
  /** What the broker says: false once the box's connection ended. */
  connected: boolean | null = null;
  /** Whether messages may have been missed since the host was asked last. */
  missed = true;
}

export class Boxes {
  /** Counts what may have changed what pages show of boxes. */
  readonly news = signal(0);
  private readonly trust: Trust;
  private readonly api: Api;
  private readonly mailbox: Mailbox;
  private readonly store: Store;
  private readonly heard = new Map<string, Heard>();
  private readonly followers = new Map<string, Follower>();
  private readonly challenged = new Set<(challenge: Message) => void>();
  private hearing: Promise<unknown> = Promise.resolve(); // one message after the other, in the order in which they came
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(trust: Trust, api: Api, mailbox: Mailbox, store: Store) {
    this.trust = trust;
    this.api = api;
    this.mailbox = mailbox;
    this.store = store;
    mailbox.listen((mail) => {
      if (mail.place.kind === "box_out" || mail.place.kind === "box_status") {
        this.hearing = this.hearing.then(() => this.hear(mail));
      }
    });
    mailbox.watch((online) => {
      for (const one of this.heard.values()) one.missed = true;
      if (online) this.news.value++;
    });
  }

  /** What was heard of a box so far. */
  of(box: Uint8Array): Heard {
    const name = toHex(box);
    let found = this.heard.get(name);
    if (!found) this.heard.set(name, (found = new Heard()));
    return found;
  }

  /** The furthest point of a box's log that it is known to have signed. Throws Failure: no_anchor. */
  async anchor(box: Bytes, bay: number): Promise<Anchor> {
    await this.furthest(box);
    const known = this.of(box).checkpoint;
    if (known) return point(known);
    try {
      return point(await this.challenge(box, bay));
    } catch (error) {
      throw error instanceof Failure ? new Failure("no_anchor") : error;
    }
  }

  /** The box's live challenge for a bay, asked for again and again. Throws Failure: box_silent. */
  challenge(box: Bytes, bay: number): Promise<Message> {
    const { site, kid } = this.trust.profile;
    const ask = (): void => this.mailbox.publish(topics.boxIn(site, box, kid), askItem(bay));
    return new Promise((resolve, reject) => {
      const fits = (challenge: Message): void => {
        if (toHex(challenge.kid) !== toHex(box) || challenge.fields.bay !== bay) return;
        end();
        resolve(challenge);
      };
      const end = (): void => {
        clearInterval(asking);
        clearTimeout(giveUp);
        this.challenged.delete(fits);
      };
      const asking = setInterval(ask, ASK_EVERY_MS);
      const giveUp = setTimeout(() => {
        end();
        reject(new Failure("box_silent"));
      }, SILENT_AFTER_MS);
      this.challenged.add(fits);
      ask();
    });
  }

  /** What the box's log says of a request, from its anchor on. */
  async story(request: Message): Promise<Story> {
    const name = toHex(request.reference);
    let follower = this.followers.get(name);
    if (!follower) this.followers.set(name, (follower = new Follower(request, this.api)));
    await this.furthest(request.fields.box as Bytes);
    const story = await follower.update(this.of(request.fields.box as Bytes));
    clearTimeout(this.again);
    if (!story.complete) this.again = setTimeout(() => this.news.value++, RETRY_MS);
    return story;
  }

  private async hear({ place, payload }: Mail): Promise<void> {
    const box = place.box as Bytes;
    const heard = this.of(box);
    if (place.kind === "box_status") heard.connected = payload.length > 0;
    if (payload.length) await (isSigned(payload) ? this.hearSigned(box, payload) : this.hearItem(heard, payload));
    this.news.value++;
  }

  private async hearSigned(box: Bytes, raw: Uint8Array): Promise<void> {
    const message = await this.believed(raw, box, [MESSAGE.checkpoint, MESSAGE.challenge]);
    if (message?.number === MESSAGE.checkpoint) await this.takeCheckpoint(box, message);
    else if (message) for (const listener of [...this.challenged]) listener(message);
  }

  private async hearItem(heard: Heard, raw: Uint8Array): Promise<void> {
    let item;
    try {
      item = readItem(raw);
    } catch (error) {
      if (error instanceof Refusal) return;
      throw error;
    }
    if (item.number !== ITEM.entries) return;
    for (const [at, entry] of (item.fields.entries as Bytes[]).entries()) {
      if (heard.entries.size < limits.KEEP_ENTRIES) heard.entries.set((item.fields.first as number) + at, entry);
    }
  }

  /** Takes up what the host and an earlier visit know of a box's log, when nothing was heard for a while. */
  private async furthest(box: Bytes): Promise<void> {
    const heard = this.of(box);
    if (heard.checkpoint && !heard.missed) return;
    const raws = [await this.store.note<Bytes>(note(box))];
    try {
      const name = toHex(box);
      for (const one of await this.api.boxes()) {
        if (one.kid !== name || !one.checkpoint) continue;
        raws.push(Uint8Array.from(atob(one.checkpoint), (letter) => letter.charCodeAt(0)));
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error; // without the host, the broker's or the last one seen will do
    }
    for (const raw of raws) {
      const checkpoint = raw && (await this.believed(raw, box, [MESSAGE.checkpoint]));
      if (checkpoint) await this.takeCheckpoint(box, checkpoint);
    }
  }

  private async takeCheckpoint(box: Bytes, checkpoint: Message): Promise<void> {
    const heard = this.of(box);
    const seq = checkpoint.fields.seq as number;
    if (heard.checkpoint && seq <= (heard.checkpoint.fields.seq as number)) return;
    heard.checkpoint = checkpoint;
    for (const at of heard.entries.keys()) if (at <= seq - HEARD_KEPT) heard.entries.delete(at);
    await this.store.setNote(note(box), checkpoint.raw);
  }

  private async believed(raw: Uint8Array, box: Bytes, expected: number[]): Promise<Message | null> {
    try {
      return await this.trust.ofBox(raw, box, expected);
    } catch (error) {
      // Not the box's, or before the first roster: nothing to believe it by.
      if (error instanceof Refusal || error instanceof Failure) return null;
      throw error;
    }
  }
}

function note(box: Bytes): string {
  return `checkpoint ${toHex(box)}`;
}

function point({ fields }: Message): Anchor {
  return { seq: fields.seq as number, head: fields.head as Bytes };
}
