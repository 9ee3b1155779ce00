// The verifier's own small parts; that it finds what `sealhost verify` finds is shown by test_verifier.py.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { capOf } from "../../host/app/src/audit/bundle.ts";
import { Findings, RANK } from "../../host/app/src/audit/findings.ts";
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
