// The change in words, what is doubtful about it, and the one gesture that signs it.

import { useEffect, useRef, useState } from "preact/hooks";

import { cautions, type Caution } from "../../core/authority/cautions.ts";
import { faultOf, saveDraft, type Draft } from "../../core/authority/draft.ts";
import { countersign, nextVersion, publish, signDraft, waitingRosters, type WaitingRoster } from "../../core/authority/papers.ts";
import type { Draft as Paper } from "../../core/compose.ts";
import { Failure } from "../../core/failure.ts";
import { heldMatters, type Matter, type Matters } from "../../core/matters.ts";
import { news, type Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { equal } from "../../wire/bytes.ts";
import type { RosterFields } from "../../wire/roster.ts";
import { say, sayError, sayOf } from "../../words/words.ts";
import { cautionText, codesOf, compare, compareLists, facts, type Change, type Codes } from "./facts.ts";
import { Sure, Tick } from "./parts.tsx";
import { isChanged, openDraft, putDraft } from "./state.ts";

const FEW = 30; // facts that are shown at once

type Ended = { tone: "good" | "bad" | ""; text: string };

function held(at: Desk): RosterFields | null {
  return at.trust.version ? at.trust.roster.fields : null;
}

/** The signed list that the roster held names, null where there is none. */
async function listHeld(at: Desk): Promise<Matters | null> {
  if (!at.trust.version) return null;
  try {
    return await heldMatters(at.trust, at.store, at.api);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return null;
  }
}

export function SignDraft({ at, draft: latest }: { at: Desk; draft: Draft }) {
  const [ended, setEnded] = useState<Ended | null>(null);
  const [next, setNext] = useState(0);
  const [signed, setSigned] = useState<{ draft: Draft; version: number } | null>(null);
  useEffect(() => {
    void nextVersion(at.store, at.trust.profile.site, "roster", at.trust.version).then(setNext);
  }, [at, latest, news.value]);
  // Once signed, the page shows what was signed and not what came after it.
  const { draft, version } = signed ?? { draft: latest, version: next };
  if (ended) return <End ended={ended} />;
  if (!signed && !isChanged(at, draft)) return <End ended={{ tone: "", text: say("auth_sign_nothing") }} />;
  const fault = faultOf(draft.fields);
  const sign = async (): Promise<Paper[]> => {
    setSigned({ draft, version });
    try {
      return await signDraft(at, draft, version);
    } catch (error) {
      setSigned(null);
      throw error;
    }
  };
  const close = async (papers: Paper[]): Promise<void> => {
    const outcome = await publish(at, papers);
    if (outcome.name === "refused") await saveDraft(at.store, draft);
    await openDraft(at);
    setEnded(wordsOf(outcome, version));
  };
  return (
    <Page title={say("auth_sign_title")} back="#/authority">
      {!signed && draft.based !== at.trust.version && <Notice>{say("auth_sign_outdated", { version: at.trust.version })}</Notice>}
      {fault && <Notice tone="bad">{say("auth_sign_fault", { reason: sayOf("auth_fault", fault.reason) })}</Notice>}
      <Review at={at} fields={draft.fields} list={draft.list} version={version} sign={fault ? null : sign} close={close} />
      {!signed && (
        <p class="apart">
          <Sure label={say("auth_sign_discard")} sure={say("auth_sign_sure_discard")} onSure={() => void putDraft(at, null)} />
        </p>
      )}
    </Page>
  );
}

/** A roster that another authority key signed: the same words, and one more signature over the same bytes. */
export function Countersign({ at, id }: { at: Desk; id: string }) {
  const [one, setOne] = useState<WaitingRoster | null | undefined>(undefined);
  const [ended, setEnded] = useState<Ended | null>(null);
  useEffect(() => {
    void waitingRosters(at).then((found) => setOne(found.find((other) => other.id === id) ?? null));
  }, [at, id]);
  if (ended) return <End ended={ended} />;
  if (one === undefined) return <Page title={say("loading")}>{null}</Page>;
  if (one === null) return <End ended={{ tone: "", text: say("auth_sign_nothing") }} />;
  const { version } = one.fields;
  return (
    <Page title={say("auth_waiting_title", { version })} back="#/authority">
      <p class="soft">{say("auth_waiting_by", { codes: one.signers.join(say("auth_comma")), missing: one.missing })}</p>
      <Review
        at={at} fields={one.fields} list={null} version={version}
        sign={one.mine ? null : () => countersign(at, one.message)}
        close={async (papers) => setEnded(wordsOf(await publish(at, papers), version))}
      />
    </Page>
  );
}

function wordsOf(outcome: Awaited<ReturnType<typeof publish>>, version: number): Ended {
  if (outcome.name === "adopted") return { tone: "good", text: say("auth_sign_adopted", { version }) };
  if (outcome.name === "waits") return { tone: "", text: say("auth_sign_waits") };
  const reason = sayOf("auth_fault", outcome.reason);
  return { tone: "bad", text: say("auth_sign_refused", { reason }) };
}

function End({ ended }: { ended: Ended }) {
  return (
    <Page title={say("auth_sign_title")} back="#/authority">
      {ended.tone ? <Notice tone={ended.tone}>{ended.text}</Notice> : <p role="status">{ended.text}</p>}
      <a class="button" href="#/authority">
        {say("auth_title")}
      </a>
    </Page>
  );
}

interface ReviewProps {
  at: Desk;
  fields: RosterFields;
  list: Matter[] | null;
  version: number;
  sign: (() => Promise<Paper[]>) | null;
  close: (papers: Paper[]) => Promise<void>;
}

function Review({ at, fields, list, version, sign, close }: ReviewProps) {
  const [code, setCode] = useState<{ code: Codes } | null>(null);
  const [before, setBefore] = useState<Matters | null | undefined>(undefined);
  const [sure, setSure] = useState(false);
  const [problem, setProblem] = useState("");
  const [sending, setSending] = useState(false);
  const signing = useRef(false);
  const old = held(at);
  useEffect(() => void codesOf(old, fields).then((made) => setCode({ code: made })), [old, fields]);
  useEffect(() => void listHeld(at).then(setBefore), [at, at.trust.version]);
  if (!code || before === undefined) return <p class="soft">{say("loading")}</p>;
  const change = compare(old, fields, code.code);
  if (list) add(change, compareLists(before, list));
  else if (!equal(fields.matters, old?.matters ?? new Uint8Array(32))) change.gained.push(say("auth_matters"));
  const listed = list ? new Map(list.map((one) => [one.code, one])) : before;
  const doubts = cautions(old, fields, listed, at.trust.profile.publicKey);
  const go = async (): Promise<void> => {
    if (signing.current || !sign) return;
    signing.current = true;
    try {
      const papers = await sign();
      setSending(true);
      await close(papers);
    } catch (error) {
      setProblem(sayError(error));
    } finally {
      signing.current = false;
    }
  };
  return (
    <>
      <Facts title={say("auth_sign_gained")} tone="gained" lines={change.gained} />
      <Facts title={say("auth_sign_lost")} tone="lost" lines={change.lost} />
      {doubts.length > 0 && <Doubts doubts={doubts} sure={sure} setSure={setSure} />}
      {problem && <Notice tone="bad">{problem}</Notice>}
      {sending && <Notice>{say("auth_sign_sending")}</Notice>}
      {sign && (
        <p>
          <button type="button" class="main wide" disabled={sending || !version || (doubts.length > 0 && !sure)} onClick={() => void go()}>
            {say("auth_sign_button", { version })}
          </button>
        </p>
      )}
    </>
  );
}

function add(change: Change, more: Change): void {
  change.gained.push(...more.gained);
  change.lost.push(...more.lost);
}

function Facts({ title, tone, lines }: { title: string; tone: "gained" | "lost"; lines: string[] }) {
  const [all, setAll] = useState(false);
  if (!lines.length) return null;
  return (
    <section class={`card ${tone}`}>
      <h2>{title}</h2>
      <ul class="plain lines">
        {(all ? lines : lines.slice(0, FEW)).map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      {!all && lines.length > FEW && (
        <button type="button" onClick={() => setAll(true)}>
          {say("auth_more", { count: lines.length })}
        </button>
      )}
    </section>
  );
}

function Doubts({ doubts, sure, setSure }: { doubts: Caution[]; sure: boolean; setSure: (sure: boolean) => void }) {
  return (
    <section class="notice bad" role="alert">
      <h2>{say("auth_sign_cautions")}</h2>
      <ul>
        {doubts.map((one, index) => (
          <li key={index}>{cautionText(one)}</li>
        ))}
      </ul>
      <Tick checked={sure} onChange={setSure}>
        {say("auth_sign_sure")}
      </Tick>
    </section>
  );
}

/** The roster held, in words. */
export function RosterWords({ at }: { at: Desk }) {
  const [code, setCode] = useState<{ code: Codes } | null>(null);
  const fields = held(at);
  useEffect(() => void codesOf(fields).then((made) => setCode({ code: made })), [fields]);
  return (
    <Page title={say("auth_roster")} back="#/authority">
      {fields && code && (
        <ul class="plain lines card">
          {facts(fields, code.code).map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      )}
    </Page>
  );
}
