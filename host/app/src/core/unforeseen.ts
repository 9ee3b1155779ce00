// What nobody foresaw: kept so that the page can say so, and never silently.

import { signal } from "@preact/signals";

/** The last such error in its own words; empty while there was none. */
export const unforeseen = signal("");

export function watchForUnforeseen(): void {
  addEventListener("error", (event) => {
    // A script or picture that did not load is told by whoever asked for it.
    if (event.error) unforeseen.value = String(event.message);
  });
  addEventListener("unhandledrejection", (event) => {
    const error: unknown = event.reason;
    // The browser closes its database under a page that is being left, or was forgotten in another tab.
    if (error instanceof DOMException && ["AbortError", "InvalidStateError"].includes(error.name)) return;
    unforeseen.value = error instanceof Error ? error.message : String(error);
  });
}
