// Messages that no opening rests on: requests that wait or were denied, decisions that did not count, finishes, reports.
//
// The box did not judge them, so they are judged here as a host would have: by a roster that they could have met, at a
// time that they could have met it. The host's own memory of when they came is no proof and not in the bundle.

import { equal, toHex } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import type { Refusal } from "../wire/errors.ts";
import type { Message } from "../wire/messages.ts";
import type { Roster } from "../wire/roster.ts";
import * as rules from "../wire/rules.ts";
import { messagePath } from "./bundle.ts";
import { RANK, type Findings } from "./findings.ts";
import type { Letters } from "./letters.ts";
import type { BoxLog } from "./log.ts";
import type { Pace } from "./pace.ts";
import { bin, hex, num, ref, refusal } from "./proofs.ts";
import type { RosterChain } from "./rosters.ts";
import type { Opening } from "./standing.ts";

/** All that is known when the logs were gone through. References and kids are in hex. */
export class Papers {
  readonly rosters: RosterChain;
  readonly letters: Letters;
  readonly logs: Map<string, BoxLog>;
  readonly findings: Findings;
  /** By request. */
  readonly openings = new Map<string, Opening[]>();
  /** What some log's opening or entry rests on. */
  readonly used = new Set<string>();

  constructor(rosters: RosterChain, letters: Letters, logs: Map<string, BoxLog>, findings: Findings) {
    this.rosters = rosters;
    this.letters = letters;
    this.logs = logs;
    this.findings = findings;
  }

  /** A finding about a message. */
  blame(message: Message, check: string, why: string): void {
    this.findings.add(RANK.request, messagePath(ref(message)), ref(message), check, why);
  }

  opened(request: string): Opening[] {
    return this.openings.get(request) ?? [];
  }
}

/** Checks everything that no log did. */
export async function checkRequests(papers: Papers, pace: Pace): Promise<void> {
  const { letters, used } = papers;
  pace.begin("requests", letters.byReference.size);
  for (const request of letters.of(MESSAGE.request)) {
    await pace.step();
    if (rosterThere(papers, request)) {
      if (!used.has(ref(request))) {
        checkAnchor(papers, request);
        bySomeRoster(papers, request, num(request, "roster"), (roster) => judgeRequest(roster, request));
      }
      checkVoices(papers, request);
    }
    if (request.fields.follows) named(papers, request, hex(request, "follows"));
  }
  for (const substitute of letters.of(MESSAGE.substitute)) {
    if (used.has(ref(substitute)) || !rosterThere(papers, substitute)) continue;
    bySomeRoster(papers, substitute, num(substitute, "roster"), (roster) => judgeSubstitute(roster, substitute));
  }
  for (const decision of letters.of(MESSAGE.decision)) {
    await pace.step();
    checkDecision(papers, decision);
  }
  for (const number of [MESSAGE.ready, MESSAGE.finish, MESSAGE.report]) {
    for (const message of letters.of(number)) checkKeepers(papers, message);
  }
}

/** Whether the roster that a message names can be had; a finding when it should be there. */
function rosterThere(papers: Papers, message: Message): boolean {
  const version = num(message, "roster");
  if (papers.rosters.unknown(version)) {
    papers.findings.note(`message ${ref(message)} names roster ${version}, which is not proven: not checked`);
    return false;
  }
  if (papers.rosters.rosters.has(version)) return true;
  papers.blame(message, "roster_missing", `this ${message.name} names roster ${version}, which is not in the bundle`);
  return false;
}

/** The request that a message names; a finding when it is not there. */
function named(papers: Papers, message: Message, reference: string): Message | null {
  const request = papers.letters.get(reference, MESSAGE.request);
  if (!request && !papers.findings.blames(reference)) {
    const why = `the ${message.name} ${ref(message)} names this request, which is not in the bundle`;
    papers.findings.add(RANK.message, messagePath(reference), reference, "message_missing", why);
  }
  return request;
}

