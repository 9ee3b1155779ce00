import { useState } from "preact/hooks";

import { COLUMNS, readList, type BadRow } from "../../core/authority/matterList.ts";
import { loadDraft, type Draft } from "../../core/authority/draft.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import type { Matter } from "../../core/matters.ts";
import { say, sayOf } from "../../words/words.ts";
import { AuthorityPage, Field, Sure } from "./parts.tsx";
import { useMatters } from "./rules.tsx";
import { putDraft } from "./state.ts";

const MOST_SHOWN = 50; // broken rows: more help nobody

/** The list of what may be stamped: imported whole, or not at all. */
export function MatterList({ at, draft }: { at: Desk; draft: Draft }) {
  const [bad, setBad] = useState<BadRow[]>([]);
  const [problem, setProblem] = useState("");
  const matters = useMatters(at, draft);
  const put = async (list: Matter[] | null): Promise<void> => putDraft(at, { ...(await loadDraft(at.trust, at.store)), list });
  const take = async (file: File): Promise<void> => {
    setBad([]);
    setProblem("");
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      setProblem(say("auth_bad_encoding"));
      return;
    }
    const read = readList(text);
    setBad(read.bad);
    if (!read.bad.length) await put(read.items);
  };
  return (
    <AuthorityPage at={at} title={say("auth_matters")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {bad.length > 0 && <BadRows bad={bad} />}
      {matters.length === 0 && <p class="soft">{say("auth_list_none")}</p>}
      <Field label={say("auth_list_import")} hint={say("auth_list_columns", { columns: Object.values(COLUMNS).join(say("auth_comma")) })}>
        <input
          type="file" accept=".csv,text/csv"
          onChange={(event) => {
            const input = event.currentTarget;
            const file = input.files?.[0];
            if (file) void take(file).then(() => (input.value = "")); // the same file again is a change
          }}
        />
      </Field>
      {draft.list && <Sure label={say("auth_list_drop")} sure="" onSure={() => void put(null)} />}
      {matters.length > 0 && (
        <>
          <h2>{say(draft.list ? "auth_list_draft" : "auth_list_held", { count: matters.length })}</h2>
          <ul class="plain lines">
            {matters.map((one) => (
              <MatterRow key={one.code} one={one} />
            ))}
          </ul>
        </>
      )}
    </AuthorityPage>
  );
}

function BadRows({ bad }: { bad: BadRow[] }) {
  return (
    <section class="notice bad" role="alert">
      <p>{say("auth_list_bad")}</p>
      <ul>
        {bad.slice(0, MOST_SHOWN).map((one) => (
          <li key={`${one.row} ${one.name}`}>{say(`auth_bad_${one.name}`, { row: one.row, detail: detailOf(one) })}</li>
        ))}
        {bad.length > MOST_SHOWN && <li>… {bad.length}</li>}
      </ul>
    </section>
  );
}

/** What the wire says of a row, "length_range: wording", in words. */
function detailOf({ name, detail }: BadRow): string {
  const [, reason, field] = (name === "row" && /^(\w+): (\w+)$/.exec(detail)) || [];
  if (!reason || !field) return detail;
  return `${COLUMNS[field] ?? field}: ${reason === "length_range" ? say("auth_bad_length") : sayOf("auth_fault", reason)}`;
}

function MatterRow({ one }: { one: Matter }) {
  const more = [one.attachments, one.resolution && say("auth_resolution"), one.responsible].filter(Boolean).join(" · ");
  return (
    <li>
      <span class="code">{one.code}</span> {one.wording} <span class="soft">{one.seal}</span>
      {one.abolished && <span class="state bad">{say("auth_abolished")}</span>}
      {more && <div class="soft small">{more}</div>}
    </li>
  );
}
