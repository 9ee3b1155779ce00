// What a box's log says of a request, and which matter list is believed: against what a broker or a host may make of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Case } from "../../host/app/src/core/cases.ts";
import { lifeOf, type Word } from "../../host/app/src/core/life.ts";
import { listDigest, listedMatters } from "../../host/app/src/core/matters.ts";
import type { Kept } from "../../host/app/src/core/store.ts";
import { Follower, type Source } from "../../host/app/src/core/story.ts";
import { concat, type Bytes } from "../../host/app/src/wire/bytes.ts";
import { buildEntry, genesis, nextHead } from "../../host/app/src/wire/chain.ts";
import { ENTRY, MESSAGE } from "../../host/app/src/wire/definitions.ts";
import { build, Message } from "../../host/app/src/wire/messages.ts";

const SITE: Bytes = new Uint8Array(16).fill(7);
const BOX: Bytes = new Uint8Array(16).fill(9);
const REFERENCE: Bytes = new Uint8Array(32).fill(1);
const OTHER: Bytes = new Uint8Array(32).fill(2);
const GRANT: Bytes = new Uint8Array(32).fill(3);
const ANCHOR = 5;

const intent = (request: Bytes = REFERENCE): Bytes =>
  buildEntry(ENTRY.intent, 1000, { bay: 1, request, grant: GRANT, spends: 3, roster: 1, people: [2, 3] });
const press = (count: number): Bytes => buildEntry(ENTRY.press, 1001, { bay: 1, request: REFERENCE, count });
const closed = (pressed: number, given_back: number): Bytes =>
  buildEntry(ENTRY.closed, 1009, { bay: 1, request: REFERENCE, pressed, given_back, cause: 2 });

/** A follower from an anchor, and a box whose log goes on from there. `host` is what the host gives. */
async function stage(entries: Bytes[], host: Bytes[] = entries) {
  const anchor_head = await genesis(SITE);
  const fields = { box: BOX, impressions: 3, anchor_seq: ANCHOR, anchor_head };
  const asked: [number, number][] = [];
  const follower = new Follower({ reference: REFERENCE, fields } as unknown as Message, {
    entries: async (_: string, first: number, last: number) => {
      asked.push([first, last]);
      return host.slice(first - ANCHOR - 1, last - ANCHOR);
    },
  });
  const source: Source = { checkpoint: null, entries: new Map(), missed: false };
  const sign = async (count: number): Promise<void> => {
    let head = anchor_head;
    for (const raw of entries.slice(0, count)) head = await nextHead(head, raw);
    source.checkpoint = { fields: { seq: ANCHOR + count, head } } as unknown as Message;
  };
  const deliver = (raws: Bytes[], from = 0): void => {
    for (const [at, raw] of raws.entries()) source.entries.set(ANCHOR + 1 + from + at, raw);
  };
  return { follower, source, sign, deliver, asked };
}

test("entries are shown live at once, and as proven under the box's checkpoint", async () => {
  const entries = [intent(), press(1), closed(1, 2)];
  const { follower, source, sign, deliver, asked } = await stage(entries);
  deliver(entries.slice(0, 2));
  const live = await follower.update(source);
  assert.deepEqual([live.left, live.openSince, live.proven], [2, 1000, false]);
  deliver(entries.slice(2), 2);
  await sign(3);
  const story = await follower.update(source);
  assert.deepEqual([story.left, story.pressed, story.openSince, story.cause], [2, 1, null, "window_over"]);
  assert.ok(story.proven && story.complete && story.facts.every((fact) => fact.proven));
  assert.deepEqual(asked, [], "nothing was missing");
});

test("what a broker forged counts no longer once the box has signed", async () => {
  const entries = [intent(OTHER), press(1)];
  const { follower, source, sign, deliver } = await stage(entries);
  deliver([intent(), press(1)]);
  assert.equal((await follower.update(source)).openSince, 1000, "live, and marked so");
  await sign(2);
  const story = await follower.update(source);
  assert.deepEqual([story.openSince, story.history.opened, story.unfit], [null, 0, false]);
});

test("entries that fit the box's signature nowhere are found out", async () => {
  const entries = [intent(), press(1), closed(1, 2)];
  const { follower, source, sign, deliver } = await stage(entries, [intent(), closed(0, 3), closed(0, 3)]);
  deliver(entries.slice(0, 1));
  await sign(3);
  const story = await follower.update(source);
  assert.ok(story.unfit);
  assert.ok(story.facts.every((fact) => !fact.proven));
});

