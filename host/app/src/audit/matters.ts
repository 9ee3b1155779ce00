// The matter lists that rosters name by digest.

import { equal, toHex, type Bytes } from "../wire/bytes.ts";
import { limits, MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import type { Fields } from "../wire/schema.ts";
import { mattersPath, type Bundle } from "./bundle.ts";
import { RANK, type Findings } from "./findings.ts";
import { hex, num, refusal, type Proofs } from "./proofs.ts";
import type { RosterChain } from "./rosters.ts";
import { sha256 } from "./sha256.ts";

/** Roster version to (code to wording). */
export type Wordings = Map<number, Map<number, string>>;

type Parts = Map<number, Map<number, Message>>;

export async function checkMatters(
  bundle: Bundle, site: Bytes, chain: RosterChain, proofs: Proofs, findings: Findings,
): Promise<Wordings> {
  const parts: Parts = new Map();
  for (const path of bundle.below("matters/")) {
    if (findings.blames(path)) continue;
    let message: Message;
    try {
      message = await Message.read(bundle.items.get(path) as Uint8Array, site, [MESSAGE.matters]);
      const publicKey = chain.authorityKey(message.kid);
      if (!publicKey && chain.brokenAt !== null) continue;
      if (!publicKey) throw new Refusal("unknown_signer");
      await proofs.check(message, publicKey);
    } catch (error) {
      const { reason, message: why } = refusal(error);
      findings.add(RANK.roster, path, path, reason, `this part of the matter list is refused: ${why}`);
      continue;
    }
    const [version, part] = [num(message, "version"), num(message, "part")];
    if (path !== mattersPath(version, part, message.reference)) {
      const why = "this item holds another part of the matter list than its path says";
      findings.add(RANK.roster, path, path, "item_name", why);
    }
    const numbered = parts.get(version) ?? new Map<number, Message>();
    parts.set(version, numbered);
    const same = numbered.get(part) ?? message;
    numbered.set(part, same);
    if (!equal(same.payload, message.payload)) {
      const why = `there are two different parts ${part} of matter list ${version}`;
      findings.add(RANK.roster, path, path, "matters_fork", why);
    }
  }
  return matchLists(parts, chain, findings);
}

function matchLists(parts: Parts, chain: RosterChain, findings: Findings): Wordings {
  const none = toHex(new Uint8Array(limits.HASH)); // a roster without a list names none
  const lists = new Map<string, Map<number, string>>([[none, new Map()]]);
  const digests = new Map<number, string>();
  for (const [number, numbered] of parts) {
    const whole = [...numbered].sort(([one], [other]) => one - other).map(([, part]) => part);
    const digest = toHex(sha256(...whole.map((part) => part.payload)));
    digests.set(number, digest);
    const items = whole.flatMap((part) => part.fields.items as Fields[]);
    lists.set(digest, new Map(items.map((item) => [item.code as number, item.wording as string])));
  }
  const named = new Set([...chain.rosters.values()].map((roster) => toHex(roster.fields.matters)));
  const strays = [...digests].filter(([, digest]) => !named.has(digest)).map(([number]) => number);
  const wordings: Wordings = new Map();
  for (const [version, roster] of chain.rosters) {
    const found = lists.get(hex(roster, "matters"));
    if (!found && !findings.blamedBelow("matters/").length) blameList(version, strays.sort((a, b) => a - b), findings);
    wordings.set(version, found ?? new Map());
  }
  return wordings;
}

/** A roster's list is not there; the lists that no roster names are the ones that may have been it. */
function blameList(version: number, strays: number[], findings: Findings): void {
  const why = `the matter list that roster ${version} names by its digest is not in the bundle, or not whole`;
  if (!strays.length) findings.report(RANK.roster, "matters/", String(version), "matter_list", why);
  for (const stray of strays) {
    const also = `${why}: no roster names matter list ${stray} as it is here`;
    const path = `matters/${String(stray).padStart(6, "0")}-…`;
    findings.report(RANK.roster, path, String(version), "matter_list", also);
  }
}
