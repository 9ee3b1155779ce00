// The golden vectors of protocol/vectors in the app's own code, run by Node: every operation but the serial line's.

import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";

import { fromHex, sha256, toHex, type Bytes } from "../../host/app/src/wire/bytes.ts";
import { decode, encode, type Value } from "../../host/app/src/wire/cbor.ts";
import { buildEntry, genesis, History, nextHead, readEntry, type Against } from "../../host/app/src/wire/chain.ts";
import { Refusal, Unencodable } from "../../host/app/src/wire/errors.ts";
import * as messages from "../../host/app/src/wire/messages.ts";
import { checkAuthority, checkRoster, checkSuccession, Roster } from "../../host/app/src/wire/roster.ts";
import * as rules from "../../host/app/src/wire/rules.ts";
import type { Fields } from "../../host/app/src/wire/schema.ts";
import { strict, strictKey } from "../../host/app/src/wire/strict.ts";
import { parse } from "../../host/app/src/wire/topics.ts";

const FOLDER = new URL("../../protocol/vectors/", import.meta.url);
const SERIAL = ["frame", "frames", "build_frame"]; // a browser has no serial line to a box
const BUILDS = ["encode", "build", "build_frame"];

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each operation knows what its own input is
type Given = any;

interface Vector {
  operation: string;
  input: unknown;
  expect: unknown;
}

function meant(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meant);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === "hex") return fromHex(first[1] as string);
  if (entries.length === 1 && first?.[0] === "map") {
    return new Map(Object.entries(first[1] as object).map(([key, item]) => [Number(key), meant(item)]));
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, meant(item)]));
}

function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Map) {
    return value.size ? { map: Object.fromEntries([...value].map(([key, item]) => [String(key), shown(item)])) } : {};
  }
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, shown(item)]),
  );
}

/** A map without items reads like an object without members. */
function asValue(value: unknown): Value {
  return (value && typeof value === "object" && Object.keys(value).length === 0 && value.constructor === Object
    ? new Map() : value) as Value;
}

const roster = (given: Given): Promise<Roster> => Roster.of(messages.readPayload(1, given.roster));
const read = (given: Given, name: string): Promise<messages.Message> => messages.Message.read(given[name], given.site);
const readAll = (given: Given, name: string): Promise<messages.Message[]> =>
  Promise.all((given[name] ?? []).map((raw: Bytes) => messages.Message.read(raw, given.site)));

async function weigh(given: Given): Promise<rules.Judgement> {
  const [held, request] = [await roster(given), await read(given, "request")];
  const [decisions, substitutes] = [await readAll(given, "decisions"), await readAll(given, "substitutes")];
  return rules.judge(held, request, decisions, substitutes, given.now, (given.against ?? []) as Against[]);
}

function fold(request: Bytes, entries: Bytes[]): History {
  const history = new History(request);
  for (const raw of entries) history.apply(readEntry(raw));
  return history;
}

const OPERATIONS: Record<string, (given: Given) => unknown> = {
  decode(given) {
    const value = decode(given.data, given.limit);
    assert.equal(toHex(encode(value)), toHex(given.data));
    return value;
  },
  encode: (given) => encode(asValue(given.value)),
  async read(given) {
    const message = await messages.Message.read(given.data, given.site, given.expected);
    return { type: message.name, kid: message.kid, reference: message.reference, fields: message.fields };
  },
  payload: (given) => messages.readPayload(given.type, given.data),
  build: (given) => messages.build(given.type, given.fields, given.site, given.public, () => given.signature),
  async signature(given) {
    const message = await read(given, "data");
    await message.check(given.public);
    return message.reference;
  },
  strict(given) {
    if (!strict(given.public, given.signature)) {
      throw new Refusal(strictKey(given.public) ? "bad_signature" : "weak_key");
    }
  },
  item(given) {
    const { number, fields } = messages.readItem(given.data);
    assert.equal(toHex(messages.buildItem(number, fields)), toHex(given.data));
    return { item: number, fields };
  },
  entry(given) {
    const { kind, name, time, fields } = readEntry(given.data);
    assert.equal(toHex(buildEntry(kind, time, fields)), toHex(given.data));
    return { kind: name, time, fields };
  },
  build_entry: (given) => buildEntry(given.kind, given.time, given.fields),
  async heads(given) {
    const heads = [await genesis(given.site)];
    for (const entry of given.entries) heads.push(await nextHead(heads.at(-1) as Bytes, entry));
    return heads;
  },
  roster: (given) => checkRoster(messages.readPayload(1, given.payload)),
  authority: (given) => checkAuthority(given.keys, given.threshold),
  succession: (given) => checkSuccession(given, messages.readPayload(1, given.payload), given.signers),
  async find(given) {
    const held = await roster(given);
    if (given.whose === "box") return held.box(given.kid).public;
    if (given.whose !== "person") return given.whose === "host" ? held.host(given.kid) : held.authority(given.kid);
    const { person, publicKey } = held.signer(given.kid);
    return { person: person.number, public: publicKey };
  },
  async rule_digest(given) {
    const rule = (await roster(given)).rule(given.rule);
    return rule && messages.ruleDigest(rule);
  },
  async request(given) {
    const { bay, rule, raiser } = rules.checkRequest(await roster(given), await read(given, "request"), given.now);
    return { bay: bay.number, rule: rule.number, raiser: raiser.number };
  },
  substitute: async (given) =>
    rules.checkSubstitute(await roster(given), await read(given, "substitute"), given.now).number,
  async judge(given) {
    const { state, people, deniedBy, missing, latest, until } = await weigh(given);
    const lacking = missing.reduce((total, group) => total + group.count, 0);
    return { state, people, denied_by: deniedBy, lacking, latest, until };
  },
  async ready(given) {
    const held = await roster(given);
    const one = rules.checkRequest(held, await read(given, "request"), given.now);
    rules.checkReady(held, one, await read(given, "ready"), given.nonce, given.now);
  },
  history(given) {
    const { opened, spent, against, finished, clockChanged } = fold(given.request, given.entries);
    return { opened, spent, against, finished, clock_changed: clockChanged };
  },
  async open(given) {
    const history = fold((await read(given, "request")).reference, given.entries);
    const judgement = await weigh({ ...given, against: history.against });
    return rules.mayOpen(judgement, history, given.is_ready, given.now);
  },
  topic(given) {
    const place = parse(given.topic);
    return place && [place.kind, place.site, place.box, place.other];
  },
  reference: (given) => sha256(given.signed),
  short_code: (given) => messages.shortCode(given.digest),
  site_code: (given) => messages.siteCode(given.site, given.authority, given.threshold),
};

async function outcome({ operation, input }: Vector): Promise<unknown> {
  try {
    const run = OPERATIONS[operation] as (given: Given) => unknown;
    return { ok: shown(await run(meant(input) as Fields)) };
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason };
    if (error instanceof Unencodable && BUILDS.includes(operation)) return { reason: "unencodable" };
    throw error;
  }
}

for (const folder of ["accept/", "reject/"]) {
  test(`the app ${folder.slice(0, 6)}s what protocol/vectors/${folder} says`, async () => {
    const names = fs.readdirSync(new URL(folder, FOLDER));
    let ran = 0;
    for (const name of names) {
      const vector = JSON.parse(fs.readFileSync(new URL(folder + name, FOLDER), "utf8")) as Vector;
      if (SERIAL.includes(vector.operation)) continue;
      assert.deepEqual(await outcome(vector), vector.expect, name);
      ran++;
    }
    assert.ok(ran > 200, `${ran} vectors ran`);
  });
}
