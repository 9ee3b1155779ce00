// The history that is open: a bundle that was verified in this browser, whether it came from the host or from a file.
// All of the auditor's pages show this and nothing else.

import { signal } from "@preact/signals";

import { FILE_BYTES, Unusable } from "../../audit/bundle.ts";
import { Pace, type Phase } from "../../audit/pace.ts";
import type { Trust } from "../../audit/rosters.ts";
import { verifyBundle, type Result } from "../../audit/verify.ts";
import { readBundle } from "../../audit/zip.ts";
import { Failure } from "../../core/failure.ts";
import type { Desk } from "../../desk.ts";
import { sayError } from "../../words/words.ts";
import { tellOf } from "./tell.ts";

export interface Dossier {
  result: Result;
  file: Blob;
  name: string;
  /** Whether it is the history as the host has it. */
  fromHost: boolean;
}

export interface Work {
  phase: Phase | "fetching";
  /** From 0 to 1; null while nobody knows. */
  share: number | null;
}

export const dossier = signal<Dossier | null>(null);
export const work = signal<Work | null>(null);
/** What went wrong, as a sentence in the reader's language. */
export const problem = signal<(() => string) | null>(null);

let turn = 0;

/** Verifies a file; the last one that was asked for counts. Whether it is open then. */
export function openFile(file: Blob, name: string, trust: Trust): Promise<boolean> {
  return inTurn(async (current) => take(file, name, trust, false, current));
}

/** Fetches the site's whole history from the host and verifies it with the authority's keys of the enrolment. */
export function openHost(at: Desk): Promise<boolean> {
  const { authority, threshold } = at.trust.profile;
  return inTurn(async (current) => {
    work.value = { phase: "fetching", share: null };
    await take(await at.api.export(), "bundle.zip", { authority, threshold }, true, current);
  });
}

async function inTurn(act: (current: () => boolean) => Promise<void>): Promise<boolean> {
  const mine = ++turn;
  const current = (): boolean => mine === turn;
  problem.value = null;
  try {
    await act(current);
    return current();
  } catch (error) {
    const said = sentence(error);
    if (current()) problem.value = said;
    return false;
  } finally {
    if (current()) work.value = null;
  }
}

/** What happened, in words. What nobody foresaw is thrown on. */
function sentence(error: unknown): () => string {
  if (error instanceof Unusable) return () => tellOf("unusable", error.reason);
  if (error instanceof DOMException && error.name === "NotSupportedError") return () => sayError(new Failure("no_ed25519"));
  if (error instanceof DOMException && error.name === "NotReadableError") return () => tellOf("unusable", "unreadable");
  sayError(error);
  return () => sayError(error);
}

async function take(file: Blob, name: string, trust: Trust, fromHost: boolean, current: () => boolean): Promise<void> {
  if (!globalThis.isSecureContext) throw new Failure("insecure_page");
  if (file.size > FILE_BYTES) throw new Unusable("too_large");
  work.value = { phase: "reading", share: 0 };
  const pace = new Pace((phase, share) => {
    if (current()) work.value = { phase, share };
  });
  const bundle = await readBundle(new Uint8Array(await file.arrayBuffer()), pace);
  const result = await verifyBundle(bundle, trust, pace);
  if (current()) dossier.value = { result, file, name, fromHost };
}
