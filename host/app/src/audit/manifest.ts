// The manifest: every item of a bundle with its SHA-256, and the host's receipt for it. It shows what the bundle's maker
// put in; the proofs lie in the items themselves and hold or fail without it.

import { equal, fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Message } from "../wire/messages.ts";
import { MANIFEST, RECEIPT, Unusable, type Bundle } from "./bundle.ts";
import { RANK, type Findings } from "./findings.ts";
import type { Pace } from "./pace.ts";
import { bin, num, refusal, type Proofs } from "./proofs.ts";
import { sha256 } from "./sha256.ts";

const FORMAT = "sealbox-bundle/1";
const KEYS = 4; // of the manifest itself; each item has two

/** made: UTC seconds; listed: path and SHA-256 in hex; twice: paths listed more than once. */
export interface Manifest {
  site: Bytes;
  made: number;
  listed: Map<string, string>;
  twice: string[];
}

/** Reads a manifest. Throws Unusable when it has not exactly the form of one. */
export function readManifest(raw: Uint8Array): Manifest {
  let value: Record<string, unknown>;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
    value = JSON.parse(text);
  } catch {
    throw new Unusable("bad_manifest", "it is no JSON");
  }
  if (!hasKeys(value, ["format", "site", "made", "items"]) || value.format !== FORMAT || !Array.isArray(value.items)) {
    throw new Unusable("bad_manifest", `it is not of the format ${FORMAT}`);
  }
  const { made, items } = value;
  if (typeof made !== "number" || !/"made"\s*:\s*[0-9]{1,10}\s*[,}]/.test(text) || made >= 2 ** 32) {
    throw new Unusable("bad_manifest", "`made` is no time");
  }
  if (countKeys(text) !== KEYS + 2 * items.length) throw new Unusable("bad_manifest", "a key stands twice");
  const listed = new Map<string, string>();
  const twice: string[] = [];
  for (const item of items) {
    if (!hasKeys(item, ["path", "sha256"]) || typeof item.path !== "string") {
      throw new Unusable("bad_manifest", "an item is not just a path and its sha256");
    }
    if (listed.has(item.path)) twice.push(item.path);
    listed.set(item.path, hexed(item.sha256, 32));
  }
  return { site: fromHex(hexed(value.site, 16)), made, listed, twice };
}

function hasKeys(value: unknown, names: string[]): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === names.length && names.every((name) => keys.includes(name));
}

/** How many keys the text has, each that stands twice counted twice: JSON.parse keeps only the last. */
function countKeys(text: string): number {
  let count = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?/g)) count += colon ? 1 : 0;
  return count;
}

function hexed(text: unknown, size: number): string {
  if (typeof text !== "string" || text.length !== 2 * size || !/^[0-9a-f]*$/.test(text)) {
    throw new Unusable("bad_manifest", "not the lower-case hex digits that belong there");
  }
  return text;
}

/** Why the host's receipt does not stand for the manifest; null when it does. `hostKey` by the last roster. */
export async function checkReceipt(
  bundle: Bundle, manifest: Manifest, hostKey: (kid: Uint8Array) => Bytes | null, proofs: Proofs,
): Promise<string | null> {
  const raw = bundle.items.get(RECEIPT);
  if (!raw) return "the bundle has no receipt of a host for its manifest";
  let receipt: Message;
  try {
    receipt = await Message.read(raw, manifest.site, [MESSAGE.receipt]);
    const publicKey = hostKey(receipt.kid);
    if (!publicKey) return "no host of the last roster signed the receipt for the manifest";
    await proofs.check(receipt, publicKey);
  } catch (error) {
    return `the receipt for the manifest is refused: ${refusal(error).message}`;
  }
  if (!equal(bin(receipt, "reference"), sha256(bundle.items.get(MANIFEST) as Uint8Array))) {
    return "the host's receipt is for another manifest: this one was changed after the export";
  }
  if (num(receipt, "result") !== 0 || num(receipt, "at") !== manifest.made) {
    return "the host's receipt says another thing than the manifest";
  }
  return null;
}

/** Compares the items with the manifest. Without a good receipt the manifest proves nothing, so it blames no item. */
export async function checkItems(
  bundle: Bundle, manifest: Manifest, findings: Findings, receiptHolds: boolean, pace: Pace,
): Promise<void> {
  const rank = receiptHolds ? RANK.file : RANK.unsignedManifest;
  const add = (path: string, subject: string, check: string, why: string): void => {
    if (receiptHolds) findings.add(rank, path, subject, check, why);
    else findings.report(rank, path, subject, check, why);
  };
  for (const path of manifest.twice) add(MANIFEST, path, "item_twice", "the manifest lists this path twice");
  const here = [...bundle.items.keys()].filter((path) => path !== MANIFEST && path !== RECEIPT).sort();
  const known = new Set(here);
  const gone = [...manifest.listed.keys()].filter((path) => !known.has(path) && !bundle.damaged.has(path));
  for (const path of gone.sort()) {
    add(path, nameIn(path), "item_missing", "the manifest lists this item, and it is not there");
  }
  for (const path of here) {
    if (manifest.listed.has(path)) continue;
    add(path, nameIn(path), "item_unlisted", "this item was added: the manifest does not list it");
  }
  pace.begin("digests", here.length);
  for (const path of here) {
    const listed = manifest.listed.get(path);
    if (listed === undefined) continue;
    if ((await digestOf(bundle.items.get(path) as Uint8Array)) !== listed) {
      const why = "this item was altered: its bytes are not those whose digest the manifest lists";
      add(path, nameIn(path), "item_digest", why);
    }
    await pace.step();
  }
}

const LARGE = 1 << 16; // from here on the platform's function is worth the wait

async function digestOf(content: Uint8Array): Promise<string> {
  if (content.length < LARGE) return toHex(sha256(content));
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", content as Bytes)));
}

/** What is wrong with the archive as such. */
export function checkArchive(bundle: Bundle, findings: Findings): void {
  for (const [path, why] of [...bundle.damaged].sort(([one], [other]) => (one < other ? -1 : 1))) {
    findings.add(RANK.file, path, nameIn(path), "item_damaged", `this item cannot be read: ${why}`);
  }
  for (const path of bundle.twice) {
    const why = "the archive has two items of this path, so that readers may see different ones";
    findings.add(RANK.file, path, nameIn(path), "item_twice", why);
  }
  for (const path of bundle.strange) {
    findings.add(RANK.file, path, path, "item_path", "a bundle has no item of this path");
  }
}

/** What a path is about: a message's reference, else the file's name. */
function nameIn(path: string): string {
  return (path.split("/").at(-1) as string).replace(/\.cose$/, "");
}
