import { useEffect, useMemo, useState } from "preact/hooks";

import type { Papers } from "../../audit/requests.ts";
import type { Case } from "../../core/cases.ts";
import { Failure } from "../../core/failure.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { toHex, type Bytes } from "../../wire/bytes.ts";
import { causes, MESSAGE } from "../../wire/definitions.ts";
import { Refusal } from "../../wire/errors.ts";
import { longCode, shortCode } from "../../wire/messages.ts";
import { sayError, sayTime } from "../../words/words.ts";
import { OneFinding } from "./checks.tsx";
import { dossier } from "./dossier.ts";
import { tellCase } from "./ledger.tsx";
import { AuditPage, Row, Verdict } from "./parts.tsx";
import { storyOf, type Check, type Placed, type Story, type Told } from "./story.ts";
import { join, tell, tellCheck, tellOf, tellRole, type Key } from "./tell.ts";

/** One request from its first word to the last, with every check. */
export function StoryPage({ at, reference }: { at: Desk | null; reference: string }) {
  const open = dossier.value;
  const story = useMemo(() => open && storyOf(open.result, reference), [open, reference]);
  const title = story ? `${story.line.code} ${story.line.seal}` : tell("ledger");
  return (
    <AuditPage title={title} tab="ledger" back="#/auditor/ledger">
      {open && !story && <p class="soft">{tell("story_missing")}</p>}
      {open && story && (
        <>
          <Outcome story={story} />
          <Facts story={story} />
          {at && open.fromHost && <Details at={at} reference={reference} />}
          <h2>{tell("story_messages")}</h2>
          <ol class="messages">
            {story.messages.map((told) => <OneMessage key={toHex(told.message.reference)} told={told} papers={open.result.papers} />)}
          </ol>
          <h2>{tell("story_log")}</h2>
          <Log entries={story.entries} papers={open.result.papers} />
          {story.findings.length > 0 && <h2>{tell("findings")}</h2>}
          {story.findings.map((finding) => <OneFinding key={`${finding.path} ${finding.check} ${finding.subject}`} finding={finding} />)}
        </>
      )}
    </AuditPage>
  );
}

function Outcome({ story }: { story: Story }) {
  const count = story.findings.length;
  if (count) return <Verdict ok={false} title={tell("story_broken", { count })} />;
  if (story.incomplete) return <Notice tone="bad">{tell("story_incomplete")}</Notice>;
  return <Verdict ok title={tell("story_holds")} />;
}

function Facts({ story: { line, request, rule } }: { story: Story }) {
  const follows = request.fields.follows as Bytes | undefined;
  const counts: [Key, number | null][] = [
    ["approved_count", line.impressions], ["spent", line.spent], ["pressed", line.pressed], ["declared", line.declared],
  ];
  return (
    <section class="card">
      <span class="state">{tellOf("state", line.state)}</span>
      {line.cases.map((one) => <Notice key={one.name}>⚠ {tellCase(one)}</Notice>)}
      <dl>
        <Row name={tell("seal")}>{line.seal}</Row>
        <Row name={tell("matter")}>{line.matter} {line.wording}</Row>
        <Row name={tell("keeper")}>{line.keeper}</Row>
        <Row name={tell("raised")}>{sayTime(line.created)}</Row>
        <Row name={tell("approved_by")}>{join(line.approved_by) || "—"}</Row>
        {line.denied_by.length > 0 && <Row name={tell("denied_by")}>{join(line.denied_by)}</Row>}
        {counts.map(([name, count]) => <Row key={name} name={tell(name)}>{count ?? tell("not_declared")}</Row>)}
        <Row name={tell("roster")}>{tell("roster_version", { version: line.roster })}</Row>
        {rule && (
          <Row name={tell("rule")}>
            {tell("rule_text", {
              groups: join(rule.groups.map(({ least, role }) => tell("rule_group", { least, role: tellRole(role) }))),
              denials: rule.denials,
              impressions: rule.impressions,
            })}
          </Row>
        )}
        {follows && (
          <Row name={tell("follows")}>
            <a class="code" href={`#/auditor/story/${toHex(follows)}`}>{shortCode(follows)}</a>
          </Row>
        )}
      </dl>
    </section>
  );
}

/** The personal part, which is never in a bundle: from the host, held against the signed digest. */
function Details({ at, reference }: { at: Desk; reference: string }) {
  const [one, setOne] = useState<Case | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    void (async () => {
      try {
        const found = await at.cases.find(reference);
        if (found) await at.cases.addDetails(found);
        setOne(found);
      } catch (error) {
        if (!(error instanceof Failure) && !(error instanceof Refusal)) throw error;
        setProblem(error);
      }
    })();
  }, [at, reference]);
  if (problem) return <Notice>{tell("details_gone")} {sayError(problem)}</Notice>;
  if (!one) return null;
  if (!one.details) {
    return one.problem === "wrong_digest" ? <Notice tone="bad">{sayError(new Failure("wrong_digest"))}</Notice> : <Notice>{tell("details_gone")}</Notice>;
  }
  return (
    <section class="card">
      <h2>{tell("details")}</h2>
      <dl>
        <Row name={tell("document")}>{one.details.title || "—"}</Row>
        <Row name={tell("resident")}>{one.details.resident || "—"}</Row>
        <Row name={tell("purpose")}>{one.details.purpose || "—"}</Row>
      </dl>
      <ul class="checks"><li><span class="good" aria-hidden="true">✓</span><span>{tell("details_hold")}</span></li></ul>
    </section>
  );
}

