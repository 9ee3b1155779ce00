import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { news, type Desk } from "../../desk.ts";
import { sayError } from "../../words/words.ts";

const TICK_MS = 20_000; // time alone changes what is shown: what was approved expires

/** What `look` finds, looked up again after each piece of news; one look at a time, the last one wins. */
export function useLive<Value>(at: Desk, look: () => Promise<Value>, inputs: unknown[]): { value: Value | null; problem: string } {
  const [state, setState] = useState<{ value: Value | null; problem: string }>({ value: null, problem: "" });
  useEffect(() => {
    let running = false;
    let again = false;
    let over = false;
    const run = async (): Promise<void> => {
      if (running) {
        again = true;
        return;
      }
      running = true;
      do {
        again = false;
        let found: { value: Value | null; problem: string };
        try {
          found = { value: await look(), problem: "" };
        } catch (error) {
          found = { value: null, problem: sayError(error) };
        }
        // What was found before stays while something cannot be had.
        if (!over) setState((before) => (found.problem ? { ...found, value: before.value } : found));
      } while (again && !over);
      running = false;
    };
    const end = effect(() => {
      void news.value;
      void at.boxes.news.value;
      void run();
    });
    const tick = setInterval(() => void run(), TICK_MS);
    return () => {
      over = true;
      end();
      clearInterval(tick);
    };
  }, [at, ...inputs]);
  return state;
}
