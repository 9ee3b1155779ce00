// What every page has: a heading, a way back, the language, whether there is a connection, and what went wrong.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { clockOff } from "../core/clock.ts";
import { unforeseen } from "../core/unforeseen.ts";
import { desk, online } from "../desk.ts";
import { updated } from "../offline.ts";
import { say, switchLanguage } from "../words/words.ts";
import { Icon } from "./icons.tsx";
import { Notice } from "./notice.tsx";

/** Whether one has gone from one page to another; the first one keeps the browser's own focus. */
let walked = false;
addEventListener("hashchange", () => {
  walked = true;
});

export function Page({ title, back, children }: { title: string; back?: string; children: ComponentChildren }) {
  const at = desk.value;
  const expected = at !== null && at !== "nobody" && at.listed.value && at.trust.version > 0; // before that nobody connects
  const connected = online.value || !expected;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // A page that takes the place of another, or of its "one moment", is read out from its heading on.
    if (walked && document.activeElement === document.body) heading.current?.focus();
  }, []);
  useEffect(() => {
    document.title = `${title} · ${say("app")}`;
  }, [title, say("app")]);
  return (
    <>
      <header>
        {back && (
          <a class="button round" href={back} aria-label={say("back")}>
            <Icon name="back" />
          </a>
        )}
        <h1 tabIndex={-1} ref={heading}>{title}</h1>
        <button type="button" class="plain" onClick={switchLanguage}>
          {say("language")}
        </button>
      </header>
      <main>
        {!connected && <Notice>{say("offline")}</Notice>}
        {updated.value && <Again words={say("updated")} />}
        {unforeseen.value && <Again words={say("broken", { detail: unforeseen.value })} bad />}
        {clockOff.value !== 0 && <Notice tone="bad">{sayClockOff(clockOff.value)}</Notice>}
        {children}
      </main>
    </>
  );
}

function Again({ words, bad }: { words: string; bad?: boolean }) {
  return (
    <div class={`notice split ${bad ? "bad" : ""}`} role={bad ? "alert" : "status"}>
      <span class="grow">{words}</span>
      <button type="button" onClick={() => location.reload()}>
        {say("reload")}
      </button>
    </div>
  );
}

function sayClockOff(seconds: number): string {
  const minutes = Math.round(Math.abs(seconds) / 60);
  return say(seconds > 0 ? "clock_ahead" : "clock_behind", { minutes });
}
