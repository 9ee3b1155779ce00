// Decodes hex strings with npm's cbor2, which with these options takes deterministic CBOR only; tests/protocol/test_cbor.py
// starts this. Standard input is a JSON array of hex strings; standard output a JSON array of null, for what it refuses, or
// [kind, value], so that no type is lost.
import fs from "node:fs";
import { cdeDecodeOptions, decode } from "cbor2";

function shown(value) {
  if (typeof value === "bigint" || Number.isInteger(value)) return [value < 0 ? "negative" : "uint", String(value)];
  if (typeof value === "string") return ["text", value];
  if (value instanceof Uint8Array) return ["bytes", Buffer.from(value).toString("hex")];
  if (Array.isArray(value)) return ["array", value.map(shown)];
  if (value instanceof Map) return ["map", [...value].map(([key, item]) => [shown(key), shown(item)])];
  return ["other", String(value)];
}

const options = { ...cdeDecodeOptions, preferMap: true };
const results = JSON.parse(fs.readFileSync(0, "utf8")).map((hex) => {
  try {
    return shown(decode(Buffer.from(hex, "hex"), options));
  } catch {
    return null;
  }
});
process.stdout.write(JSON.stringify(results));
