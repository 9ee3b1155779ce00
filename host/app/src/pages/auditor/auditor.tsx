import { useEffect } from "preact/hooks";

import type { Desk } from "../../desk.ts";
import { ChartsPage } from "./charts.tsx";
import { ChecksPage } from "./checks.tsx";
import { dossier, openHost, problem, work } from "./dossier.ts";
import { LedgerPage } from "./ledger.tsx";
import { StoryPage } from "./story.tsx";
import { OpenPage } from "./open.tsx";

/** The auditor's pages: #/auditor/ledger, /charts, /checks, /open, /story/<reference>; #/verify for anybody, who needs
 * neither key nor host. */
export function Auditor({ at, path }: { at: Desk | null; path: string[] }) {
  const [page, argument = ""] = path;
  useEffect(() => {
    const wanted = page !== "open" && page !== "verify";
    if (wanted && at?.listed.value && !dossier.value && !work.value && !problem.value) void openHost(at);
  }, [at, page]);
  if (page === "verify" || page === "open") return <OpenPage at={at} />;
  if (!dossier.value && !at) return <OpenPage at={at} />;
  if (page === "charts") return <ChartsPage at={at} />;
  if (page === "checks") return <ChecksPage at={at} />;
  if (page === "story") return <StoryPage key={argument} at={at} reference={argument} />;
  return <LedgerPage at={at} />;
}
