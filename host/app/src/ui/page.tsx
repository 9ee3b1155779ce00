// What every page has: a heading, a way back, the language, and whether there is a connection.

import type { ComponentChildren } from "preact";

import { desk, online } from "../desk.ts";
import { say, switchLanguage } from "../words/words.ts";
import { Notice } from "./notice.tsx";

export function Page({ title, back, children }: { title: string; back?: string; children: ComponentChildren }) {
  const connected = online.value || desk.value === "nobody" || desk.value === null;
  return (
    <>
      <header>
        {back && (
          <a class="button" href={back} aria-label={say("back")}>
            ←
          </a>
        )}
        <h1>{title}</h1>
        <button type="button" class="plain" onClick={switchLanguage}>
          {say("language")}
        </button>
      </header>
      <main>
        {!connected && <Notice>{say("offline")}</Notice>}
        {children}
      </main>
    </>
  );
}
