/**
 * What makes a call's world cheap: the memory of a QuickJS instance as something to copy. A base image holds a world ready
 * to start; a waiting call is kept as the blocks in which it differs from its base.
 *
 * The memory, from low to high: static data, the C stack (growing down), the heap up to its break. Between turns nothing on
 * the stack is alive, so the stack belongs to no image.
 */

/** What differences are made of. Smaller blocks save memory, larger ones time. */
const blockSize = 1024;
const chunkSize = 4 * blockSize;
const wordsPerBlock = blockSize / Int32Array.BYTES_PER_ELEMENT;
/** Emscripten's C stack, as this build was made. */
const stackSize = 5 * 1024 * 1024;
/** Static data ends somewhere below this. */
const searched = 1024 * 1024;

/** Where in the memory the parts of an image are. All counts are octets. */
export interface Layout {
  /** Static data is [0, dataEnd). */
  readonly dataEnd: number;
  readonly heapStart: number;
  /** The address of the word in which sbrk keeps the heap's end. */
  readonly breakAt: number;
}

export interface BaseImage {
  readonly data: Uint8Array;
  readonly heap: Uint8Array;
}

/** The blocks of a memory that are not as in its base. */
export interface Difference {
  /** Block numbers; block n is octets [n * 1024, (n + 1) * 1024). */
  readonly blocks: Uint32Array;
  /** The blocks, one after the other; the rest is unused. */
  readonly contents: Uint8Array;
  readonly heapEnd: number;
}

export function heapEnd(memory: Uint8Array, layout: Layout): number {
  return new DataView(memory.buffer).getUint32(layout.breakAt, true);
}

export function takeBase(memory: Uint8Array, layout: Layout): BaseImage {
  return {
    data: memory.slice(0, layout.dataEnd),
    heap: memory.slice(layout.heapStart, roundUp(heapEnd(memory, layout))),
  };
}

/** Makes `memory` what it was when `base` was taken, plus `difference`. `dirtyEnd`: how far others have used the heap. */
export function restore(
  memory: Uint8Array,
  layout: Layout,
  base: BaseImage,
  difference: Difference | undefined,
  dirtyEnd: number,
): void {
  memory.set(base.data, 0);
  memory.set(base.heap, layout.heapStart);
  const end = layout.heapStart + base.heap.length;
  if (dirtyEnd > end) memory.fill(0, end, Math.min(roundUp(dirtyEnd), memory.length));
  if (difference === undefined) return;
  for (const [i, block] of difference.blocks.entries())
    memory.set(difference.contents.subarray(i * blockSize, (i + 1) * blockSize), block * blockSize);
}

export function takeDifference(memory: Uint8Array, layout: Layout, base: BaseImage): Difference {
  const end = heapEnd(memory, layout);
  const blocks: number[] = [];
  const whole = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  const words = wordsOf(memory);
  const compare = (from: number, to: number, image: Uint8Array) => {
    const original = wordsOf(image);
    // Most of the memory is as it was: large pieces are ruled out first.
    for (let chunk = from; chunk < to; chunk += chunkSize) {
      const end = Math.min(chunk + chunkSize, to);
      const offset = chunk - from;
      if (end - from <= image.length && whole.compare(image, offset, end - from, chunk, end) === 0) continue;
      for (let at = chunk; at < end; at += blockSize)
        if (differs(words, at / 4, original, (at - from) / 4)) blocks.push(at / blockSize);
    }
  };
  compare(0, layout.dataEnd, base.data);
  compare(layout.heapStart, roundUp(end), base.heap);
  const contents = takeBuffer(blocks.length * blockSize);
  for (const [i, block] of blocks.entries())
    contents.set(memory.subarray(block * blockSize, (block + 1) * blockSize), i * blockSize);
  return { blocks: Uint32Array.from(blocks), contents, heapEnd: end };
}

/** The same octets as words, which compare faster; made once for each memory and image. */
const wordViews = new WeakMap<Uint8Array, Int32Array>();

function wordsOf(octets: Uint8Array): Int32Array {
  const known = wordViews.get(octets);
  if (known !== undefined) return known;
  const view = new Int32Array(octets.buffer, octets.byteOffset, octets.byteLength / Int32Array.BYTES_PER_ELEMENT);
  wordViews.set(octets, view);
  return view;
}

function differs(memory: Int32Array, at: number, image: Int32Array, offset: number): boolean {
  if (offset + wordsPerBlock > image.length) return true;
  for (let i = 0; i < wordsPerBlock; i++) if (memory[at + i] !== image[offset + i]) return true;
  return false;
}

/**
 * Buffers for differences are used again: calls come and go faster than a worker's garbage is collected. A few are kept, by
 * size in steps.
 */
const spare = new Map<number, Uint8Array[]>();
const step = 16 * 1024;
const sparePerSize = 32;
const largestSpare = 256 * 1024;

function takeBuffer(octets: number): Uint8Array {
  const size = Math.ceil(octets / step) * step;
  return spare.get(size)?.pop() ?? new Uint8Array(size);
}

/** The difference is not needed any more: its memory may be used for another. */
export function discard(difference: Difference): void {
  const { contents } = difference;
  if (contents.length > largestSpare) return;
  const kept = spare.get(contents.length) ?? [];
  if (kept.length < sparePerSize) kept.push(contents);
  spare.set(contents.length, kept);
}

/**
 * Finds the parts of a fresh instance's memory. `allocate` gives the address of a new block, as malloc does. The instance
 * is of no other use afterwards. Undefined when the memory looks like nothing known: then no image may be taken.
 */
export function findLayout(view: () => Uint8Array, allocate: (octets: number) => number): Layout | undefined {
  const first = allocate(16);
  const heapStart = Math.floor(first / blockSize) * blockSize;
  const low = view().subarray(0, searched);
  // The stack lies below the heap; data beyond what is taken for data here would be lost with every copy.
  const dataEnd = roundUp(Math.max(first - stackSize, low.findLastIndex((octet) => octet !== 0) + 1));
  if (dataEnd <= 0 || dataEnd > searched / 2 || heapStart < 2 * searched) return undefined;
  const before = lowWords(view(), dataEnd);
  const size = 2 * 1024 * 1024;
  const block = allocate(size);
  const after = lowWords(view(), dataEnd);
  // sbrk's word: an address just past the block now, an address in the heap before. Of several, the highest is the break.
  let found: number | undefined;
  let highest = block + size;
  for (let i = 0; i < after.length; i++) {
    const was = before[i] ?? 0;
    const is = after[i] ?? 0;
    if (was >= heapStart && was < is && is >= highest && is - block < size + 1024 * 1024) {
      highest = is;
      found = i * 4;
    }
  }
  return found === undefined ? undefined : { dataEnd, heapStart, breakAt: found };
}

function lowWords(memory: Uint8Array, end: number): Uint32Array {
  return new Uint32Array(memory.slice(0, end).buffer);
}

function roundUp(octets: number): number {
  return Math.ceil(octets / blockSize) * blockSize;
}