function OneMessage({ told: { message, person, at, checks }, papers }: { told: Told; papers: Papers }) {
  const { fields } = message;
  const type = message.number === MESSAGE.decision ? `decision_${fields.verdict as number}` : message.name;
  const name = papers.rosters.nameOf(person);
  const principal = fields.for === undefined ? "" : papers.rosters.nameOf(fields.for as number);
  const by = person === null ? tell("by_host") : principal ? tell("by_for", { name, principal }) : tell("by", { name });
  return (
    <li class="card">
      <h3>{tellOf("type", type)}</h3>
      <p class="soft">{by}</p>
      <p>{says(message.number, fields, papers)}</p>
      <dl>
        {at !== null && <Row name={tell("signed_at")}>{sayTime(at)}</Row>}
        <Row name={tell("key")}><span class="code">{longCode(message.kid)}</span></Row>
      </dl>
      <ul class="checks">{checks.map((check, place) => <OneCheck key={place} check={check} />)}</ul>
    </li>
  );
}

function says(number: number, fields: Told["message"]["fields"], papers: Papers): string {
  if (number === MESSAGE.request) return tell("asks", { impressions: fields.impressions as number });
  if (number === MESSAGE.grant) return tell("carries", { decisions: (fields.decisions as Bytes[]).length });
  if (number === MESSAGE.report) {
    return tell("reports", { impressions: fields.impressions as number, photographs: (fields.photographs as Bytes[]).length });
  }
  if (number !== MESSAGE.substitute) return "";
  const person = papers.rosters.nameOf(fields.person as number);
  return tell("stands_in", { person, from: sayTime(fields.from as number), until: sayTime(fields.until as number) });
}

const SIGNS = { ok: "✓", bad: "✗", open: "–" };
const TONES = { ok: "good", bad: "bad", open: "soft" };

function OneCheck({ check: { mark, name, number, finding } }: { check: Check }) {
  const named = name === "no_opening" || name === "unknown_rules" ? tell(name) : tellOf("ok", name, { seq: number, version: number });
  return (
    <li>
      <span class={TONES[mark]} role="img" aria-label={tellOf("check", mark)}>{SIGNS[mark]}</span>
      <span class={mark === "bad" ? "bad" : ""}>{finding ? tellCheck(finding.check) : named}</span>
    </li>
  );
}

function Log({ entries, papers }: { entries: Placed[]; papers: Papers }) {
  if (!entries.length) return <p class="soft">{tell("story_log_none")}</p>;
  const columns = ["entry", "time", "event", "proof"] as const;
  return (
    <>
      <p class="soft">{tell("story_log_text")}</p>
      <table class="cards" role="table">
        <thead role="rowgroup">
          <tr role="row">{columns.map((name) => <th key={name} role="columnheader" scope="col">{tell(name)}</th>)}</tr>
        </thead>
        <tbody role="rowgroup">
          {entries.map((placed) => (
            <tr key={placed.seq} role="row">
              <td role="cell" data-label={tell("entry")}>{placed.seq}</td>
              <td role="cell" data-label={tell("time")}>{sayTime(placed.entry.time)}</td>
              <td role="cell" data-label={tell("event")}>
                <span>
                  {tellEntry(placed, papers)}
                  {placed.findings.map((finding) => <span class="bad" key={finding.check}><br />✗ {tellCheck(finding.check)}</span>)}
                </span>
              </td>
              <td role="cell" data-label={tell("proof")}>
                {placed.provenAt === null ? (
                  <span class="bad">✗ {tell("unproven")}</span>
                ) : (
                  <span><span class="good" aria-hidden="true">✓</span> {tell("proven_by", { seq: placed.provenAt })}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function tellEntry({ entry: { name, fields } }: Placed, papers: Papers): string {
  const kind = name === "decision" ? `decision_${fields.verdict as number}` : name === "jam" ? `jam_${fields.phase as number}` : name;
  const people = ((fields.people as number[] | undefined) ?? []).map((number) => papers.rosters.nameOf(number));
  return tellOf("entry", kind, {
    spends: (fields.spends as number | undefined) ?? 0,
    people: join(people),
    count: (fields.count as number | undefined) ?? 0,
    pressed: (fields.pressed as number | undefined) ?? 0,
    given_back: (fields.given_back as number | undefined) ?? 0,
    cause: tellOf("cause", causes[fields.cause as number] ?? ""),
  });
}
