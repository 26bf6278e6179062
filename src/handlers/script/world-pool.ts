/**
 * The few worlds of a worker, shared out to many runs. A run keeps its world until another needs it more; then what it has
 * changed is put aside and brought back for its next turn, perhaps into another world.
 */
import { ScriptHostError } from "./errors.ts";
import { type BaseImage, discard, type Layout } from "./image.ts";
import { type CompiledQuickJs, compileQuickJs, probeLayout, World } from "./quickjs.ts";
import type { Run } from "./run.ts";

interface Slot {
  readonly world: World;
  run: Run | undefined;
  /** Counts up: the slot with the lowest is the one to take. */
  used: number;
}

/** How many worlds a worker has at most. One takes 0.4 MB, and what its run has touched. */
const mostWorlds = 48;
/** A world whose run has used more heap than this, in octets, goes with it: its memory would never shrink. */
const largestHeap = 4 * 1024 * 1024;

export class WorldPool {
  /** A world in which nothing has run yet. */
  readonly fresh: BaseImage;
  readonly #compiled: CompiledQuickJs;
  readonly #layout: Layout;
  readonly #memoryLimit: number;
  readonly #fingerprint: string;
  readonly #slots: Slot[];
  readonly #onWorld: () => void;
  #creating = false;
  #uses = 0;

  private constructor(
    compiled: CompiledQuickJs,
    layout: Layout,
    memoryLimit: number,
    first: World,
    onWorld: () => void,
  ) {
    this.#compiled = compiled;
    this.#layout = layout;
    this.#memoryLimit = memoryLimit;
    this.#fingerprint = first.fingerprint;
    this.fresh = first.takeBase();
    this.#slots = [{ world: first, run: undefined, used: 0 }];
    this.#onWorld = onWorld;
  }

  /** `onWorld` is called when there is a world again after there was none. Throws ScriptHostError "image". */
  static async open(memoryLimit: number, onWorld: () => void): Promise<WorldPool> {
    const compiled = await compileQuickJs();
    const layout = await probeLayout(compiled);
    if (layout === undefined) throw new ScriptHostError("image", "this QuickJS build has an unknown memory layout");
    return new WorldPool(compiled, layout, memoryLimit, await World.create(compiled, memoryLimit, layout), onWorld);
  }

  /** The world of `run`, its memory in place; undefined while there is none: `onWorld` tells when to try again. */
  acquire(run: Run): World | undefined {
    const own = this.#slots.find((slot) => slot.run === run);
    if (own !== undefined) {
      own.used = ++this.#uses;
      return own.world;
    }
    let oldest: Slot | undefined;
    for (const slot of this.#slots)
      if (oldest === undefined || slot.used < oldest.used || (slot.run === undefined && oldest.run !== undefined))
        oldest = slot;
    if (oldest === undefined) {
      void this.#add();
      return undefined;
    }
    if (oldest.run !== undefined) {
      oldest.run.difference = oldest.world.takeDifference(oldest.run.base);
      if (this.#slots.length < mostWorlds) void this.#add();
    }
    oldest.world.restore(run.base, run.difference);
    if (run.difference !== undefined) discard(run.difference);
    run.difference = undefined;
    oldest.run = run;
    oldest.used = ++this.#uses;
    return oldest.world;
  }

  /** The run is over. */
  release(run: Run): void {
    const at = this.#slots.findIndex((slot) => slot.run === run);
    const slot = this.#slots[at];
    if (slot === undefined) return;
    slot.run = undefined;
    slot.used = 0;
    if (!slot.world.broken && slot.world.heapSize <= largestHeap) return;
    this.#slots.splice(at, 1);
    void this.#add();
  }

  async #add(): Promise<void> {
    if (this.#creating) return;
    this.#creating = true;
    try {
      const world = await World.create(this.#compiled, this.#memoryLimit, this.#layout);
      if (world.fingerprint !== this.#fingerprint)
        throw new ScriptHostError("image", "two worlds of one build are not alike");
      this.#slots.push({ world, run: undefined, used: 0 });
    } finally {
      this.#creating = false;
    }
    this.#onWorld();
  }
}
