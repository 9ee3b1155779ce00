// The service worker, which keeps the app's own files so that it starts without a network. It never sees an answer of
// the host. A new version waits until the page is loaded anew; the page says so.

import { signal } from "@preact/signals";

const WORKER = "/worker.js";

/** Whether a newer version of the app lies ready. */
export const updated = signal(false);

interface Policies {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string };
}

/** The one script address that the page's policy lets through. */
function workerAddress(): string {
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  if (!trustedTypes) return WORKER;
  const policy = trustedTypes.createPolicy("sealbox-worker", {
    createScriptURL: (url) => {
      if (url !== WORKER) throw new TypeError("no other worker");
      return url;
    },
  });
  return policy.createScriptURL(WORKER);
}

/** Starts keeping the app's files, where the browser can. */
export async function keepFiles(): Promise<void> {
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  let before = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (before) updated.value = true; // the first worker of all is no update
    before = navigator.serviceWorker.controller;
  });
  try {
    await navigator.serviceWorker.register(workerAddress());
  } catch (error) {
    // Without it everything works, only not offline: private windows and some settings forbid it.
    if (!(error instanceof DOMException) && !(error instanceof TypeError)) throw error;
  }
}
