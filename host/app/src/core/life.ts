// Where a request stands for its keeper, from what people and the box signed. Pure.

import type { Message } from "../wire/messages.ts";
import { has, type Person, type Roster } from "../wire/roster.ts";
import type { Case } from "./cases.ts";
import type { Kept } from "./store.ts";
import type { Story } from "./story.ts";

export type Phase =
  | "sending" // signed here, the host has not answered
  | "refused" // by the host
  | "waiting" // for decisions
  | "approved" // not opened yet
  | "open"
  | "stuck" // the shutter did not arrive
  | "rest" // closed, and more may be stamped
  | "used" // over; the report is due
  | "reported"
  | "cancelled" // before anything was stamped
  | "denied"
  | "expired"
  | "failed";

/** A further message of the keeper; `taken` once the host has it. */
export interface Word {
  message: Message;
  taken: boolean;
}

export interface Words {
  finish: Word | null;
  report: Word | null;
}

export interface Life {
  phase: Phase;
  /** Why it was refused or can never open: a reason's name. */
  reason: string;
  mayReady: boolean;
  mayFinish: boolean;
  mayReport: boolean;
}

/** What follows from a request, its story, its keeper's own further words, and how the host answered it. */
export function lifeOf(one: Case, story: Story, words: Words, kept: Kept | undefined, answer: string, now: number): Life {
  const phase = phaseOf(one, story, words, kept, answer, now);
  const open = phase === "open" || phase === "stuck";
  const usable = phase === "approved" || phase === "rest";
  return {
    phase,
    reason: phase === "refused" ? answer : phase === "failed" ? failure(one, story) : "",
    mayReady: usable && !words.finish,
    mayFinish: (usable || open || phase === "waiting" || phase === "sending") && !words.finish,
    mayReport: phase === "used" && !words.report,
  };
}

function phaseOf(
  one: Case, story: Story, words: Words, kept: Kept | undefined, answer: string, now: number,
): Phase {
  if (story.openSince !== null) return story.jammed ? "stuck" : "open";
  const { opened } = story.history;
  if (kept && !one.host && !opened) {
    if (kept.result === null) return "sending";
    if (answer !== "accepted") return "refused";
  }
  const over = words.finish?.taken || story.history.finished.includes(one.raiser.number) || story.left === 0;
  const late = one.state === "approved" && now > one.until;
  if (opened && (over || late || one.state !== "approved")) return words.report?.taken ? "reported" : "used";
  if (over) return "cancelled";
  if (one.state === "denied") return "denied";
  if (late || one.state === "expired") return "expired";
  if (failure(one, story)) return "failed";
  if (one.state === "waiting") return "waiting";
  return opened ? "rest" : "approved";
}

/** Why no box opens for it any more, or an empty string. */
function failure(one: Case, story: Story): string {
  if (story.history.clockChanged) return "unanchored";
  return ["waiting", "approved", "denied", "expired"].includes(one.state) ? "" : one.state;
}

/** The people whose approval is still asked for, in the order of the roster. */
export function whoCan(roster: Roster, one: Case, now: number): Person[] {
  const spoke = new Set(one.decisions.map(({ person }) => person.number)).add(one.raiser.number);
  return roster.fields.people.filter(
    (person) =>
      !spoke.has(person.number) && person.keys.length > 0 && person.from <= now && now <= person.until &&
      one.missing.some(({ role }) => has(person.roles, role)),
  );
}

/** Whether the box opens by itself for it: approved, and its keeper said to be there until now. */
export function opensByItself(one: Case, story: Story, now: number): boolean {
  return story.history.opened === 0 && now <= (one.request.fields.attended as number);
}

/** How many seconds a bay stays open for a request. */
export function openSeconds(roster: Roster, one: Case): number {
  const bay = one.place?.bay;
  return bay ? (roster.bayRules(bay).find((rule) => rule.matters.includes(one.request.fields.matter as number))?.open_seconds ?? 0) : 0;
}

