// What a box's log says, entry by entry: how the box stood, and whether each entry could follow from the ones before.
// Every entry that names a message, a roster or an opening is held against it. Uses of a seal are judged in openings.ts.

import { fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import type { Entry } from "../wire/chain.ts";
import { causes, ENTRY, limits } from "../wire/definitions.ts";
import type { Message } from "../wire/messages.ts";
import { checkSuccession } from "../wire/roster.ts";
import type { Fields } from "../wire/schema.ts";
import { checkpointPath } from "./bundle.ts";
import { RANK, type Findings } from "./findings.ts";
import type { BoxLog } from "./log.ts";
import { HANDLERS } from "./obeyed.ts";
import { judgeIntent } from "./openings.ts";
import type { Pace } from "./pace.ts";
import { bin, hex, kidOf, num, refusal } from "./proofs.ts";
import type { RosterChain } from "./rosters.ts";
import { LogReader, type Opening } from "./standing.ts";

const CLOSING = 2; // phase of a jam

/** How the box stood after an entry, as far as a checkpoint says it too. */
interface Signed {
  boot: number;
  roster: number;
  time: number;
  clockSet: boolean;
  firmware: string;
}

type Handler = (seq: number, entry: Entry) => void | Promise<void>;

/** Goes through one log. */
export class Replay extends LogReader {
  private readonly signed = new Map<number, Signed>(); // by seq
  private readonly own: Record<number, Handler> = {
    [ENTRY.boot]: (seq, entry) => this.boot(seq, entry),
    [ENTRY.roster]: (seq, entry) => this.adopt(seq, entry),
    [ENTRY.intent]: (seq, entry) => this.intent(seq, entry),
    [ENTRY.press]: (seq, entry) => this.press(seq, entry),
    [ENTRY.closed]: (seq, entry) => this.closed(seq, entry),
    [ENTRY.interrupted]: (seq, entry) => this.interrupted(seq, entry),
    [ENTRY.tamper]: (seq, entry) => this.tamper(seq, entry),
    [ENTRY.jam]: (seq, entry) => this.jam(seq, entry),
    [ENTRY.forced]: (seq, entry) => this.note(seq, entry),
    [ENTRY.seal]: (seq, entry) => this.note(seq, entry),
  };

  /** Checks all entries that the chain vouches for, then what the checkpoints say of the box. */
  async run(pace: Pace): Promise<void> {
    const { stand } = this;
    for (const [at, entry] of this.log.entries.entries()) {
      await pace.step();
      const seq = at + 1;
      this.place(seq, entry);
      if (entry.time < stand.time) {
        this.blame(seq, "clock_backwards", `entry ${seq} is dated before the entry before it`);
      }
      stand.time = Math.max(stand.time, entry.time);
      await this.own[entry.kind]?.(seq, entry);
      HANDLERS[entry.kind]?.(this, seq, entry);
      const { boot, roster, time, clockSet, firmware } = stand;
      this.signed.set(seq, { boot, roster, time, clockSet, firmware });
    }
    for (const message of this.log.checkpoints) this.checkpoint(message);
  }

  /** The first entry is the origin and no other; each stretch of the log but the first begins with the stand. */
  private place(seq: number, entry: Entry): void {
    if ((seq === 1) !== (entry.kind === ENTRY.origin)) {
      const why = seq === 1 ? "the log does not begin with its origin" : `entry ${seq} is a second origin`;
      this.blame(seq, "origin", why);
    } else if (seq === 1) {
      this.origin(entry);
    }
    const due = seq > 1 && seq % limits.STATE_EVERY === 1;
    if (due !== (entry.kind === ENTRY.state)) {
      this.blame(seq, "state_entry", `entry ${seq} ${due ? "must" : "must not"} be a state entry`);
    } else if (due && !this.saysState(entry)) {
      this.blame(seq, "state_entry", `entry ${seq} says another state of the box than the entries before it`);
    }
  }

  private saysState({ fields }: Entry): boolean {
    const { stand } = this;
    const open = [...stand.open].sort(([one], [other]) => one - other).map(([bay, { request }]) => `${bay} ${request}`);
    const said = (fields.open as Fields[]).map((row) => `${row.bay as number} ${toHex(row.request as Bytes)}`);
    return (
      fields.boot === stand.boot && fields.roster === stand.roster && fields.alarm === stand.alarm &&
      fields.clock === stand.clock && said.join() === open.join()
    );
  }

  private origin(entry: Entry): void {
    const mark = (authority: Bytes[], threshold: number): string =>
      `${[...new Set(authority.map(toHex))].sort().join()} ${threshold}`;
    const { trust, rosters, brokenAt } = this.rosters;
    const held = new Set([mark(trust.authority, trust.threshold)]);
    for (const { fields } of rosters.values()) held.add(mark(fields.authority, fields.threshold));
    if (kidOf(bin(entry, "box")) !== this.log.kid) {
      this.blame(1, "origin", "the log's first entry names another box than its path");
    }
    if (hex(entry, "site") !== toHex(this.site)) this.blame(1, "origin", "the log's first entry names another site");
    if (!held.has(mark(entry.fields.authority as Bytes[], num(entry, "threshold"))) && brokenAt === null) {
      const why = "the box was provisioned with other authority keys, or another number that must sign, than given here";
      this.blame(1, "origin", why);
    }
  }

  private boot(seq: number, entry: Entry): void {
    const { stand } = this;
    const boot = num(entry, "boot");
    if (boot <= stand.boot) this.blame(seq, "boot_count", `start ${boot} follows start ${stand.boot}`);
    for (const opening of stand.open.values()) {
      if (opening.rebooted) this.notInterrupted(seq, opening);
      opening.rebooted = true;
    }
    stand.boot = boot;
    stand.firmware = entry.fields.firmware as string;
    stand.clockSet = Boolean(num(entry, "clock_set"));
  }

  private async adopt(seq: number, entry: Entry): Promise<void> {
    const version = num(entry, "version");
    const { stand, rosters } = this;
    const knownBefore = stand.roster === 0 || rosters.rosters.has(stand.roster);
    const before = { version: stand.roster, ...this.authority() };
    stand.roster = version;
    const roster = rosters.rosters.get(version);
    if (!roster) return; // said by `checkAdopted`, or where the chain of rosters breaks
    if (hex(entry, "digest") !== rosters.digests.get(version)) {
      this.blame(seq, "roster_entry", `the box adopted another roster ${version} than the one in the bundle`);
    }
    if ([...stand.open.values()].some((opening) => !opening.stuck)) {
      this.blame(seq, "roster_entry", `the box adopted roster ${version} while a bay was open`);
    }
    try {
      roster.box(fromHex(this.log.kid));
      if (knownBefore) await checkSuccession(before, roster.fields, rosters.signers.get(version) ?? []);
    } catch (error) {
      this.blame(seq, "roster_entry", `roster ${version} was not the box's to adopt: ${refusal(error).message}`);
    }
  }

  private async intent(seq: number, entry: Entry): Promise<void> {
    await judgeIntent(this, seq, entry);
    const opening: Opening = {
      box: this.log.kid, bay: num(entry, "bay"), request: hex(entry, "request"), seq, time: entry.time,
      spends: num(entry, "spends"), people: entry.fields.people as number[], roster: num(entry, "roster"),
      pressed: 0, givenBack: 0, closed: null, cause: "", jams: 0, stuck: false, rebooted: false,
    };
    this.stand.open.set(opening.bay, opening);
    this.openings.push(opening);
  }

  /** The opening that an entry belongs to. */
  private opening(seq: number, entry: Entry): Opening | null {
    const opening = this.stand.open.get(num(entry, "bay"));
    if (opening?.request !== hex(entry, "request")) {
      const why = `entry ${seq} (${entry.name}) is about a request that bay ${num(entry, "bay")} was not open for`;
      this.blame(seq, "not_open", why, RANK.use);
      return null;
    }
    if (opening.rebooted && entry.kind !== ENTRY.interrupted) this.notInterrupted(seq, opening);
    return opening;
  }

  private notInterrupted(seq: number, opening: Opening): void {
    const why = `the box started while the opening of entry ${opening.seq} was open, and entry ${seq} goes on with it`;
    this.blame(seq, "not_interrupted", why, RANK.use);
  }

  private press(seq: number, entry: Entry): void {
    const opening = this.opening(seq, entry);
    if (!opening) return;
    const count = num(entry, "count");
    if (count !== opening.pressed + 1) {
      const why = `press ${count} (entry ${seq}) follows press ${opening.pressed} of this opening`;
      this.blame(seq, "press_count", why, RANK.use);
    }
    opening.pressed++;
  }

  private closed(seq: number, entry: Entry): void {
    const opening = this.opening(seq, entry);
    if (!opening) return;
    this.stand.open.delete(opening.bay);
    const [pressed, givenBack] = [num(entry, "pressed"), num(entry, "given_back")];
    opening.closed = entry.time;
    opening.givenBack = givenBack;
    opening.cause = causes[num(entry, "cause")] ?? "unknown";
    if (pressed !== opening.pressed) {
      const why = `the closing (entry ${seq}) counts ${pressed} impressions, the log before it ${opening.pressed}`;
      this.blame(seq, "closed_count", why, RANK.use);
    }
    const rest = Math.max(0, opening.spends - pressed);
    if (givenBack !== rest) {
      const why = `entry ${seq} gives back ${givenBack} of ${opening.spends}, but ${rest} were not pressed`;
      this.blame(seq, "given_back", why, RANK.use);
    }
  }

  private interrupted(seq: number, entry: Entry): void {
    const opening = this.opening(seq, entry);
    if (!opening) return;
    this.stand.open.delete(opening.bay);
    opening.closed = entry.time;
    opening.cause = "interrupted";
  }

  private jam(seq: number, entry: Entry): void {
    this.note(seq, entry);
    const opening = this.stand.open.get(num(entry, "bay"));
    if (!opening || opening.request !== hex(entry, "request")) return;
    opening.jams++;
    opening.stuck = num(entry, "phase") === CLOSING;
  }

  private tamper(seq: number, entry: Entry): void {
    this.note(seq, entry);
    this.stand.alarm = seq;
  }

  /** A clock may be later than the last entry, and may get lost in use; everything else is in the log. */
  private checkpoint(message: Message): void {
    const seq = num(message, "seq");
    const log = this.signed.get(seq);
    if (!log) return; // beyond what the chain vouches for: said already
    const wrong = (["boot", "roster", "firmware"] as const).filter((name) => message.fields[name] !== log[name]) as string[];
    if (num(message, "clock") < log.time) wrong.push("clock");
    if (num(message, "clock_set") && !log.clockSet) wrong.push("clock_set");
    if (!wrong.length) return;
    const path = checkpointPath(this.log.kid, seq, message.reference);
    const why = `the box signed another \`${wrong.join("` and `")}\` after entry ${seq} than its log says`;
    this.findings.add(RANK.log, path, `checkpoint ${seq}`, "checkpoint_state", why);
  }
}

/** Every roster that a box adopted is there; else what may hang on it stays unjudged (`RosterChain.unknown`). */
export function checkAdopted(log: BoxLog, rosters: RosterChain, findings: Findings): void {
  for (const [at, entry] of log.entries.entries()) {
    if (entry.kind !== ENTRY.roster) continue;
    const version = num(entry, "version");
    if (rosters.rosters.has(version) || rosters.unknown(version)) continue;
    const why = `the box adopted roster ${version} (entry ${at + 1}), which is not in the bundle`;
    const path = `rosters/${String(version).padStart(6, "0")}-…`;
    findings.add(RANK.roster, path, String(version), "roster_missing", why);
    rosters.brokenAt = Math.min(version, rosters.brokenAt ?? version);
  }
}
