// Keeps the page alive during long work: who works asks now and then, and rests when it was long enough.

const AT_ONCE_MS = 24; // of work without a rest: less than two frames

/** What is being done, as far as a reader wants to know. */
export type Phase = "reading" | "digests" | "rosters" | "logs" | "messages" | "replay" | "requests";

const SHARES: Record<Phase, number> = {
  reading: 0.15, digests: 0.1, rosters: 0.05, logs: 0.1, messages: 0.3, replay: 0.25, requests: 0.05,
};

/** Tells how far the work is: `share` from 0 to 1. */
export type Tell = (phase: Phase, share: number) => void;

export class Pace {
  private readonly tell: Tell;
  private readonly yields: boolean;
  private phase: Phase = "reading";
  private before = 0;
  private done = 0;
  private total = 1;
  private last = performance.now();

  /** Without `tell` nobody looks, and nothing rests. */
  constructor(tell?: Tell) {
    this.tell = tell ?? (() => undefined);
    this.yields = tell !== undefined;
  }

  /** A new phase begins, of so many steps. */
  begin(phase: Phase, total: number): void {
    const names = Object.keys(SHARES) as Phase[];
    this.before = names.slice(0, names.indexOf(phase)).reduce((sum, name) => sum + SHARES[name], 0);
    this.phase = phase;
    this.done = 0;
    this.total = Math.max(1, total);
  }

  /** One more step; rests when one is due. */
  async step(count = 1): Promise<void> {
    this.done += count;
    if (this.yields && performance.now() - this.last > AT_ONCE_MS) await this.rest();
  }

  private async rest(): Promise<void> {
    this.tell(this.phase, this.before + SHARES[this.phase] * Math.min(1, this.done / this.total));
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel(); // a timer would be slowed down in a hidden page
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
    this.last = performance.now();
  }
}
