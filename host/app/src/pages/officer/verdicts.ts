// What an officer has said and may still say of a request. Pure but for what was kept here.

import type { Case } from "../../core/cases.ts";
import { Failure } from "../../core/failure.ts";
import type { Kept } from "../../core/store.ts";
import type { Desk } from "../../desk.ts";
import { MESSAGE } from "../../wire/definitions.ts";
import { Refusal } from "../../wire/errors.ts";
import { Message } from "../../wire/messages.ts";
import { validSigner, APPROVE, checkRequest, checkSubstitute, inGroups, type Case as Stated } from "../../wire/rules.ts";
import type { Person } from "../../wire/roster.ts";

/** Codes of reasons in decisions; their words are officer_reason_<code>. 0 is none. */
export const DENIAL_CODES = [1, 2, 3, 4, 5] as const;

/** The last word of a voice on a request; `principal` undefined for one's own. */
export function lastWord(one: Case, person: number, principal: number | undefined): Message | null {
  const said = one.decisions.filter(
    ({ message, person: by }) => by.number === person && message.fields.for === principal,
  );
  return said.at(-1)?.message ?? null;
}

/** In whose place this person can still speak: themselves first. Each is somebody whom the rule asks for. */
export function openVoices(at: Desk, one: Case, now: number): (Person | null)[] {
  const { roster, me } = at.trust;
  if (!me || me.number === one.raiser.number) return [];
  const stated = allowed(at, one, now);
  if (!stated) return [];
  const spoken = new Set(one.decisions.flatMap(({ message, person }) => [person.number, (message.fields.for as number | undefined) ?? person.number]));
  if (spoken.has(me.number)) return []; // a person counts once
  const voices: (Person | null)[] = inGroups(stated.rule, me) ? [null] : [];
  for (const substitute of one.substitutes) {
    try {
      const principal = checkSubstitute(roster, substitute, now);
      const { person, from, until } = substitute.fields as { person: number; from: number; until: number };
      const fits = person === me.number && from <= now && now <= until && inGroups(stated.rule, principal);
      const taken = spoken.has(principal.number) || principal.number === one.raiser.number || voices.includes(principal);
      if (fits && !taken) voices.push(principal);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return voices;
}

/** The request by the roster held, null when that does not allow it, or this person, any more. */
function allowed(at: Desk, one: Case, now: number): Stated | null {
  try {
    validSigner(at.trust.roster, at.trust.profile.kid, now);
    return checkRequest(at.trust.roster, one.request, now);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** For `signOnce`: the same word signed before. Throws Failure: already_decided, for an approval after another word. */
export function sameWord(at: Desk, one: Case, verdict: number, principal: number | undefined): (kept: Kept) => Promise<boolean> {
  return async (kept) => {
    if (kept.type !== "decision" || kept.about !== one.reference) return false;
    const { fields } = await Message.read(kept.raw, at.trust.profile.site, [MESSAGE.decision]);
    if (fields.verdict === verdict && fields.for === principal) return true;
    if (verdict === APPROVE) throw new Failure("already_decided");
    return false;
  };
}
