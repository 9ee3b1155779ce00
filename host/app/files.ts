// What the build says of the files it wrote: digests for whoever serves them, subresource integrity in the page, and
// the list by which the service worker keeps them.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Plugin } from "vite";

const WORKER = "worker.js";
const DIGESTS = "digests.txt";

export function accountFor(template: string): Plugin {
  return {
    name: "account-for-files",
    apply: "build",
    writeBundle({ dir = "" }) {
      writeFileSync(join(dir, "index.html"), withIntegrity(dir, readFileSync(join(dir, "index.html"), "utf8")));
      writeFileSync(join(dir, WORKER), worker(dir, readFileSync(template, "utf8")));
      const lines = filesOf(dir).map((path) => `${digest(dir, path, "hex")}  ${path}\n`);
      writeFileSync(join(dir, DIGESTS), lines.join("")); // as `sha256sum --check` reads it
    },
  };
}

function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && one.name !== DIGESTS)
    .map((one) => join(one.parentPath, one.name).slice(dir.length + 1))
    .sort();
}

function digest(dir: string, path: string, encoding: "hex" | "base64"): string {
  return createHash("sha256").update(readFileSync(join(dir, path))).digest(encoding);
}

/** The page, which from now on takes no script or style but these very ones. */
function withIntegrity(dir: string, html: string): string {
  return html.replace(/<(script|link)\b[^>]*?(?:src|href)="\/(assets\/[^"]+)"/g, (tag: string, _kind: string, path: string) =>
    tag.includes("integrity=") ? tag : `${tag} integrity="sha256-${digest(dir, path, "base64")}"`,
  );
}

function worker(dir: string, template: string): string {
  const paths = filesOf(dir).filter((path) => path !== WORKER);
  const listed = paths.map((path) => [path === "index.html" ? "/" : `/${path}`, `sha256-${digest(dir, path, "base64")}`]);
  const files = JSON.stringify(listed);
  const version = createHash("sha256").update(files).update(template).digest("hex").slice(0, 16);
  return template.replace("__FILES__", () => files).replace("__VERSION__", version);
}
