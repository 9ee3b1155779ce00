// Every reason that says more than "this is no message" has words, in both languages.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const words = (language: string): string =>
  ["", "keeper.", "officer.", "authority."]
    .map((area) => readFileSync(new URL(`../../host/app/src/words/${area}${language}.ts`, import.meta.url), "utf8"))
    .join("");
const { reasons } = JSON.parse(readFileSync(new URL("../../protocol/definitions.json", import.meta.url), "utf8")) as {
  reasons: Record<string, string>;
};
const LAST_OF_FORM = 35; // up to here a reason says what is wrong with the bytes
// Met at the box's console and on its wires only, never in the app.
const ELSEWHERE = [
  "button_not_held", "already_provisioned", "bad_certificate", "other_tls_key", "tls_needed", "unknown_entry", "bad_frame", "bad_crc",
];

for (const language of ["zh", "en"]) {
  test(`reasons have words: ${language}`, () => {
    const text = words(language);
    const lacking = Object.entries(reasons)
      .filter(([number, name]) => Number(number) > LAST_OF_FORM && !ELSEWHERE.includes(name))
      .filter(([, name]) => !text.includes(`reason_${name}:`))
      .map(([, name]) => name);
    assert.deepEqual(lacking, []);
  });
}
