import type { Finding } from "../../audit/findings.ts";
import type { Result } from "../../audit/verify.ts";
import type { Desk } from "../../desk.ts";
import { fromHex } from "../../wire/bytes.ts";
import { longCode } from "../../wire/messages.ts";
import { sayTime } from "../../words/words.ts";
import { dossier } from "./dossier.ts";
import { AuditPage, Row, Verdict } from "./parts.tsx";
import { Save } from "./save.tsx";
import { tell, tellCheck, tellOf } from "./tell.ts";

const SHOWN = 100;

/** What the verification found, check by check. */
export function ChecksPage({ at }: { at: Desk | null }) {
  const open = dossier.value;
  return (
    <AuditPage title={tell("checks")} tab="checks">
      {!open && <p class="soft">{tell("nothing_open")}</p>}
      {open && (
        <>
          <Whole result={open.result} />
          {open.result.findings.length > 0 && <h2>{tell("findings")}</h2>}
          {open.result.findings.slice(0, SHOWN).map((finding) => (
            <OneFinding key={`${finding.path} ${finding.subject} ${finding.check}`} finding={finding} />
          ))}
          <Facts result={open.result} name={open.name} />
          <Events result={open.result} />
          {open.result.notes.length > 0 && (
            <details>
              <summary>{tell("notes")} ({open.result.notes.length})</summary>
              <ul lang="en">{open.result.notes.slice(0, SHOWN).map((note) => <li key={note}>{note}</li>)}</ul>
            </details>
          )}
          <Save at={at} />
        </>
      )}
    </AuditPage>
  );
}

/** The verdict on the whole file. */
export function Whole({ result }: { result: Result }) {
  return result.ok ? (
    <Verdict ok title={tell("holds")}>{tell("holds_text")} {tell("holds_limits")}</Verdict>
  ) : (
    <Verdict ok={false} title={tell("broken")}>{tell("broken_text", { count: result.findings.length })}</Verdict>
  );
}

export function OneFinding({ finding }: { finding: Finding }) {
  return (
    <section class="card finding">
      <h3 class="bad">✗ {tellCheck(finding.check)}</h3>
      <dl>
        <Row name={tell("finding_where")}><span class="hash">{finding.path}</span></Row>
        <Row name={tell("finding_about")}><span class="hash">{finding.subject}</span></Row>
      </dl>
      <details>
        <summary>{tell("finding_detail")}</summary>
        <p lang="en" class="hash">{finding.check}: {finding.why}</p>
      </details>
    </section>
  );
}

function Facts({ result, name }: { result: Result; name: string }) {
  return (
    <section class="card">
      <dl>
        <Row name={tell("file")}>{name}</Row>
        <Row name={tell("made")}>{sayTime(result.made)}</Row>
        <Row name={tell("site")}><span class="hash">{result.site}</span></Row>
        <Row name={tell("rosters")}>{result.rosters}</Row>
        <Row name={tell("messages")}>{result.messages}</Row>
        {result.boxes.map((box) => (
          <Row key={box.kid} name={tell("box")}>
            <span class="code">{longCode(fromHex(box.kid))}</span>
            <br />
            {tell("box_proven", { proven: box.proven, entries: box.entries })}
            <br />
            {tell("box_checkpoints")}: {box.checkpoints} · {tell("box_openings")}: {box.openings}
            <br />
            <span class="soft">{tell("box_head")}:</span> <span class="hash">{box.head}</span>
          </Row>
        ))}
      </dl>
    </section>
  );
}

function Events({ result }: { result: Result }) {
  return (
    <section>
      <h2>{tell("events")}</h2>
      {result.events.length === 0 && <p class="soft">{tell("events_none")}</p>}
      {result.events.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{tell("time")}</th>
              <th scope="col">{tell("event")}</th>
              <th scope="col">{tell("entry")}</th>
            </tr>
          </thead>
          <tbody>
            {result.events.slice(-SHOWN).reverse().map((event) => (
              <tr key={`${event.box} ${event.entry}`}>
                <td>{sayTime(event.time)}</td>
                <td>{tellOf("event", event.name)}</td>
                <td>{event.entry}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
