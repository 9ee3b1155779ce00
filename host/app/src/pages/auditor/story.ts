// One request's whole story, from the verified papers: every signed message with what was checked of it, and every
// entry of the box's log with the checkpoint that proves it.

import type { Finding } from "../../audit/findings.ts";
import { messagePath } from "../../audit/bundle.ts";
import type { LedgerLine } from "../../audit/ledger.ts";
import type { BoxLog } from "../../audit/log.ts";
import { bin, hex, num, ref } from "../../audit/proofs.ts";
import type { Papers } from "../../audit/requests.ts";
import type { Result } from "../../audit/verify.ts";
import { equal, toHex, type Bytes } from "../../wire/bytes.ts";
import type { Entry } from "../../wire/chain.ts";
import { ENTRY, MESSAGE } from "../../wire/definitions.ts";
import type { Message } from "../../wire/messages.ts";
import type { Rule } from "../../wire/roster.ts";
import { Refusal } from "../../wire/errors.ts";
import { suspects } from "./filters.ts";

/** What was checked of something: held, failed, or could not be looked at. */
export type Mark = "ok" | "bad" | "open";

export type CheckName = "signature" | "rules" | "counted" | "logged" | "anchor" | "opening" | "keeper";

export interface Check {
  mark: Mark;
  name: CheckName | "finding" | "no_opening" | "unknown_rules";
  /** A roster's version or an entry's seq. */
  number: number;
  finding: Finding | null;
}

export interface Told {
  message: Message;
  /** Number of the person who signed; null for a host. */
  person: number | null;
  /** When the signer says it was signed, UTC seconds; null where a message names no time. */
  at: number | null;
  checks: Check[];
}

export interface Placed {
  seq: number;
  entry: Entry;
  /** Seq of the checkpoint that proves it; null without one. */
  provenAt: number | null;
  findings: Finding[];
}

export interface Story {
  line: LedgerLine;
  request: Message;
  rule: Rule | null;
  messages: Told[];
  entries: Placed[];
  /** All findings that speak of it. */
  findings: Finding[];
  /** Whether something elsewhere left checks of it undone. */
  incomplete: boolean;
}

export function storyOf(result: Result, reference: string): Story | null {
  const line = result.ledger.find((one) => one.request === reference);
  const request = result.papers.letters.get(reference, MESSAGE.request);
  return line && request ? new Teller(result, line, request).tell() : null;
}

class Teller {
  private readonly result: Result;
  private readonly papers: Papers;
  private readonly line: LedgerLine;
  private readonly request: Message;
  private readonly log: BoxLog | null;

  constructor(result: Result, line: LedgerLine, request: Message) {
    this.result = result;
    this.papers = result.papers;
    this.line = line;
    this.request = request;
    this.log = result.papers.logs.get(line.box) ?? null;
  }

  tell(): Story {
    const entries = this.entries();
    const messages = this.messages().map((message) => this.told(message));
    const spoken = new Set(messages.flatMap(({ checks }) => checks.flatMap(({ finding }) => finding ?? [])));
    for (const { findings } of entries) for (const finding of findings) spoken.add(finding);
    for (const finding of this.result.findings) {
      if (`${finding.subject} ${finding.path} ${finding.why}`.includes(this.line.request)) spoken.add(finding);
    }
    const { brokenAt } = this.papers.rosters;
    const incomplete = brokenAt !== null || !this.log || this.log.broken;
    return {
      line: this.line, request: this.request, rule: this.rule(), messages, entries,
      findings: this.result.findings.filter((finding) => spoken.has(finding)), incomplete,
    };
  }

