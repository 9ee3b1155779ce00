// The ledger: one line for each request, as far as the bundle proves it, with the cases that people should look at.

import { toHex } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { shortCode, type Message } from "../wire/messages.ts";
import type { Roster } from "../wire/roster.ts";
import * as rules from "../wire/rules.ts";
import type { Wordings } from "./matters.ts";
import { bin, num, ref, refusal } from "./proofs.ts";
import type { Papers } from "./requests.ts";
import type { Opening } from "./standing.ts";

/** Something to look at though every proof holds: its name, and what fills its sentence. */
export interface LedgerCase {
  name: "over_approved" | "interrupted" | "jammed" | "declared" | "not_counted";
  values: Record<string, string | number>;
}

/** A request and what became of it; named as `sealhost verify` names it. Times are UTC seconds. */
export interface LedgerLine {
  code: string;
  request: string;
  box: string;
  bay: number;
  seal: string;
  matter: number;
  wording: string;
  created: number;
  keeper: string;
  approved_by: string[];
  denied_by: string[];
  state: "open" | "used" | "finished" | "partly_used" | "approved" | "denied" | "waiting";
  impressions: number;
  spent: number;
  pressed: number;
  declared: number | null;
  opened: number[];
  roster: number;
  cases: LedgerCase[];
}

/** The lines of all requests whose signatures hold, oldest first. */
export function ledgerOf(papers: Papers, wordings: Wordings): LedgerLine[] {
  const lines = papers.letters.of(MESSAGE.request).map((request) => lineOf(papers, wordings, request));
  return lines.sort((one, other) => one.created - other.created || (one.request < other.request ? -1 : 1));
}

function lineOf(papers: Papers, wordings: Wordings, request: Message): LedgerLine {
  const { rosters, letters } = papers;
  const reference = ref(request);
  const openings = papers.opened(reference);
  const version = num(request, "roster");
  const voices = voicesOn(papers, request);
  const counted = sorted(openings.flatMap((opening) => opening.people));
  const report = letters.about(MESSAGE.report, reference).at(-1);
  const line: LedgerLine = {
    code: shortCode(request.reference),
    request: reference,
    box: toHex(bin(request, "box")),
    bay: num(request, "bay"),
    seal: sealOf(rosters.rosters.get(version) ?? rosters.last, request),
    matter: num(request, "matter"),
    wording: wordings.get(version)?.get(num(request, "matter")) ?? "",
    created: num(request, "created"),
    keeper: rosters.nameOf(rosters.personNumber(request.kid)),
    approved_by: (counted.length ? counted : voices.approve).map((number) => rosters.nameOf(number)),
    denied_by: voices.deny.map((number) => rosters.nameOf(number)),
    state: "waiting",
    impressions: num(request, "impressions"),
    spent: sum(openings, (opening) => opening.spends - opening.givenBack),
    pressed: sum(openings, (opening) => opening.pressed),
    declared: report ? num(report, "impressions") : null,
    opened: openings.map((opening) => opening.time),
    roster: version,
    cases: [],
  };
  line.state = stateOf(papers, request, line, openings);
  line.cases = casesOf(papers, request, line, openings);
  return line;
}

const sum = (openings: Opening[], of: (opening: Opening) => number): number =>
  openings.reduce((total, opening) => total + of(opening), 0);

const sorted = (numbers: Iterable<number>): number[] => [...new Set(numbers)].sort((one, other) => one - other);

/** Numbers of the people who approved and who denied. */
function voicesOn(papers: Papers, request: Message): { approve: number[]; deny: number[] } {
  const approve = new Set<number>();
  const deny = new Set<number>();
  for (const decision of papers.letters.about(MESSAGE.decision, ref(request))) {
    const person = papers.rosters.personNumber(decision.kid);
    if (person === null) continue;
    const voice = (decision.fields.for as number | undefined) ?? person;
    if (decision.fields.verdict === rules.APPROVE) approve.add(voice);
    if (decision.fields.verdict === rules.DENY) deny.add(voice);
  }
  return { approve: sorted([...approve].filter((voice) => !deny.has(voice))), deny: sorted(deny) };
}

function sealOf(roster: Roster | null, request: Message): string {
  try {
    const bays = roster?.box(bin(request, "box")).bays ?? [];
    return bays.find((bay) => bay.number === num(request, "bay"))?.seal ?? "";
  } catch (error) {
    refusal(error);
    return "";
  }
}

function stateOf(papers: Papers, request: Message, line: LedgerLine, openings: Opening[]): LedgerLine["state"] {
  if (openings.some((opening) => opening.closed === null)) return "open";
  if (line.spent >= line.impressions) return "used";
  if (papers.letters.about(MESSAGE.finish, ref(request)).length) return "finished";
  return openings.length ? "partly_used" : outcome(papers, request);
}

/** What the decisions make of a request that was never opened, by the newest roster that still knows its rule. */
function outcome(papers: Papers, request: Message): "waiting" | "approved" | "denied" {
  const decisions = papers.letters.about(MESSAGE.decision, ref(request));
  const substitutes = papers.letters.of(MESSAGE.substitute);
  const now = Math.max(num(request, "created"), ...decisions.map((decision) => num(decision, "decided")));
  for (const roster of papers.rosters.newestFirst()) {
    try {
      return rules.judge(roster, request, decisions, substitutes, now, []).state;
    } catch (error) {
      refusal(error);
    }
  }
  return "waiting";
}

function casesOf(papers: Papers, request: Message, line: LedgerLine, openings: Opening[]): LedgerCase[] {
  const cases: LedgerCase[] = [];
  const add = (name: LedgerCase["name"], values: LedgerCase["values"] = {}): number => cases.push({ name, values });
  const over = sum(openings, (opening) => Math.max(0, opening.pressed - opening.spends));
  if (over) add("over_approved", { over });
  if (openings.some((opening) => opening.cause === "interrupted")) add("interrupted");
  if (openings.some((opening) => opening.jams)) add("jammed");
  if (line.declared !== null && line.declared !== line.pressed) {
    add("declared", { declared: line.declared, pressed: line.pressed });
  }
  const [first] = openings;
  for (const decision of first ? papers.letters.about(MESSAGE.decision, ref(request)) : []) {
    const late = num(decision, "decided") >= (first as Opening).time;
    if (decision.fields.verdict === rules.APPROVE || late || papers.used.has(ref(decision))) continue;
    add("not_counted", { name: papers.rosters.nameOf(papers.rosters.personNumber(decision.kid)) });
  }
  return cases;
}

const SENTENCES: Record<LedgerCase["name"], string> = {
  over_approved: "{over} above the approved number, pressed while the shutter closed",
  interrupted: "the power went while the bay was open; presses may be uncounted",
  jammed: "the shutter was stuck",
  declared: "{declared} reported, {pressed} sensed",
  not_counted: "{name} denied or withdrew before the bay opened, and the box did not know",
};

/** A case as `sealhost verify` prints it. */
export function caseText({ name, values }: LedgerCase): string {
  return `${name}: ${SENTENCES[name].replace(/\{(\w+)\}/g, (_, key: string) => String(values[key]))}`;
}
