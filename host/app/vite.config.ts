// Builds the static bundle: plain files that any web server can serve, from an origin that the host cannot write.
//
// The page's own policy (CSP) goes into index.html, so that it holds wherever the files are served. HOST_URL names the
// host's interface; without it the host itself serves the app.

import { defineConfig, type Plugin } from "vite";

import { accountFor } from "./files.ts";

const host = process.env.HOST_URL ? new URL(process.env.HOST_URL) : null;
const reached = host ? [host.origin, `${host.protocol === "https:" ? "wss" : "ws"}://${host.host}`] : ["'self'"];

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "manifest-src 'self'",
  "worker-src 'self'",
  `connect-src 'self' ${reached.join(" ")}`,
  "form-action 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types sealbox-worker", // the address of the service worker, and nothing else
].join("; ");

const policy: Plugin = {
  name: "content-security-policy",
  transformIndexHtml: {
    order: "pre",
    handler: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
    ],
  },
};

export default defineConfig({
  plugins: [policy, accountFor("src/worker.js")],
  define: { __HOST_URL__: JSON.stringify(host?.origin ?? "") },
  build: {
    outDir: "../../build/app",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // nothing inline: the policy allows none
  },
});