function checkAnchor(papers: Papers, request: Message): void {
  const box = hex(request, "box");
  const log = papers.logs.get(box);
  if (!log) {
    if (papers.findings.blamedBelow(`boxes/${box}/`).length) return;
    papers.blame(request, "log_missing", `this request is for the box ${box}, whose log is not in the bundle`);
    return;
  }
  const seq = num(request, "anchor_seq");
  const head = log.heads[seq - 1];
  if (!head) {
    if (log.broken) return;
    const why = `this request was made when the box's log had ${seq} entries; here it ends with ${log.heads.length}`;
    papers.blame(request, "anchor", why);
  } else if (!equal(head, bin(request, "anchor_head"))) {
    papers.blame(request, "anchor", `this request names another head of the box's log after entry ${seq}`);
  }
}

/** A message holds when one roster, from this version on, takes it; else the first one's reason is the finding. */
function bySomeRoster(papers: Papers, message: Message, since: number, check: (roster: Roster) => void): void {
  let first: Refusal | null = null;
  for (const roster of papers.rosters.since(since)) {
    try {
      check(roster);
      return;
    } catch (error) {
      first ??= refusal(error);
    }
  }
  if (!first || papers.rosters.brokenAt !== null) return;
  papers.blame(message, first.reason, `no roster since version ${since} allows this ${message.name}: ${first.message}`);
}

/** The earliest time from `at` on at which the signer is valid: a host may have taken the message somewhat later. */
function moment(roster: Roster, message: Message, at: number, latest: number): number {
  return Math.max(at, Math.min(roster.signer(message.kid).person.from, latest));
}

function judgeRequest(roster: Roster, request: Message): void {
  rules.checkRequest(roster, request, moment(roster, request, num(request, "created"), num(request, "expires")));
}

function judgeSubstitute(roster: Roster, substitute: Message): void {
  rules.checkSubstitute(roster, substitute, moment(roster, substitute, num(substitute, "from"), num(substitute, "until")));
}

function checkDecision(papers: Papers, decision: Message): void {
  const request = named(papers, decision, hex(decision, "request"));
  if (!request || papers.used.has(ref(decision)) || !rosterThere(papers, decision)) return;
  const decided = num(decision, "decided");
  bySomeRoster(papers, decision, Math.max(num(request, "roster"), num(decision, "roster")), (roster) => {
    const now = moment(roster, decision, decided, Math.max(decided, num(request, "expires")));
    const one = rules.checkRequest(roster, request, now);
    rules.checkDecision(roster, one, decision, substitutesFor(papers, roster, decision, now), now);
  });
}

/** The substitutes that may stand behind a decision: one that is no good for another reason must not spoil it. */
function substitutesFor(papers: Papers, roster: Roster, decision: Message, now: number): Message[] {
  if (decision.fields.for === undefined) return [];
  return papers.letters.of(MESSAGE.substitute).filter((substitute) => {
    try {
      rules.checkSubstitute(roster, substitute, now);
      return true;
    } catch (error) {
      refusal(error);
      return false;
    }
  });
}

/** Nobody approves a request twice, as substitute or for oneself. */
function checkVoices(papers: Papers, request: Message): void {
  const seen = new Set<number>();
  for (const decision of papers.letters.about(MESSAGE.decision, ref(request))) {
    const person = papers.rosters.personNumber(decision.kid);
    if (decision.fields.verdict !== rules.APPROVE || person === null) continue;
    const voices = [person, (decision.fields.for as number | undefined) ?? person];
    if (voices.some((voice) => seen.has(voice))) {
      const why = "this approval is a second one of the same person for the same request";
      papers.blame(decision, "counted_twice", why);
    }
    for (const voice of voices) seen.add(voice);
  }
}

/** What only a request's own keeper may say. */
function checkKeepers(papers: Papers, message: Message): void {
  const request = named(papers, message, hex(message, "request"));
  if (!request) return;
  if (papers.rosters.personNumber(message.kid) !== papers.rosters.personNumber(request.kid)) {
    papers.blame(message, "other_keeper", `this ${message.name} is not by the keeper who raised the request`);
  }
  const log = papers.logs.get(toHex(bin(request, "box")));
  if (message.number !== MESSAGE.report || !log || log.broken || papers.opened(ref(request)).length) return;
  const why = "impressions are reported of this request, but the box's log knows no opening for it";
  papers.blame(message, "report_unused", why);
}
