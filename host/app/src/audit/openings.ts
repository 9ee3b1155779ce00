// Whether the box may have opened: every intent is judged again, by the same rules, on what the box then knew.
//
// `now` is read from the intent's own time. The box decides and then writes, so a second may pass between: a limit that
// ends in that very second counts as kept.

import type { Bytes } from "../wire/bytes.ts";
import { History, type Entry } from "../wire/chain.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import type { Roster } from "../wire/roster.ts";
import * as rules from "../wire/rules.ts";
import { messagePath } from "./bundle.ts";
import { RANK } from "./findings.ts";
import { bin, hex, num, ref, refusal } from "./proofs.ts";
import type { LogReader } from "./standing.ts";

/** Every finding about one intent. */
export async function judgeIntent(replay: LogReader, seq: number, entry: Entry): Promise<void> {
  checkBox(replay, seq, entry);
  const grant = replay.letter(seq, hex(entry, "grant"), MESSAGE.grant);
  const roster = replay.roster(seq);
  if (!grant || !roster) return;
  try {
    await judge(replay, seq, entry, grant, roster);
  } catch (error) {
    const { reason, message } = refusal(error);
    const why = `the opening of entry ${seq} does not follow from its grant ${ref(grant)}: ${message}`;
    replay.blame(seq, reason, why, RANK.use);
  }
}

/** Whether the box was in a state to open at all. */
function checkBox(replay: LogReader, seq: number, entry: Entry): void {
  const { stand } = replay;
  const blame = (check: string, why: string): void => replay.blame(seq, check, why, RANK.use);
  if (stand.alarm) blame("tampered", `entry ${seq} opens a bay though the alarm of entry ${stand.alarm} was not cleared`);
  if (!stand.clockSet) blame("clock_set", `entry ${seq} opens a bay while the box's clock was lost`);
  const open = stand.open.get(num(entry, "bay"));
  if (open) blame("bay_busy", `entry ${seq} opens a bay whose opening of entry ${open.seq} has no end`);
  if (num(entry, "roster") !== stand.roster) {
    blame("intent_roster", `entry ${seq} names roster ${num(entry, "roster")}, but the box held ${stand.roster}`);
  }
}

/** The messages of a grant. */
interface Granted {
  request: Message;
  decisions: Message[];
  substitutes: Message[];
  ready: Message | null;
}

/** Reads a grant's messages and checks their signatures by the roster in force. Throws Refusal. */
async function open(replay: LogReader, seq: number, grant: Message, roster: Roster): Promise<Granted> {
  const { site } = replay;
  await replay.proofs.check(grant, roster.host(grant.kid));
  const all = async (name: string, number: number): Promise<Message[]> => {
    const found: Message[] = [];
    for (const raw of grant.fields[name] as Bytes[]) found.push(await Message.read(raw, site, [number]));
    return found;
  };
  const request = await Message.read(bin(grant, "request"), site, [MESSAGE.request]);
  const decisions = await all("decisions", MESSAGE.decision);
  const substitutes = await all("substitutes", MESSAGE.substitute);
  const raw = grant.fields.ready as Bytes | undefined;
  const ready = raw ? await Message.read(raw, site, [MESSAGE.ready]) : null;
  const people = [request, ...decisions, ...substitutes, ...(ready ? [ready] : [])];
  for (const message of people) await replay.proofs.check(message, roster.signer(message.kid).publicKey);
  for (const message of people) {
    mustBeThere(replay, seq, message);
    replay.used.add(ref(message));
  }
  return { request, decisions, substitutes, ready };
}

function mustBeThere(replay: LogReader, seq: number, message: Message): void {
  const name = ref(message);
  if (replay.letters.byReference.has(name) || replay.findings.blames(name)) return;
  const why = `the grant of entry ${seq} carries this ${message.name}, which is not among the bundle's messages`;
  replay.findings.add(RANK.message, messagePath(name), name, "message_missing", why);
}

async function judge(replay: LogReader, seq: number, entry: Entry, grant: Message, roster: Roster): Promise<void> {
  const granted = await open(replay, seq, grant, roster);
  const { request } = granted;
  if (ref(request) !== hex(entry, "request")) throw new Refusal("other_request");
  if (hex(request, "box") !== replay.log.kid) throw new Refusal("wrong_box");
  if (num(request, "bay") !== num(entry, "bay")) throw new Refusal("wrong_bay");
  const nonce = hex(grant, "nonce");
  const before = replay.nonces.get(nonce) ?? seq;
  replay.nonces.set(nonce, before);
  if (before !== seq) {
    const why = `the challenge that entry ${seq} answers was used up by entry ${before}`;
    replay.blame(seq, "nonce_twice", why, RANK.use);
  }
  if (!replay.onChain(seq, num(request, "anchor_seq"), bin(request, "anchor_head"))) throw new Refusal("unanchored");
  const { left, people } = weighInTime(replay, seq, entry, granted, roster, bin(grant, "nonce"));
  const spends = num(entry, "spends");
  if (left !== spends) {
    const why = `the intent (entry ${seq}) spends ${spends} impressions, ${left} were left`;
    replay.blame(seq, "intent_spends", why, RANK.use);
  }
  const counted = (entry.fields.people as number[]).toSorted((one, other) => one - other);
  if (people.join() !== counted.join()) {
    const why = `the intent (entry ${seq}) counts people [${counted.join(", ")}], the decisions count [${people.join(", ")}]`;
    replay.blame(seq, "intent_people", why, RANK.use);
  }
}

interface Weight {
  left: number;
  people: number[];
}

function weighInTime(
  replay: LogReader, seq: number, entry: Entry, granted: Granted, roster: Roster, nonce: Bytes,
): Weight {
  const history = historyOf(replay, granted.request, seq);
  try {
    return weigh(granted, roster, nonce, history, entry.time);
  } catch (error) {
    refusal(error);
    if (seq < 2 || entry.time - 1 < replay.log.entry(seq - 1).time) throw error;
    return weigh(granted, roster, nonce, history, entry.time - 1);
  }
}

/** What the log says of a request between its anchor and an entry. */
function historyOf(replay: LogReader, request: Message, before: number): History {
  const history = new History(request.reference);
  for (let seq = num(request, "anchor_seq") + 1; seq < before; seq++) history.apply(replay.log.entry(seq));
  return history;
}

function weigh(granted: Granted, roster: Roster, nonce: Bytes, history: History, now: number): Weight {
  const { request, decisions, substitutes, ready } = granted;
  const judgement = rules.judge(roster, request, decisions, substitutes, now, history.against);
  if (ready) rules.checkReady(roster, judgement.case, ready, nonce, now);
  const left = rules.mayOpen(judgement, history, ready !== null, now);
  return { left, people: judgement.people.toSorted((one, other) => one - other) };
}
