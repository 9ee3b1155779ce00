// Everything that works for one person while the page is open, and what the pages show of it.

import { effect, signal } from "@preact/signals";

import { Api } from "./core/api.ts";
import { Boxes } from "./core/boxes.ts";
import { Cases, type Case } from "./core/cases.ts";
import type { Draft } from "./core/compose.ts";
import { Failure } from "./core/failure.ts";
import { Mailbox } from "./core/mail.ts";
import { Postman } from "./core/postman.ts";
import { Store, type Profile } from "./core/store.ts";
import { Trust } from "./core/trust.ts";
import { toHex, type Bytes } from "./wire/bytes.ts";
import { MESSAGE } from "./wire/definitions.ts";
import { Refusal } from "./wire/errors.ts";

const ROSTER_PAUSE_MS = 3_000; // between two looks for the roster that lists a new key
const ROSTER_EVERY_MS = 30_000; // between two looks for a newer one
const BARRED = ["unknown_signer", "signer_not_valid"];

/** null until the store was read; then the desk, or "nobody" where no key was made here. */
export const desk = signal<Desk | "nobody" | null>(null);
export const online = signal(false);
/** Counts what may have changed what pages show: rosters, receipts, mail. */
export const news = signal(0);

export class Desk {
  readonly store: Store;
  readonly trust: Trust;
  readonly api: Api;
  readonly mailbox: Mailbox;
  readonly postman: Postman;
  readonly cases: Cases;
  readonly boxes: Boxes;
  /** References, in hex, of the requests that wait for this key. */
  readonly waiting = signal<Map<string, Bytes>>(new Map());
  /** Whether a roster lists this key. */
  readonly listed = signal(false);
  /** Whether the host says that the roster lists this key no more; it then hands out no newer roster that would show it. */
  readonly barred = signal(false);
  private looking = false;

  private constructor(store: Store, trust: Trust) {
    this.store = store;
    this.trust = trust;
    this.api = new Api(trust);
    this.mailbox = new Mailbox(trust, this.api);
    this.postman = new Postman(store, trust, this.api, this.mailbox);
    this.cases = new Cases(trust, this.api, store);
    this.boxes = new Boxes(trust, this.api, this.mailbox, store);
    this.listed.value = trust.me !== null || trust.isAuthority;
  }

  static async open(store: Store, profile: Profile): Promise<Desk> {
    return new Desk(store, await Trust.open(profile, store));
  }

  /** Goes on until the page is closed: waits for a roster with this key, connects, delivers, hears. */
  async work(): Promise<void> {
    this.mailbox.watch((connected) => {
      online.value = connected;
    });
    this.mailbox.listen((mail) => void this.heard(mail.place.kind, mail.place.other, mail.payload));
    this.postman.onSettled(() => {
      news.value++;
    });
    for (;;) {
      try {
        if (await this.api.refresh()) news.value++;
        this.listed.value = this.trust.me !== null || this.trust.isAuthority;
        if (this.listed.value) break;
      } catch (error) {
        if (!(error instanceof Failure) && !(error instanceof Refusal)) throw error;
        if (this.listed.value) {
          void this.catchUp();
          break; // a roster from before does meanwhile
        }
      }
      await new Promise((resolve) => setTimeout(resolve, ROSTER_PAUSE_MS));
    }
    setInterval(() => void this.catchUp(), ROSTER_EVERY_MS);
    document.addEventListener("visibilitychange", () => void this.catchUp());
    await this.postman.start();
    await this.connect();
  }

  /** Takes a newer roster, if there is one; hears whether this key is still welcome. */
  private async catchUp(): Promise<void> {
    if (this.looking || document.hidden) return;
    this.looking = true;
    try {
      if (await this.api.refresh()) news.value++;
      this.barred.value = false;
    } catch (error) {
      if (!(error instanceof Failure) && !(error instanceof Refusal)) throw error;
      const said = error instanceof Failure && error.key === "sign_in_refused" ? String(error.values.error) : "";
      if (said) this.barred.value = this.trust.version > 0 && BARRED.includes(said); // before, the host may not know the site
    } finally {
      this.looking = false;
    }
  }

  private async connect(): Promise<void> {
    for (;;) {
      try {
        return await this.mailbox.start();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        await new Promise((resolve) => setTimeout(resolve, ROSTER_PAUSE_MS));
      }
    }
  }

  private async heard(kind: string, other: Bytes | null, payload: Uint8Array): Promise<void> {
    if (kind === "inbox_waiting" && other) {
      const reference = toHex(other.subarray(16));
      const waiting = new Map(this.waiting.value);
      if (!payload.length) waiting.delete(reference);
      else if (await this.isRequest(payload, reference)) waiting.set(reference, new Uint8Array(payload));
      this.waiting.value = waiting;
      void this.catchUp(); // what waits changes with the roster too
    }
    news.value++;
  }

  /** Only what a person of the roster signed is ever shown as a request. */
  private async isRequest(payload: Uint8Array, reference: string): Promise<boolean> {
    try {
      const request = await this.trust.ofPerson(payload, [MESSAGE.request]);
      return toHex(request.reference) === reference;
    } catch (error) {
      if (error instanceof Refusal || error instanceof Failure) return false;
      throw error;
    }
  }

  /** Keeps a signed message, sends it until it is answered; the answer as a reason's name. */
  async post(draft: Draft): Promise<string> {
    const answer = this.postman.answer(draft.kept.reference);
    await this.store.keep(draft.kept, draft.files);
    this.postman.post(draft.kept);
    return answer;
  }

  /** This person's own verdict on a request, by what was signed here and not refused. */
  ownVerdict(one: Case): number | null {
    const mine = one.decisions.filter(({ person }) => person.number === this.trust.me?.number);
    return (mine.at(-1)?.message.fields.verdict as number | undefined) ?? null;
  }
}

/** Reads who one is, and begins. */
export async function begin(): Promise<void> {
  const store = await Store.open();
  const profile = await store.profile();
  if (!profile) {
    desk.value = "nobody";
    return;
  }
  const made = await Desk.open(store, profile);
  desk.value = made;
  await made.work();
}

/** Runs `look` now and after each piece of news, until the returned function is called. */
export function whenever(look: () => void): () => void {
  return effect(() => {
    void news.value;
    look();
  });
}
