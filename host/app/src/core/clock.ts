// Whether this device's clock agrees with the host's, by the Date of its answers. The host's word is no proof of the
// time, so nothing is set by it: a difference of minutes is told, since what is signed with a wrong time counts nowhere.

import { signal } from "@preact/signals";

const TELL_FROM_S = 120;

/** Seconds by which this device is ahead of the host (behind: negative); 0 while that matters to nobody. */
export const clockOff = signal(0);

/** Takes an answer's Date; `sent` and `came` are this device's milliseconds around the question. */
export function compareClock(date: string | null, sent: number, came: number): void {
  const host = date === null ? NaN : Date.parse(date);
  if (Number.isNaN(host)) return; // an origin that does not show the header
  const slow = (came - sent) / 1000; // somewhere in between the host wrote the date, in whole seconds
  const off = Math.round(((sent + came) / 2 - host - 500) / 1000);
  clockOff.value = Math.abs(off) - slow / 2 >= TELL_FROM_S ? off : 0;
}
