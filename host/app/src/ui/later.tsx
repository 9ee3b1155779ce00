// Pages that are loaded when they are first needed: the first one must come fast.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { say } from "../words/words.ts";
import { Page } from "./page.tsx";

/** A component that loads another, and stands in for it meanwhile. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  return function Later(props: Props) {
    const [, again] = useState(false);
    useEffect(() => {
      if (loaded) return;
      void load().then((made) => {
        loaded = made;
        again(true);
      });
    }, []);
    const Loaded = loaded;
    return Loaded ? <Loaded {...props} /> : <Page title={say("loading")}>{null}</Page>;
  };
}
