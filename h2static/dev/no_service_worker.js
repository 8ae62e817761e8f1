/*
 * Served by h2static --no-service-workers in place of every service worker.
 *
 * Deletes all caches, unregisters itself, and reloads the pages that the former worker controlled,
 * once: a page that registers its worker again is not controlled by this one.
 */
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => {
  const leave = async () => {
    const names = await caches.keys();
    await Promise.all(names.map((name) => caches.delete(name)));
    const pages = await self.clients.matchAll({ type: "window" });
    await self.registration.unregister();
    await Promise.all(pages.map((page) => page.navigate(page.url).catch(() => null)));
  };
  event.waitUntil(leave());
});
