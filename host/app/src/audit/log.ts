// A box's log as the bundle holds it: reading it, its chain, its checkpoints.
//
// The file is a CBOR sequence (RFC 8742) of [seq, entry, head]: the entry's bytes and the chain's head after it. Seq and
// head prove nothing, since whoever changes entries can change them too; what proves is the box's signature under
// checkpoints. They serve to name the very entry when somebody did not bother.

import { equal, fromHex, toHex, utf8, type Bytes } from "../wire/bytes.ts";
import { readHead } from "../wire/cbor.ts";
import { readEntry, type Entry } from "../wire/chain.ts";
import { ENTRY, limits, MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import { checkpointPath, checkpointsBelow, entriesPath, type Bundle } from "./bundle.ts";
import { nameCulprit, signedLater } from "./culprit.ts";
import { RANK, type Findings } from "./findings.ts";
import type { Pace } from "./pace.ts";
import { bin, kidOf, num, ref, refusal, type Proofs } from "./proofs.ts";
import type { RosterChain } from "./rosters.ts";
import { sha256 } from "./sha256.ts";

interface Line {
  seq: number;
  raw: Uint8Array;
  head: Uint8Array;
}

/** A log whose entries 1 to `entries.length` may be looked at; `proven` of them are under a checkpoint.
 *
 * broken: the rest was left out, since something before it does not hold. heads[seq - 1] is the head after an entry. */
export class BoxLog {
  readonly kid: string;
  readonly path: string;
  readonly genesis: Bytes;
  readonly entries: Entry[] = [];
  readonly raws: Uint8Array[] = [];
  readonly heads: Bytes[] = [];
  checkpoints: Message[] = [];
  proven = 0;
  broken = false;

  constructor(kid: string, site: Uint8Array) {
    this.kid = kid;
    this.path = entriesPath(kid);
    this.genesis = sha256(utf8(`sealbox/1/log/${toHex(site)}`));
  }

  /** The entry of this seq, from 1. */
  entry(seq: number): Entry {
    return this.entries[seq - 1] as Entry;
  }

  /** The chain's head after an entry; before the first, its genesis. */
  headAfter(seq: number): Bytes | undefined {
    return seq === 0 ? this.genesis : this.heads[seq - 1];
  }
}

/** The elements of the file, and what is wrong where it stops being one ("" when nothing is). */
export function readLines(content: Uint8Array, most = Infinity): [Line[], string] {
  const lines: Line[] = [];
  let at = 0;
  while (at < content.length && lines.length < most) {
    try {
      const [line, next] = readLine(content, at);
      lines.push(line);
      at = next;
    } catch (error) {
      return [lines, `byte ${at}: ${refusal(error).message}`];
    }
  }
  return [lines, ""];
}

function readLine(content: Uint8Array, start: number): [Line, number] {
  let [major, number, at] = readHead(content, start);
  if (major !== 4 || number !== 3) throw new Refusal("wrong_field_type", "not [seq, entry, head]");
  [major, number, at] = readHead(content, at);
  if (major !== 0) throw new Refusal("wrong_field_type", "seq is no number");
  const [raw, afterRaw] = readBytes(content, at, limits.ENTRY);
  const [head, end] = readBytes(content, afterRaw, limits.HASH);
  return [{ seq: number, raw, head }, end];
}

function readBytes(content: Uint8Array, start: number, most: number): [Uint8Array, number] {
  const [major, size, at] = readHead(content, start);
  if (major !== 2 || size > most) throw new Refusal("wrong_field_type", "not the byte string that belongs there");
  if (at + size > content.length) throw new Refusal("truncated");
  return [content.subarray(at, at + size), at + size];
}

/** Reads a box's log and holds it against its checkpoints. */
export async function checkLog(
  bundle: Bundle, site: Bytes, kid: string, rosters: RosterChain, proofs: Proofs, findings: Findings, pace: Pace,
): Promise<BoxLog> {
  const log = new BoxLog(kid, site);
  const [lines, damage] = readLines(bundle.items.get(log.path) ?? new Uint8Array());
  if (damage) {
    const why = `after entry ${lines.length} the file is no log any more (${damage})`;
    findings.add(RANK.chain, log.path, `entry ${lines.length + 1}`, "entries_damaged", why);
    log.broken = true;
  }
  pace.begin("logs", lines.length);
  await new Chain(log, findings, pace).link(lines);
  log.checkpoints = await readCheckpoints(bundle, site, log, boxKey(log, rosters), proofs, findings);
  await match(log, findings, pace);
  return log;
}

/** The key that signs the checkpoints: the one with this kid, by a roster or by the log's own first entry. */
function boxKey(log: BoxLog, rosters: RosterChain): Bytes | null {
  const [first] = log.entries;
  if (first?.kind === ENTRY.origin && kidOf(bin(first, "box")) === log.kid) return bin(first, "box");
  return rosters.boxKey(fromHex(log.kid));
}

/** Follows the links from genesis, names the first that does not hold, and leaves out what comes after it. */
class Chain {
  private readonly log: BoxLog;
  private readonly findings: Findings;
  private readonly pace: Pace;
  private head: Uint8Array;

  constructor(log: BoxLog, findings: Findings, pace: Pace) {
    this.log = log;
    this.findings = findings;
    this.pace = pace;
    this.head = log.genesis;
  }

  /** Fills the log with the entries whose links hold. */
  async link(given: Line[]): Promise<void> {
    const lines = this.inOrder(given);
    for (const [at, line] of lines.entries()) {
      await this.pace.step();
      const seq = at + 1;
      if (line.seq !== seq) {
        const missing = line.seq === seq + 1 ? `entry ${seq}` : `entries ${seq} to ${line.seq - 1}`;
        this.stop(seq, "entry_missing", `${missing} of the log cannot be found: it goes on with ${line.seq}`);
        return;
      }
      const head = sha256(this.head, line.raw);
      if (!equal(head, line.head)) {
        this.blame(seq, head, lines[at + 1]);
        return;
      }
      let entry: Entry;
      try {
        entry = readEntry(line.raw);
      } catch (error) {
        const { reason, message } = refusal(error);
        this.stop(seq, reason, `entry ${seq} cannot be read: ${message}`);
        return;
      }
      this.head = head;
      this.log.heads.push(head);
      this.log.raws.push(line.raw);
      this.log.entries.push(entry);
    }
  }

  /** Entries that stand in the wrong place or twice are named and put right, so that the rest can be checked. */
  private inOrder(lines: Line[]): Line[] {
    const kept = new Map<number, Line>();
    let highest = 0;
    for (const line of lines) {
      const before = kept.get(line.seq);
      const subject = `entry ${line.seq}`;
      if (before) {
        if (!this.links(kept, before) && this.links(kept, line)) kept.set(line.seq, line);
        const why = `there are two entries ${line.seq}: one was added`;
        this.findings.add(RANK.chain, this.log.path, subject, "entry_added", why);
        continue;
      }
      if (line.seq < highest) {
        const why = `entry ${line.seq} stands after entry ${highest}: the order was changed`;
        this.findings.add(RANK.chain, this.log.path, subject, "entry_order", why);
      }
      highest = Math.max(highest, line.seq);
      kept.set(line.seq, line);
    }
    return [...kept.values()].sort((one, other) => one.seq - other.seq);
  }

  private links(kept: Map<number, Line>, line: Line): boolean {
    const before = kept.get(line.seq - 1)?.head ?? this.head;
    return equal(sha256(before, line.raw), line.head);
  }

  /** Either the entry or only the head beside it was changed: the next link tells. */
  private blame(seq: number, head: Bytes, after: Line | undefined): void {
    if (after && equal(sha256(head, after.raw), after.head)) {
      this.stop(seq, "entry_head", `the head listed beside entry ${seq} is not the chain's`);
      return;
    }
    const why = `entry ${seq} was altered, or another put in its place: the chain does not lead through it`;
    this.stop(seq, "entry_altered", why);
  }

  private stop(seq: number, check: string, why: string): void {
    this.findings.add(RANK.chain, this.log.path, `entry ${seq}`, check, why);
    this.log.broken = true;
  }
}

async function readCheckpoints(
  bundle: Bundle, site: Bytes, log: BoxLog, publicKey: Bytes | null, proofs: Proofs, findings: Findings,
): Promise<Message[]> {
  const found: Message[] = [];
  for (const path of bundle.below(checkpointsBelow(log.kid))) {
    if (findings.blames(path)) continue;
    const subject = `checkpoint ${Number(/([0-9]+)-[0-9a-f]+\.cose$/.exec(path)?.[1])}`;
    let message: Message;
    try {
      message = await Message.read(bundle.items.get(path) as Uint8Array, site, [MESSAGE.checkpoint]);
      if (!publicKey) continue; // neither log nor roster know the box: said elsewhere
      await proofs.check(message, publicKey);
    } catch (error) {
      const { reason, message: why } = refusal(error);
      findings.add(RANK.chain, path, subject, reason, `this checkpoint is refused: ${why}`);
      continue;
    }
    if (path !== checkpointPath(log.kid, num(message, "seq"), message.reference)) {
      const why = `this item holds the checkpoint of entry ${num(message, "seq")}, which its path does not say`;
      findings.add(RANK.chain, path, subject, "item_name", why);
    }
    found.push(message);
  }
  return found.sort(inTime);
}

function inTime(one: Message, other: Message): number {
  for (const name of ["seq", "boot", "clock"]) {
    const difference = num(one, name) - num(other, name);
    if (difference) return difference;
  }
  return ref(one) < ref(other) ? -1 : 1;
}

/** Holds the chain against what the box signed; afterwards `proven` is set and what cannot be trusted left out. */
async function match(log: BoxLog, findings: Findings, pace: Pace): Promise<void> {
  for (const message of log.checkpoints) {
    const seq = num(message, "seq");
    if (seq > log.entries.length) {
      if (!log.broken) blameTruncated(log, seq, findings);
      return;
    }
    if (!equal(log.heads[seq - 1] as Bytes, bin(message, "head"))) {
      await blameHead(log, message, findings, pace);
      log.entries.length = log.heads.length = seq;
      log.broken = true;
      return;
    }
    log.proven = seq;
  }
  const last = log.entries.length;
  if (last === log.proven || log.broken || findings.blamedBelow(checkpointsBelow(log.kid)).length) return;
  const which = last === log.proven + 1 ? `entry ${last} is` : `entries ${log.proven + 1} to ${last} are`;
  const why = `${which} under no checkpoint: the box's signature for them is missing`;
  findings.add(RANK.chain, log.path, `entry ${log.proven + 1}`, "unproven", why);
}

function blameTruncated(log: BoxLog, seq: number, findings: Findings): void {
  const gone = seq - log.entries.length;
  const subject = `entries ${log.proven + 1} to ${seq}`;
  const why =
    `the box signed its log up to entry ${seq}, but ${gone} of its ${subject} ` +
    `${gone === 1 ? "is" : "are"} not there: cut off, or dropped and the chain made anew`;
  findings.add(RANK.chain, log.path, subject, "log_truncated", why);
  log.broken = true;
}

async function blameHead(log: BoxLog, message: Message, findings: Findings, pace: Pace): Promise<void> {
  const seq = num(message, "seq");
  const path = checkpointPath(log.kid, seq, message.reference);
  const twice = log.checkpoints.some(
    (other) => num(other, "seq") === seq && !equal(bin(other, "head"), bin(message, "head")),
  );
  const later = twice ? 0 : signedLater(log, message);
  if (!twice && !later) return nameCulprit(log, path, message, findings, pace);
  const why = twice
    ? `the box signed two different heads after entry ${seq}`
    : `the box signed another head after entry ${seq} than the chain that it signed at entry ${later}`;
  findings.add(RANK.chain, path, `checkpoint ${seq}`, "checkpoint_head", why);
}
