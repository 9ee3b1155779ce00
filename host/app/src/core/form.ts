// A request that is being filled in, kept in this browser: a phone may end the page while its camera is open.

import { fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Message } from "../wire/messages.ts";
import { makeDetails } from "./compose.ts";
import type { Attachment } from "./pictures.ts";
import type { Kept, Store } from "./store.ts";

const NOTE = "form";

export interface Form {
  matter: number | null;
  /** Which bay, as placeKey names it. */
  place: string;
  title: string;
  resident: string;
  purpose: string;
  impressions: number;
  minutes: number;
  attachments: Attachment[];
  /** Reference, in hex, of the request that this one continues. */
  follows: string | null;
  /** The salted details as they will be signed; null while anything changes. One form is signed once, known by these. */
  sealed: { digest: string; files: Map<string, Bytes> } | null;
}

export function emptyForm(): Form {
  return {
    matter: null, place: "", title: "", resident: "", purpose: "", impressions: 1, minutes: 30, attachments: [],
    follows: null, sealed: null,
  };
}

export function keptForm(store: Store): Promise<Form | undefined> {
  return store.note<Form | undefined>(NOTE);
}

export function keepForm(store: Store, form: Form | undefined): Promise<void> {
  return store.setNote(NOTE, form);
}

/** The form with its details salted; the same again while nothing was changed. */
export async function seal(form: Form): Promise<Form & { sealed: NonNullable<Form["sealed"]> }> {
  const words = { title: form.title.trim(), resident: form.resident.trim(), purpose: form.purpose.trim() };
  const sealed = form.sealed ?? (await makeDetails(words, form.attachments));
  return { ...form, sealed };
}

/** Whether a signed message is the request of these details. */
export async function isOf(kept: Kept, site: Bytes, digest: string): Promise<boolean> {
  if (kept.type !== "request") return false;
  const message = await Message.read(kept.raw, site, [MESSAGE.request]);
  return toHex(message.fields.details as Bytes) === digest;
}

export function followed(form: Form): Bytes | undefined {
  return form.follows ? fromHex(form.follows) : undefined;
}
