// Whether a request, with these decisions, meets its rule, and whether it may open its bay now: protocol/SPEC.md
// sections 5 to 7. Pure; the messages given here were read and their signatures checked by the caller.

import { equal, type Bytes } from "./bytes.ts";
import type { Against, History } from "./chain.ts";
import { limits } from "./definitions.ts";
import { Refusal } from "./errors.ts";
import type { Message } from "./messages.ts";
import { has, type Bay, type Person, type Roster, type Rule } from "./roster.ts";

export const APPROVE = 1;
export const DENY = 2;
export const WITHDRAW = 3;

export interface Case {
  request: Message;
  bay: Bay;
  rule: Rule;
  raiser: Person;
}

export interface Judgement {
  case: Case;
  state: "waiting" | "approved" | "denied";
  /** Numbers of all who count, substitutes and substituted both. */
  people: number[];
  deniedBy: number[];
  missing: { role: number; count: number }[];
  /** When the last counted approval was given; 0 unless approved. */
  latest: number;
  /** Last second of use; 0 unless approved. */
  until: number;
}

const number = (message: Message, name: string): number => message.fields[name] as number;

function notAhead(time: number, now: number): void {
  if (time > now + limits.CLOCK_AHEAD) throw new Refusal("time_ahead");
}

function notNewer(message: Message, roster: Roster): void {
  if (number(message, "roster") > roster.version) throw new Refusal("newer_roster");
}

/** The person behind a key, listed and valid now. */
export function validSigner(roster: Roster, kid: Uint8Array, now: number): Person {
  const { person } = roster.signer(kid);
  if (now < person.from || now > person.until) throw new Refusal("signer_not_valid");
  return person;
}

/** Whether a request is one that this roster allows. */
export function checkRequest(roster: Roster, request: Message, now: number): Case {
  notNewer(request, roster);
  const bay = roster.box(request.fields.box as Bytes).bays.find((one) => one.number === request.fields.bay);
  if (!bay) throw new Refusal("unknown_bay");
  const rule = roster.ruleNamed(bay, request.fields.rule as Bytes);
  if (!rule.matters.includes(number(request, "matter"))) throw new Refusal("unknown_matter");
  if (number(request, "impressions") > rule.impressions) throw new Refusal("too_many_impressions");
  const raiser = validSigner(roster, request.kid, now);
  if (!has(raiser.roles, rule.raiser)) throw new Refusal("wrong_role");
  const [created, expires, attended] = ["created", "expires", "attended"].map((name) => number(request, name)) as [
    number, number, number,
  ];
  notAhead(created, now);
  const longest = created + rule.wait_seconds + rule.use_seconds;
  if (expires <= created || attended < created || attended > longest) throw new Refusal("times_out_of_order");
  if (expires - created > rule.wait_seconds) throw new Refusal("waits_too_long");
  return { request, bay, rule, raiser };
}

/** The substituted person of a `substitute` message. */
export function checkSubstitute(roster: Roster, substitute: Message, now: number): Person {
  notNewer(substitute, roster);
  const person = validSigner(roster, substitute.kid, now);
  if (substitute.fields.person === person.number) throw new Refusal("substitute_of_oneself");
  const period = number(substitute, "until") - number(substitute, "from");
  if (period < 0 || period > limits.SUBSTITUTE_SECONDS) throw new Refusal("substitute_period");
  return person;
}

interface Voice {
  person: number;
  principal: number;
}

/** Who decided, and whose voice it is: the same number unless as a substitute. */
export function checkDecision(roster: Roster, one: Case, decision: Message, substitutes: Message[], now: number): Voice {
  const { request } = one;
  if (!equal(decision.fields.request as Bytes, request.reference)) throw new Refusal("other_request");
  notNewer(decision, roster);
  const person = validSigner(roster, decision.kid, now);
  const decided = number(decision, "decided");
  notAhead(decided, now);
  const late = decision.fields.verdict === APPROVE && decided > number(request, "expires");
  if (late || decided < number(request, "created") - limits.CLOCK_AHEAD) throw new Refusal("decided_outside_time");
  const principal = principalOf(roster, decision, person, substitutes, now);
  if ([person.number, principal.number].includes(one.raiser.number)) throw new Refusal("own_request");
  if (!inGroups(one.rule, principal)) throw new Refusal("not_in_group");
  return { person: person.number, principal: principal.number };
}

function principalOf(roster: Roster, decision: Message, person: Person, substitutes: Message[], now: number): Person {
  const asked = decision.fields.for;
  if (asked === undefined) return person;
  if (asked === person.number) throw new Refusal("substitute_of_oneself");
  let reason = "no_substitute";
  const decided = number(decision, "decided");
  for (const substitute of substitutes) {
    const principal = checkSubstitute(roster, substitute, now);
    if (principal.number !== asked || substitute.fields.person !== person.number) continue;
    if (number(substitute, "from") <= decided && decided <= number(substitute, "until")) return principal;
    reason = "substitute_period";
  }
  throw new Refusal(reason);
}

/** Whether a person's voice is asked for by a rule. */
export function inGroups(rule: Rule, person: Person): boolean {
  return rule.groups.some((group) => has(person.roles, group.role));
}

