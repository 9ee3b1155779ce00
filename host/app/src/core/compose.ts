// Making the messages that a person signs, each checked against the roster first: what the roster would refuse is
// refused here, with the same reason, and never signed.

import { fromHex, toHex, utf8, type Bytes } from "../wire/bytes.ts";
import { keyId } from "../wire/cose.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { build, longCode, Message, referenceOf, ruleDigest } from "../wire/messages.ts";
import type { Bay, Box, Person, Rule } from "../wire/roster.ts";
import * as rules from "../wire/rules.ts";
import type { Fields } from "../wire/schema.ts";
import * as topics from "../wire/topics.ts";
import { salted } from "./api.ts";
import { Failure } from "./failure.ts";
import { sign } from "./keys.ts";
import type { Kept, Profile } from "./store.ts";
import type { Trust } from "./trust.ts";

/** A bay of a box, by the roster. */
export interface Place {
  box: Bytes;
  boxRow: Box;
  bay: Bay;
}

export interface Details {
  title: string;
  resident: string;
  purpose: string;
  /** Digests in hex, each with its name in `attachment_names`. */
  attachments: string[];
  attachment_names: string[];
}

/** A signed message with the files that it names, ready to be kept and posted. */
export interface Draft {
  message: Message;
  kept: Kept;
  files: Map<string, Bytes>;
}

/** UTC seconds. */
export function now(): number {
  return Math.floor(Date.now() / 1000);
}

export async function places(trust: Trust): Promise<Place[]> {
  const boxes = await Promise.all(
    trust.roster.fields.boxes.map(async (boxRow) => ({ box: await keyId(boxRow.public), boxRow })),
  );
  return boxes.flatMap(({ box, boxRow }) => boxRow.bays.map((bay) => ({ box, boxRow, bay })));
}

/** The bay's ordinary rule for a matter. Throws Failure: matter_not_here. */
export function ruleFor(trust: Trust, bay: Bay, matter: number): Rule {
  const found = trust.roster.bayRules(bay).find((rule) => !rule.break_glass && rule.matters.includes(matter));
  if (!found) throw new Failure("matter_not_here", { matter, seal: bay.seal });
  return found;
}

/** This browser's person. Throws Failure: not_in_roster. */
export function me(trust: Trust): Person {
  const person = trust.me;
  if (!person) throw new Failure("not_in_roster", { code: longCode(trust.profile.kid) });
  return person;
}

/** The personal part of a request: salted files by digest, the details' own among them. */
export async function makeDetails(
  words: { title: string; resident: string; purpose: string },
  attachments: { name: string; content: Bytes }[],
): Promise<{ digest: string; files: Map<string, Bytes> }> {
  const files = new Map<string, Bytes>();
  const digests: string[] = [];
  for (const { content } of attachments) {
    const { digest, body } = await salted(content);
    files.set(digest, body);
    digests.push(digest);
  }
  const details: Details = { ...words, attachments: digests, attachment_names: attachments.map(({ name }) => name) };
  const { digest, body } = await salted(utf8(JSON.stringify(details)));
  files.set(digest, body);
  return { digest, files };
}

/** The words of a reason as a salted file; null for none. */
export async function makeReason(words: string): Promise<{ digest: string; body: Bytes } | null> {
  return words ? salted(utf8(JSON.stringify({ reason: words }))) : null;
}

/** A request as it will be signed: what it says, and the reference that its code comes from. Nothing is signed yet. */
export interface Prepared {
  fields: Fields;
  reference: Bytes;
}

export async function prepareRequest(
  trust: Trust,
  place: Place,
  asked: { matter: number; impressions: number; details: Bytes; attendMinutes: number; follows?: Bytes },
  anchor: { seq: number; head: Bytes },
): Promise<Prepared> {
  const rule = ruleFor(trust, place.bay, asked.matter);
  const created = now();
  me(trust);
  const fields: Fields = {
    box: place.box,
    bay: place.bay.number,
    impressions: asked.impressions,
    matter: asked.matter,
    rule: await ruleDigest(rule),
    details: asked.details,
    anchor_seq: anchor.seq,
    anchor_head: anchor.head,
    created,
    expires: created + rule.wait_seconds,
    attended: created + Math.min(asked.attendMinutes * 60, rule.wait_seconds + rule.use_seconds),
    roster: trust.version,
    ...(asked.follows && { follows: asked.follows }),
  };
  return { fields, reference: await referenceOf(MESSAGE.request, fields, trust.profile) };
}

