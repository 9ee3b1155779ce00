// Which entry is to blame when a chain's links hold among themselves, but do not lead to what the box signed: somebody
// made the chain anew. The entry is sought without which, or in another place, the box's signature would hold.

import { equal, type Bytes } from "../wire/bytes.ts";
import type { Message } from "../wire/messages.ts";
import { RANK, type Findings } from "./findings.ts";
import type { BoxLog } from "./log.ts";
import type { Pace } from "./pace.ts";
import { bin, num } from "./proofs.ts";
import { sha256 } from "./sha256.ts";

const SEARCHED = 96; // entries between two checkpoints among which one that moved is searched for: n*n*n/2 hashes

/** The entry of a later checkpoint whose head is the chain's; 0 without one. */
export function signedLater(log: BoxLog, message: Message): number {
  for (const other of log.checkpoints) {
    const seq = num(other, "seq");
    const head = log.heads[seq - 1];
    if (num(message, "seq") < seq && head && equal(head, bin(other, "head"))) return seq;
  }
  return 0;
}

export async function nameCulprit(
  log: BoxLog, path: string, message: Message, findings: Findings, pace: Pace,
): Promise<void> {
  const [first, last] = [log.proven + 1, num(message, "seq")];
  const start = log.headAfter(first - 1) as Bytes;
  const found = await search(log, start, first, last, bin(message, "head"), pace);
  if (!found) {
    const which = first === last ? `entry ${last} is` : `among entries ${first} to ${last}, at least one is`;
    const why = `${which} not what the box signed: altered, dropped, added or moved, and the chain made anew`;
    findings.add(RANK.chain, log.path, `entries ${first} to ${last}`, "checkpoint_head", why);
    return;
  }
  const why = `${found.why} the head that the box signed at ${last} (${path})`;
  findings.add(RANK.chain, log.path, `entry ${found.seq}`, found.check, why);
}

interface Culprit {
  check: string;
  seq: number;
  why: string;
}

/** Whether one entry fewer, or one entry in another place, leads to the signed head. */
async function search(
  log: BoxLog, start: Bytes, first: number, last: number, goal: Bytes, pace: Pace,
): Promise<Culprit | null> {
  const size = last - first + 1;
  if (size > SEARCHED) return null;
  const all = log.raws.slice(first - 1, Math.min(last + 1, log.raws.length));
  const leads = (raws: Uint8Array[]): boolean => equal(raws.reduce<Bytes>((head, raw) => sha256(head, raw), start), goal);
  for (const at of all.keys()) {
    if (all.length > size && leads(all.toSpliced(at, 1))) {
      const why = `entry ${first + at} was added: without it the chain leads to`;
      return { check: "entry_added", seq: first + at, why };
    }
  }
  const raws = all.slice(0, size);
  return (await searchMoved(raws, first, leads, pace)) ?? searchSwapped(raws, first, leads, pace);
}

async function searchMoved(
  raws: Uint8Array[], first: number, leads: (raws: Uint8Array[]) => boolean, pace: Pace,
): Promise<Culprit | null> {
  for (const [at, raw] of raws.entries()) {
    await pace.step(0);
    const rest = raws.toSpliced(at, 1);
    for (const to of raws.keys()) {
      if (!leads(rest.toSpliced(to, 0, raw))) continue;
      const why = `entry ${first + at} was moved from place ${first + to}: put back there, the chain leads to`;
      return { check: "entry_order", seq: first + at, why };
    }
  }
  return null;
}

async function searchSwapped(
  raws: Uint8Array[], first: number, leads: (raws: Uint8Array[]) => boolean, pace: Pace,
): Promise<Culprit | null> {
  for (const at of raws.keys()) {
    await pace.step(0);
    for (let other = at + 1; other < raws.length; other++) {
      const swapped = raws.with(at, raws[other] as Uint8Array).with(other, raws[at] as Uint8Array);
      if (!leads(swapped)) continue;
      const why = `entries ${first + at} and ${first + other} were exchanged: put back, the chain leads to`;
      return { check: "entry_order", seq: first + at, why };
    }
  }
  return null;
}
