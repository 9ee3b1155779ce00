import type { Case } from "../../core/cases.ts";
import { now } from "../../core/compose.ts";
import { Failure } from "../../core/failure.ts";
import { lifeOf, openSeconds, opensByItself, whoCan, type Life, type Words } from "../../core/life.ts";
import type { Kept } from "../../core/store.ts";
import type { Story } from "../../core/story.ts";
import type { Desk } from "../../desk.ts";
import { reasonsOf, wordingOf } from "../../told.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { fromBase64 } from "../../core/api.ts";
import { toHex, type Bytes } from "../../wire/bytes.ts";
import { MESSAGE } from "../../wire/definitions.ts";
import { reasonName, Refusal } from "../../wire/errors.ts";
import { say, sayError, sayOf, sayTime } from "../../words/words.ts";
import { Actions } from "./actions.tsx";
import { BoxStory } from "./box-story.tsx";
import { findRequest } from "./find.ts";
import { useLive } from "../../ui/live.ts";
import { sayRole } from "./review.tsx";

export interface View {
  one: Case;
  story: Story;
  life: Life;
  words: Words;
  /** Everything signed here for this request, itself first. */
  kept: Kept[];
  wording: string;
  /** Whether the host could be asked. */
  fresh: boolean;
  connected: boolean | null;
  /** The words of decisions' reasons, by the decision's reference in hex. */
  reasons: Map<string, string>;
}

const STEPS = ["asked", "approved", "stamped", "reported"] as const;

/** A request's life, from signing to the report, as it happens. */
export function Follow({ at, reference }: { at: Desk; reference: string }) {
  const { value: view, problem } = useLive(at, () => look(at, reference), [reference]);
  return (
    <Page title={say("keeper_request")} back="#/keeper">
      {problem && <Notice tone="bad">{problem}</Notice>}
      {!view && !problem && <p class="soft">{say("loading")}</p>}
      {view && (
        <>
          {!view.fresh && <Notice>{say("keeper_stale")}</Notice>}
          <Steps life={view.life} opened={view.story.history.opened > 0} />
          <p class="document">{view.one.details?.title || view.one.code}</p>
          <Now at={at} view={view} />
          <OnTheWay kept={view.kept} />
          <Actions at={at} view={view} />
          <Voices at={at} view={view} />
          {view.story.facts.length > 0 && <BoxStory story={view.story} />}
          <Facts view={view} />
        </>
      )}
    </Page>
  );
}

async function look(at: Desk, reference: string): Promise<View> {
  const signed = await at.store.signed();
  const own = signed.find((kept) => kept.reference === reference);
  const { one, fresh } = await findRequest(at, reference);
  await at.cases.addDetails(one);
  const story = await at.boxes.story(one.request);
  const kept = [...(own ? [own] : []), ...signed.filter((message) => message.about === reference)];
  const words = await furtherWords(at, one, kept);
  const answer = own?.result == null ? "" : reasonName(own.result);
  const life = lifeOf(one, story, words, own, answer, now());
  const { connected } = at.boxes.of(one.request.fields.box as Bytes);
  const [wording, reasons] = await Promise.all([wordingOf(at, one), reasonsOf(at, one)]);
  return { one, story, life, words, kept, wording, fresh, connected, reasons };
}