/** Weighs the decisions on a request by the roster's rule; `against` is known from a box's log. */
export function judge(
  roster: Roster,
  request: Message,
  decisions: Message[],
  substitutes: Message[],
  now: number,
  against: Against[],
): Judgement {
  const one = checkRequest(roster, request, now);
  const approvals: (Voice & { decided: number })[] = [];
  const silenced = new Set<number>();
  const denials: Voice[] = [];
  const oppose = (verdict: number, voice: Voice): void => {
    silenced.add(voice.person).add(voice.principal);
    if (verdict === DENY) denials.push(voice);
  };
  for (const decision of decisions) {
    const voice = checkDecision(roster, one, decision, substitutes, now);
    if (decision.fields.verdict === APPROVE) approvals.push({ ...voice, decided: number(decision, "decided") });
    else oppose(number(decision, "verdict"), voice);
  }
  for (const [verdict, voice] of known(roster, one, substitutes, against, now)) oppose(verdict, voice);
  const judgement = count(roster, one, approvals, silenced);
  judgement.deniedBy = onceEach(denials);
  if (judgement.deniedBy.length >= one.rule.denials) {
    judgement.state = "denied";
    judgement.latest = judgement.until = 0;
  }
  return judgement;
}

/** Whose denials count: each person once; people's own come first, then those of substitutes, in order of numbers. */
function onceEach(denials: Voice[]): number[] {
  const heard = new Set<number>();
  const voices: number[] = [];
  const ordered = denials.toSorted((a, b) => a.person - b.person || a.principal - b.principal);
  for (const own of [true, false]) {
    for (const { person, principal } of ordered) {
      if ((person === principal) !== own || heard.has(person) || heard.has(principal)) continue;
      heard.add(person).add(principal);
      voices.push(principal);
    }
  }
  return voices.sort((a, b) => a - b);
}

/** The denials and withdrawals of a box's log that are somebody's voice in this case. */
function known(roster: Roster, one: Case, substitutes: Message[], against: Against[], now: number): [number, Voice][] {
  const found: [number, Voice][] = [];
  for (const [verdict, person, principal] of against) {
    const voice = stoodFor(roster, substitutes, person, principal, now) ?? roster.person(person);
    if (!voice) continue;
    if (inGroups(one.rule, voice)) found.push([verdict, { person, principal: voice.number }]);
    else found.push([WITHDRAW, { person, principal: person }]);
  }
  return found;
}

function stoodFor(
  roster: Roster, substitutes: Message[], person: number, principal: number | null, now: number,
): Person | null {
  for (const substitute of substitutes) {
    const stood = checkSubstitute(roster, substitute, now);
    if (substitute.fields.person === person && stood.number === principal) return stood;
  }
  return null;
}

/** Counts each person once, in at most one group, and sees which groups are met. */
function count(
  roster: Roster, one: Case, approvals: (Voice & { decided: number })[], silenced: Set<number>,
): Judgement {
  const seen = new Set<number>();
  const voices: number[] = [];
  const people: number[] = [];
  let latest = 0;
  for (const { person, principal, decided } of approvals) {
    if (seen.has(person) || seen.has(principal)) throw new Refusal("counted_twice");
    seen.add(person).add(principal);
    if (silenced.has(person) || silenced.has(principal)) continue;
    voices.push(principal);
    people.push(...new Set([person, principal]));
    latest = Math.max(latest, decided);
  }
  people.sort((a, b) => a - b);
  const missing = lacking(roster, one.rule, voices);
  const met = missing.length === 0;
  return {
    case: one,
    state: met ? "approved" : "waiting",
    people,
    deniedBy: [],
    missing,
    latest: met ? latest : 0,
    until: met ? latest + one.rule.use_seconds : 0,
  };
}

/** Which groups lack how many people when each fills one place at most: a bipartite matching (Kuhn 1955). */
function lacking(roster: Roster, rule: Rule, voices: number[]): Judgement["missing"] {
  const places = rule.groups.flatMap((group) => Array<number>(group.least).fill(group.role));
  const roles = voices.map((voice) => roster.person(voice)?.roles ?? 0);
  const taken = places.map(() => -1); // which voice fills a place
  const seat = (voice: number, tried: Set<number>): boolean =>
    places.some((role, at) => {
      if (tried.has(at) || !has(roles[voice] as number, role)) return false;
      tried.add(at);
      if ((taken[at] as number) >= 0 && !seat(taken[at] as number, tried)) return false;
      taken[at] = voice;
      return true;
    });
  voices.forEach((_, voice) => seat(voice, new Set()));
  return rule.groups
    .map(({ role }) => ({ role, count: places.filter((place, at) => place === role && (taken[at] as number) < 0).length }))
    .filter(({ count: lacks }) => lacks > 0);
}

/** Whether a `ready` stands for this request, this challenge and its own keeper. */
export function checkReady(roster: Roster, one: Case, ready: Message, nonce: Uint8Array, now: number): void {
  if (!equal(ready.fields.request as Bytes, one.request.reference)) throw new Refusal("other_request");
  if (!equal(ready.fields.nonce as Bytes, nonce)) throw new Refusal("stale_nonce");
  if (validSigner(roster, ready.kid, now).number !== one.raiser.number) throw new Refusal("other_keeper");
}

/** How many impressions the bay may open for now; at least 1. */
export function mayOpen(judgement: Judgement, history: History, ready: boolean, now: number): number {
  const { request, raiser } = judgement.case;
  if (history.clockChanged) throw new Refusal("unanchored", "the clock was set after the anchor");
  if (history.finished.includes(raiser.number)) throw new Refusal("finished");
  if (judgement.state === "denied") throw new Refusal("denied");
  if (judgement.state !== "approved") throw new Refusal("too_few_approvals");
  const left = number(request, "impressions") - history.spent;
  if (left < 1) throw new Refusal("spent");
  if (now > judgement.until) throw new Refusal("use_expired");
  if (!ready && (history.opened || now > number(request, "attended"))) throw new Refusal("not_attended");
  return left;
}
