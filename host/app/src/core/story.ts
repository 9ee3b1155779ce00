// What a box's log says of one request, from the request's anchor on: proven where the hash chain leads to a checkpoint
// that the box signed, live where only the broker or the host delivered it.

import { equal, toHex, type Bytes } from "../wire/bytes.ts";
import { History, nextHead, readEntry, type Entry } from "../wire/chain.ts";
import { causes, ENTRY } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import type { Message } from "../wire/messages.ts";
import type { Api } from "./api.ts";
import { Failure } from "./failure.ts";

const AT_ONCE = 512; // entries that the host gives in one answer
const MOST = 8_192; // entries that a box keeps

export type FactKind = "opened" | "pressed" | "closed" | "interrupted" | "jammed" | "denied" | "ended";

const KINDS: Record<number, FactKind> = {
  [ENTRY.intent]: "opened",
  [ENTRY.press]: "pressed",
  [ENTRY.closed]: "closed",
  [ENTRY.interrupted]: "interrupted",
  [ENTRY.jam]: "jammed",
  [ENTRY.decision]: "denied",
  [ENTRY.finish]: "ended",
};

/** One thing that the box says of the request. */
export interface Fact {
  kind: FactKind;
  seq: number;
  /** UTC seconds by the box's clock. */
  time: number;
  proven: boolean;
  /** Presses: of this opening so far, or when it closed. */
  count: number;
  /** Why it closed; empty for anything else. */
  cause: string;
}

export interface Story {
  facts: Fact[];
  /** What the box counts as spent and opened, live entries too. */
  history: History;
  /** Impressions that are still to be had: while it is open, not yet pressed in this opening. */
  left: number;
  /** UTC seconds at which it opened, null while it is not open. */
  openSince: number | null;
  /** All presses that were sensed. */
  pressed: number;
  /** The last cause of closing; empty before any. */
  cause: string;
  /** Whether the last thing heard is that the shutter did not arrive. */
  jammed: boolean;
  /** Whether all that is shown is proven. */
  proven: boolean;
  /** The chain does not lead to what the box signed: entries were altered on their way or at the host. */
  unfit: boolean;
  /** false while entries that a checkpoint proves could not be had yet. */
  complete: boolean;
}

/** What a follower reads: see boxes.ts. */
export interface Source {
  checkpoint: Message | null;
  entries: Map<number, Bytes>;
  missed: boolean;
}

interface Placed {
  seq: number;
  entry: Entry;
}

/** Follows one request. The proven part is read once; what comes after it is read anew each time. */
export class Follower {
  private readonly request: Message;
  private readonly api: Pick<Api, "entries">;
  private seq: number;
  private head: Bytes;
  private readonly told: Placed[] = []; // the proven entries that matter
  private unfit = false;
  private turn: Promise<unknown> = Promise.resolve(); // two pages may look at once

  constructor(request: Message, api: Pick<Api, "entries">) {
    this.request = request;
    this.api = api;
    this.seq = request.fields.anchor_seq as number;
    this.head = request.fields.anchor_head as Bytes;
  }

  /** What is known now. */
  update(source: Source): Promise<Story> {
    const result = this.turn.then(() => this.read(source));
    this.turn = result.catch(() => undefined); // whoever asked is told
    return result;
  }

  private async read(source: Source): Promise<Story> {
    const end = (source.checkpoint?.fields.seq as number | undefined) ?? 0;
    const behind = end > this.seq && !(await this.prove(source, end, source.checkpoint?.fields.head as Bytes));
    const caughtUp = await this.catchUp(source);
    return this.tell(this.live(source), !behind && caughtUp);
  }

  /** Reads up to a checkpoint; whether all entries could be had. */
  private async prove(source: Source, end: number, head: Bytes): Promise<boolean> {
    const first = this.seq + 1;
    const here: Bytes[] = [];
    for (let at = first; at <= end && source.entries.has(at); at++) here.push(source.entries.get(at) as Bytes);
    for (const entries of [here, null]) {
      const found = entries ?? (await this.fetch(first, end));
      if (found.length < end - this.seq) continue;
      let reached: Bytes = this.head;
      for (const raw of found) reached = await nextHead(reached, raw);
      this.unfit = !equal(reached, head);
      if (this.unfit) continue; // what the broker delivered was altered: the host's may hold
      this.told.push(...found.flatMap((raw, at) => this.placed(first + at, raw)));
      this.seq = end;
      this.head = head;
      return true;
    }
    return this.unfit; // told as it is: to ask again would not mend it
  }

