import type { Case } from "../../core/cases.ts";
import { now } from "../../core/compose.ts";
import { whoCan } from "../../core/life.ts";
import type { Desk } from "../../desk.ts";
import { toHex } from "../../wire/bytes.ts";
import { say, sayOf, sayTime } from "../../words/words.ts";

const VERDICTS = ["", "approved", "denied", "withdrew"];

/** Who has decided and why, who is lacking, and who can still decide. */
export function Voices({ at, one, reasons }: { at: Desk; one: Case; reasons: Map<string, string> }) {
  const can = one.state === "waiting" ? whoCan(at.trust.roster, one, now()) : [];
  return (
    <section class="card">
      <h2>{say("decisions")}</h2>
      {one.decisions.length === 0 && <p class="soft">{say("nobody_yet")}</p>}
      <ul class="plain voices">
        {one.decisions.map(({ message, person }) => {
          const reference = toHex(message.reference);
          const principal = at.trust.roster.person((message.fields.for as number | undefined) ?? 0);
          const code = message.fields.reason as number;
          return (
            <li key={reference}>
              <strong>{person.name}</strong>
              {principal && ` ${say("officer_for", { name: principal.name })}`}{" "}
              {sayOf("officer", VERDICTS[message.fields.verdict as number] ?? "approved")}
              <span class="soft small"> · {sayTime(message.fields.decided as number)}</span>
              {code > 0 && <p class="said">{sayOf("officer_reason", String(code))}</p>}
              {reasons.has(reference) && <p class="said">{reasons.get(reference)}</p>}
            </li>
          );
        })}
      </ul>
      {one.state === "waiting" &&
        one.missing.map(({ role, count }) => (
          <p key={role}>{say("keeper_missing", { count, role: sayOf("keeper_role", String(role)) })}</p>
        ))}
      {can.length > 0 && (
        <p class="soft">{say("keeper_who_can", { names: can.map(({ name }) => name).join(say("keeper_comma")) })}</p>
      )}
    </section>
  );
}
