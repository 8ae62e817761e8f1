/*
 * Live reload: the client in the browser.
 *
 * A changed style sheet or image is replaced in place, even in frames of the same origin; a change
 * to any other file that the page or its frames use reloads the page, which keeps its scroll
 * position, unless the page has loaded the changed file already: responses tell the version of
 * their content.  Changes to other files do not affect the page.  If a build has removed the page's
 * file, the page stays until the file is back, and then reloads.  A page that updates itself can
 * cancel the event "h2static:change", which is dispatched first.  All tabs of an origin share one
 * connection: the holder of the lock "h2static" has it and forwards its events.  After a pause
 * (sleep, server restart, back/forward cache), the page reloads only if a file has changed
 * meanwhile, which the server's version of the state of all files shows; the server's first event
 * has the latest changes, so that a page that missed them while it loaded treats them like others.
 * A page that the server sent before it knew the state of all files compares what it has loaded.
 * A question that the server does not answer is asked again.
 * A server may consist of several processes that detect a change one after the other: a state older
 * than the page's is ignored.  A page in the back/forward cache keeps no connection open.
 *
 * Runs under any Content-Security-Policy that allows this file and the event stream: it creates no
 * inline styles or scripts and parses no HTML.
 */
(() => {
  "use strict";

  const once = Symbol.for("h2static");
  // In a frame, the outer page reloads; it may want to keep the frame's state.
  if (window[once] || window.top !== window || !document.currentScript) return;
  window[once] = true;

  // Independent of the page's base URL, and of the script's URL after a <base>.
  const ours = `${location.origin}/.h2static`;
  const eventsUrl = `${ours}/events`;
  const pageUrl = `${eventsUrl}?page=`;
  const busterName = "h2static";
  const formsKey = "h2static.forms";
  const scrollKey = "h2static.scroll";
  const reloadedKey = "h2static.reloaded";
  const pageFile = /\.(?:html?|xhtml|shtml|md|markdown)$/i;
  const rules = /^\/(?:_headers|_redirects)$/;
  /** The version of a page that the server sent before it knew the state of all files. */
  const unknown = "unknown";
  /** An event with this many files may be incomplete. */
  const mostChanges = 200;
  /** With more files to compare than this, reloading is cheaper. */
  const mostCompared = 32;
  /** Addresses of changed files to remember, a few for each file. */
  const mostNoted = 1000;
  /** Number of resource timings that a browser buffers before an observer exists. */
  const timings = 250;
  const image = /\.(?:apng|avif|bmp|gif|ico|jpe?g|png|svg|webp)$/i;
  const firstRetry = 200;
  const slowestRetry = 1000;
  const lostAfter = 1000;
  /** A page that is still there so long after its reload was not reloaded. */
  const calledOffAfter = 5000;

  // ---------------------------------------------------------------- the state of the files

  /** The version of this page according to its response; null: none.  `unknown`: see there. */
  const label = labelOfThisPage();
  /** What this page was when it was reloaded, and why; null: it was not. */
  const last = lastReload();
  /** Whether that reload has given the same version again. */
  const stays = label !== null && last !== null && last.label === label.version;
  /** Whether the page was sent before that, so that changes of its files may never be told. */
  let early = label !== null && label.version === unknown && !stays;
  /** The state of the files from which this page was made. */
  let known = label && label.version !== unknown ? stateOfThisPage() : null;
  /** Whether this page is an error page, such as one for a missing file. */
  const isError = label !== null && label.tag === "";
  let leaving = false;
  /** Whether the page is due for a reload: its file was missing, or the reload was called off. */
  let stale = false;
  /** What the server could not be asked about: see `renew`; null: nothing. */
  let unasked = null;
  let askTimer = 0;

  /** `tag`: the version of the content; empty for an error, undefined if unknown. */
  function labelOfThisPage() {
    const [navigation] = performance.getEntriesByType("navigation");
    const words = wordsOf(navigation);
    if (words[0] === unknown) return { version: unknown, tag: words[1] };
    const [version, server, moment, tag] = words;
    if (moment === undefined) return null;
    return { version, server: Number(server), moment: Number(moment), tag };
  }

  /** What the response of a performance entry says in its field Server-Timing. */
  function wordsOf(entry) {
    const timings = (entry && entry.serverTiming) || [];
    const timing = timings.find(({ name }) => name === "h2static");
    return timing ? timing.description.split(" ") : [];
  }

  function stateOfThisPage() {
    if (last === null) return label;
    // It was reloaded for a state that the responding process had not detected yet,
    const ahead = last.state.server === label.server && last.state.moment > label.moment;
    // or it comes from a service worker's cache and does not change: one reload is enough.
    if (stays) queueMicrotask(blameServiceWorker);
    return ahead || stays ? last.state : label;
  }

  function lastReload() {
    const found = JSON.parse(stored(reloadedKey));
    // A later server does not know the state at first, either: that is not the same version again.
    if (found !== null && found.label === unknown) store(reloadedKey, null);
    return found !== null && found.page === thisPage() ? found : null;
  }

  /** Whether `state` may be newer than `other`. */
  function isNews(state, other) {
    return state.server !== other.server || state.moment > other.moment;
  }

  function hear(name, { version, server, moment, previous, changes, recent, problems }) {
    if (leaving) return;
    if (name === "hello") overlay.show(problems);
    if (version === null) return;
    const state = { version, server, moment };
    const before = known;
    if (early) {
      early = false;
      known = state;
      later(compareAll);
    } else if (before !== null && before.version === version) {
      if (isNews(state, before)) known = state;
    } else if (name === "change" && (before === null || before.version === previous)) {
      known = state;
      later(() => apply(changes));
    } else if (before === null || isNews(state, before)) {
      known = state;
      // An event was missed.
      const missed = before && changesSince(before.version, recent || []);
      if (missed) later(() => apply(missed));
      else if (before !== null) later(() => renew(true));
    }
    if (name === "hello") askAgain();
  }

  /** All changes since this version; null if they are unknown. */
  function changesSince(version, recent) {
    const first = recent.findIndex(({ previous }) => previous === version);
    return first < 0 ? null : recent.slice(first).flatMap(({ changes }) => changes);
  }

  // ---------------------------------------------------------------- what a change asks for

  let order = Promise.resolve();

  /** Run jobs one after the other, because asking the server takes a moment. */
  function later(job) {
    order = order.then(() => (leaving ? undefined : job())).catch((error) => console.error(error));
  }

  async function apply(changes) {
    const detail = { changes };
    const event = new CustomEvent("h2static:change", { cancelable: true, detail });
    if (!window.dispatchEvent(event)) return undefined;
    const files = changes.filter(({ path }) => !path.endsWith(".map"));
    const used = usedFiles();
    const sheets = new Set();
    const images = new Set();
    const others = [];
    for (const { path, kind } of files) {
      if (kind === "outside") continue;
      if (kind !== "removed" && /\.css$/i.test(path)) sheets.add(path);
      else if (kind !== "removed" && image.test(path)) images.add(path);
      else others.push(path);
    }
    const done = new Set([...swapSheets(sheets), ...swapImages(images)]);
    // Used in a place where it cannot be replaced: by a script, in a closed shadow tree.
    const left = [...sheets, ...images].filter((path) => !done.has(path));
    // A list has their sizes and dates; an error may stand in the place of one.
    if (isList()) others.push(...sheets, ...images);
    else if (isError) others.push(...left);
    const paths = [...new Set([...left, ...others])];
    noteChanged(paths);
    // It is unknown which pages depend on a folder that is not served, or have a shared worker.
    const isOutside = changes.some(({ kind, everywhere }) => kind === "outside" || everywhere);
    const must =
      isOutside ||
      changes.length >= mostChanges ||
      paths.some((path) => rules.test(path)) ||
      (used === null && paths.length > 0);
    const loaded = must ? [] : filesAt(paths, used);
    if (!must && !stale && !others.length && !loaded.length) return undefined;
    return renew(must, { others, loaded });
  }

  /**
   * Reload, if there is a reason, and a page to load.  `must`: there is one.  `others`: paths that
   * have changed; `loaded`: files that have, as the page has loaded them.  What the server could
   * not be asked about is a reason, too.
   */
  async function renew(must, { others = [], loaded = [] } = {}) {
    if (label === null || label.tag === undefined) return reload();
    const due = unasked || { must: false, others: [], loaded: [] };
    unasked = null;
    due.must = due.must || must;
    due.others.push(...others);
    due.loaded.push(...loaded);
    // A service worker may keep all that it has fetched: no question is asked twice.
    const question = `${pageUrl}${encodeURIComponent(thisPage())}&${Math.random()}`;
    // The server does not say what it is if its address is too long.
    const read = (response) => (response.ok ? response.json() : response.status < 500 ? {} : null);
    const now = await ask(question, read);
    if (now === null) return postpone(due);
    const isMissing = now.status === 404 || now.status === 410 || (now.list && !isList());
    if (isMissing && !isError) {
      stale = true;
      overlay.note("missing", "This page's file is missing; the page reloads when it is back.");
      return undefined;
    }
    overlay.note("missing", null);
    const isAnother = isError
      ? !isMissing || due.others.some((path) => pageFile.test(path))
      : now.tag !== label.tag;
    const isDue = due.must || stale || isAnother || (await isOutdated(due.loaded));
    if (isDue === null) return postpone(due);
    return isDue ? reload() : undefined;
  }

  /** A question that failed is asked again, at the latest when there is a connection again. */
  function postpone(due) {
    unasked = due;
    clearTimeout(askTimer);
    askTimer = setTimeout(askAgain, slowestRetry);
  }

  function askAgain() {
    const isConnected = canShare ? !overlay.isLost() : source !== null;
    if (unasked && isConnected) later(() => (unasked ? renew(false) : undefined));
  }

  function isList() {
    return document.querySelector("main[data-h2static-list]") !== null;
  }

  /** Reload if any file has changed since the page loaded it. */
  function compareAll() {
    const used = usedFiles();
    compared = performance.now();
    const loaded = used ? [...used.values()].filter(({ address }) => isFile(address)) : [];
    return renew(used === null, { loaded });
  }

  /** Whether this address is one of the site's files. */
  function isFile(address) {
    return pathOf(address) !== "" && !address.startsWith(`${ours}/`);
  }

  /** What `read` makes of the response to a request of this origin; null if there is none. */
  async function ask(address, read, method = "GET") {
    try {
      const options = { method, cache: "no-store", credentials: "same-origin" };
      const response = await fetch(address, options);
      return await read(response);
    } catch {
      return null;
    }
  }

  /**
   * Whether the server has another version of any of these files than the page has loaded; null if
   * it cannot be asked.
   */
  async function isOutdated(files) {
    if (!files.length) return false;
    // A service worker would answer for the server.
    const worker = navigator.serviceWorker && navigator.serviceWorker.controller;
    if (worker || files.length > mostCompared || files.some(({ tag }) => !tag)) return true;
    const timing = /(?:^|,)\s*h2static;desc="([^"]*)"/;
    const read = ({ headers }) => timing.exec(headers.get("server-timing") || "") || [];
    const tags = await Promise.all(files.map(({ address }) => ask(address, read, "HEAD")));
    return tags.includes(null) ? null : tags.some(([, tag], index) => tag !== files[index].tag);
  }

  /** Those of `used` that are requested under these paths. */
  function filesAt(paths, used) {
    const found = new Set(paths.flatMap(addressesOf).filter((one) => used.has(one)));
    return [...found].map((one) => used.get(one));
  }

  /**
   * Files of this origin that the page and its frames have loaded, by path: the last address, and
   * the version, null if it is unknown or there were several.  null: not all are known.
   */
  function usedFiles() {
    note(observer ? observer.takeRecords() : []);
    if (overflowed || hasWorkers()) return null;
    const found = new Map(seen);
    for (const page of documents()) {
      if (page === document) continue;
      const { performance } = page.defaultView;
      const [navigation] = performance.getEntriesByType("navigation");
      addLoaded(found, page.URL, navigation);
      const entries = performance.getEntriesByType("resource");
      if (entries.length >= timings) return null;
      for (const entry of entries) addLoaded(found, entry.name, entry);
    }
    return found;
  }

  function addLoaded(files, address, entry) {
    const path = pathOf(address);
    const tag = wordsOf(entry)[0] || null;
    const before = files.get(path);
    files.set(path, { address, tag: before && before.tag !== tag ? null : tag });
  }

  /** Files that the page has loaded, as far as the browser reports them; see `usedFiles`. */
  const seen = new Map();
  /** Addresses of files that have changed, and when the page heard so. */
  const changed = new Map();
  /** When the page compared all that it had loaded. */
  let compared = -1;
  /** Files that were on their way when that happened, or when the page heard that they changed. */
  const late = [];
  /** Scripts that were loaded like workers, or like preloaded modules. */
  const maybeWorkers = new Set();
  let overflowed = false;
  const observer = observe();

  function observe() {
    try {
      // Existing entries come with the first call; the browser may have dropped some.
      overflowed = performance.getEntriesByType("resource").length >= timings;
      const made = new PerformanceObserver((list) => note(list.getEntries()));
      made.observe({ type: "resource", buffered: true });
      return made;
    } catch {
      overflowed = true;
      return null;
    }
  }

  function note(entries) {
    for (const entry of entries) {
      const path = pathOf(entry.name);
      addLoaded(seen, entry.name, entry);
      if (entry.initiatorType === "other" && /\.m?js$/i.test(path)) maybeWorkers.add(path);
      if ((changed.get(path) ?? compared) >= entry.startTime && isFile(entry.name)) {
        changed.delete(path);
        late.push(path);
        later(compareLate);
      }
    }
  }

  function compareLate() {
    const loaded = late.splice(0, mostCompared).map((path) => seen.get(path));
    return loaded.length ? renew(false, { loaded }) : undefined;
  }

  function noteChanged(paths) {
    const now = performance.now();
    for (const one of paths.flatMap(addressesOf)) changed.set(one, now);
    while (changed.size > mostNoted) changed.delete(changed.keys().next().value);
  }

  /** Whether there are workers, whose imports the page does not see. */
  function hasWorkers() {
    if (!maybeWorkers.size) return false;
    for (const element of document.querySelectorAll("link[href], script[src]")) {
      maybeWorkers.delete(pathOf(element.href || element.src));
    }
    return maybeWorkers.size > 0;
  }

  /** The paths under which a file may be requested. */
  function addressesOf(path) {
    const plain = path.replace(/\.(?:br|gz|zst)$/i, "");
    // With --languages, style.de.css may have been sent for style.css.
    const found = [path, plain, plain.replace(/\.[a-z]{1,8}(-[a-z0-9]{1,8})*(?=\.[^./]+$)/i, "")];
    const page = /^(.*?)(\/index)?\.html?$/i.exec(plain);
    if (page) found.push(page[1] || "/", `${page[1]}/`);
    return found;
  }

  function reload() {
    if (leaving) return;
    leaving = true;
    const reason = { page: thisPage(), label: label && label.version, state: known };
    store(reloadedKey, JSON.stringify(reason));
    store(scrollKey, JSON.stringify([location.href, window.scrollX, window.scrollY]));
    store(formsKey, JSON.stringify({ page: thisPage(), filled: filledFields() }));
    location.reload();
    // A person who is asked may call it off.
    setTimeout(() => {
      leaving = false;
      stale = true;
      start();
    }, calledOffAfter);
  }

  function blameServiceWorker() {
    const worker = navigator.serviceWorker && navigator.serviceWorker.controller;
    if (!worker) return;
    overlay.note(
      "worker",
      `The service worker ${pathOf(worker.scriptURL)} serves this page from its cache, so changes` +
        " do not show. Start h2static with --no-service-workers to remove it.",
    );
  }

  function restoreScroll() {
    const value = stored(scrollKey);
    store(scrollKey, null);
    if (value === null) return;
    const [href, left, top] = JSON.parse(value);
    if (href !== location.href) return;
    let moved = false;
    const note = () => {
      moved = true;
    };
    for (const type of ["wheel", "touchmove", "keydown"]) {
      addEventListener(type, note, { once: true, passive: true });
    }
    const restore = () => {
      if (!moved && (Math.abs(scrollX - left) > 1 || Math.abs(scrollY - top) > 1)) {
        scrollTo({ left, top, behavior: "instant" });
      }
    };
    restore();
    addEventListener("load", () => requestAnimationFrame(restore), { once: true });
  }

  // ---------------------------------------------------------------- forms

  /** Fields with user input, except secrets and files. */
  function* fields() {
    const counts = new Map();
    const types = "password file hidden submit button reset image".split(" ");
    for (const element of document.querySelectorAll("input, textarea, select")) {
      if (types.includes(element.type) || /^cc-|password|one-time/.test(element.autocomplete)) continue;
      const name = [element.tagName, element.type, element.name, element.id].join("|");
      const count = counts.get(name) || 0;
      counts.set(name, count + 1);
      yield [`${name}|${count}`, element];
    }
  }

  function contentOf(element) {
    if (element.type === "checkbox" || element.type === "radio") return element.checked;
    if (element.tagName !== "SELECT") return element.value;
    return [...element.options].flatMap(({ selected }, index) => (selected ? [index] : []));
  }

  function isUntouched(element) {
    if (element.type === "checkbox" || element.type === "radio") {
      return element.checked === element.defaultChecked;
    }
    if (element.tagName !== "SELECT") return element.value === element.defaultValue;
    const chosen = [...element.options].some(({ defaultSelected }) => defaultSelected);
    if (!chosen && !element.multiple) return element.selectedIndex <= 0;
    return [...element.options].every(({ selected, defaultSelected }) => selected === defaultSelected);
  }

  function filledFields() {
    const filled = [];
    for (const [name, element] of fields()) {
      if (!isUntouched(element)) filled.push([name, contentOf(element)]);
    }
    return filled.slice(0, 500);
  }

  /** Scripts may create fields later: wait for them for a while. */
  function restoreForms() {
    const saved = JSON.parse(stored(formsKey));
    store(formsKey, null);
    if (saved === null || saved.page !== thisPage() || !saved.filled.length) return;
    const filled = new Map(saved.filled);
    const restore = () => {
      for (const [name, element] of fields()) {
        if (!filled.has(name)) continue;
        if (isUntouched(element)) fill(element, filled.get(name));
        filled.delete(name);
      }
      if (!filled.size) watcher.disconnect();
    };
    const watcher = new MutationObserver(restore);
    watcher.observe(document.documentElement, { childList: true, subtree: true });
    setTimeout(() => watcher.disconnect(), 3000);
    restore();
  }

  function fill(element, content) {
    if (typeof content === "boolean") {
      // Frameworks listen for clicks.
      if (element.checked !== content) element.click();
      return;
    }
    if (Array.isArray(content)) {
      [...element.options].forEach((option, index) => {
        option.selected = content.includes(index);
      });
    } else {
      // Use the setter of the class, because frameworks shadow it.
      const type = element.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
      Object.getOwnPropertyDescriptor(type.prototype, "value").set.call(element, content);
    }
    for (const type of ["input", "change"]) {
      element.dispatchEvent(new Event(type, { bubbles: true }));
    }
  }

  // ---------------------------------------------------------------- style sheets

  const replacements = new WeakMap();

  function swapSheets(paths) {
    const done = new Set();
    if (!paths.size) return done;
    for (const root of allRoots()) {
      for (const element of root.querySelectorAll("link[rel~=stylesheet i], style")) {
        const used = [...pathsOf(element)].filter((path) => paths.has(path));
        if (!used.length) continue;
        used.forEach((path) => done.add(path));
        swapSheet(element);
      }
    }
    return done;
  }

  /** The paths of a style sheet's element, including imported sheets. */
  function* pathsOf(element) {
    if (element.href) yield pathOf(element.href);
    yield* importsOf(element.sheet, 0);
  }

  function* importsOf(sheet, depth) {
    let rules = [];
    try {
      rules = sheet && depth < 20 ? sheet.cssRules : [];
    } catch {
      // A style sheet from another origin cannot be replaced.
    }
    for (const rule of rules) {
      // Each frame has its own classes.
      if (!("styleSheet" in rule)) continue;
      yield pathOf(new URL(rule.href, sheet.href || baseOf(sheet)).href);
      yield* importsOf(rule.styleSheet, depth + 1);
    }
  }

  /**
   * Load the new sheet next to the old one, and remove the old one when it is loaded.  `again`:
   * try once more if that fails, as it does where the network changes.
   */
  function swapSheet(element, again = true) {
    const pending = replacements.get(element);
    if (pending) pending.remove();
    const fresh = element.cloneNode(true);
    if (fresh.href) fresh.href = bust(fresh.href);
    replacements.set(element, fresh);
    fresh.addEventListener("load", () => fresh.isConnected && element.remove(), { once: true });
    const failed = () => {
      const isNewest = fresh.isConnected;
      fresh.remove();
      if (!again || !isNewest) return;
      setTimeout(() => element.isConnected && swapSheet(element, false), slowestRetry);
    };
    fresh.addEventListener("error", failed, { once: true });
    element.after(fresh);
    // A disabled sheet never loads.
    if (element.disabled) {
      fresh.disabled = true;
      element.remove();
    }
  }

  // ---------------------------------------------------------------- images

  function swapImages(paths) {
    const done = new Set();
    if (!paths.size) return done;
    const fresh = (address, base) => {
      const url = parse(address, base);
      if (!url || !paths.has(pathOf(url.href))) return null;
      done.add(pathOf(url.href));
      return bust(url.href);
    };
    const references = "img, input[type=image i], source, video[poster], image, link[rel~=icon i]";
    for (const root of allRoots()) {
      const base = (root.ownerDocument || root).baseURI;
      for (const element of root.querySelectorAll(references)) swapReferences(element, base, fresh);
      for (const element of root.querySelectorAll("[style*='url(']")) {
        swapDeclarations(element.style, base, fresh);
      }
      for (const sheet of [...root.styleSheets, ...(root.adoptedStyleSheets || [])]) {
        swapRules(sheet, sheet.href || base, fresh, 0);
      }
    }
    return done;
  }

  function swapReferences(element, base, fresh) {
    for (const name of ["src", "href", "poster"]) {
      const value = element.getAttribute(name);
      const address = value && fresh(value, base);
      if (address) element.setAttribute(name, address);
    }
    const candidates = element.getAttribute("srcset");
    if (candidates) {
      const changed = candidates.replace(
        /([^\s,]\S*[^\s,])/g,
        (word) => (/^[\d.]+[wxh]$/.test(word) ? word : fresh(word, base) || word),
      );
      if (changed !== candidates) element.setAttribute("srcset", changed);
    }
  }

  function swapRules(owner, base, fresh, depth) {
    let rules = [];
    try {
      rules = depth < 20 ? owner.cssRules || [] : [];
    } catch {
      // Another origin's style sheet.
    }
    for (const rule of rules) {
      if (rule.style) swapDeclarations(rule.style, base, fresh);
      if (rule.styleSheet) swapRules(rule.styleSheet, rule.styleSheet.href || base, fresh, depth + 1);
      if (rule.cssRules) swapRules(rule, base, fresh, depth + 1);
    }
  }

  function swapDeclarations(style, base, fresh) {
    for (const name of style) {
      const value = style.getPropertyValue(name);
      if (!value.includes("url(")) continue;
      const changed = value.replace(/url\((["']?)(.*?)\1\)/g, (whole, quote, address) => {
        const replacement = fresh(address, base);
        return replacement ? `url("${replacement}")` : whole;
      });
      if (changed !== value) style.setProperty(name, changed, style.getPropertyPriority(name));
    }
  }

  // ---------------------------------------------------------------- addresses and storage

  /** This document and those in frames of this origin. */
  function* documents(page = document) {
    yield page;
    for (const frame of page.querySelectorAll("iframe, frame, object")) {
      let inner = null;
      try {
        inner = frame.contentDocument;
      } catch {
        // Another origin's.
      }
      if (inner && inner.defaultView) yield* documents(inner);
    }
  }

  function* allRoots() {
    for (const page of documents()) yield* roots(page);
  }

  function baseOf(sheet) {
    return (sheet.ownerNode || document.documentElement).baseURI;
  }

  function* roots(root) {
    yield root;
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) yield* roots(element.shadowRoot);
    }
  }

  function parse(address, base) {
    try {
      return new URL(address, base);
    } catch {
      return null;
    }
  }

  /** The decoded path of an address of this origin; another origin's gives nothing that matches. */
  function pathOf(address) {
    const url = parse(address, document.baseURI);
    if (!url || url.origin !== location.origin) return "";
    try {
      return decodeURIComponent(url.pathname);
    } catch {
      return url.pathname;
    }
  }

  function thisPage() {
    return location.pathname + location.search;
  }

  function bust(address) {
    const url = new URL(address, document.baseURI);
    url.searchParams.set(busterName, known ? known.version : Date.now());
    return url.href;
  }

  function stored(key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  }

  function store(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
    } catch {
      // Storage is disabled: rely on the browser's own scroll restoration.
    }
  }

  // ---------------------------------------------------------------- the overlay

  const overlay = (() => {
    let host = null;
    let list = null;
    let lost = false;
    let dismissed = "";
    let texts = [];
    /** Messages of this page itself, by kind. */
    const notes = new Map();

    const css = `
      :host(.wide) { max-width: min(60rem, calc(100vw - 2rem)); }
      :host { all: initial; position: fixed; inset: auto 1rem 1rem auto; z-index: 2147483647;
        max-width: min(28rem, calc(100vw - 2rem)); color-scheme: light dark; }
      div { display: flex; gap: .75rem; align-items: flex-start; padding: .7rem .7rem .7rem 1rem;
        font: 14px/1.4 system-ui, sans-serif; color: CanvasText; background: Canvas;
        border: 1px solid color-mix(in srgb, CanvasText 25%, Canvas); border-left: 4px solid #d97706;
        border-radius: 8px; box-shadow: 0 4px 16px rgb(0 0 0 / 25%); }
      ul { margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere; min-width: 0;
        white-space: pre-line; }
      li.lines { max-height: 60vh; overflow: auto; white-space: pre-wrap;
        font: 12.5px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
      li + li { margin-top: .4rem; }
      button { all: unset; flex: none; padding: 0 .4rem; border-radius: 4px; cursor: pointer;
        font-size: 16px; line-height: 1.2; opacity: .7; }
      button:hover, button:focus-visible { opacity: 1; outline: 1px solid currentcolor; }
      @media print { :host { display: none } }`;

    function build() {
      host = document.createElement("h2static-status");
      host.setAttribute("role", "status");
      const shadow = host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      shadow.adoptedStyleSheets = [sheet];
      const box = document.createElement("div");
      list = document.createElement("ul");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "×";
      button.setAttribute("aria-label", "Dismiss");
      button.addEventListener("click", () => {
        dismissed = messages().join("\n");
        render();
      });
      box.append(list, button);
      shadow.append(box);
    }

    function messages() {
      const own = [...notes.values(), ...texts];
      return lost ? ["Connection to the server lost. Reconnecting…", ...own] : own;
    }

    function render() {
      const shown = messages();
      // New messages are shown even after a dismissal.
      if (dismissed !== shown.join("\n")) dismissed = "";
      if (!shown.length || dismissed) {
        if (host) host.remove();
        return;
      }
      if (!host) build();
      list.replaceChildren(
        ...shown.map((text) => {
          const item = document.createElement("li");
          item.textContent = text;
          if (text.includes("\n")) item.className = "lines";
          return item;
        }),
      );
      host.className = shown.some((text) => text.includes("\n")) ? "wide" : "";
      document.documentElement.append(host);
    }

    return {
      show(problemTexts) {
        texts = problemTexts;
        lost = false;
        render();
      },
      lose() {
        lost = true;
        render();
      },
      isLost() {
        return lost;
      },
      note(kind, text) {
        if (text === null ? !notes.has(kind) : notes.get(kind) === text) return;
        if (text === null) notes.delete(kind);
        else notes.set(kind, text);
        render();
      },
    };
  })();

  // ---------------------------------------------------------------- the connection

  let source = null;
  let channel = null;
  let release = null;
  let abort = null;
  let retryDelay = firstRetry;
  let retryTimer = 0;
  let lostTimer = 0;
  /** Whether the other tabs know that the connection is lost. */
  let toldLost = false;
  /** The first event of the connection; null while there is none. */
  let lastHello = null;
  let running = false;
  const canShare = "locks" in navigator && "BroadcastChannel" in window;

  function start() {
    if (running || leaving) return;
    running = true;
    if (!canShare) {
      // Without a secure context, tabs cannot share: a hidden one closes its connection.
      if (!document.hidden) connect();
      return;
    }
    channel = new BroadcastChannel("h2static");
    channel.onmessage = ({ data: { name, data } }) => listen(name, data);
    channel.postMessage({ name: "join" });
    abort = new AbortController();
    navigator.locks
      .request("h2static", { signal: abort.signal }, () => {
        if (!running) return undefined;
        connect();
        return new Promise((resolve) => {
          release = resolve;
        });
      })
      .catch(() => {
        // Aborted: the page was left before it got the lock.
      });
  }

  function stop() {
    running = false;
    disconnect();
    if (abort) abort.abort();
    if (release) release();
    if (channel) channel.close();
    clearTimeout(lostTimer);
    lostTimer = 0;
    toldLost = false;
    abort = release = channel = null;
  }

  /** Handle a message from another tab. */
  function listen(name, data) {
    if (name === "join" || name === "nudge") {
      if (release === null) return;
      if (name === "join" && toldLost) tell("lost");
      if (source === null) retry(0);
      else if (name === "join" && lastHello) tell("hello", { ...lastHello, ...known });
    } else if (name === "lost") {
      if (release === null) overlay.lose();
    } else {
      hear(name, data);
    }
  }

  function tell(name, data) {
    if (channel) channel.postMessage({ name, data });
  }

  function connect() {
    clearTimeout(retryTimer);
    source = new EventSource(eventsUrl);
    for (const name of ["hello", "change"]) {
      source.addEventListener(name, (event) => {
        const data = JSON.parse(event.data);
        retryDelay = firstRetry;
        clearTimeout(lostTimer);
        lostTimer = 0;
        toldLost = false;
        if (name === "hello") lastHello = { recent: [], ...data };
        else if (lastHello) addRecent(lastHello.recent, data);
        // First the others, because this page may reload now.
        tell(name, data);
        hear(name, data);
      });
    }
    source.onerror = () => {
      disconnect();
      if (!running) return;
      if (!lostTimer) lostTimer = setTimeout(lose, lostAfter);
      retry(retryDelay);
      retryDelay = Math.min(retryDelay * 2, slowestRetry);
    };
  }

  /** Keep what tabs that join later may have missed. */
  function addRecent(recent, { previous, changes }) {
    recent.push({ previous, changes });
    const count = () => recent.reduce((sum, one) => sum + one.changes.length, 0);
    while (count() >= mostChanges) recent.shift();
  }

  function lose() {
    toldLost = true;
    overlay.lose();
    tell("lost");
  }

  function retry(delay) {
    clearTimeout(retryTimer);
    retryTimer = setTimeout(() => running && source === null && connect(), delay);
  }

  function disconnect() {
    clearTimeout(retryTimer);
    if (source) source.close();
    source = lastHello = null;
  }

  function awake() {
    if (!running) return;
    if (!canShare) {
      if (document.hidden) disconnect();
      else if (source === null) connect();
    } else if (!document.hidden) {
      // Timers of hidden tabs are slowed down: let the tab with the connection retry immediately.
      if (release !== null && source === null) retry(0);
      else tell("nudge");
    }
  }

  addEventListener("pagehide", stop);
  addEventListener("pageshow", ({ persisted }) => {
    if (!leaving || !persisted) return start();
    // It was left for another page while its reload was on its way.
    leaving = false;
    return reload();
  });
  addEventListener("online", awake);
  document.addEventListener("freeze", stop);
  document.addEventListener("resume", start);
  document.addEventListener("visibilitychange", awake);

  /** Lists of files tell times in UTC, as they know nothing of who reads them. */
  function tellLocalTimes() {
    const list = document.querySelector("main[data-h2static-list]");
    if (!list) return;
    const two = (number) => String(number).padStart(2, "0");
    for (const element of list.querySelectorAll("time[datetime]")) {
      const date = new Date(element.dateTime);
      const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
      element.textContent = `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
    }
    for (const zone of list.querySelectorAll(".zone")) zone.remove();
  }

  tellLocalTimes();
  restoreScroll();
  restoreForms();
  start();
})();
