// Small pieces that several of the authority's pages use.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { limits } from "../../wire/definitions.ts";
import { has } from "../../wire/roster.ts";
import { fromHex, utf8, type Bytes } from "../../wire/bytes.ts";
import { say } from "../../words/words.ts";
import { roleName, ROLES } from "./facts.ts";
import { draft, isChanged } from "./state.ts";

const USUAL_ROLES = 5;

/** A page of the authority: reminds of what is not signed. */
export function AuthorityPage(
  { at, title, back = "#/authority", children }: { at: Desk; title: string; back?: string; children: ComponentChildren },
) {
  return (
    <Page title={title} back={back}>
      {draft.value && isChanged(at, draft.value) && <Unsigned />}
      {children}
    </Page>
  );
}

export function Unsigned() {
  return (
    <section class="card unsigned">
      <p role="status">{say("auth_home_changes")}</p>
      <a class="button main" href="#/authority/sign">
        {say("auth_home_review")}
      </a>
    </section>
  );
}

/** A text's size on the wire allows it as a name: 24 bytes, 8 Chinese characters. */
export function fitsName(name: string): boolean {
  return !!name.trim() && utf8(name.trim()).length <= limits.NAME;
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label>
      {label}
      {children}
      {hint && <span class="soft small">{hint}</span>}
    </label>
  );
}

export function NumberField(
  { label, value, low, high, onChange }: { label: string; value: number; low: number; high: number; onChange: (value: number) => void },
) {
  return (
    <Field label={label}>
      <input
        type="number" inputMode="numeric" required min={low} max={high} step={1} value={value}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
    </Field>
  );
}

/** The roles as boxes to tick; those without a name only when somebody has them. */
export function RolesField({ value, onChange }: { value: number; onChange: (mask: number) => void }) {
  const shown = ROLES.filter((role) => role <= USUAL_ROLES || has(value, role));
  return (
    <fieldset class="boxed">
      <legend>{say("auth_roles")}</legend>
      {shown.map((role) => (
        <Tick key={role} checked={has(value, role)} onChange={(on) => onChange(on ? value | (1 << role) : value & ~(1 << role))}>
          {roleName(role)}
        </Tick>
      ))}
    </fieldset>
  );
}

export function RoleSelect({ label, value, onChange }: { label: string; value: number; onChange: (role: number) => void }) {
  return (
    <Field label={label}>
      <select value={value} onChange={(event) => onChange(Number(event.currentTarget.value))}>
        {ROLES.map((role) => (
          <option key={role} value={role} selected={role === value}>
            {roleName(role)}
          </option>
        ))}
      </select>
    </Field>
  );
}

export function Tick({ checked, onChange, children }: { checked: boolean; onChange: (on: boolean) => void; children: ComponentChildren }) {
  return (
    <label class="tick">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{children}</span>
    </label>
  );
}

/** A button that asks once more before it does what it says. */
export function Sure({ label, sure, onSure }: { label: string; sure: string; onSure: () => void }) {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <button type="button" onClick={() => setAsked(true)}>
        {label}
      </button>
    );
  }
  return (
    <span class="split" role="group" aria-label={sure}>
      <span>{sure}</span>
      <button type="button" class="bad" onClick={onSure}>
        {label}
      </button>
      <button type="button" onClick={() => setAsked(false)}>
        {say("cancel")}
      </button>
    </span>
  );
}

/** A public key from what somebody pasted, null when it is none. */
export function readKey(text: string): Bytes | null {
  const digits = text.replace(/\s+/g, "").toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? fromHex(digits) : null;
}

export function KeyField({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const wrong = value.trim() !== "" && !readKey(value);
  return (
    <>
      <Field label={label}>
        <textarea class="code" rows={2} maxLength={200} spellcheck={false} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
      </Field>
      {wrong && <Notice tone="bad">{say("auth_key_wrong")}</Notice>}
    </>
  );
}

/** The local day of a moment, as an input of type date writes it. */
export function dayOf(seconds: number): string {
  const day = new Date(seconds * 1000);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** The first or the last second of a local day. */
export function secondsOf(day: string, last: boolean): number {
  return Math.floor(new Date(`${day}T${last ? "23:59:59" : "00:00:00"}`).getTime() / 1000);
}