  private rule(): Rule | null {
    const roster = this.papers.rosters.rosters.get(this.line.roster);
    const bay = roster?.fields.boxes
      .flatMap((box) => box.bays.map((one) => ({ box, one })))
      .find(({ box, one }) => roster.box(bin(this.request, "box")) === box && one.number === this.line.bay)?.one;
    try {
      return (bay && roster?.ruleNamed(bay, bin(this.request, "rule"))) ?? null;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  private messages(): Message[] {
    const { letters } = this.papers;
    const about = (number: number): Message[] => letters.about(number, this.line.request);
    const grants = letters.of(MESSAGE.grant).filter((grant) => equal(bin(grant, "request"), this.request.raw));
    const carried = new Set(grants.flatMap((grant) => (grant.fields.substitutes as Bytes[]).map(toHex)));
    const substitutes = letters.of(MESSAGE.substitute).filter((message) => carried.has(toHex(message.raw)));
    const decisions = about(MESSAGE.decision).toSorted((one, other) => num(one, "decided") - num(other, "decided"));
    return [
      this.request, ...substitutes, ...decisions, ...about(MESSAGE.ready), ...grants, ...about(MESSAGE.finish),
      ...about(MESSAGE.report),
    ];
  }

  private told(message: Message): Told {
    const { rosters } = this.papers;
    const time = { [MESSAGE.request]: "created", [MESSAGE.decision]: "decided" }[message.number];
    const found = this.findingsOn(message);
    const checks: Check[] = [check("ok", "signature", this.listedIn(message))];
    if (message === this.request && this.log && num(message, "anchor_seq") <= this.log.heads.length) {
      checks.push(check("ok", "anchor", num(message, "anchor_seq")));
    }
    if (!found.length) checks.push(...this.held(message));
    checks.push(...this.consequences(message));
    checks.push(...found.map((finding) => ({ mark: "bad" as const, name: "finding" as const, number: 0, finding })));
    const failed = new Set(found.map((finding) => finding.check));
    return {
      message,
      person: message.number === MESSAGE.grant ? null : rosters.personNumber(message.kid),
      at: time ? num(message, time) : null,
      checks: checks.filter(({ name }) => !(name === "anchor" && failed.has("anchor"))),
    };
  }

  /** The newest roster that lists the signer's key. */
  private listedIn(message: Message): number {
    for (const roster of this.papers.rosters.newestFirst()) {
      try {
        if (message.number === MESSAGE.grant) roster.host(message.kid);
        else roster.signer(message.kid);
        return roster.version;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    }
    return 0;
  }

  /** What no finding contradicts. */
  private held(message: Message): Check[] {
    if (message.number === MESSAGE.grant) return [];
    const isKeepers = [MESSAGE.ready, MESSAGE.finish, MESSAGE.report].includes(message.number);
    if (isKeepers) return [check("ok", "keeper", 0)];
    const judged = this.papers.used.has(ref(message)) || this.papers.rosters.brokenAt === null;
    return [judged ? check("ok", "rules", 0) : check("open", "unknown_rules", 0)];
  }

  /** What the box made of it. */
  private consequences(message: Message): Check[] {
    const openings = this.papers.opened(this.line.request);
    if (message.number === MESSAGE.grant) {
      const own = openings.filter(({ seq }) => hex(this.log?.entry(seq) as Entry, "grant") === ref(message));
      if (!own.length) return [check("open", "no_opening", 0)];
      return own.map(({ seq }) => {
        const [finding = null] = this.findingsAt(seq);
        return finding ? { mark: "bad", name: "finding", number: seq, finding } : check("ok", "opening", seq);
      });
    }
    if (message.number === MESSAGE.decision && message.fields.verdict === 1) {
      return openings.filter(({ seq }) => this.carries(seq, message)).map(({ seq }) => check("ok", "counted", seq));
    }
    const logged = this.entries().find(({ entry }) => hex(entry, "message") === ref(message));
    return logged ? [check("ok", "logged", logged.seq)] : [];
  }

  private carries(seq: number, decision: Message): boolean {
    const grant = this.papers.letters.get(hex(this.log?.entry(seq) as Entry, "grant"), MESSAGE.grant);
    const entry = this.log?.entry(seq) as Entry;
    const person = this.papers.rosters.personNumber(decision.kid) ?? 0;
    const inside = (grant?.fields.decisions as Bytes[] | undefined)?.some((raw) => equal(raw, decision.raw)) ?? false;
    return inside && (entry.fields.people as number[]).includes(person);
  }

  private findingsOn(message: Message): Finding[] {
    const path = messagePath(ref(message));
    return this.result.findings.filter((finding) => finding.path === path || finding.subject === ref(message));
  }

  private findingsAt(seq: number): Finding[] {
    const path = this.log?.path;
    return this.result.findings.filter((finding) => finding.path === path && finding.subject === `entry ${seq}`);
  }

  private entries(): Placed[] {
    const { log } = this;
    if (!log) return [];
    const proofs = log.checkpoints.map((checkpoint) => num(checkpoint, "seq")).filter((seq) => seq <= log.proven);
    return log.entries.flatMap((entry, at) => {
      const seq = at + 1;
      if (entry.kind === ENTRY.state || hex(entry, "request") !== this.line.request) return [];
      return [{ seq, entry, provenAt: proofs.find((end) => end >= seq) ?? null, findings: this.findingsAt(seq) }];
    });
  }
}

function check(mark: Mark, name: Check["name"], number: number): Check {
  return { mark, name, number, finding: null };
}

/** The requests that findings of a verification speak of. */
export function suspectsOf(result: Result): Set<string> {
  const logs = new Map([...result.papers.logs.values()].map((log) => [log.path, log]));
  return suspects(result.findings, (path, seq) => {
    const entry = logs.get(path)?.entries[seq - 1];
    return entry && entry.kind !== ENTRY.state ? hex(entry, "request") : "";
  });
}

/** Seconds from each request to the decision that settled it; requests without one are left out. */
export function decisionTimes(result: Result): number[] {
  return result.ledger.flatMap((line) => {
    if (line.state === "waiting") return [];
    const verdict = line.state === "denied" ? 2 : 1;
    const given = result.papers.letters
      .about(MESSAGE.decision, line.request)
      .filter((decision) => decision.fields.verdict === verdict)
      .map((decision) => num(decision, "decided"));
    return given.length ? [Math.max(0, given.reduce((one, other) => Math.max(one, other)) - line.created)] : [];
  });
}
