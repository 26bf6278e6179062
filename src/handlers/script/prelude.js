// What a script finds in its world before its first line. It runs inside QuickJS, once per worker: each call starts from a
// copy of the memory that it leaves behind. Nothing here guards the host; that checks all that comes out of `host`.
// What few scripts use waits in library.js.
(host, commands) => {
  const waiting = new Map();
  const timers = new Map();
  const pulls = [];
  const queue = [];
  let last = 0;
  let ended;
  let facts;
  let endPromise;
  let tellEnd;
  let main;

  const fact = (name) => {
    facts ??= parse(host("facts"));
    return facts[name];
  };

  /** Asks the host for something that takes time. The error is made now, while the script's line is on the stack. */
  const ask = (op, what, detail, bytes) => {
    const trace = new Error();
    return new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject, trace, what });
      if (bytes === undefined) host(op, id, what, detail);
      else host(op, id, what, detail, bytes);
    });
  };
  const library = host("library")(host, ask, fact);

  const queueEvent = (event) => {
    if (event.type === "ended") {
      ended = event;
      tellEnd?.(event);
    }
    const pull = pulls.shift();
    if (pull !== undefined) return pull({ value: event, done: false });
    if (queue.push(event) > 1000) queue.shift();
  };
  const iterator = {
    next() {
      if (queue.length > 0) return Promise.resolve({ value: queue.shift(), done: false });
      if (ended !== undefined) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve) => pulls.push(resolve));
    },
    return: () => Promise.resolve({ value: undefined, done: true }),
    [Symbol.asyncIterator]: () => iterator,
  };

  const call = {
    get id() {
      return fact("id");
    },
    get direction() {
      return fact("direction");
    },
    get remote() {
      return fact("remote");
    },
    get local() {
      return fact("local");
    },
    get headers() {
      return library("callHeaders");
    },
    get variables() {
      return fact("variables") ?? {};
    },
    get ended() {
      endPromise ??=
        ended === undefined
          ? new Promise((tell) => {
              tellEnd = tell;
            })
          : Promise.resolve(ended);
      return endPromise;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  // [name, its parameters in order, whether an object with further ones follows them]
  for (const [name, parameters, options] of commands)
    call[name.toLowerCase()] = (...given) => {
      let args = {};
      for (let i = 0; i < given.length; i++) {
        if (i !== parameters.length || !options) args[parameters[i] ?? `number ${i + 1}`] = given[i];
        else if (i === 0) args = given[i] ?? {};
        else Object.assign(args, given[i]);
      }
      return ask("command", name, guardedStringify(args));
    };

  const timer =
    (repeat) =>
    (fire, ms, ...args) => {
      if (typeof fire !== "function") throw new TypeError("a timer needs a function");
      const id = ++last;
      ms = Math.min(Math.max(Number(ms) || 0, repeat ? 1 : 0), 2147483647);
      timers.set(id, { fire, args, repeat: repeat ? ms : undefined });
      host("timer", id, ms);
      return id;
    };
  const clear = (id) => {
    if (timers.delete(id)) host("clear", id);
  };
  const fireTimer = (id) => {
    const { fire, args, repeat } = timers.get(id) ?? {};
    if (fire === undefined) return;
    if (repeat === undefined) timers.delete(id);
    else host("timer", id, repeat);
    fire(...args);
  };

  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  define("setTimeout", timer(false));
  define("setInterval", timer(true));
  define("clearTimeout", clear);
  define("clearInterval", clear);
  define("queueMicrotask", (fire) => {
    Promise.resolve().then(fire);
  });
  for (const name of [
    "console",
    "fetch",
    "Headers",
    "Response",
    "URL",
    "URLSearchParams",
    "TextEncoder",
    "TextDecoder",
    "crypto",
    "performance",
    "files",
    "env",
    "CallError",
  ])
    define(name, library(name));

  // Its memory would count against no limit.
  delete globalThis.SharedArrayBuffer;

  // Every call starts from one memory image, QuickJS's own generator with it: the host draws instead.
  Math.random = () => host("random");

  // QuickJS never asks whether to stop inside these: a sparse array of a billion would hold up every call of the worker.
  const apply = Reflect.apply;
  const loops =
    "join toLocaleString indexOf lastIndexOf includes reverse sort forEach every some map filter reduce reduceRight concat " +
    "copyWithin flat flatMap slice splice shift unshift fill find findIndex findLast findLastIndex at toSorted toReversed toSpliced with";
  for (const name of loops.split(" ")) {
    const original = Array.prototype[name];
    if (original === undefined) continue;
    const guarded = {
      [name](...args) {
        if (this?.length > 4000000) throw new RangeError(`${name} on more than 4000000 elements`);
        for (const other of args)
          if (name === "concat" && other?.length > 4000000)
            throw new RangeError("concat of more than 4000000 elements");
        return apply(original, this, args);
      },
    }[name];
    Object.defineProperty(Array.prototype, name, { value: guarded, writable: false, configurable: false });
  }
  const parse = JSON.parse;
  const guardedParse = (text, reviver) => {
    text = `${text}`;
    if (text.length > 2000 && host("depth", text) > 1000) throw new SyntaxError("JSON nested more than 1000 deep");
    return parse(text, reviver);
  };
  // Its search for circles takes time with the square of the depth.
  const stringify = JSON.stringify;
  const probe = (value, left) => {
    if (typeof value !== "object" || value === null) return;
    if (left === 0) throw new TypeError("JSON of something circular, or nested more than 500 deep");
    for (const key in value) probe(value[key], left - 1);
  };
  const guardedStringify = (value, replacer, space) => {
    probe(value, 500);
    return stringify(value, replacer, space);
  };
  Object.defineProperty(JSON, "stringify", { value: guardedStringify, writable: false, configurable: false });
  Object.defineProperty(JSON, "parse", { value: guardedParse, writable: false, configurable: false });

  const load = (entry) =>
    import(entry).then(
      (module) => {
        main = module.default;
        if (typeof main === "function") host("loaded");
        else host("done", `${entry} has no \`export default\` function`, "");
      },
      (error) => host("done", ...library("describe")(error)),
    );
  const start = () =>
    new Promise((resolve) => resolve(main(call))).then(
      (value) => host("done", "", "", returned(value)),
      (error) => host("done", ...library("describe")(error)),
    );
  const returned = (value) => {
    try {
      return value === undefined ? "" : guardedStringify(value);
    } catch {
      return "";
    }
  };

  return (kind, id, text, bytes) => {
    switch (kind) {
      case "load":
        load(text);
        break;
      case "start":
        start();
        break;
      case "event":
        queueEvent(parse(text));
        break;
      case "timer":
        fireTimer(id);
        break;
      default: {
        const asked = waiting.get(id);
        if (asked === undefined) break;
        waiting.delete(id);
        if (kind === "ok") asked.resolve(bytes ?? (text === "" ? undefined : parse(text)));
        else asked.reject(library("failure")(kind, asked.trace, asked.what, text));
      }
    }
  };
};
