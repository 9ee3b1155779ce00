import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { news, type Desk } from "../desk.ts";
import { sayError } from "../words/words.ts";

const TICK_MS = 20_000; // time alone changes what is shown: what was approved expires

interface Found<Value> {
  value: Value | null;
  problem: string;
}

async function tried<Value>(look: () => Promise<Value>): Promise<Found<Value>> {
  try {
    return { value: await look(), problem: "" };
  } catch (error) {
    return { value: null, problem: sayError(error) };
  }
}

/** What `look` finds, looked up again after each piece of news; one look at a time, the last one wins. */
export function useLive<Value>(at: Desk, look: () => Promise<Value>, inputs: unknown[]): Found<Value> {
  const [state, setState] = useState<Found<Value>>({ value: null, problem: "" });
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
      try {
        do {
          again = false;
          const found = await tried(look);
          // What was found before stays while something cannot be had.
          if (!over) setState((before) => (found.problem ? { ...found, value: before.value } : found));
        } while (again && !over);
      } finally {
        running = false;
      }
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