test("what did not arrive is asked of the host, and asked again until it has it", async () => {
  const entries = [intent(), press(1), closed(1, 2)];
  const host: Bytes[] = [];
  const { follower, source, sign } = await stage(entries, host);
  await sign(3);
  assert.equal((await follower.update(source)).complete, false);
  host.push(...entries);
  const story = await follower.update(source);
  assert.deepEqual([story.complete, story.proven, story.left], [true, true, 2]);
});

test("presses while the shutter closed are counted by the closing", async () => {
  const { follower, source, deliver } = await stage([]);
  deliver([intent(), press(1), closed(2, 1)]);
  assert.deepEqual([(await follower.update(source)).pressed, (await follower.update(source)).left], [2, 1]);
});

/** Where a request stands, by what is told of it. */
async function phase(log: Bytes[], told: { state?: string; report?: boolean; finish?: boolean; answer?: string } = {}) {
  const { follower, source, deliver } = await stage([]);
  deliver(log);
  const word = (taken: boolean | undefined): Word | null => (taken === undefined ? null : { message: {} as Message, taken });
  const one = { state: told.state ?? "approved", until: 9999, host: null, raiser: { number: 1 } } as unknown as Case;
  const result = told.answer === undefined ? 0 : told.answer === "" ? null : 1;
  const words = { report: word(told.report), finish: word(told.finish) };
  const life = lifeOf(one, await follower.update(source), words, { result } as Kept, told.answer ?? "accepted", 2000);
  return [life.phase, life.mayReady, life.mayFinish, life.mayReport];
}

test("a keeper's request stands where people, box and host put it", async () => {
  assert.deepEqual(await phase([], { answer: "" }), ["sending", false, true, false]);
  assert.deepEqual(await phase([], { answer: "wrong_role" }), ["refused", false, false, false]);
  assert.deepEqual(await phase([], { state: "waiting" }), ["waiting", false, true, false]);
  assert.deepEqual(await phase([], { state: "denied" }), ["denied", false, false, false]);
  assert.deepEqual(await phase([], { state: "rule_changed" }), ["failed", false, false, false]);
  assert.deepEqual(await phase([]), ["approved", true, true, false]);
  assert.deepEqual(await phase([intent(), press(1)]), ["open", false, true, false]);
  assert.deepEqual(await phase([intent(), press(1), closed(1, 2)]), ["rest", true, true, false]);
  assert.deepEqual(await phase([intent(), press(1), press(2), press(3), closed(3, 0)]), ["used", false, false, true]);
  assert.deepEqual(await phase([intent(), closed(1, 2)], { state: "denied" }), ["used", false, false, true]);
});

test("what the keeper signed counts as done only once the host has it", async () => {
  const used = [intent(), press(1), closed(3, 0)];
  assert.deepEqual(await phase(used, { report: false }), ["used", false, false, false]);
  assert.deepEqual(await phase(used, { report: true }), ["reported", false, false, false]);
  assert.deepEqual(await phase([], { finish: false }), ["approved", false, false, false]);
  assert.deepEqual(await phase([], { finish: true }), ["cancelled", false, false, false]);
});

async function matterPart(part: number, code: number): Promise<Bytes> {
  const fields = { version: 1, issued: 0, part, parts: 2, items: [{ code, wording: "居住证明", seal: "居委会" }] };
  return build(MESSAGE.matters, fields, SITE, new Uint8Array(32), () => new Uint8Array(64));
}

test("only the list that the roster names is believed, in whatever order its parts come", async () => {
  const parts = [await matterPart(1, 101), await matterPart(2, 102)];
  const payloads = await Promise.all(parts.map(async (raw) => (await Message.read(raw, SITE)).payload));
  const digest = await listDigest(payloads);
  const found = await listedMatters(parts.toReversed(), SITE, digest);
  assert.deepEqual([...(found?.keys() ?? [])], [101, 102]);
  assert.equal(await listedMatters([parts[0] as Bytes, await matterPart(2, 103)], SITE, digest), null);
  assert.equal(await listedMatters([concat(parts[0] as Bytes, Uint8Array.of(0))], SITE, digest), null);
});
