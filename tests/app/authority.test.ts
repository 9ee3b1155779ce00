// The authority's pure parts: a matter list from a spreadsheet, and what is doubtful about a roster.

import assert from "node:assert/strict";
import { test } from "node:test";

import { canBeMet, cautions, sameContent, type Caution } from "../../host/app/src/core/authority/cautions.ts";
import { faultOf, withBays, withoutRule, withPerson, withRule } from "../../host/app/src/core/authority/draft.ts";
import { csvRows, cut, readList } from "../../host/app/src/core/authority/matterList.ts";
import type { Person, RosterFields, Rule } from "../../host/app/src/wire/roster.ts";

const HEAD = "编号,事项,印章,所需材料,需决议,已取消,责任人\n";
const key = (byte: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(byte);

test("a list in quotes, with a mark in front and Windows line ends is read", () => {
  const text = `\ufeff${HEAD}102,"收入, ""说明""",居委会,,是,,\r\n101,居住证明,党支部,身份证,,1,派出所\r\n\r\n`.replaceAll(/(?<!\r)\n/g, "\r\n");
  const { items, bad } = readList(text);
  assert.deepEqual(bad, []);
  assert.deepEqual(items, [
    { code: 101, wording: "居住证明", seal: "党支部", attachments: "身份证", abolished: 1, responsible: "派出所" },
    { code: 102, wording: '收入, "说明"', seal: "居委会", resolution: 1 },
  ]);
});

test("every broken row is named, and none is half imported", () => {
  const rows = ["0,零,居委会", "101,好,居委会", "101,又,居委会", "102,,居委会", "103,长,名字太长的印章名字太长", "104,怎样,居委会,,也许", "105,多,居委会,,,,,,多"];
  const { items, bad } = readList(HEAD + rows.join("\n"));
  assert.deepEqual(items, []);
  assert.deepEqual(bad.map(({ row, name }) => `${row} ${name}`), ["2 code", "4 twice", "5 row", "6 row", "7 yes_no", "8 row"]);
});

test("headings that are missing or unknown are named, and so is an empty list", () => {
  assert.deepEqual(readList("编号,事项,颜色\n1,a,b").bad, [{ row: 1, name: "column", detail: "“颜色”?, 印章" }]);
  assert.deepEqual(readList(HEAD).bad.map(({ name }) => name), ["empty"]);
  assert.deepEqual(readList("").bad.map(({ name }) => name), ["empty"]);
});

test("a quote that does not end breaks the file instead of swallowing its rows", () => {
  assert.deepEqual(csvRows('a,"b\nc"\nd,'), [["a", "b\nc"], ["d"]]);
  assert.equal(csvRows('a\n"b,c\nd'), null);
  assert.deepEqual(readList(`${HEAD}101,"居住,居委会\n102,收入,居委会`), { items: [], bad: [{ row: 0, name: "quote", detail: "" }] });
});

test("a list is cut into parts that fit a message each, and refused when it is too long", () => {
  const item = (code: number) => ({ code, wording: "很长的事项".repeat(16), seal: "居委会", responsible: "x".repeat(200) });
  const items = Array.from({ length: 100 }, (_, index) => item(index + 1));
  const parts = cut(items);
  assert.equal(parts?.flat().length, 100);
  assert.ok(parts.every((part) => part.length <= 64));
  assert.equal(cut(Array.from({ length: 2000 }, (_, index) => item(index + 1))), null);
});

const rule: Rule = {
  number: 1, matters: [101, 102], raiser: 1, groups: [{ role: 2, least: 2 }], denials: 1, impressions: 5,
  open_seconds: 60, wait_seconds: 3600, use_seconds: 3600, break_glass: 0,
};
const person = (number: number, roles: number): Person => ({
  number, name: `P${number}`, roles: 1 << roles, from: 0, until: 2 ** 32 - 1, keys: [new Uint8Array([1, ...key(number + 10)])],
});
const roster: RosterFields = {
  version: 1, issued: 1000, authority: [key(1)], threshold: 1, people: [person(1, 1), person(2, 2), person(3, 2)], hosts: [key(2)],
  boxes: [{ public: key(3), bays: [{ number: 1, seal: "居委会", rules: 2 }] }], rules: [rule], matters: key(0), releases: [],
};
const names = (found: Caution[]): string[] => found.map((one) => (one.name === "weaker" ? `weaker ${one.why}` : one.name));
const against = (fields: RosterFields): string[] => names(cautions(roster, fields, null, key(1)));

test("a roster like the one before is not doubtful", () => {
  assert.deepEqual(against(roster), []);
  assert.ok(sameContent(roster, { ...roster, version: 7, issued: 9 }));
});

test("what locks everybody out is said", () => {
  assert.deepEqual(against({ ...roster, hosts: [] }), ["no_host"]);
  assert.deepEqual(against({ ...roster, authority: [key(9)] }), ["own_key"]);
  assert.deepEqual(against({ ...roster, authority: [key(1), key(9)], threshold: 2 }), ["no_spare_key"]);
  assert.deepEqual(against({ ...roster, boxes: [] }), ["no_boxes", "bay_closed"]);
  assert.deepEqual(against({ ...roster, people: roster.people.slice(0, 2) }), ["unmet"]);
  const keyless = withPerson(roster, { ...person(3, 2), keys: [] });
  assert.ok(!canBeMet(rule, keyless));
  assert.deepEqual(against({ ...roster, rules: [{ ...rule, matters: [101] } as Rule] }), ["matter_gone"]);
});

test("whatever weakens a rule is said", () => {
  const changed = (change: Partial<Rule>): string[] => against({ ...roster, rules: [{ ...rule, ...change } as Rule] });
  assert.deepEqual(changed({ groups: [{ role: 2, least: 1 }] as Rule["groups"] }), ["weaker approvals"]);
  assert.deepEqual(changed({ impressions: 6 }), ["weaker impressions"]);
  assert.deepEqual(changed({ denials: 2 }), ["weaker denials"]);
  assert.deepEqual(changed({ open_seconds: 90 }), ["weaker open"]);
  assert.deepEqual(changed({ impressions: 4, open_seconds: 30 }), []);
  const emergency = { ...rule, number: 2, groups: [{ role: 2, least: 1 }], break_glass: 1 } as Rule;
  assert.deepEqual(against(withRule(roster, emergency)), ["break_glass"]);
  const second = { ...rule, number: 2, matters: [102], groups: [{ role: 2, least: 1 }] } as Rule;
  const moved = withBays(withRule({ ...roster, rules: [{ ...rule, matters: [101] } as Rule] }, second), key(3), [{ number: 1, seal: "居委会", rules: 6 }]);
  assert.deepEqual(against(moved), ["weaker approvals"]);
});

test("a number given to somebody else is said", () => {
  const other = { ...person(3, 2), name: "别人", keys: [new Uint8Array([1, ...key(77)])] } as Person;
  assert.deepEqual(against(withPerson(roster, other)), ["number"]);
});

test("what a box would refuse cannot be signed", () => {
  assert.equal(faultOf({ ...roster, threshold: 2 })?.reason, "threshold_range");
  assert.equal(faultOf({ ...roster, hosts: [key(3)] })?.reason, "duplicate_signing_key");
  assert.equal(faultOf(withPerson(roster, { ...person(4, 2), name: "名字太长了名字太长了" }))?.reason, "length_range");
  assert.equal(faultOf(withoutRule(roster, 1))?.reason, undefined);
});
