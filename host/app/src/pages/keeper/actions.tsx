import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import * as compose from "../../core/compose.ts";
import type { Attachment } from "../../core/pictures.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import type { Bytes } from "../../wire/bytes.ts";
import { limits } from "../../wire/definitions.ts";
import { say, sayError, sayOf } from "../../words/words.ts";
import { Files } from "./files.tsx";
import type { View } from "./follow.tsx";
import { Stepper } from "./form.tsx";
import { signOnce } from "../../once.ts";

const STALE_PAUSE_MS = 1_000; // in which the host hears the challenge and the log entries before it
const READY_FOR_MS = 30_000;
const QUICK_REASONS = ["keeper_reason_enough", "keeper_reason_mistake", "keeper_reason_resident"] as const;

/** What the keeper may do now: be ready, report, finish, ask for more. */
export function Actions({ at, view }: { at: Desk; view: View }) {
  const { life, one } = view;
  if (one.raiser.number !== at.trust.me?.number) return null; // somebody else's: to be looked at only
  const ended = ["used", "reported", "denied", "expired", "failed", "refused", "cancelled"].includes(life.phase);
  return (
    <>
      {life.mayReady && <Ready at={at} view={view} />}
      {life.mayReport && <Report at={at} view={view} />}
      {life.mayFinish && <Finish at={at} view={view} />}
      {ended && (
        <p>
          <a class="button wide" href={`#/keeper/new/${one.reference}`}>
            {say(view.story.history.opened ? "keeper_more_impressions" : "keeper_ask_again")}
          </a>
        </p>
      )}
    </>
  );
}

/** Runs one signing at a time, and tells what came of it. */
function useSigning(): { busy: boolean; problem: string; run: (work: () => Promise<string>) => void } {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const running = useRef(false);
  const run = (work: () => Promise<string>): void => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setProblem("");
    void work()
      .catch(sayError)
      .then(setProblem)
      .finally(() => {
        running.current = false;
        setBusy(false);
      });
  };
  return { busy, problem, run };
}

/** "I am at the box", by its live challenge: opens later, or again. */
function Ready({ at, view: { one } }: { at: Desk; view: View }) {
  const { busy, problem, run } = useSigning();
  return (
    <section>
      {problem && <Notice tone="bad">{problem}</Notice>}
      <button type="button" class="main wide" disabled={busy} onClick={() => run(() => sayReady(at, one.request.fields, one.request))}>
        {say(busy ? "keeper_ready_busy" : "keeper_ready")}
      </button>
      <p class="soft small">{say("keeper_ready_hint")}</p>
    </section>
  );
}

/** Signs the box's challenge; a fresh one while the host does not know the last. What went wrong, empty when nothing. */
async function sayReady(at: Desk, fields: View["one"]["request"]["fields"], about: View["one"]["request"]): Promise<string> {
  const end = Date.now() + READY_FOR_MS;
  for (;;) {
    const challenge = await at.boxes.challenge(fields.box as Bytes, fields.bay as number);
    const answer = await at.post(await compose.ready(at.trust, about, challenge.fields.nonce as Bytes));
    if (answer === "accepted") return "";
    if (answer !== "stale_nonce" || Date.now() > end) return say("refused", { reason: sayOf("reason", answer) });
    await new Promise((resolve) => setTimeout(resolve, STALE_PAUSE_MS));
  }
}

/** Ends it for good: before use it is cancelled; with impressions left it needs a reason. */
function Finish({ at, view: { one, story } }: { at: Desk; view: View }) {
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  const { busy, problem, run } = useSigning();
  const label = say(story.history.opened ? "keeper_finish" : "keeper_cancel");
  if (!asked) {
    return (
      <p>
        <button type="button" class="wide" onClick={() => setAsked(true)}>
          {label}
        </button>
      </p>
    );
  }
  const sign = async (): Promise<string> => {
    await signOnce(
      at,
      (kept) => kept.type === "finish" && kept.about === one.reference,
      () => compose.finish(at.trust, one.request, 0, reason.trim()),
    );
    return "";
  };
  return (
    <Sheet title={label} problem={problem}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(sign);
        }}
      >
        <p>{say(story.openSince === null ? "keeper_finish_text" : "keeper_finish_open_text", { left: story.left })}</p>
        <div class="chips">
          {QUICK_REASONS.map((key) => (
            <button type="button" key={key} onClick={() => setReason(say(key))}>
              {say(key)}
            </button>
          ))}
        </div>
        <label>
          {say("reason")}
          <textarea rows={2} maxLength={200} required value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        <div class="actions">
          <button type="button" disabled={busy} onClick={() => setAsked(false)}>
            {say("keeper_keep")}
          </button>
          <button class="main" disabled={busy || !reason.trim()}>
            {say("keeper_sign_finish")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

/** Declares what was stamped, with photographs of the pages. */
function Report({ at, view: { one, story } }: { at: Desk; view: View }) {
  const [count, setCount] = useState<number | null>(null);
  const [photographs, setPhotographs] = useState<Attachment[]>([]);
  const kept = `photographs ${one.reference}`; // a phone may end the page while its camera is open
  useEffect(() => {
    void at.store.note<Attachment[]>(kept).then((found) => found && setPhotographs(found));
  }, [at, kept]);
  const changePhotographs = (changed: Attachment[]): void => {
    setPhotographs(changed);
    void at.store.setNote(kept, changed);
  };
  const { busy, problem, run } = useSigning();
  const differs = count !== null && count !== story.pressed;
  const sign = async (): Promise<string> => {
    const contents = photographs.map(({ content }) => content);
    await signOnce(
      at,
      (kept) => kept.type === "report" && kept.about === one.reference,
      () => compose.report(at.trust, one.request, count ?? 0, contents),
    );
    await at.store.setNote(kept, undefined);
    return "";
  };
  return (
    <Sheet title={say("keeper_report")} problem={problem}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(sign);
        }}
      >
        <p>{say("keeper_report_text")}</p>
        <Files
          legend={say("keeper_photographs")}
          files={photographs}
          change={changePhotographs}
          most={limits.PHOTOGRAPHS}
          documents={false}
        />
        <Stepper label={say("keeper_declare")} value={count} low={0} high={limits.IMPRESSIONS} change={setCount} />
        {differs && <Notice>{say("keeper_differs", { pressed: story.pressed, count: count ?? 0 })}</Notice>}
        <button class="main wide" disabled={busy || count === null || (count > 0 && photographs.length === 0)}>
          {say("keeper_sign_report")}
        </button>
      </form>
    </Sheet>
  );
}

function Sheet({ title, problem, children }: { title: string; problem: string; children: ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {children}
    </section>
  );
}
