// How a box stands as one goes through its log, and how an entry of it is blamed: what all checks of the log share.

import { equal, type Bytes } from "../wire/bytes.ts";
import type { Entry } from "../wire/chain.ts";
import { ENTRY, limits, messageTypes } from "../wire/definitions.ts";
import type { Message } from "../wire/messages.ts";
import type { Roster } from "../wire/roster.ts";
import { messagePath } from "./bundle.ts";
import { RANK, type Findings, type Rank } from "./findings.ts";
import type { Letters } from "./letters.ts";
import type { BoxLog } from "./log.ts";
import { num, type Proofs } from "./proofs.ts";
import type { RosterChain } from "./rosters.ts";

/** One use of a bay, from its intent to its end. Times are the box's, UTC seconds. */
export interface Opening {
  box: string;
  bay: number;
  request: string;
  seq: number;
  time: number;
  spends: number;
  people: number[];
  roster: number;
  pressed: number;
  givenBack: number;
  closed: number | null;
  cause: string;
  jams: number;
  /** The shutter did not close: the bay is jammed, its request not ended. */
  stuck: boolean;
  /** The box started while this was open. */
  rebooted: boolean;
}

/** How a box stands after an entry. */
export interface Stand {
  boot: number;
  roster: number;
  alarm: number;
  clock: number;
  clockSet: boolean;
  firmware: string;
  time: number;
  open: Map<number, Opening>;
}

/** Something of the box itself that the ledger shows: an alarm, a reset, a shutter that was forced. */
export interface Event {
  box: string;
  entry: number;
  time: number;
  name: string;
}

/** Where a reading of one log stands, with everything that its entries are held against. */
export class LogReader {
  readonly site: Bytes;
  readonly log: BoxLog;
  readonly rosters: RosterChain;
  readonly letters: Letters;
  readonly proofs: Proofs;
  readonly findings: Findings;
  readonly stand: Stand = {
    boot: 0, roster: 0, alarm: 0, clock: 0, clockSet: false, firmware: "", time: 0, open: new Map(),
  };
  readonly openings: Opening[] = [];
  readonly events: Event[] = [];
  /** Which entry used up a challenge. */
  readonly nonces = new Map<string, number>();
  /** References, in hex, that an opening or entry rests on. */
  readonly used = new Set<string>();

  constructor(
    site: Bytes, log: BoxLog, rosters: RosterChain, letters: Letters, proofs: Proofs, findings: Findings,
  ) {
    this.site = site;
    this.log = log;
    this.rosters = rosters;
    this.letters = letters;
    this.proofs = proofs;
    this.findings = findings;
  }

  /** A finding about an entry. */
  blame(seq: number, check: string, why: string, rank: Rank = RANK.log): void {
    this.findings.add(rank, this.log.path, `entry ${seq}`, check, why);
  }

  /** The roster in force; null when it is not proven, which was said before. */
  roster(seq: number): Roster | null {
    const roster = this.rosters.rosters.get(this.stand.roster) ?? null;
    if (!roster) {
      const { kid } = this.log;
      this.findings.note(`box ${kid}, entry ${seq}: the roster in force is not proven, so it was not checked`);
    }
    return roster;
  }

  /** The message that an entry names; a finding when it is not there. */
  letter(seq: number, reference: string, number: number): Message | null {
    const message = this.letters.get(reference, number);
    if (!message && !this.findings.blames(reference)) {
      const why = `entry ${seq} of the box's log names this ${messageTypes[number]?.name}, which is not in the bundle`;
      this.findings.add(RANK.log, messagePath(reference), reference, "message_missing", why);
    }
    return message;
  }

  /** Whether an anchor was good when entry `seq` was written: on the chain, and not too far back. */
  onChain(seq: number, anchor: number, head: Uint8Array): boolean {
    let last = seq - 1;
    if (last > 0 && this.log.entry(last).kind === ENTRY.state) last--; // it came with this entry, after the box had looked
    const found = this.log.heads[anchor - 1];
    return last - limits.ANCHOR_BACK <= anchor && anchor < seq && found !== undefined && equal(found, head);
  }

  /** The authority keys that the box obeys, and how many must sign. */
  authority(): { authority: Bytes[]; threshold: number } {
    const held = this.rosters.rosters.get(this.stand.roster);
    if (held) return { authority: held.fields.authority, threshold: held.fields.threshold };
    const origin = this.log.entry(1);
    if (origin.kind !== ENTRY.origin) return { authority: [], threshold: 1 };
    return { authority: origin.fields.authority as Bytes[], threshold: num(origin, "threshold") };
  }

  note(seq: number, entry: Entry): void {
    const name = entry.kind === ENTRY.seal ? (num(entry, "present") ? "seal_back" : "seal_removed") : entry.name;
    this.events.push({ box: this.log.kid, entry: seq, time: entry.time, name });
  }
}
