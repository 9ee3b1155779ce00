// The verification of a bundle in the browser: trusts neither the host nor whoever made the file, only the authority's
// keys that the auditor brought. The same checks, under the same names, as `sealhost verify`.
//
// What holds then: every opening that a box's log proves was requested, approved and granted by the rules; every entry
// under the last checkpoint is there, unaltered and in order; every count fits. What a bundle cannot show: what never
// reached a box and what came after its last checkpoint.

import { equal, fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import { readEntry, type Entry } from "../wire/chain.ts";
import { ENTRY } from "../wire/definitions.ts";
import { Bundle, entriesPath, MANIFEST, RECEIPT } from "./bundle.ts";
import { Findings, RANK, type Finding } from "./findings.ts";
import { ledgerOf, type LedgerLine } from "./ledger.ts";
import { checkLetters } from "./letters.ts";
import { BoxLog, checkLog, readLines } from "./log.ts";
import { checkArchive, checkItems, checkReceipt, readManifest, type Manifest } from "./manifest.ts";
import { checkMatters } from "./matters.ts";
import type { Pace } from "./pace.ts";
import { bin, hex, kidOf, Proofs, refusal } from "./proofs.ts";
import { checkAdopted, Replay } from "./replay.ts";
import { checkRequests, Papers } from "./requests.ts";
import { checkRosters, keyIn, type RosterChain, type Trust } from "./rosters.ts";
import type { Event } from "./standing.ts";

/** A box's log in numbers. proven: entries under a checkpoint; head: the chain's after them, for a witness to compare. */
export interface BoxSummary {
  kid: string;
  entries: number;
  proven: number;
  head: string;
  checkpoints: number;
  openings: number;
}

/** What a verification says, with the papers for whoever wants to look closer. `ok` only when nothing was found. */
export interface Result {
  ok: boolean;
  site: string;
  made: number;
  rosters: number;
  messages: number;
  boxes: BoxSummary[];
  ledger: LedgerLine[];
  events: Event[];
  findings: Finding[];
  notes: string[];
  papers: Papers;
}

/** Checks everything that a bundle holds. Throws Unusable when its manifest is none. */
export async function verifyBundle(bundle: Bundle, trust: Trust, pace: Pace, proofs = new Proofs()): Promise<Result> {
  const manifest = readManifest(bundle.items.get(MANIFEST) as Uint8Array);
  const { site } = manifest;
  const findings = new Findings();
  checkArchive(bundle, findings);
  await pace.step(0);
  await checkManifest(bundle, manifest, trust, proofs, findings, pace);
  pace.begin("rosters", 1);
  const rosters = await checkRosters(bundle, site, trust, proofs, findings);
  const logs = await checkLogs(bundle, site, rosters, proofs, findings, pace);
  for (const log of logs.values()) checkAdopted(log, rosters, findings);
  const wordings = await checkMatters(bundle, site, rosters, proofs, findings);
  const letters = await checkLetters(bundle, site, rosters, proofs, findings, pace);
  const papers = new Papers(rosters, letters, logs, findings);
  const result: Result = {
    ok: false, site: toHex(site), made: manifest.made, rosters: rosters.rosters.size,
    messages: letters.byReference.size, boxes: [], ledger: [], events: [], findings: [], notes: [], papers,
  };
  pace.begin("replay", [...logs.values()].reduce((count, log) => count + log.entries.length, 0));
  for (const log of logs.values()) await replay(log, site, papers, proofs, result, pace);
  await checkRequests(papers, pace);
  noteSilentBoxes(papers);
  result.ledger = ledgerOf(papers, wordings);
  result.findings = findings.ordered();
  result.notes = findings.notes;
  result.ok = result.findings.length === 0;
  return result;
}

/** The receipt needs a host's key and so the rosters, which are proven here on trial. */
async function checkManifest(
  bundle: Bundle, manifest: Manifest, trust: Trust, proofs: Proofs, findings: Findings, pace: Pace,
): Promise<void> {
  const trial = await checkRosters(bundle, manifest.site, trust, proofs, new Findings());
  const hostKey = (kid: Uint8Array): Bytes | null => keyIn(kid, trial.last?.fields.hosts ?? []);
  const why = await checkReceipt(bundle, manifest, hostKey, proofs);
  if (why !== null && trial.rosters.size) findings.add(RANK.receipt, RECEIPT, MANIFEST, "manifest_receipt", why);
  await pace.step(0);
  await checkItems(bundle, manifest, findings, why === null, pace);
  if (!trial.rosters.size) checkSite(bundle, manifest, findings);
}

/** No signature holds under another site's name: say so, when the boxes' logs say another one. */
function checkSite(bundle: Bundle, manifest: Manifest, findings: Findings): void {
  for (const path of bundle.below("boxes/").filter((one) => one.endsWith("/entries.cbor"))) {
    const [[first]] = readLines(bundle.items.get(path) as Uint8Array, 1);
    let origin: Entry;
    try {
      if (!first) continue;
      origin = readEntry(first.raw);
    } catch (error) {
      refusal(error);
      continue;
    }
    if (origin.kind !== ENTRY.origin || equal(bin(origin, "site"), manifest.site)) continue;
    const why = `the manifest names another site than the box's log, which is of site ${hex(origin, "site")}`;
    findings.add(RANK.file, MANIFEST, toHex(manifest.site), "site", why);
  }
}

/** The chains and checkpoints of all boxes that the rosters list, by kid. */
async function checkLogs(
  bundle: Bundle, site: Bytes, rosters: RosterChain, proofs: Proofs, findings: Findings, pace: Pace,
): Promise<Map<string, BoxLog>> {
  const logs = new Map<string, BoxLog>();
  const kids = new Set(bundle.below("boxes/").map((path) => path.split("/")[1] as string));
  for (const kid of [...kids].sort()) {
    const path = entriesPath(kid);
    if (!rosters.boxKey(fromHex(kid)) && rosters.brokenAt === null) {
      findings.add(RANK.chain, path, kid, "unknown_box", `no roster lists the box ${kid}`);
    } else if (!bundle.items.has(path) && findings.blames(path)) {
      const lost = new BoxLog(kid, site);
      lost.broken = true;
      logs.set(kid, lost);
    } else {
      logs.set(kid, await checkLog(bundle, site, kid, rosters, proofs, findings, pace));
    }
  }
  return logs;
}

/** What the entries of a log say, and whether it could be so. */
async function replay(
  log: BoxLog, site: Bytes, papers: Papers, proofs: Proofs, result: Result, pace: Pace,
): Promise<void> {
  if (log.broken) {
    papers.findings.note(`box ${log.kid}: what its log says after entry ${log.entries.length} was not checked`);
  }
  const reading = new Replay(site, log, papers.rosters, papers.letters, proofs, papers.findings);
  await reading.run(pace);
  for (const opening of reading.openings) {
    papers.openings.set(opening.request, [...papers.opened(opening.request), opening]);
  }
  for (const reference of reading.used) papers.used.add(reference);
  result.events.push(...reading.events);
  result.boxes.push({
    kid: log.kid,
    entries: log.entries.length,
    proven: log.proven,
    head: log.proven ? toHex(log.heads[log.proven - 1] as Bytes) : "",
    checkpoints: log.checkpoints.length,
    openings: reading.openings.length,
  });
}

function noteSilentBoxes(papers: Papers): void {
  for (const box of papers.rosters.last?.fields.boxes ?? []) {
    const kid = kidOf(box.public);
    if (!papers.logs.has(kid)) papers.findings.note(`box ${kid} of the last roster has no log in the bundle`);
  }
}
