// The topic tree, see protocol/SPEC.md. Names in a topic are lower-case hex: a site is 16 bytes, a kid 16, a reference 32.

import { concat, fromHex, toHex, type Bytes } from "./bytes.ts";

const PREFIX = "sealbox/1/";

const root = (site: Uint8Array): string => PREFIX + toHex(site);

/** To a box, from a person of the roster. */
export const boxIn = (site: Uint8Array, box: Uint8Array, sender: Uint8Array): string =>
  `${root(site)}/box/${toHex(box)}/in/${toHex(sender)}`;

/** From a person to the site's hosts. */
export const hostIn = (site: Uint8Array, sender: Uint8Array): string => `${root(site)}/host/in/${toHex(sender)}`;

/** What a person's app subscribes to: news, what waits, and what the boxes say. */
export const filters = (site: Uint8Array, person: Uint8Array): string[] => [
  `${root(site)}/inbox/${toHex(person)}`,
  `${root(site)}/inbox/${toHex(person)}/+`,
  `${root(site)}/box/+/out`,
  `${root(site)}/box/+/status`,
];

export interface Place {
  kind: "box_in" | "box_out" | "box_status" | "host_in" | "inbox" | "inbox_waiting";
  site: Bytes;
  box: Bytes | null;
  other: Bytes | null;
}

/** What a topic says, null when it is none of ours. */
export function parse(topic: string): Place | null {
  if (!topic.startsWith(PREFIX)) return null;
  const [first, kind, ...rest] = topic.slice(PREFIX.length).split("/");
  const site = unhex(first, 16);
  if (!site) return null;
  const [name, leaf, last] = rest;
  if (kind === "box") {
    const box = unhex(name, 16);
    if (!box) return null;
    if (rest.length === 2 && (leaf === "out" || leaf === "status")) return { kind: `box_${leaf}`, site, box, other: null };
    const other = rest.length === 3 && leaf === "in" ? unhex(last, 16) : null;
    return other && { kind: "box_in", site, box, other };
  }
  if (kind === "host") {
    const other = rest.length === 2 && name === "in" ? unhex(leaf, 16) : null;
    return other && { kind: "host_in", site, box: null, other };
  }
  if (kind !== "inbox") return null;
  const person = unhex(name, 16);
  if (!person) return null;
  if (rest.length === 1) return { kind: "inbox", site, box: null, other: person };
  const reference = rest.length === 2 ? unhex(leaf, 32) : null;
  return reference && { kind: "inbox_waiting", site, box: null, other: concat(person, reference) };
}

function unhex(text: string | undefined, size: number): Bytes | null {
  return text?.length === 2 * size && /^[0-9a-f]*$/.test(text) ? fromHex(text) : null;
}
