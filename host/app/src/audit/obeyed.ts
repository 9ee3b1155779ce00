// Entries that name a message, and whether the box was right to obey it: loose denials, finishes, resets, times, acks,
// releases, credentials.

import { fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import type { Entry } from "../wire/chain.ts";
import { encode } from "../wire/cbor.ts";
import { toBeSigned } from "../wire/cose.ts";
import { ENTRY, limits, MESSAGE, messageTypes, type Field } from "../wire/definitions.ts";
import type { Message } from "../wire/messages.ts";
import { toMap, type FieldValue } from "../wire/schema.ts";
import { bin, hex, kidOf, num, ref, refusal } from "./proofs.ts";
import { sha256 } from "./sha256.ts";
import type { LogReader } from "./standing.ts";

const CLEARS_TAMPER = 1;
const CLEARS_CLOCK = 2;

/** A denial, withdrawal or finish that reached the box by itself. */
function loose(reader: LogReader, seq: number, entry: Entry): void {
  const isDecision = entry.kind === ENTRY.decision;
  const message = reader.letter(seq, hex(entry, "message"), isDecision ? MESSAGE.decision : MESSAGE.finish);
  const roster = reader.roster(seq);
  if (!message || !roster) return;
  reader.used.add(ref(message));
  same(reader, seq, entry, message, isDecision ? ["request", "verdict", "for"] : ["request", "reason"]);
  try {
    if (roster.signer(message.kid).person.number === num(entry, "person")) return;
    const why = `entry ${seq} names person ${num(entry, "person")}, but another one signed the message ${ref(message)}`;
    reader.blame(seq, "entry_message", why);
  } catch (error) {
    const { reason, message: why } = refusal(error);
    reader.blame(seq, reason, `entry ${seq} obeys a message of nobody in the roster in force: ${why}`);
  }
}

const plain = (value: FieldValue | undefined): unknown => (value instanceof Uint8Array ? toHex(value) : value);

function same(reader: LogReader, seq: number, entry: Entry, message: Message, names: string[]): void {
  for (const name of names) {
    if (plain(entry.fields[name]) === plain(message.fields[name])) continue;
    const why = `entry ${seq} says another \`${name}\` than the message ${ref(message)} that it names`;
    reader.blame(seq, "entry_message", why);
  }
}

function forThisBox(reader: LogReader, seq: number, message: Message): void {
  if (hex(message, "box") === reader.log.kid) return;
  reader.blame(seq, "wrong_box", `entry ${seq} obeys a message for another box`);
}

function reset(reader: LogReader, seq: number, entry: Entry): void {
  const { stand } = reader;
  reader.note(seq, entry);
  const message = reader.letter(seq, hex(entry, "message"), MESSAGE.reset);
  const clears = num(entry, "clears");
  if (message) {
    forThisBox(reader, seq, message);
    same(reader, seq, entry, message, ["clears", "utc"]);
    checkReset(reader, seq, message, clears);
  }
  if (clears & CLEARS_TAMPER) stand.alarm = 0;
  if (clears & CLEARS_CLOCK) {
    stand.clock = seq;
    stand.clockSet = true;
    stand.time = num(entry, "utc"); // the one way back
  }
}

function checkReset(reader: LogReader, seq: number, message: Message, clears: number): void {
  const { stand } = reader;
  const anchor = num(message, "anchor_seq");
  const late =
    (clears & CLEARS_TAMPER && anchor < stand.alarm) || (clears & CLEARS_CLOCK && anchor < stand.clock);
  if (late || !reader.onChain(seq, anchor, bin(message, "anchor_head"))) {
    const why = `the reset of entry ${seq} was made for another log, or before the alarm or the clock that it ends`;
    reader.blame(seq, "unanchored", why);
  }
  const held = stand.roster ? reader.roster(seq) : null;
  const listed = reader.authority().authority.some((key) => kidOf(key) === toHex(message.kid));
  if ((held || !stand.roster) && !listed) {
    const why = `the reset of entry ${seq} is not signed by an authority that the box obeyed`;
    reader.blame(seq, "unknown_signer", why);
  }
}

function time(reader: LogReader, seq: number, entry: Entry): void {
  const { stand } = reader;
  if (stand.clockSet) {
    reader.blame(seq, "clock_set", `entry ${seq} sets a clock that ran: only the authority's reset may`);
  }
  if (seq > 1 && num(entry, "utc") < reader.log.entry(seq - 1).time) {
    reader.blame(seq, "times_out_of_order", `entry ${seq} sets the clock back: only the authority's reset may`);
  }
  const message = reader.letter(seq, hex(entry, "message"), MESSAGE.time);
  if (message) {
    forThisBox(reader, seq, message);
    same(reader, seq, entry, message, ["utc"]);
    byHost(reader, seq, message);
  }
  stand.clock = seq;
  stand.clockSet = true;
}

function byHost(reader: LogReader, seq: number, message: Message): void {
  const roster = reader.roster(seq);
  try {
    roster?.host(message.kid);
  } catch (error) {
    reader.blame(seq, refusal(error).reason, `entry ${seq} obeys a ${message.name} of no host of the roster in force`);
  }
}

/** The ack itself is not in a bundle: its content is known, so its reference can be made again for each host. */
function prune(reader: LogReader, seq: number, entry: Entry): void {
  const [first, acked] = [num(entry, "first"), num(entry, "acked")];
  if (first - 1 > acked || first > seq - limits.KEEP_ENTRIES) {
    reader.blame(seq, "pruned_early", `entry ${seq} drops entries that were not acked, or too young`);
  }
  if (first % limits.STATE_EVERY !== 1) {
    const why = `entry ${seq} drops entries up to ${first - 1}, though a box drops whole stretches`;
    reader.blame(seq, "pruned_early", why);
  }
  const roster = reader.roster(seq);
  if (!roster) return;
  const head = acked < seq ? reader.log.heads[acked - 1] : undefined;
  const acks = head ? roster.fields.hosts.map((key) => ackReference(reader, acked, head, key)) : [];
  if (acks.includes(hex(entry, "message"))) return;
  const why = `entry ${seq} names an ack that no host of the roster in force can have given for entry ${acked}`;
  reader.blame(seq, "entry_message", why);
}

function release(reader: LogReader, seq: number, entry: Entry): void {
  const roster = reader.roster(seq);
  if (!roster || roster.fields.releases.some((one) => toHex(one) === hex(entry, "message"))) return;
  reader.blame(seq, "release_not_listed", `entry ${seq} takes a release that the roster in force does not list`);
}

/** Credentials for TLS: whether they were this box's, and by a host. What they hold is no matter of the audit. */
function link(reader: LogReader, seq: number, entry: Entry): void {
  const message = reader.letter(seq, hex(entry, "message"), MESSAGE.credentials);
  if (!message) return;
  forThisBox(reader, seq, message);
  same(reader, seq, entry, message, ["issued"]);
  byHost(reader, seq, message);
}

/** The reference of a host's ack for an entry; it does not depend on the signature. */
function ackReference(reader: LogReader, seq: number, head: Bytes, host: Bytes): string {
  const definition = messageTypes[MESSAGE.ack] as { fields: Field[] };
  const payload = encode(toMap(definition.fields, { box: fromHex(reader.log.kid), seq, head }));
  const kid = sha256(host).subarray(0, limits.KID);
  return toHex(sha256(toBeSigned(MESSAGE.ack, "ack", reader.site, kid, payload)));
}

/** What checks each kind of entry. */
export const HANDLERS: Record<number, (reader: LogReader, seq: number, entry: Entry) => void> = {
  [ENTRY.decision]: loose,
  [ENTRY.finish]: loose,
  [ENTRY.reset]: reset,
  [ENTRY.time]: time,
  [ENTRY.prune]: prune,
  [ENTRY.release]: release,
  [ENTRY.link]: link,
};
