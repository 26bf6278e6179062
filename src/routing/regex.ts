/**
 * Regular expressions over text that hostile peers choose. The engine's own RegExp backtracks: one careless `(a+)+$` in a
 * configuration and a caller stops the server with thirty letters. This one takes the same notation without what needs
 * backtracking (lookaround, back references) and remembers which (instruction, position) pairs have failed, so that its time
 * grows with pattern length times text length and never faster.
 */
import { type Node, parseRegex, type RegexFault } from "./regex-syntax.ts";

export interface Regex {
  /** How many groups it has. */
  readonly groups: number;
  /** The groups of the first match (0: all of it), or undefined. */
  match(text: string): readonly (string | undefined)[] | undefined;
}

type Instruction =
  | { op: "one"; accepts: (code: number) => boolean }
  | { op: "start" | "end" | "boundary" | "inside" | "matched" }
  | { op: "save"; slot: number }
  | { op: "forget"; first: number; last: number }
  | { op: "jump"; to: number }
  | { op: "either"; first: number; second: number };

/** Counted repetition multiplies; above this the pattern is refused. */
const maxInstructions = 1000;
/** Longer texts match nothing: no telephone address is that long. */
export const maxRegexText = 512;

/**
 * Compiles the text between the slashes.
 * @param ignoreCase the flag `i`.
 */
export function compileRegex(source: string, ignoreCase: boolean): { ok: true; regex: Regex } | RegexFault {
  const parsed = parseRegex(source, ignoreCase);
  if (!parsed.ok) return parsed;
  const program: Instruction[] = [{ op: "save", slot: 0 }];
  if (!emit(parsed.node, program))
    return {
      ok: false,
      reason: `its repetitions are too large (over ${maxInstructions} steps when written out)`,
      at: 0,
    };
  program.push({ op: "save", slot: 1 }, { op: "matched" });
  const slots = 2 * (parsed.groups + 1);
  return { ok: true, regex: { groups: parsed.groups, match: (text) => run(program, slots, text) } };
}

/** Appends the instructions of `node`; false when the program has become too long. */
function emit(node: Node, program: Instruction[]): boolean {
  if (program.length > maxInstructions) return false;
  switch (node.type) {
    case "one":
      program.push({ op: "one", accepts: node.accepts });
      return true;
    case "assert":
      program.push({ op: node.what });
      return true;
    case "sequence":
      return node.items.every((item) => emit(item, program));
    case "group": {
      program.push({ op: "save", slot: 2 * node.index });
      const fits = emit(node.body, program);
      program.push({ op: "save", slot: 2 * node.index + 1 });
      return fits;
    }
    case "either": {
      const fork = hole(program);
      const left = emit(node.left, program);
      const leap = hole(program);
      program[fork] = { op: "either", first: fork + 1, second: program.length };
      const right = emit(node.right, program);
      program[leap] = { op: "jump", to: program.length };
      return left && right;
    }
    case "repeat": {
      // Each time round the groups inside are forgotten, as ECMAScript has it.
      const once = () => {
        if (node.lastGroup >= node.firstGroup)
          program.push({ op: "forget", first: 2 * node.firstGroup, last: 2 * node.lastGroup + 1 });
        return emit(node.body, program);
      };
      for (let i = 0; i < node.min; i++) if (!once()) return false;
      const choose = (at: number, skip: number) => {
        const [first, second] = node.lazy ? [skip, at + 1] : [at + 1, skip];
        program[at] = { op: "either", first, second };
      };
      if (node.max === Number.POSITIVE_INFINITY) {
        const loop = hole(program);
        const fits = once();
        program.push({ op: "jump", to: loop });
        choose(loop, program.length);
        return fits;
      }
      const forks: number[] = [];
      for (let i = node.min; i < node.max; i++) {
        forks.push(hole(program));
        if (!once()) return false;
      }
      for (const fork of forks) choose(fork, program.length);
      return true;
    }
  }
}

/** Room for an instruction whose target is not known yet. */
function hole(program: Instruction[]): number {
  return program.push({ op: "jump", to: 0 }) - 1;
}

function run(program: readonly Instruction[], slots: number, text: string): (string | undefined)[] | undefined {
  if (text.length > maxRegexText) return undefined;
  const width = text.length + 1;
  const tried = new Uint8Array(program.length * width);
  for (let start = 0; start <= text.length; start++) {
    const saved = runFrom(program, slots, text, start, tried);
    if (saved === undefined) continue;
    return Array.from({ length: slots / 2 }, (_, group) => {
      const from = saved[2 * group] ?? -1;
      const to = saved[2 * group + 1] ?? -1;
      return from < 0 || to < 0 ? undefined : text.slice(from, to);
    });
  }
  return undefined;
}

/** Depth first, first choice first. On the stack: where to go on (`pc`, `at`), or a slot to put back (`slot`, `at`). */
function runFrom(
  program: readonly Instruction[],
  slots: number,
  text: string,
  start: number,
  tried: Uint8Array,
): Int32Array | undefined {
  const saved = new Int32Array(slots).fill(-1);
  const stack: { pc: number; at: number; slot: number }[] = [];
  const save = (slot: number, value: number) => {
    stack.push({ pc: -1, at: saved[slot] ?? -1, slot });
    saved[slot] = value;
  };
  let pc = 0;
  let at = start;
  for (;;) {
    const mark = pc * (text.length + 1) + at;
    const instruction = tried[mark] === 1 ? undefined : program[pc];
    tried[mark] = 1;
    let goesOn = false;
    switch (instruction?.op) {
      case "matched":
        return saved;
      case "one":
        goesOn = at < text.length && instruction.accepts(text.charCodeAt(at));
        if (goesOn) at++;
        pc++;
        break;
      case "start":
        goesOn = at === 0;
        pc++;
        break;
      case "end":
        goesOn = at === text.length;
        pc++;
        break;
      case "boundary":
      case "inside":
        goesOn = (isWord(text, at - 1) !== isWord(text, at)) === (instruction.op === "boundary");
        pc++;
        break;
      case "save":
        save(instruction.slot, at);
        goesOn = true;
        pc++;
        break;
      case "forget":
        for (let slot = instruction.first; slot <= instruction.last; slot++) if (saved[slot] !== -1) save(slot, -1);
        goesOn = true;
        pc++;
        break;
      case "jump":
        goesOn = true;
        pc = instruction.to;
        break;
      case "either":
        stack.push({ pc: instruction.second, at, slot: -1 });
        goesOn = true;
        pc = instruction.first;
        break;
      case undefined:
        break;
    }
    while (!goesOn) {
      const last = stack.pop();
      if (last === undefined) return undefined;
      if (last.slot >= 0) {
        saved[last.slot] = last.at;
        continue;
      }
      pc = last.pc;
      at = last.at;
      goesOn = true;
    }
  }
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && /\w/.test(text.charAt(at));
}
