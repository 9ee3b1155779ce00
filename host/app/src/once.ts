// Signing once: two tabs, a double tap or a reload make one message of what is meant once.

import type { Draft } from "./core/compose.ts";
import type { Kept } from "./core/store.ts";
import { news, type Desk } from "./desk.ts";

const LOCK = "sealbox sign";

/** Signs and sends, unless the same was signed before in any tab and not refused: then that goes on its way again. */
export async function signOnce(
  at: Desk,
  same: (kept: Kept) => boolean | Promise<boolean>,
  make: () => Promise<Draft>,
): Promise<Kept> {
  const [kept, draft] = await navigator.locks.request(LOCK, async (): Promise<[Kept, Draft | null]> => {
    for (const before of (await at.store.signed()).toReversed()) {
      if ((before.result === null || before.result === 0) && (await same(before))) return [before, null];
    }
    const made = await make();
    await at.store.keep(made.kept, made.files);
    return [made.kept, made];
  });
  if (draft) void at.post(draft);
  else if (kept.result === null) at.postman.post(kept);
  news.value++;
  return kept;
}