/** Signs what was prepared; whatever the roster would refuse is refused here. */
export async function request(trust: Trust, prepared: Prepared, files: Map<string, Bytes>): Promise<Draft> {
  const draft = await signed(trust.profile, MESSAGE.request, prepared.fields, { files });
  rules.checkRequest(trust.roster, draft.message, now());
  return draft;
}

/** An officer's word on a request. A denial or withdrawal goes to the box as well. */
export async function decision(
  trust: Trust,
  about: Message,
  verdict: number,
  given: { reasonCode?: number; reason?: string; principal?: number } = {},
): Promise<Draft> {
  const decided = now();
  const reason = await makeReason(given.reason ?? "");
  me(trust);
  const one = rules.checkRequest(trust.roster, about, decided);
  const fields: Fields = {
    request: about.reference,
    verdict,
    for: given.principal,
    reason: given.reasonCode ?? 0,
    reason_digest: reason ? fromHex(reason.digest) : undefined,
    decided,
    roster: trust.version,
  };
  const draft = await signed(trust.profile, MESSAGE.decision, fields, {
    about,
    box: verdict === rules.APPROVE ? undefined : (about.fields.box as Bytes),
    files: reason ? new Map([[reason.digest, reason.body]]) : new Map(),
  });
  if (given.principal === undefined) {
    rules.checkDecision(trust.roster, one, draft.message, [], decided);
  } else {
    const voice = trust.roster.person(given.principal);
    if (!voice || !rules.inGroups(one.rule, voice)) throw new Refusal("not_in_group");
  }
  return draft;
}

/** Somebody may decide in one's place for some days. */
export async function substitute(trust: Trust, person: number, from: number, until: number): Promise<Draft> {
  me(trust);
  const fields: Fields = { person, from, until, roster: trust.version };
  const draft = await signed(trust.profile, MESSAGE.substitute, fields);
  rules.checkSubstitute(trust.roster, draft.message, now());
  return draft;
}

/** "I am at the box": for an opening later, or again. */
export function ready(trust: Trust, about: Message, nonce: Bytes): Promise<Draft> {
  return signed(trust.profile, MESSAGE.ready, { request: about.reference, nonce }, { about });
}

/** Ends a request for good; the box closes at once. */
export async function finish(trust: Trust, about: Message, reasonCode: number, words: string): Promise<Draft> {
  const reason = await makeReason(words);
  const fields: Fields = {
    request: about.reference,
    reason: reasonCode,
    reason_digest: reason ? fromHex(reason.digest) : undefined,
  };
  const files = reason ? new Map([[reason.digest, reason.body]]) : new Map<string, Bytes>();
  return signed(trust.profile, MESSAGE.finish, fields, { about, box: about.fields.box as Bytes, files });
}

/** Declares how many impressions were made, with photographs of the stamped pages. */
export async function report(trust: Trust, about: Message, impressions: number, photographs: Bytes[]): Promise<Draft> {
  const files = new Map<string, Bytes>();
  for (const photograph of photographs) {
    const { digest, body } = await salted(photograph);
    files.set(digest, body);
  }
  const fields: Fields = {
    request: about.reference,
    impressions,
    photographs: [...files.keys()].map(fromHex),
  };
  return signed(trust.profile, MESSAGE.report, fields, { about, files });
}

interface Extras {
  about?: Message;
  box?: Bytes;
  files?: Map<string, Bytes>;
}

/** Signs a message of a profile, reads it back as everybody else will, and says where it is to go. */
async function signed(profile: Profile, number: number, fields: Fields, extras: Extras = {}): Promise<Draft> {
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const raw = await build(number, present, profile.site, profile.publicKey, (data) => sign(profile, data));
  const message = await Message.read(raw, profile.site, [number]);
  const toBox = extras.box ? [topics.boxIn(profile.site, extras.box, profile.kid)] : [];
  const files = extras.files ?? new Map<string, Bytes>();
  const kept: Kept = {
    reference: toHex(message.reference),
    type: message.name,
    raw,
    topics: [topics.hostIn(profile.site, profile.kid), ...toBox],
    about: extras.about ? toHex(extras.about.reference) : "",
    files: [...files.keys()],
    made: now(),
    result: null,
  };
  return { message, kept, files };
}
