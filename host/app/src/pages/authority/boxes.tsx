import { useState } from "preact/hooks";

import { withBays, type Draft } from "../../core/authority/draft.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { limits } from "../../wire/definitions.ts";
import { has, type Bay, type Box } from "../../wire/roster.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { say } from "../../words/words.ts";
import { ruleText } from "./facts.ts";
import { AuthorityPage, Field, fitsName, KeyField, readKey, Sure, Tick } from "./parts.tsx";
import { useCodes } from "./people.tsx";
import { change } from "./state.ts";

const NUMBERS = Array.from({ length: limits.BAYS }, (_, index) => index + 1);

export function Boxes({ at, draft }: { at: Desk; draft: Draft }) {
  const code = useCodes(draft);
  const [adding, setAdding] = useState(false);
  const { boxes } = draft.fields;
  return (
    <AuthorityPage at={at} title={say("auth_boxes")}>
      {boxes.length === 0 && <p class="soft">{say("auth_no_boxes")}</p>}
      {boxes.map((box) => (
        <BoxForm key={code(box.public)} at={at} draft={draft} box={box} title={say("auth_box", { code: code(box.public) })} />
      ))}
      {boxes.length < limits.BOXES &&
        (adding ? (
          <NewBox at={at} draft={draft} done={() => setAdding(false)} />
        ) : (
          <button type="button" onClick={() => setAdding(true)}>
            {say("auth_box_add")}
          </button>
        ))}
    </AuthorityPage>
  );
}

function NewBox({ at, draft, done }: { at: Desk; draft: Draft; done: () => void }) {
  const [text, setText] = useState("");
  const key = readKey(text);
  return (
    <section class="card">
      <h2>{say("auth_box_add")}</h2>
      <KeyField label={say("auth_box_key")} value={text} onChange={setText} />
      {key && <BaysForm at={at} draft={draft} box={key} bays={[]} done={done} />}
    </section>
  );
}

function BoxForm({ at, draft, box, title }: { at: Desk; draft: Draft; box: Box; title: string }) {
  const remove = (): void => void change(at, (fields) => withBays(fields, box.public, []));
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      <BaysForm at={at} draft={draft} box={box.public} bays={box.bays} />
      <p class="apart">
        <Sure label={say("auth_box_remove")} sure="" onSure={remove} />
      </p>
    </section>
  );
}

interface Slot {
  seal: string;
  rules: number;
}

function BaysForm({ at, draft, box, bays, done }: { at: Desk; draft: Draft; box: Bytes; bays: Bay[]; done?: () => void }) {
  const every = draft.fields.rules.reduce((mask, rule) => mask | (1 << rule.number), 0);
  const [slots, setSlots] = useState<Slot[]>(
    NUMBERS.map((number) => bays.find((bay) => bay.number === number) ?? { seal: "", rules: every }),
  );
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState("");
  const put = (index: number, changed: Partial<Slot>): void =>
    setSlots(slots.map((slot, at) => (at === index ? { ...slot, ...changed } : slot)));
  const save = async (): Promise<void> => {
    const filled = slots.flatMap(({ seal, rules }, index) => (seal.trim() ? [{ number: index + 1, seal: seal.trim(), rules }] : []));
    const wrong = !filled.length ? say("auth_bays_needed") : filled.every(({ seal }) => fitsName(seal)) ? "" : say("auth_name_hint");
    setProblem(wrong);
    if (wrong) return;
    await change(at, (fields) => withBays(fields, box, filled));
    setSaid(say("auth_taken", { name: filled.map(({ seal }) => seal).join(say("auth_comma")) }));
    done?.();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {slots.map((slot, index) => (
        <fieldset class="boxed" key={index}>
          <legend>{say("auth_bay", { number: index + 1 })}</legend>
          <Field label={say("auth_seal_name", { number: index + 1 })} hint={index ? undefined : say("auth_bay_empty")}>
            <input value={slot.seal} onInput={(event) => put(index, { seal: event.currentTarget.value })} />
          </Field>
          {slot.seal.trim() && <BayRules draft={draft} slot={slot} put={(rules) => put(index, { rules })} />}
        </fieldset>
      ))}
      {problem && <Notice tone="bad">{problem}</Notice>}
      {said && <Notice tone="good">{said}</Notice>}
      <p class="apart">
        <button>{say("auth_save")}</button>
      </p>
    </form>
  );
}

function BayRules({ draft, slot, put }: { draft: Draft; slot: Slot; put: (rules: number) => void }) {
  if (!draft.fields.rules.length) return <p class="soft">{say("auth_no_rules_yet")}</p>;
  return (
    <div role="group" aria-label={say("auth_bay_rules")}>
      <p class="soft small">{say("auth_bay_rules")}</p>
      {draft.fields.rules.map((rule) => (
        <Tick
          key={rule.number}
          checked={has(slot.rules, rule.number)}
          onChange={(on) => put(on ? slot.rules | (1 << rule.number) : slot.rules & ~(1 << rule.number))}
        >
          {ruleText(rule)}
        </Tick>
      ))}
    </div>
  );
}
