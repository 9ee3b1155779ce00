// Whether this browser can hold a key at all, and what to do where it cannot: said before anything is typed.

import { useEffect, useState } from "preact/hooks";

import { Failure, type FailureKey } from "../core/failure.ts";
import { makeKey } from "../core/keys.ts";
import { say } from "../words/words.ts";
import { Notice } from "./notice.tsx";

export type BrowserFault = FailureKey | "wechat";

/** Why no key can be made or kept here; null when one can, or while that is being tried. */
export function useBrowserFault(): BrowserFault | null {
  const [fault, setFault] = useState<BrowserFault | null>(/MicroMessenger/i.test(navigator.userAgent) ? "wechat" : null);
  useEffect(() => {
    if (fault) return;
    makeKey().then(
      () => undefined, // a key to try with, which is forgotten at once
      (error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        setFault(error.key);
      },
    );
  }, []);
  return fault;
}

export function BrowserHelp({ fault }: { fault: BrowserFault }) {
  const copy = (): void => void navigator.clipboard?.writeText(location.href);
  return (
    <>
      <Notice tone="bad">{fault === "wechat" ? say("enrol_in_wechat") : say(`failure_${fault}`)}</Notice>
      <p>{say("enrol_use_instead")}</p>
      {fault !== "insecure_page" && (
        <button type="button" onClick={copy}>
          {say("enrol_copy_link")}
        </button>
      )}
    </>
  );
}
