import { useEffect, useState } from "preact/hooks";

import { withoutRule, withRule, type Draft } from "../../core/authority/draft.ts";
import { heldMatters, type Matter } from "../../core/matters.ts";
import { Failure } from "../../core/failure.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { limits } from "../../wire/definitions.ts";
import type { Group, Rule } from "../../wire/roster.ts";
import { say } from "../../words/words.ts";
import { ranges, ruleText } from "./facts.ts";
import { AuthorityPage, Field, NumberField, RoleSelect, Sure, Tick } from "./parts.tsx";
import { change } from "./state.ts";

const HOUR = 3600;
const NUMBERS = Array.from({ length: limits.RULES }, (_, index) => index + 1);

export function Rules({ at, draft }: { at: Desk; draft: Draft }) {
  const { rules } = draft.fields;
  const free = NUMBERS.find((number) => !rules.some((rule) => rule.number === number));
  return (
    <AuthorityPage at={at} title={say("auth_rules")}>
      {rules.length === 0 && <p class="soft">{say("auth_rule_none")}</p>}
      {rules.map((rule) => (
        <a key={rule.number} class="card" href={`#/authority/rule/${rule.number}`}>
          {ruleText(rule)}
        </a>
      ))}
      {free ? (
        <a class="button" href={`#/authority/rule/${free}`}>
          {say("auth_rule_new")}
        </a>
      ) : (
        <p class="soft">{say("auth_rule_full")}</p>
      )}
    </AuthorityPage>
  );
}

/** The matters of the draft's list, else of the list that is signed; none when there is neither. */
export function useMatters(at: Desk, draft: Draft): Matter[] {
  const [held, setHeld] = useState<Matter[]>([]);
  useEffect(() => {
    if (!at.trust.version) return;
    heldMatters(at.trust, at.store, at.api).then(
      (matters) => setHeld([...matters.values()]),
      (error: unknown) => {
        if (!(error instanceof Failure)) throw error;
      },
    );
  }, [at, at.trust.version]);
  return draft.list ?? held;
}

function freshRule(number: number): Rule {
  return {
    number, matters: [], raiser: 1, groups: [{ role: 2, least: 1 }], denials: 1, impressions: 5,
    open_seconds: 60, wait_seconds: 72 * HOUR, use_seconds: 24 * HOUR, break_glass: 0,
  };
}

export function RulePage({ at, draft, number }: { at: Desk; draft: Draft; number: number }) {
  const known = draft.fields.rules.find((rule) => rule.number === number);
  const [rule, setRule] = useState<Rule>(known ?? freshRule(number));
  const [problem, setProblem] = useState("");
  const matters = useMatters(at, draft);
  const put = (changed: Partial<Rule>): void => setRule({ ...rule, ...changed } as Rule);
  const done = (): void => {
    location.hash = "/authority/rules";
  };
  const save = async (): Promise<void> => {
    setProblem(rule.matters.length ? "" : say("auth_rule_no_matter"));
    if (!rule.matters.length) return;
    await change(at, (fields) => withRule(fields, rule));
    done();
  };
  return (
    <AuthorityPage at={at} title={say("auth_rule_title", { number })} back="#/authority/rules">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <MattersField matters={matters} codes={rule.matters} onChange={(codes) => put({ matters: codes })} />
        <RoleSelect label={say("auth_rule_raiser")} value={rule.raiser} onChange={(raiser) => put({ raiser })} />
        <Groups groups={rule.groups} onChange={(groups) => put({ groups })} />
        <NumberField label={say("auth_rule_denials")} value={rule.denials} low={1} high={8} onChange={(denials) => put({ denials })} />
        <NumberField
          label={say("auth_rule_impressions")} value={rule.impressions} low={1} high={limits.IMPRESSIONS}
          onChange={(impressions) => put({ impressions })}
        />
        <NumberField
          label={say("auth_rule_open")} value={rule.open_seconds} low={5} high={limits.OPEN_SECONDS}
          onChange={(seconds) => put({ open_seconds: seconds })}
        />
        <Hours label={say("auth_rule_wait")} value={rule.wait_seconds} onChange={(seconds) => put({ wait_seconds: seconds })} />
        <Hours label={say("auth_rule_use")} value={rule.use_seconds} onChange={(seconds) => put({ use_seconds: seconds })} />
        <Tick checked={rule.break_glass === 1} onChange={(on) => put({ break_glass: on ? 1 : 0 })}>
          {say("auth_rule_glass")}
        </Tick>
        {problem && <Notice tone="bad">{problem}</Notice>}
        <p class="apart">
          <button class="main">{say("auth_save")}</button>
        </p>
      </form>
      {known && (
        <p class="apart">
          <Sure
            label={say("auth_rule_remove")} sure=""
            onSure={() => void change(at, (fields) => withoutRule(fields, number)).then(done)}
          />
        </p>
      )}
    </AuthorityPage>
  );
}