/** What its keeper signed beside the request, here or as the host shows it. */
async function furtherWords(at: Desk, one: Case, kept: Kept[]): Promise<Words> {
  const words: Words = { finish: null, report: null };
  const signed = kept.filter(({ result }) => !result).map(({ raw, result }) => ({ raw, taken: result === 0 }));
  const shown = (one.host?.messages ?? []).map((text) => ({ raw: fromBase64(text), taken: true }));
  for (const { raw, taken } of [...signed, ...shown]) {
    try {
      const message = await at.trust.ofPerson(raw, [MESSAGE.finish, MESSAGE.report]);
      const own = at.trust.roster.signer(message.kid).person.number === one.raiser.number;
      if (!own || toHex(message.fields.request as Bytes) !== one.reference) continue;
      words[message.number === MESSAGE.finish ? "finish" : "report"] = { message, taken };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return words;
}

/** Where it stands among the steps that each request goes through. */
function Steps({ life, opened }: { life: Life; opened: boolean }) {
  const at = { sending: 0, waiting: 0, approved: 1, rest: 1, open: 2, stuck: 2, used: 2, reported: 3 }[life.phase as string];
  if (at === undefined && !opened) return null;
  return (
    <ol class="steps">
      {STEPS.map((step, number) => (
        <li key={step} class={number <= (at ?? 0) ? "done" : ""} aria-current={number === at ? "step" : undefined}>
          {sayOf("keeper_step", step)}
        </li>
      ))}
    </ol>
  );
}

/** The one thing to know now, and the one thing to do. */
function Now({ at, view: { one, story, life, words, connected } }: { at: Desk; view: View }) {
  const { phase } = life;
  const asked = one.request.fields.impressions as number;
  const byItself = opensByItself(one, story, now());
  const atBox = phase === "approved" || phase === "rest" || phase === "stuck";
  const todo = todoOf(phase, byItself, story.jammed, words);
  const values = {
    left: story.left,
    asked,
    pressed: story.pressed,
    seal: one.place?.bay.seal ?? "—",
    until: sayTime(phase === "waiting" || phase === "sending" ? (one.request.fields.expires as number) : one.until),
    attended: sayTime(one.request.fields.attended as number),
    reason: sayOf("reason", life.reason),
    closing: story.openSince === null ? "" : sayClock(story.openSince + openSeconds(at.trust.roster, one)),
  };
  return (
    <section class={`card now ${phase}`} role="status">
      <h2>{say(`keeper_phase_${phase}`, values)}</h2>
      {phase === "open" && <p class="left">{say("keeper_left", values)}</p>}
      <p>{say(`keeper_do_${todo}`, values)}</p>
      {(atBox || phase === "open" || phase === "waiting") && (
        <p>
          {say("keeper_code")} <output class="code">{one.code}</output>
        </p>
      )}
      {(atBox || phase === "open") && connected === false && <p class="warn">{say("keeper_box_offline")}</p>}
      {phase === "open" && !story.proven && <p class="soft small">{say("keeper_live")}</p>}
      {one.host && hostDiffers(phase, one.host.state) && (
        <p class="warn">{say("keeper_host_says", { state: sayOf("state", one.host.state), reason: sayOf("reason", one.host.reason ?? "accepted") })}</p>
      )}
    </section>
  );
}

function todoOf(phase: Life["phase"], byItself: boolean, jammed: boolean, words: Words) {
  if (phase === "approved" && !byItself) return "approved_later";
  if (phase === "rest" && jammed) return "rest_jammed";
  return phase === "used" && words.report ? "used_sent" : phase;
}

/** Whether the host calls a request ended that is alive by all that was signed: it may know more, or withhold something. */
function hostDiffers(phase: Life["phase"], state: string): boolean {
  return ["waiting", "approved", "rest"].includes(phase) && ["denied", "expired", "failed", "finished"].includes(state);
}

/** What was signed here and has no answer yet, or was refused. */
function OnTheWay({ kept }: { kept: Kept[] }) {
  const [, ...further] = kept;
  const last = further.findLast(({ type }) => type !== "ready"); // that one is told where it was said
  return (
    <>
      {kept.some(({ result }) => result === null) && <Notice>{say("sent")}</Notice>}
      {last?.result ? <Notice tone="bad">{say("refused", { reason: sayOf("reason", reasonName(last.result)) })}</Notice> : null}
    </>
  );
}

/** Who has decided, and who still can. */
function Voices({ at, view: { one, life, reasons } }: { at: Desk; view: View }) {
  const can = life.phase === "waiting" ? whoCan(at.trust.roster, one, now()) : [];
  return (
    <section class="card">
      <h2>{say("decisions")}</h2>
      {one.decisions.length === 0 && <p class="soft">{say("nobody_yet")}</p>}
      <ul class="plain voices">
        {one.decisions.map(({ message, person }) => (
          <li key={message.raw}>
            <strong>{person.name}</strong>{" "}
            {say((["approve", "deny", "withdraw"] as const)[(message.fields.verdict as number) - 1] ?? "approve")}
            <span class="soft small"> {sayTime(message.fields.decided as number)}</span>
            {reasons.has(toHex(message.reference)) && <p class="said">{reasons.get(toHex(message.reference))}</p>}
          </li>
        ))}
      </ul>
      {life.phase === "waiting" &&
        one.missing.map(({ role, count }) => <p key={role}>{say("keeper_missing", { count, role: sayRole(role) })}</p>)}
      {can.length > 0 && <p class="soft">{say("keeper_who_can", { names: can.map(({ name }) => name).join(say("keeper_comma")) })}</p>}
    </section>
  );
}

function Facts({ view: { one, words, wording } }: { view: View }) {
  const { fields } = one.request;
  const rows: [string, string][] = [
    [say("seal"), one.place?.bay.seal ?? "—"],
    [say("impressions"), String(fields.impressions)],
    [say("matter"), wording],
    [say("resident"), one.details?.resident || "—"],
    [say("purpose"), one.details?.purpose || "—"],
    [say("attachments"), one.details?.attachment_names.join(say("keeper_comma")) || say("keeper_none")],
    [say("created"), sayTime(fields.created as number)],
    [say("expires"), sayTime(fields.expires as number)],
  ];
  if (words.report) rows.push([say("keeper_declared"), String(words.report.message.fields.impressions)]);
  return (
    <section class="card">
      <h2>{say("keeper_signed")}</h2>
      {one.problem && <Notice tone="bad">{sayError(new Failure(one.problem))}</Notice>}
      <dl>
        <div>
          <dt>{say("code")}</dt>
          <dd class="code">{one.code}</dd>
        </div>
        {rows.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function sayClock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
