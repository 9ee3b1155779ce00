import { useEffect, useRef, useState } from "preact/hooks";

import type { Case } from "../core/cases.ts";
import * as compose from "../core/compose.ts";
import { whenever, type Desk } from "../desk.ts";
import { Notice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { State } from "../ui/state.tsx";
import { APPROVE, DENY } from "../wire/rules.ts";
import { say, sayError, sayOf, sayTime } from "../words/words.ts";

/** One request in full, and an officer's decision on it. */
export function RequestPage({ at, reference }: { at: Desk; reference: string }) {
  const [one, setOne] = useState<Case | null>(null);
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  useEffect(
    () =>
      whenever(() => {
        void (async () => {
          try {
            const found = await at.cases.find(reference);
            if (found) await at.cases.addDetails(found);
            setOne(found);
          } catch (error) {
            setProblem(sayError(error));
          }
        })();
      }),
    [at, reference],
  );
  return (
    <Page title={one?.details?.title || one?.code || say("loading")} back="#/inbox">
      {problem && <Notice tone="bad">{problem}</Notice>}
      {one && <Facts one={one} />}
      {said && <Notice tone="good">{said}</Notice>}
      {one && !said && at.waiting.value.has(reference) && <Decide at={at} one={one} tell={setSaid} />}
    </Page>
  );
}

function Facts({ one }: { one: Case }) {
  const { fields } = one.request;
  return (
    <section class="card">
      <State name={one.host?.state ?? one.state} />
      {one.problem && <Notice tone="bad">{sayOf("failure", one.problem)}</Notice>}
      <dl>
        <dt>{say("code")}</dt>
        <dd class="code">{one.code}</dd>
        <dt>{say("seal")}</dt>
        <dd>{one.place?.bay.seal}</dd>
        <dt>{say("impressions")}</dt>
        <dd>{String(fields.impressions)}</dd>
        <dt>{say("resident")}</dt>
        <dd>{one.details?.resident || "—"}</dd>
        <dt>{say("purpose")}</dt>
        <dd>{one.details?.purpose || "—"}</dd>
        <dt>{say("keeper")}</dt>
        <dd>{one.raiser.name}</dd>
        <dt>{say("created")}</dt>
        <dd>{sayTime(fields.created as number)}</dd>
        <dt>{say("expires")}</dt>
        <dd>{sayTime(fields.expires as number)}</dd>
        <dt>{say("decisions")}</dt>
        <dd>
          {one.decisions.length === 0 && <span class="soft">{say("nobody_yet")}</span>}
          <ul class="plain">
            {one.decisions.map(({ message, person }) => (
              <li key={message.raw}>
                {person.name}：{say((["approve", "deny", "withdraw"] as const)[(message.fields.verdict as number) - 1] ?? "approve")}
              </li>
            ))}
          </ul>
        </dd>
      </dl>
    </section>
  );
}

/** One deliberate gesture signs: choose, look once more, sign. A second click while signing does nothing. */
function Decide({ at, one, tell }: { at: Desk; one: Case; tell: (said: string) => void }) {
  const [verdict, setVerdict] = useState<number | null>(null);
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState("");
  const signing = useRef(false);
  if (!one.details) return <Notice tone={one.problem ? "bad" : ""}>{say(one.problem ? "details_tampered" : "details_loading")}</Notice>;
  const sign = async (): Promise<void> => {
    if (signing.current || verdict === null) return;
    signing.current = true;
    try {
      const draft = await compose.decision(at.trust, one.request, verdict, { reason: reason.trim() });
      tell(say("sent"));
      const answer = await at.post(draft);
      tell(answer === "accepted" ? say("accepted") : say("refused", { reason: sayOf("reason", answer) }));
    } catch (error) {
      setProblem(sayError(error));
    } finally {
      signing.current = false;
    }
  };
  if (verdict === null) {
    return (
      <div class="actions">
        <button type="button" onClick={() => setVerdict(DENY)}>{say("deny")}</button>
        <button type="button" class="main" onClick={() => setVerdict(APPROVE)}>{say("approve")}</button>
      </div>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void sign();
      }}
    >
      {problem && <Notice tone="bad">{problem}</Notice>}
      <label>
        {say("reason")}
        <textarea rows={2} maxLength={500} required={verdict === DENY} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
      </label>
      {verdict === DENY && !reason.trim() && <p class="soft">{say("reason_needed")}</p>}
      <div class="actions">
        <button type="button" onClick={() => setVerdict(null)}>{say("cancel")}</button>
        <button class="main" disabled={verdict === DENY && !reason.trim()}>
          {say(verdict === APPROVE ? "sign_approve" : "sign_deny")}
        </button>
      </div>
    </form>
  );
}
