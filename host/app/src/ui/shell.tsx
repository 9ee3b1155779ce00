// What stands around each page: the way to the others, by what the roster lets this person do.

import { Component, type ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { mayDecide, mayRaise } from "../core/matters.ts";
import { unforeseen } from "../core/unforeseen.ts";
import type { Desk } from "../desk.ts";
import { route } from "../route.ts";
import { has } from "../wire/roster.ts";
import { say, type Words } from "../words/words.ts";
import { Icon, type IconName } from "./icons.tsx";
import { Page } from "./page.tsx";
import "./shell.css";

const AUDITOR = 3; // the role's number in the roster

interface Way {
  /** The first part of the address, by which the way is known to be the present one. */
  page: string;
  icon: IconName;
  words: keyof Words;
  count?: number;
}

/** The ways of a person; someone may hold several roles. */
function waysOf(at: Desk): Way[] {
  const ways: Way[] = [];
  if (at.trust.isAuthority) ways.push({ page: "authority", icon: "roster", words: "nav_authority" });
  if (mayRaise(at.trust)) ways.push({ page: "keeper", icon: "request", words: "nav_keeper" });
  if (mayDecide(at.trust)) {
    ways.push({ page: "inbox", icon: "inbox", words: "nav_inbox", count: at.waiting.value.size });
    ways.push({ page: "history", icon: "history", words: "nav_history" });
  }
  if (has(at.trust.me?.roles ?? 0, AUDITOR) || at.trust.isAuthority) {
    ways.push({ page: "auditor", icon: "ledger", words: "nav_auditor" });
  }
  ways.push({ page: "settings", icon: "settings", words: "nav_settings" });
  return ways;
}

/** Pages that belong to a way though their address begins otherwise. */
const WITHIN: Record<string, string> = { request: "inbox", substitute: "settings" };

export function Shell({ at, children }: { at: Desk; children: ComponentChildren }) {
  const [first = ""] = route.value;
  const ways = waysOf(at);
  const here = WITHIN[first] ?? (ways.some(({ page }) => page === first) ? first : ways[0]?.page);
  const inside = useRef<HTMLDivElement>(null);
  const address = route.value.join("/");
  const shown = useRef(address);
  useEffect(() => {
    if (shown.current === address) return; // the first page keeps the browser's own focus
    shown.current = address;
    scrollTo(0, 0);
    inside.current?.querySelector<HTMLElement>("h1")?.focus();
  }, [address]);
  const skip = (): void => inside.current?.querySelector<HTMLElement>("h1")?.focus();
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={skip}>
        {say("nav_skip")}
      </button>
      <nav class="ways" aria-label={say("nav")}>
        <p class="brand">
          <Icon name="seal" /> {say("app")}
        </p>
        {ways.map(({ page, icon, words, count }) => (
          <a key={page} href={`#/${page}`} aria-current={page === here ? "page" : undefined}>
            <Icon name={icon} />
            <span class="way">{say(words)}</span>
            {count ? <span class="badge">{count > 99 ? "99+" : count}</span> : null}
          </a>
        ))}
      </nav>
      <div class="inside" ref={inside}>
        <Guard key={address}>{children}</Guard>
      </div>
    </div>
  );
}

/** Shows what could not be drawn as a page of its own, which says that nothing is lost, instead of nothing at all. */
export class Guard extends Component<{ children: ComponentChildren }, { broken: boolean }> {
  override state = { broken: false };

  override componentDidCatch(error: unknown): void {
    unforeseen.value = error instanceof Error ? error.message : String(error);
    this.setState({ broken: true });
  }

  override render() {
    return this.state.broken ? <Page title={say("broken_title")}>{null}</Page> : this.props.children;
  }
}
