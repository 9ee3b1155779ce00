// The verifier's own small parts; that it finds what `sealhost verify` finds is shown by test_verifier.py.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { capOf } from "../../host/app/src/audit/bundle.ts";
import { chosen, dayOf, NO_FILTERS, suspects } from "../../host/app/src/pages/auditor/filters.ts";
import { median, monthOf, perMatter, perMonth, spread } from "../../host/app/src/pages/auditor/figures.ts";
import { Findings, RANK } from "../../host/app/src/audit/findings.ts";
import type { LedgerLine } from "../../host/app/src/audit/ledger.ts";
import { Pace } from "../../host/app/src/audit/pace.ts";
import { sha256 } from "../../host/app/src/audit/sha256.ts";
import { toHex } from "../../host/app/src/wire/bytes.ts";

test("the verifier's SHA-256 is the platform's, for every length up to some blocks and for a long one", () => {
  for (const size of [...Array(300).keys(), 65_537]) {
    const data = Uint8Array.from({ length: size }, (_, at) => (at * 7 + size) & 255);
    assert.equal(toHex(sha256(data)), createHash("sha256").update(data).digest("hex"), String(size));
  }
});

test("digests of parts are the digest of all of them together", () => {
  const [one, two] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  assert.equal(toHex(sha256(one, two)), toHex(sha256(Uint8Array.of(1, 2, 3, 4, 5))));
});

test("only a bundle's own paths have a cap", () => {
  assert.equal(capOf("manifest.json"), 64 * 2 ** 20);
  assert.equal(capOf(`messages/${"a".repeat(64)}.cose`), 8192);
  for (const path of ["", "manifest.json\n", "../manifest.json", "messages/x.cose", `messages/${"A".repeat(64)}.cose`]) {
    assert.equal(capOf(path), null, path);
  }
});

test("findings come with the likeliest cause first, and each once", () => {
  const findings = new Findings();
  findings.add(RANK.use, "a", "1", "late", "");
  findings.add(RANK.file, "b", "2", "root", "");
  findings.add(RANK.use, "a", "1", "late", "");
  assert.deepEqual(findings.ordered().map(({ check }) => check), ["root", "late"]);
  assert.deepEqual(findings.blamedBelow("b"), []);
});

test("long work rests, so that others get their turn, and tells how far it is", async () => {
  const told: number[] = [];
  let others = 0;
  const pace = new Pace((_, share) => told.push(share));
  const timer = setInterval(() => others++, 1);
  pace.begin("messages", 100);
  for (let step = 0; step < 100; step++) {
    const until = performance.now() + 2;
    while (performance.now() < until);
    await pace.step();
  }
  clearInterval(timer);
  assert.ok(told.length > 2 && others > 0);
  assert.deepEqual(told, told.toSorted((one, other) => one - other));
  assert.ok(told.every((share) => share >= 0 && share <= 1));
});

const NOON = new Date(2026, 0, 15, 12).getTime() / 1000;
const DAY = 86_400;

function line(change: Partial<LedgerLine>): LedgerLine {
  return {
    code: "", request: "ab".repeat(32), box: "b", bay: 1, seal: "村委会", matter: 1, wording: "居住证明", created: NOON,
    keeper: "王", approved_by: [], denied_by: [], state: "used", impressions: 1, spent: 1, pressed: 1, declared: 1,
    opened: [NOON], roster: 1, cases: [], ...change,
  };
}

test("each filter of the ledger leaves what fits, newest first", () => {
  const lines = [
    line({ code: "A", created: NOON - DAY }),
    line({ code: "B", bay: 2, keeper: "李", cases: [{ name: "jammed", values: {} }] }),
    line({ code: "C", created: NOON + DAY, matter: 2, denied_by: ["赵"], state: "denied" }),
  ];
  const left = (change: object): string =>
    chosen(lines, { ...NO_FILTERS, ...change }, (one) => one.code === "A").map(({ code }) => code).join("");
  assert.equal(left({}), "CBA");
  assert.equal(left({ seal: "b.2" }), "B");
  assert.equal(left({ matter: "2" }), "C");
  assert.equal(left({ person: "赵" }), "C");
  assert.equal(left({ person: "李" }), "B");
  assert.equal(left({ state: "used" }), "BA");
  assert.equal(left({ from: dayOf(NOON) }), "CB");
  assert.equal(left({ until: dayOf(NOON) }), "BA");
  assert.equal(left({ anomalies: true }), "BA");
  assert.equal(left({ anomalies: true, seal: "b.2" }), "B");
});

test("requests that findings speak of are suspect", () => {
  const [one, other] = ["a1".repeat(32), "b2".repeat(32)];
  const found = [
    { path: `messages/${one}.cose`, subject: "", check: "", why: "" },
    { path: "log", subject: "entry 7", check: "", why: "" },
  ];
  assert.deepEqual([...suspects(found, (path, seq) => (path === "log" && seq === 7 ? other : ""))].sort(), [one, other]);
});

test("charts count openings per month without gaps, and the rest of the matters together", () => {
  const march = new Date(2026, 2, 1, 12).getTime() / 1000;
  const months = perMonth([line({ opened: [NOON, NOON] }), line({ opened: [march] }), line({ opened: [] })]);
  assert.deepEqual(months, [
    { label: "2026-01", count: 2 }, { label: "2026-02", count: 0 }, { label: "2026-03", count: 1 },
  ]);
  assert.equal(monthOf(march), "2026-03");
  const many = Array.from({ length: 12 }, (_, at) => line({ matter: at + 1, wording: "" }));
  assert.deepEqual(perMatter([...many, line({ matter: 1, wording: "" })], "others").map(({ count }) => count), [2, ...Array(9).fill(1), 2]);
  assert.deepEqual(perMonth([]), []);
});

test("times fall into their steps, and the middle one is the median", () => {
  assert.deepEqual(spread([0, 600, 601, 90_000]), [2, 1, 0, 0, 1]);
  assert.equal(median([5, 1, 9]), 5);
  assert.equal(median([4, 2]), 2);
  assert.equal(median([]), 0);
});