  private async fetch(first: number, last: number): Promise<Bytes[]> {
    const found: Bytes[] = [];
    try {
      while (found.length <= last - first && found.length < MOST) {
        const from = first + found.length;
        const more = await this.api.entries(toHex(this.request.fields.box as Bytes), from, Math.min(last, from + AT_ONCE - 1));
        if (!more.length) break;
        found.push(...more);
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    return found;
  }

  /** Asks the host for what came after the checkpoint, where something may have been missed. */
  private async catchUp(source: Source): Promise<boolean> {
    const first = this.seq + 1;
    const gap = !source.entries.has(first) && [...source.entries.keys()].some((at) => at > first);
    if (!source.missed && !gap) return true;
    try {
      const found = await this.api.entries(toHex(this.request.fields.box as Bytes), first, first + AT_ONCE - 1);
      for (const [at, raw] of found.entries()) {
        if (!source.entries.has(first + at)) source.entries.set(first + at, raw);
      }
      source.missed = false;
      return !gap || found.length > 0;
    } catch (error) {
      if (error instanceof Failure) return false;
      throw error;
    }
  }

  private live(source: Source): Placed[] {
    const found: Placed[] = [];
    for (let at = this.seq + 1; source.entries.has(at); at++) {
      found.push(...this.placed(at, source.entries.get(at) as Bytes));
    }
    return found;
  }

  /** An entry that speaks of the request, or of the clock. */
  private placed(seq: number, raw: Bytes): Placed[] {
    let entry;
    try {
      entry = readEntry(raw);
    } catch (error) {
      if (error instanceof Refusal) return [];
      throw error;
    }
    const about = entry.fields.request as Bytes | undefined;
    const ofClock = entry.kind === ENTRY.time || entry.kind === ENTRY.reset;
    return ofClock || (about && equal(about, this.request.reference)) ? [{ seq, entry }] : [];
  }

  private tell(live: Placed[], complete: boolean): Story {
    const asked = this.request.fields.impressions as number;
    const history = new History(this.request.reference);
    const story: Story = {
      facts: [], history, left: asked, openSince: null, pressed: 0, cause: "", jammed: false,
      proven: live.every(({ entry }) => !(entry.kind in KINDS)), unfit: this.unfit, complete,
    };
    for (const [placed, proven] of [[this.told, true], [live, false]] as const) {
      for (const { seq, entry } of placed) {
        history.apply(entry);
        add(story, seq, entry, proven);
      }
    }
    if (story.openSince === null) story.left = Math.max(0, asked - history.spent);
    return story;
  }
}

function add(story: Story, seq: number, { kind, time, fields }: Entry, proven: boolean): void {
  const named = KINDS[kind];
  if (!named) return;
  const count = ((fields.count ?? fields.pressed) as number | undefined) ?? 0;
  const cause = named === "closed" ? (causes[fields.cause as number] ?? "") : "";
  story.facts.push({ kind: named, seq, time, proven, count, cause });
  if (named === "opened") {
    story.openSince = time;
    story.left = fields.spends as number;
    story.jammed = false;
  } else if (named === "pressed") {
    story.left = Math.max(0, story.left - 1);
    story.pressed++;
  } else if (named === "jammed") {
    story.jammed = true;
  } else if (named === "closed" || named === "interrupted") {
    // What was pressed while the shutter closed is in the closing's number alone.
    const presses = story.facts.slice(story.facts.findLastIndex((fact) => fact.kind === "opened")).filter((fact) => fact.kind === "pressed");
    if (named === "closed") story.pressed += count - presses.length;
    story.openSince = null;
    story.cause = cause || named;
    story.jammed = cause === "jammed";
  }
}
