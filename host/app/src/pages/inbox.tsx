import { useEffect, useState } from "preact/hooks";

import type { Case } from "../core/cases.ts";
import { whenever, type Desk } from "../desk.ts";
import { Notice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { MESSAGE } from "../wire/definitions.ts";
import { say, sayError, sayTime } from "../words/words.ts";

/** The requests that wait for this officer, oldest first. */
export function Inbox({ at }: { at: Desk }) {
  const [found, setFound] = useState<Case[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(
    () =>
      whenever(() => {
        const waiting = [...at.waiting.value.values()];
        void (async () => {
          try {
            const requests = await Promise.all(waiting.map((raw) => at.trust.ofPerson(raw, [MESSAGE.request])));
            const cases = await Promise.all(requests.map((request) => at.cases.look(request, null)));
            setFound(cases.sort((a, b) => created(a) - created(b)));
          } catch (error) {
            setProblem(sayError(error));
          }
        })();
      }),
    [at],
  );
  return (
    <Page title={say("inbox")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {found?.length === 0 && <p class="soft">{say("inbox_empty")}</p>}
      {found?.map((one) => (
        <a class="card" key={one.reference} href={`#/request/${one.reference}`}>
          <strong>{one.place?.bay.seal}</strong> × {String(one.request.fields.impressions)}
          <br />
          <span class="soft">
            {one.raiser.name} · {sayTime(created(one))} · <span class="code">{one.code}</span>
          </span>
        </a>
      ))}
    </Page>
  );
}

function created(one: Case): number {
  return one.request.fields.created as number;
}
