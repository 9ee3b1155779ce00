// The list of matters from a spreadsheet's CSV, with a heading line in Chinese or English; cut into parts that fit a
// message each. A list with any broken row is not taken at all, and every broken row is named.

import { encode } from "../../wire/cbor.ts";
import { limits, MESSAGE, messageTypes, type Field } from "../../wire/definitions.ts";
import { Refusal, Unencodable } from "../../wire/errors.ts";
import { toMap, type Fields } from "../../wire/schema.ts";
import type { Matter } from "../matters.ts";

export const COLUMNS: Record<string, string> = {
  code: "编号",
  wording: "事项",
  seal: "印章",
  attachments: "所需材料",
  resolution: "需决议",
  abolished: "已取消",
  responsible: "责任人",
};
const YES = ["1", "yes", "true", "y", "是", "√"];
const NO = ["", "0", "no", "false", "n", "否"];
const ROOM = limits.MESSAGE - 256; // for the envelope and the part's own fields

/** What is wrong with a row; 0 stands for the file. */
export interface BadRow {
  row: number;
  name: "column" | "code" | "twice" | "yes_no" | "empty" | "too_long" | "row" | "quote";
  detail: string;
}

export function readList(text: string): { items: Matter[]; bad: BadRow[] } {
  const [headings = [], ...rows] = csvRows(text.replace(/^\ufeff/, "")) ?? []; // spreadsheets put a mark in front
  if (!headings.length) return { items: [], bad: [{ row: 0, name: text.includes('"') ? "quote" : "empty", detail: "" }] };
  const chinese = new Map(Object.entries(COLUMNS).map(([name, word]) => [word, name]));
  const names = headings.map((heading) => chinese.get(heading.trim()) ?? heading.trim());
  const unknown = names.filter((name) => !(name in COLUMNS));
  const missing = ["code", "wording", "seal"].filter((name) => !names.includes(name));
  if (unknown.length || missing.length) {
    const detail = [...unknown.map((name) => `“${name}”?`), ...missing.map((name) => COLUMNS[name])].join(", ");
    return { items: [], bad: [{ row: 1, name: "column", detail }] };
  }
  const items: Matter[] = [];
  const bad: BadRow[] = [];
  const seen = new Map<number, number>();
  rows.forEach((cells, index) => {
    const row = index + 2; // as the spreadsheet counts
    if (cells.every((cell) => !cell.trim())) return;
    const item = readItem(row, names, cells, bad);
    if (!item) return;
    const before = seen.get(item.code);
    if (before) bad.push({ row, name: "twice", detail: `${item.code} (${before})` });
    seen.set(item.code, row);
    items.push(item);
  });
  if (!items.length && !bad.length) bad.push({ row: 0, name: "empty", detail: "" });
  if (!bad.length && !cut(items)) bad.push({ row: 0, name: "too_long", detail: String(items.length) });
  return { items: bad.length ? [] : items.sort((one, other) => one.code - other.code), bad };
}

function readItem(row: number, names: string[], cells: string[], bad: BadRow[]): Matter | null {
  const of = (name: string): string => (cells[names.indexOf(name)] ?? "").trim();
  const wrong = (name: BadRow["name"], detail: string): null => {
    bad.push({ row, name, detail });
    return null;
  };
  if (cells.length > names.length) return wrong("row", `${cells.length} > ${names.length}`);
  if (!/^[0-9]{1,4}$/.test(of("code")) || Number(of("code")) < 1) return wrong("code", of("code"));
  const item: Matter = { code: Number(of("code")), wording: of("wording"), seal: of("seal") };
  for (const name of ["attachments", "responsible"] as const) if (of(name)) item[name] = of(name);
  for (const name of ["resolution", "abolished"] as const) {
    const said = of(name).toLowerCase();
    if (YES.includes(said)) item[name] = 1;
    else if (!NO.includes(said)) return wrong("yes_no", `${COLUMNS[name]}: ${said}`);
  }
  const fault = faultOf([item]);
  if (fault) return wrong("row", fault);
  return item;
}

/** Cells, quoted or bare (RFC 4180), in lines ended by LF or CRLF; null when a quote does not end. */
export function csvRows(text: string): string[][] | null {
  const rows: string[][] = [[]];
  const cell = /("(?:[^"]|"")*"|(?!")[^,\r\n]*)(,|\r?\n|\r|$)/y;
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (!found) return null;
    const [, value = "", end] = found;
    rows.at(-1)?.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  return rows.at(-1)?.length ? rows : rows.slice(0, -1);
}

/** The name of the field that the wire would refuse, null for none. */
function faultOf(items: Matter[]): string | null {
  try {
    payloadOf(items);
  } catch (error) {
    if (error instanceof Refusal || error instanceof Unencodable) return error.message;
    throw error;
  }
  return null;
}

function payloadOf(items: Matter[]): Uint8Array {
  const fields = partFields(2 ** 31 - 1, 2 ** 32 - 1, limits.MATTER_PARTS, limits.MATTER_PARTS, items);
  return encode(toMap(messageTypes[MESSAGE.matters]?.fields as Field[], fields));
}

export function partFields(version: number, issued: number, part: number, parts: number, items: Matter[]): Fields {
  return { version, issued, part, parts, items };
}

/** The items cut into as few parts as fit; null when they are too many. */
export function cut(items: Matter[]): Matter[][] | null {
  const parts: Matter[][] = [];
  for (const item of items) {
    const longer = [...(parts.at(-1) ?? []), item];
    const fits = longer.length <= limits.MATTERS_PER_PART && !faultOf(longer) && payloadOf(longer).length <= ROOM;
    if (parts.length && fits) parts[parts.length - 1] = longer;
    else parts.push([item]);
  }
  return parts.length > limits.MATTER_PARTS ? null : parts;
}
