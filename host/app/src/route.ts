// Where one is: #/inbox, #/request/<reference>, … The part after # never reaches a server.

import { signal } from "@preact/signals";

export const route = signal<string[]>(read());

function read(): string[] {
  return location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
}

addEventListener("hashchange", () => {
  route.value = read();
});

export function go(...parts: string[]): void {
  location.hash = `/${parts.map(encodeURIComponent).join("/")}`;
}
