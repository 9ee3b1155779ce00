// Keeps the app's own files, each checked against the digest that the build wrote down, and serves them from then on.
// Nothing else is touched: no answer of a host is ever kept here.

const FILES = new Map(__FILES__); // paths with their digests, put in by the build
const CACHE = "sealbox-__VERSION__";
const KEPT = 2; // this version, and the one that open pages may still load parts of

self.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(drop().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  const ours = origin === self.location.origin && (FILES.has(pathname) || pathname.startsWith("/assets/"));
  if (method === "GET" && ours) event.respondWith(answer(event.request, pathname));
});

/** All files or none: a version that is not whole is not begun. */
async function keep() {
  const cache = await caches.open(CACHE);
  await Promise.all(
    [...FILES].map(async ([path, integrity]) => {
      const response = await fetch(path, { integrity, cache: "no-cache" });
      if (!response.ok) throw new TypeError(`${path}: ${response.status}`);
      await cache.put(path, response);
    }),
  );
}

async function drop() {
  const names = (await caches.keys()).filter((name) => name.startsWith("sealbox-"));
  const older = names.filter((name) => name !== CACHE);
  await Promise.all(older.slice(0, Math.max(0, older.length - KEPT + 1)).map((name) => caches.delete(name)));
}

async function answer(request, pathname) {
  const own = await (await caches.open(CACHE)).match(pathname);
  // Parts of the version before have names of their own, so they cannot be mistaken for this one's.
  return own ?? (await caches.match(pathname)) ?? fetch(request);
}
