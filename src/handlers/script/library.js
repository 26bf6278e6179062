// The rest of a script's world: console, fetch, URL, encodings, files, env. Runs inside QuickJS, once per worker.
(host, ask, fact) => {
  const parse = JSON.parse;

  class CallError extends Error {
    get name() {
      return "CallError";
    }
  }
  /** Makes the error of a failed request out of the trace that was taken when it was asked for. */
  const failure = (kind, trace, what, reason) => {
    const type = kind === "call" ? CallError : kind === "type" ? TypeError : Error;
    Object.setPrototypeOf(trace, type.prototype);
    const define = (name, value) => Object.defineProperty(trace, name, { value, writable: true, configurable: true });
    define("message", kind === "call" ? `${what}: ${reason}` : reason);
    if (kind === "call") {
      define("command", what);
      define("reason", reason);
    }
    define("stack", ownLines(trace.stack));
    return trace;
  };
  const ownLines = (stack) =>
    String(stack)
      .split("\n")
      .filter((line) => line !== "" && !line.includes("siproc:") && !line.includes("(native)"))
      .join("\n");

  /** What was thrown, as a message and a stack. */
  const describe = (thrown) => {
    try {
      if (thrown instanceof Error) return [`${thrown.name}: ${thrown.message}`, ownLines(thrown.stack)];
      return [`thrown: ${show(thrown)}`, ""];
    } catch {
      return ["something unprintable was thrown", ""];
    }
  };

  const show = (value, depth = 0, seen = []) => {
    switch (typeof value) {
      case "string":
        return depth === 0 ? value : JSON.stringify(value);
      case "bigint":
        return `${value}n`;
      case "function":
        return `[function ${value.name || "(anonymous)"}]`;
      case "object":
        break;
      default:
        return String(value);
    }
    if (value === null) return "null";
    if (value instanceof Error) {
      const [message, stack] = describe(value);
      return stack === "" ? message : `${message}\n${host("positions", stack)}`;
    }
    if (value instanceof Date) return String(value.toJSON());
    if (value instanceof RegExp || value instanceof URL) return String(value);
    if (seen.includes(value)) return "[circular]";
    const inside = [...seen, value];
    const list = (open, items, close) => (items.length === 0 ? open + close : `${open} ${items.join(", ")} ${close}`);
    const cut = (items) => (items.length > 100 ? [...items.slice(0, 100), `… ${items.length - 100} more`] : items);
    if (depth > 3) return Array.isArray(value) ? "[array]" : "[object]";
    if (Array.isArray(value)) {
      const rest = value.length > 100 ? [`… ${value.length - 100} more`] : [];
      return list("[", [...value.slice(0, 100).map((item) => show(item, depth + 1, inside)), ...rest], "]");
    }
    if (ArrayBuffer.isView(value)) return `${value.constructor?.name}(${value.byteLength})`;
    if (value instanceof Map)
      return list(
        "Map {",
        cut([...value].map(([k, v]) => `${show(k, depth + 1, inside)} => ${show(v, depth + 1, inside)}`)),
        "}",
      );
    if (value instanceof Set) return list("Set {", cut([...value].map((v) => show(v, depth + 1, inside))), "}");
    if (value instanceof Promise) return "[promise]";
    const entries = cut(Object.keys(value).map((key) => `${key}: ${show(value[key], depth + 1, inside)}`));
    return list("{", entries, "}");
  };
  const line =
    (level) =>
    (...values) =>
      host("log", level, values.map((value) => show(value)).join(" "));
  const console = {
    debug: line("debug"),
    log: line("info"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };

  class CallHeaders {
    get(name) {
      name = String(name).toLowerCase();
      return fact("headers").find(([given]) => given.toLowerCase() === name)?.[1] ?? null;
    }
    all(name) {
      name = String(name).toLowerCase();
      return fact("headers")
        .filter(([given]) => given.toLowerCase() === name)
        .map(([, value]) => value);
    }
    [Symbol.iterator]() {
      return fact("headers")[Symbol.iterator]();
    }
  }
  const callHeaders = new CallHeaders();

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      return new Uint8Array(host("encode", String(text)));
    }
  }
  const octets = (value) => {
    if (value === undefined) return new ArrayBuffer(0);
    if (value instanceof ArrayBuffer) return value;
    if (ArrayBuffer.isView(value)) return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
    throw new TypeError("expected an ArrayBuffer or a typed array");
  };
  class TextDecoder {
    #label;
    #fatal;
    constructor(label = "utf-8", options = {}) {
      this.#label = host("label", String(label));
      this.#fatal = Boolean(options.fatal);
    }
    get encoding() {
      return this.#label;
    }
    get fatal() {
      return this.#fatal;
    }
    decode(value) {
      return host("decode", this.#label, this.#fatal ? 1 : 0, octets(value));
    }
  }

  const wellFormed = (text) => String(text).toWellFormed?.() ?? String(text);
  const formEncode = (text) =>
    encodeURIComponent(wellFormed(text))
      .replace(/%20/g, "+")
      .replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const formPairs = (text) => parse(host("form", text));
  class URLSearchParams {
    #pairs = [];
    #changed;
    constructor(init = "", changed = undefined) {
      this.#changed = changed;
      if (typeof init === "object" && init !== null)
        for (const [name, value] of typeof init[Symbol.iterator] === "function" ? init : Object.entries(init))
          this.#pairs.push([String(name), String(value)]);
      else this.#pairs = formPairs(String(init));
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([String(name), String(value)]);
      this.#changed?.(this.toString());
    }
    delete(name, value) {
      this.#pairs = this.#pairs.filter(([n, v]) => n !== String(name) || (value !== undefined && v !== String(value)));
      this.#changed?.(this.toString());
    }
    get(name) {
      return this.#pairs.find(([n]) => n === String(name))?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter(([n]) => n === String(name)).map(([, v]) => v);
    }
    has(name, value) {
      return this.#pairs.some(([n, v]) => n === String(name) && (value === undefined || v === String(value)));
    }
    set(name, value) {
      const at = this.#pairs.findIndex(([n]) => n === String(name));
      if (at < 0) this.#pairs.push([String(name), String(value)]);
      else {
        this.#pairs[at] = [String(name), String(value)];
        this.#pairs = this.#pairs.filter(([n], i) => i <= at || n !== String(name));
      }
      this.#changed?.(this.toString());
    }
    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed?.(this.toString());
    }
    forEach(visit, self) {
      for (const [name, value] of this) visit.call(self, value, name, this);
    }
    *entries() {
      for (const [name, value] of this.#pairs) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#pairs) yield name;
    }
    *values() {
      for (const [, value] of this.#pairs) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return this.#pairs.map(([n, v]) => `${formEncode(n)}=${formEncode(v)}`).join("&");
    }
  }

  class URL {
    #parts;
    #search;
    constructor(href, base) {
      this.#parts = parse(host("url", `${href}`, base === undefined ? "" : `${base}`));
    }
    static canParse(href, base) {
      try {
        return Boolean(new URL(href, base));
      } catch {
        return false;
      }
    }
    static parse(href, base) {
      try {
        return new URL(href, base);
      } catch {
        return null;
      }
    }
    get origin() {
      return this.#parts.origin;
    }
    get searchParams() {
      this.#search ??= new URLSearchParams(this.#parts.search, (text) => {
        this.#parts = parse(host("urlSet", this.#parts.href, "search", text));
      });
      return this.#search;
    }
    toString() {
      return this.#parts.href;
    }
    toJSON() {
      return this.#parts.href;
    }
    static {
      for (const name of "href protocol username password host hostname port pathname search hash".split(" "))
        Object.defineProperty(URL.prototype, name, {
          get() {
            return this.#parts[name];
          },
          set(value) {
            this.#parts = parse(host("urlSet", this.#parts.href, name, `${value}`));
            if (name === "search" || name === "href") this.#search = undefined;
          },
          enumerable: true,
          configurable: true,
        });
    }
  }

  class Headers {
    #map = new Map();
    constructor(init = []) {
      for (const [name, value] of typeof init[Symbol.iterator] === "function" ? init : Object.entries(init))
        this.append(name, value);
    }
    append(name, value) {
      const key = String(name).toLowerCase();
      const old = this.#map.get(key);
      this.#map.set(key, old === undefined ? String(value) : `${old}, ${value}`);
    }
    set(name, value) {
      this.#map.set(String(name).toLowerCase(), String(value));
    }
    get(name) {
      return this.#map.get(String(name).toLowerCase()) ?? null;
    }
    has(name) {
      return this.#map.has(String(name).toLowerCase());
    }
    delete(name) {
      this.#map.delete(String(name).toLowerCase());
    }
    forEach(visit, self) {
      for (const [name, value] of this.#map) visit.call(self, value, name, this);
    }
    entries() {
      return this.#map.entries();
    }
    keys() {
      return this.#map.keys();
    }
    values() {
      return this.#map.values();
    }
    [Symbol.iterator]() {
      return this.#map.entries();
    }
  }

  class Response {
    #body;
    #used = false;
    constructor(body, init = {}) {
      this.#body = typeof body === "string" ? host("encode", body) : octets(body ?? undefined);
      this.status = init.status ?? 200;
      this.statusText = init.statusText ?? "";
      this.headers = new Headers(init.headers);
      this.url = init.url ?? "";
      this.redirected = init.redirected ?? false;
      this.ok = this.status >= 200 && this.status <= 299;
    }
    get bodyUsed() {
      return this.#used;
    }
    async arrayBuffer() {
      if (this.#used) throw new TypeError("the body has been read already");
      this.#used = true;
      return this.#body;
    }
    async bytes() {
      return new Uint8Array(await this.arrayBuffer());
    }
    async text() {
      return host("decode", "utf-8", 0, await this.arrayBuffer());
    }
    async json() {
      return JSON.parse(await this.text());
    }
  }
  const fetch = async (target, init = {}) => {
    const headers = [...new Headers(init.headers ?? [])];
    let body = init.body ?? undefined;
    if (body instanceof URLSearchParams) {
      if (!headers.some(([name]) => name === "content-type"))
        headers.push(["content-type", "application/x-www-form-urlencoded;charset=UTF-8"]);
      body = String(body);
    }
    if (body !== undefined) body = typeof body === "string" ? host("encode", body) : octets(body);
    const request = { method: init.method ?? "GET", headers, redirect: init.redirect ?? "follow" };
    const answer = await ask("fetch", `${target}`, JSON.stringify(request), body);
    return new Response(host("take", answer.body), answer);
  };

  const files = {
    readText: (path) => ask("file", "readText", JSON.stringify({ path })),
    readBytes: async (path) => new Uint8Array(host("take", await ask("file", "readBytes", JSON.stringify({ path })))),
    writeText: (path, text) => ask("file", "write", JSON.stringify({ path }), host("encode", `${text}`)),
    writeBytes: (path, bytes) => ask("file", "write", JSON.stringify({ path }), octets(bytes)),
    appendText: (path, text) => ask("file", "append", JSON.stringify({ path }), host("encode", `${text}`)),
    exists: (path) => ask("file", "exists", JSON.stringify({ path })),
  };
  const env = { get: (name) => parse(host("env", `${name}`)) ?? undefined };
  const crypto = { randomUUID: () => host("uuid") };
  const performance = { now: () => host("now") };

  const world = {
    CallError,
    Headers,
    Response,
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    callHeaders,
    console,
    crypto,
    describe,
    env,
    failure,
    fetch,
    files,
    performance,
  };
  return (name) => world[name];
};
