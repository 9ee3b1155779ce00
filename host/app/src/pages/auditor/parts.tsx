// Pieces that several of the auditor's pages share.

import type { ComponentChildren } from "preact";

import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { dossier, problem, work } from "./dossier.ts";
import { tell, tellOf, type Key } from "./tell.ts";
import "./auditor.css";

const TABS: { page: string; word: Key; needsDossier: boolean }[] = [
  { page: "ledger", word: "ledger", needsDossier: true },
  { page: "charts", word: "charts", needsDossier: true },
  { page: "checks", word: "checks", needsDossier: true },
  { page: "open", word: "open_file", needsDossier: false },
];

/** A page of the audit, with the way to the others. */
export function AuditPage({ title, tab, back, children }: {
  title: string; tab: string; back?: string; children: ComponentChildren;
}) {
  const open = dossier.value !== null;
  return (
    <Page title={title} back={back}>
      <div class="audit">
        {open && (
          <nav aria-label={tell("sections")}>
            {TABS.filter(({ needsDossier }) => open || !needsDossier).map(({ page, word }) => (
              <a key={page} href={`#/auditor/${page}`} aria-current={page === tab ? "page" : undefined}>
                {tell(word)}
              </a>
            ))}
          </nav>
        )}
        {problem.value && <Notice tone="bad">{problem.value()}</Notice>}
        <Progress />
        {children}
      </div>
    </Page>
  );
}

function Progress() {
  const doing = work.value;
  if (!doing) return null;
  const words = doing.phase === "fetching" ? tell("fetching") : tellOf("phase", doing.phase);
  return (
    <p role="status">
      <label>
        {tell("progress")}: {words}
        <progress max={1} value={doing.share ?? undefined} />
      </label>
    </p>
  );
}

/** What the verification came to, in one glance. */
export function Verdict({ ok, title, children }: { ok: boolean; title: string; children?: ComponentChildren }) {
  return (
    <section class={`card verdict ${ok ? "" : "bad"}`} role={ok ? "status" : "alert"}>
      <span class="sign" aria-hidden="true">{ok ? "✓" : "✗"}</span>
      <h2>{title}</h2>
      <p class="soft">{children}</p>
    </section>
  );
}

export function Row({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
