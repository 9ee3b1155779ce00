import type { Case } from "../../core/cases.ts";
import { Failure } from "../../core/failure.ts";
import type { Desk } from "../../desk.ts";
import { MESSAGE } from "../../wire/definitions.ts";

/** A request as the host shows it, or as it was signed here; `fresh` is whether the host could be asked. */
export async function findRequest(at: Desk, reference: string): Promise<{ one: Case; fresh: boolean }> {
  const own = (await at.store.signed()).find((kept) => kept.reference === reference);
  let found: Case | null = null;
  let fresh = true;
  try {
    found = await at.cases.find(reference);
  } catch (error) {
    if (!(error instanceof Failure) || !own) throw error;
    fresh = false;
  }
  const one = found ?? (own && (await at.cases.look(await at.trust.ofPerson(own.raw, [MESSAGE.request]), null)));
  if (!one) throw new Failure("details_missing");
  return { one, fresh };
}
