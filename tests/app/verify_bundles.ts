// Verifies many bundles with the app's own verifier, in one process: for tests that hold it against `sealhost verify`.
//
// Reads one JSON object from standard input: {authority: [hex], threshold, keep_entries, bundles: [path]}; writes one
// line of JSON for each bundle, in that order.

import fs from "node:fs";

import { Unusable } from "../../host/app/src/audit/bundle.ts";
import { caseText } from "../../host/app/src/audit/ledger.ts";
import { Pace } from "../../host/app/src/audit/pace.ts";
import { Proofs } from "../../host/app/src/audit/proofs.ts";
import type { Trust } from "../../host/app/src/audit/rosters.ts";
import { verifyBundle } from "../../host/app/src/audit/verify.ts";
import { readBundle } from "../../host/app/src/audit/zip.ts";
import { fromHex } from "../../host/app/src/wire/bytes.ts";
import { limits } from "../../host/app/src/wire/definitions.ts";

interface Job {
  authority: string[];
  threshold: number;
  keep_entries: number;
  bundles: string[];
}

const proofs = new Proofs(); // most signatures are the same in every altered bundle

async function verify(path: string, trust: Trust): Promise<unknown> {
  try {
    const pace = new Pace();
    const { papers: _, ...result } = await verifyBundle(await readBundle(fs.readFileSync(path), pace), trust, pace, proofs);
    const ledger = result.ledger.map((line) => ({ ...line, cases: line.cases.map(caseText) }));
    return { ...result, ledger };
  } catch (error) {
    if (error instanceof Unusable) return { error: error.message };
    throw error;
  }
}

const job = JSON.parse(fs.readFileSync(0, "utf8")) as Job;
limits.KEEP_ENTRIES = job.keep_entries;
const trust = { authority: job.authority.map(fromHex), threshold: job.threshold };
for (const path of job.bundles) console.log(JSON.stringify(await verify(path, trust)));
