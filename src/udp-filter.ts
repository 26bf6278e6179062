/**
 * Socket filters (BPF) that let the kernel drop datagrams of given sources, or all, before they are queued. Bun reads a
 * UDP socket until it is empty: only what the kernel drops costs the loop nothing.
 */

/** Which sources are dropped: everybody, or the listed IP addresses (of IPv6 the /64 networks that hold them). */
export type Dropped = "all" | readonly string[];

/** More sources than these are not told apart. */
export const maxSources = 32;

// Instructions of <linux/bpf_common.h>: load a word at a fixed offset, jump if equal, return.
const load = 0x20;
const jumpIfEqual = 0x15;
const give = 0x06;
/** Loads at this offset count from the IP header. */
const ipHeader = 0xfff00000;
const sourceOffset = { ipv4: 12, ipv6: 8 };
const whole = 0xffffffff;
const instructionSize = 8;

/** The program as an array of `struct sock_filter`, in the byte order of this machine (little, as all that Bun runs on). */
export function filterProgram(dropped: Dropped): Uint8Array {
  const code: [op: number, ifTrue: number, ifFalse: number, k: number][] = [];
  if (dropped !== "all") {
    for (const host of dropped.slice(0, maxSources)) {
      const words = sourceWords(host);
      const offset = host.includes(":") ? sourceOffset.ipv6 : sourceOffset.ipv4;
      words.forEach((word, i) => {
        code.push([load, 0, 0, ipHeader + offset + 4 * i]);
        // To the instruction behind this source's "drop" when it is another.
        code.push([jumpIfEqual, 0, 2 * (words.length - 1 - i) + 1, word]);
      });
      code.push([give, 0, 0, 0]);
    }
    code.push([give, 0, 0, whole]);
  } else code.push([give, 0, 0, 0]);
  const program = new Uint8Array(code.length * instructionSize);
  const view = new DataView(program.buffer);
  code.forEach(([op, ifTrue, ifFalse, k], i) => {
    const at = i * instructionSize;
    view.setUint16(at, op, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, k, true);
  });
  return program;
}

/** The 32-bit words to compare: an IPv4 address, or the first half of an IPv6 one. */
function sourceWords(host: string): number[] {
  if (!host.includes(":")) return [word(host.split(".").map(Number), 256)];
  const [left = "", right] = host.split("%", 1)[0]?.split("::") ?? [];
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const head = groups(left);
  const first = right === undefined ? head : [...head, 0, 0, 0, 0];
  // With "::" behind fewer than four groups, zeros follow unless the tail reaches that far.
  if (right !== undefined) {
    const tail = groups(right);
    for (let i = head.length; i < 4; i++) first[i] = tail[i - (8 - tail.length)] ?? 0;
  }
  return [word(first.slice(0, 2), 65_536), word(first.slice(2, 4), 65_536)];
}

function word(parts: number[], base: number): number {
  return parts.reduce((sum, part) => sum * base + (part || 0), 0);
}
