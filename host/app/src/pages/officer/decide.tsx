import { useRef, useState } from "preact/hooks";

import type { Case } from "../../core/cases.ts";
import * as compose from "../../core/compose.ts";
import type { Desk } from "../../desk.ts";
import { signOnce } from "../../once.ts";
import { Notice } from "../../ui/notice.tsx";
import type { Person } from "../../wire/roster.ts";
import { APPROVE, DENY, WITHDRAW } from "../../wire/rules.ts";
import { say, sayError, sayOf } from "../../words/words.ts";
import { DENIAL_CODES, lastWord, openVoices, sameWord } from "./verdicts.ts";

const ALIVE = ["waiting", "approved"];

/** What this person may still say: approve or deny, also in somebody's place, or take an approval back. */
export function Decide({ at, one }: { at: Desk; one: Case }) {
  const [verdict, setVerdict] = useState<number | null>(null);
  const now = compose.now();
  const opened = (one.host?.opened ?? 0) > 0;
  const voices = one.state === "waiting" ? openVoices(at, one, now) : [];
  const mine = one.decisions.findLast(({ person }) => person.number === at.trust.me?.number)?.message;
  const mayWithdraw = mine?.fields.verdict === APPROVE && ALIVE.includes(one.state) && !opened;
  if (verdict !== null && (voices.length > 0 || verdict === WITHDRAW)) {
    const principal = verdict === WITHDRAW ? (mine?.fields.for as number | undefined) : undefined;
    return <Sign at={at} one={one} verdict={verdict} voices={voices} principal={principal} cancel={() => setVerdict(null)} />;
  }
  if (mayWithdraw) {
    return (
      <p>
        <button type="button" class="wide" onClick={() => setVerdict(WITHDRAW)}>
          {say("withdraw")}
        </button>
      </p>
    );
  }
  if (!voices.length) return null;
  // Nobody signs for details that are not those of the request, or that were never seen.
  if (!one.details) return one.problem ? null : <Notice>{say("details_loading")}</Notice>;
  return (
    <div class="decide">
      <div class="actions">
        <button type="button" onClick={() => setVerdict(DENY)}>
          {say("deny")}
        </button>
        <button type="button" class="main" onClick={() => setVerdict(APPROVE)}>
          {say("approve")}
        </button>
      </div>
    </div>
  );
}

interface SignProps {
  at: Desk;
  one: Case;
  verdict: number;
  voices: (Person | null)[];
  /** For a withdrawal: in whose place the approval was given. */
  principal: number | undefined;
  cancel: () => void;
}

/** The deliberate gesture: says what will be signed, asks why, signs once. */
function Sign({ at, one, verdict, voices, principal, cancel }: SignProps) {
  const [voice, setVoice] = useState<number | undefined>(principal ?? voices[0]?.number);
  const [code, setCode] = useState(0);
  const [words, setWords] = useState("");
  const [problem, setProblem] = useState("");
  const signing = useRef(false);
  const lacksReason = verdict === DENY && code === 0 && !words.trim();
  const sign = async (): Promise<void> => {
    if (signing.current || lacksReason) return;
    signing.current = true;
    try {
      const given = { reasonCode: code, reason: words.trim(), principal: voice };
      await signOnce(at, sameWord(at, one, verdict, voice), () => compose.decision(at.trust, one.request, verdict, given));
      cancel();
    } catch (error) {
      setProblem(sayError(error));
    } finally {
      signing.current = false;
    }
  };
  const seal = one.place?.bay.seal ?? "—";
  const values = { count: one.request.fields.impressions as number, seal, code: one.code };
  const name = verdict === APPROVE ? "approve" : verdict === DENY ? "deny" : "withdraw";
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        void sign();
      }}
    >
      <p class="will">{say(`officer_will_${name}`, values)}</p>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {verdict !== WITHDRAW && (voices.length > 1 || voices[0]) && <Voice voices={voices} voice={voice} choose={setVoice} />}
      {verdict === DENY && <Reasons code={code} choose={setCode} />}
      <label>
        {say(verdict === DENY ? "officer_reason_more" : "officer_reason_optional")}
        <textarea rows={2} maxLength={500} value={words} onInput={(event) => setWords(event.currentTarget.value)} />
      </label>
      {lacksReason && <p class="soft">{say("reason_needed")}</p>}
      <div class="actions">
        <button type="button" onClick={cancel}>
          {say("cancel")}
        </button>
        <button class="main" disabled={lacksReason}>
          {say(verdict === WITHDRAW ? "officer_sign_withdraw" : verdict === DENY ? "sign_deny" : "sign_approve")}
        </button>
      </div>
    </form>
  );
}

function Voice({ voices, voice, choose }: { voices: (Person | null)[]; voice: number | undefined; choose: (one: number | undefined) => void }) {
  return (
    <fieldset>
      <legend>{say("officer_voice")}</legend>
      {voices.map((one) => (
        <label class="choice" key={one?.number ?? 0}>
          <input type="radio" name="voice" checked={voice === one?.number} onChange={() => choose(one?.number)} />
          <span>{one ? say("officer_voice_of", { name: one.name }) : say("officer_voice_own")}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Reasons({ code, choose }: { code: number; choose: (code: number) => void }) {
  return (
    <fieldset>
      <legend>{say("reason")}</legend>
      <div class="chips">
        {DENIAL_CODES.map((one) => (
          <label class="choice" key={one}>
            <input type="radio" name="reason" checked={code === one} onChange={() => choose(one)} />
            <span>{sayOf("officer_reason", String(one))}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** How this person's last word fared: on its way, delivered, or refused and why. */
export function OwnWord({ at, one, results }: { at: Desk; one: Case; results: Map<string, string | null> }) {
  const mine = at.trust.me?.number ?? 0;
  const last = one.decisions.findLast(({ person }) => person.number === mine)?.message ?? lastWord(one, mine, undefined);
  const [reference, result] = [...results].at(-1) ?? [];
  if (reference !== undefined && result === null) return <Notice>{say("sent")}</Notice>;
  if (result && result !== "accepted") return <Notice tone="bad">{say("refused", { reason: sayOf("reason", result) })}</Notice>;
  if (!last) return null;
  const said = last.fields.verdict === APPROVE ? "you_approved" : last.fields.verdict === DENY ? "you_denied" : "officer_you_withdrew";
  return <Notice tone="good">{result === "accepted" ? `${say(said)} · ${say("accepted")}` : say(said)}</Notice>;
}
