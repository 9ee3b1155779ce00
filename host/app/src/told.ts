// What is told of a request beside the signed facts: its matter's words, and why people decided as they did.

import type { Case } from "./core/cases.ts";
import { Failure } from "./core/failure.ts";
import { heldMatters } from "./core/matters.ts";
import type { Desk } from "./desk.ts";
import { toHex, type Bytes } from "./wire/bytes.ts";

/** The words of a request's matter; its code where the list cannot be had. */
export async function wordingOf(at: Desk, one: Case): Promise<string> {
  const code = one.request.fields.matter as number;
  try {
    return (await heldMatters(at.trust, at.store, at.api)).get(code)?.wording ?? String(code);
  } catch (error) {
    if (error instanceof Failure) return String(code); // the list cannot be had; the code is what was signed
    throw error;
  }
}

/** Why people decided as they did, in their own words, each held against its signed digest. */
export async function reasonsOf(at: Desk, one: Case): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { message } of one.decisions) {
    const digest = message.fields.reason_digest as Bytes | undefined;
    if (!digest) continue;
    try {
      const content = await at.api.file(toHex(digest));
      const said = content && (JSON.parse(new TextDecoder().decode(content)) as { reason?: unknown } | null)?.reason;
      if (typeof said === "string") found.set(toHex(message.reference), said);
    } catch (error) {
      // What cannot be had, or is no reason, is not shown; the decision stands without it.
      if (!(error instanceof Failure) && !(error instanceof SyntaxError)) throw error;
    }
  }
  return found;
}
