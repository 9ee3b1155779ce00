// The draft that all pages of the authority share.

import { signal } from "@preact/signals";

import { sameContent } from "../../core/authority/cautions.ts";
import { freshDraft, loadDraft, saveDraft, type Draft } from "../../core/authority/draft.ts";
import type { Desk } from "../../desk.ts";
import type { RosterFields } from "../../wire/roster.ts";

export const draft = signal<Draft | null>(null);

/** Reads the draft kept; one that changes nothing any more begins afresh from the roster held. */
export async function openDraft(at: Desk): Promise<void> {
  const kept = await loadDraft(at.trust, at.store);
  draft.value = isChanged(at, kept) ? kept : freshDraft(at.trust);
}

/** Whether a draft says anything else than the roster held. */
export function isChanged(at: Desk, one: Draft): boolean {
  return one.list !== null || !sameContent(one.fields, freshDraft(at.trust).fields);
}

export async function putDraft(at: Desk, one: Draft | null): Promise<void> {
  await saveDraft(at.store, one);
  await openDraft(at);
}

export async function change(at: Desk, edit: (fields: RosterFields) => RosterFields): Promise<void> {
  const one = await loadDraft(at.trust, at.store); // another window may have changed it
  await putDraft(at, { ...one, fields: edit(one.fields) });
}