function Hours({ label, value, onChange }: { label: string; value: number; onChange: (seconds: number) => void }) {
  return (
    <Field label={label}>
      <input
        type="number" inputMode="decimal" required min={1 / 60} max={limits.WAIT_SECONDS / HOUR} step="any"
        value={Math.round((value / HOUR) * 1e4) / 1e4}
        onInput={(event) => onChange(Math.max(60, Math.round((event.currentTarget.valueAsNumber * HOUR) / 60) * 60))}
      />
    </Field>
  );
}

function Groups({ groups, onChange }: { groups: Group[]; onChange: (groups: Group[]) => void }) {
  const put = (index: number, changed: Partial<Group>): void =>
    onChange(groups.map((group, at) => (at === index ? ({ ...group, ...changed } as Group) : group)));
  return (
    <fieldset class="boxed">
      <legend>{say("auth_rule_groups")}</legend>
      {groups.map((group, index) => (
        <div key={index} class="two">
          <NumberField label={say("auth_rule_least")} value={group.least} low={1} high={8} onChange={(least) => put(index, { least })} />
          <RoleSelect label={say("auth_rule_role")} value={group.role} onChange={(role) => put(index, { role })} />
          {groups.length > 1 && (
            <button type="button" onClick={() => onChange(groups.filter((_, at) => at !== index))}>
              {say("auth_remove")}
            </button>
          )}
        </div>
      ))}
      {groups.length < limits.RULE_GROUPS && (
        <button type="button" onClick={() => onChange([...groups, { role: 4, least: 1 }])}>
          {say("auth_rule_group_add")}
        </button>
      )}
    </fieldset>
  );
}

function MattersField({ matters, codes, onChange }: { matters: Matter[]; codes: number[]; onChange: (codes: number[]) => void }) {
  const [text, setText] = useState(ranges(codes));
  if (!matters.length) {
    return (
      <Field label={say("auth_rule_codes")}>
        <input
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            onChange(readRanges(event.currentTarget.value));
          }}
        />
      </Field>
    );
  }
  const open = matters.filter((one) => !one.abolished || codes.includes(one.code));
  const strange = codes.filter((code) => !matters.some((one) => one.code === code));
  const put = (code: number, on: boolean): void => onChange(on ? [...codes, code].sort((a, b) => a - b) : codes.filter((one) => one !== code));
  return (
    <fieldset class="boxed long">
      <legend>
        {say("auth_rule_matters")} ({codes.length})
      </legend>
      <Tick checked={open.every((one) => codes.includes(one.code))} onChange={(on) => onChange(on ? open.map((one) => one.code) : [])}>
        {say("auth_rule_all")}
      </Tick>
      {open.map((one) => (
        <Tick key={one.code} checked={codes.includes(one.code)} onChange={(on) => put(one.code, on)}>
          {one.code} {one.wording} <span class="soft">{one.abolished ? say("auth_abolished") : one.seal}</span>
        </Tick>
      ))}
      {strange.map((code) => (
        <Tick key={code} checked onChange={(on) => put(code, on)}>
          {code}
        </Tick>
      ))}
    </fieldset>
  );
}

/** Numbers of "101-103, 200"; what is no number is passed over. */
function readRanges(text: string): number[] {
  const codes = new Set<number>();
  for (const [, first, last] of text.matchAll(/(\d{1,4})(?:\s*[-–—~至]\s*(\d{1,4}))?/g)) {
    const [from, to] = [Number(first), Number(last ?? first)];
    for (let code = Math.max(1, from); code <= to && codes.size <= limits.MATTERS; code++) codes.add(code);
  }
  return [...codes].sort((one, other) => one - other);
}
