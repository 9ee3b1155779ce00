// Requests as one person sees them: the signed request, its details held against their digest, and the decisions
// weighed by the roster held here. What the host says of a request stands beside, as its word only.

import { toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message, shortCode } from "../wire/messages.ts";
import type { Person } from "../wire/roster.ts";
import * as rules from "../wire/rules.ts";
import { fromBase64, unsalted, type Api, type RequestView } from "./api.ts";
import { now, places, type Details, type Place } from "./compose.ts";
import { Failure, type FailureKey } from "./failure.ts";
import type { Store } from "./store.ts";
import type { Trust } from "./trust.ts";

const MAX_SIGNED_PARTS = 200; // of one answer: more is no request of ours

export interface Case {
  request: Message;
  reference: string;
  code: string;
  raiser: Person;
  place: Place | null;
  /** null while they are not here; `problem` then says why, and nobody may sign. */
  details: Details | null;
  problem: FailureKey | null;
  decisions: { message: Message; person: Person }[];
  substitutes: Message[];
  /** What the decisions make of it by the roster here: waiting, approved, denied, expired, or a refusal's name. */
  state: string;
  missing: { role: number; count: number }[];
  until: number;
  /** What the host says of it; null without its word. */
  host: RequestView | null;
}

export class Cases {
  private readonly trust: Trust;
  private readonly api: Api;
  private readonly store: Store;
  /** Details by digest, each checked against it once. */
  private readonly read = new Map<string, Details>();

  constructor(trust: Trust, api: Api, store: Store) {
    this.trust = trust;
    this.api = api;
    this.store = store;
  }

  /** The requests that the host shows, newest first; only those that a person of the roster signed. */
  async all(): Promise<Case[]> {
    const views = await this.api.requests();
    const found = await Promise.all(views.map((view) => this.ofView(view)));
    return found.filter((one) => one !== null);
  }

  /** One request as the host shows it, null when it knows none or shows something else. */
  async find(reference: string): Promise<Case | null> {
    const view = await this.api.request(reference);
    return view && this.ofView(view);
  }

  private async ofView(view: RequestView): Promise<Case | null> {
    for (const text of view.messages.slice(0, MAX_SIGNED_PARTS)) {
      const request = await this.believed(fromBase64(text), [MESSAGE.request]);
      if (request && toHex(request.reference) === view.reference) return this.look(request, view);
    }
    return null;
  }

  /** A request, for instance one from the inbox, with what is known of it here and at the host. */
  async look(request: Message, view: RequestView | null): Promise<Case> {
    const { person: raiser } = this.trust.roster.signer(request.kid);
    const place = (await places(this.trust)).find(
      ({ box, bay }) => toHex(box) === toHex(request.fields.box as Bytes) && bay.number === request.fields.bay,
    );
    const one: Case = {
      request,
      reference: toHex(request.reference),
      code: shortCode(request.reference),
      raiser,
      place: place ?? null,
      details: null,
      problem: null,
      decisions: [],
      substitutes: [],
      state: "waiting",
      missing: [],
      until: 0,
      host: view,
    };
    await this.addDecisions(one);
    this.judge(one);
    return one;
  }

  /** Fetches the details and holds them against the signed digest. */
  async addDetails(one: Case): Promise<void> {
    const digest = toHex(one.request.fields.details as Bytes);
    one.details = this.read.get(digest) ?? null;
    if (one.details) return;
    try {
      const kept = await this.store.file(digest);
      const content = kept ? await unsalted(kept, digest) : await this.api.file(digest);
      if (!content) throw new Failure("details_missing");
      one.details = readDetails(content);
      this.read.set(digest, one.details);
      one.problem = null;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      one.problem = error.key;
    }
  }

  private async addDecisions(one: Case): Promise<void> {
    const own = (await this.store.signed())
      .filter((kept) => kept.about === one.reference && !kept.result) // what was refused counts nowhere
      .map((kept) => kept.raw);
    const raws = [...(one.host?.messages ?? []).slice(0, MAX_SIGNED_PARTS).map(fromBase64), ...own];
    const seen = new Set<string>();
    for (const raw of raws) {
      const message = await this.believed(raw, [MESSAGE.decision, MESSAGE.substitute]);
      if (!message || seen.has(toHex(message.reference))) continue;
      seen.add(toHex(message.reference));
      if (message.number === MESSAGE.substitute) one.substitutes.push(message);
      else if (toHex(message.fields.request as Bytes) === one.reference) {
        one.decisions.push({ message, person: this.trust.roster.signer(message.kid).person });
      }
    }
    one.decisions.sort((a, b) => (a.message.fields.decided as number) - (b.message.fields.decided as number));
  }

  private judge(one: Case): void {
    const { roster } = this.trust;
    const time = now();
    try {
      const stated = rules.checkRequest(roster, one.request, time);
      const good = one.decisions.map(({ message }) => message).filter((message) => {
        try {
          rules.checkDecision(roster, stated, message, one.substitutes, time);
          return true;
        } catch (error) {
          if (error instanceof Refusal) return false;
          throw error;
        }
      });
      const judgement = rules.judge(roster, one.request, good, one.substitutes, time, []);
      one.state = judgement.state;
      one.missing = judgement.missing;
      one.until = judgement.until;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      one.state = error.reason;
    }
    if (one.state === "waiting" && time > (one.request.fields.expires as number)) one.state = "expired";
  }

  private async believed(raw: Uint8Array, expected: number[]): Promise<Message | null> {
    try {
      return await this.trust.ofPerson(raw, expected);
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }
}

/** Details as they were written, every part of the type that it must have. Throws Failure: details_unreadable. */
function readDetails(content: Bytes): Details {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    throw new Failure("details_unreadable");
  }
  const text = (name: string): string => (typeof value[name] === "string" ? value[name] : "");
  const texts = (name: string): string[] =>
    Array.isArray(value[name]) ? value[name].filter((one): one is string => typeof one === "string") : [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Failure("details_unreadable");
  return {
    title: text("title"),
    resident: text("resident"),
    purpose: text("purpose"),
    attachments: texts("attachments").filter((digest) => /^[0-9a-f]{64}$/.test(digest)),
    attachment_names: texts("attachment_names"),
  };
}
