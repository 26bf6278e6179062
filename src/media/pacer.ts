/**
 * The one clock of all sessions: each gets a tick every 20 ms, at its own of ten phases, so that a thousand streams do
 * not leave in one burst. Ticks are counted from a fixed origin: timers that fire late do not add up to drift.
 */
import { frameMs } from "./rtp.ts";

/** Time and timers, as of `sip/clock.ts`: media stands alone. */
export interface PacerClock {
  /** ms, steady. */
  now(): number;
  after(ms: number, fire: () => void): { cancel(): void };
}

export interface Paced {
  /** @param skipped ticks left out since the last one */
  tick(now: number, skipped: number): void;
}

const phases = 10;
const phaseMs = frameMs / phases;
/** So many sessions share a phase before the next one is used: with few sessions the process wakes up less often. */
const perPhase = 20;
/** Ticks made up for at once after a stall; a longer stall is a gap in time, not a burst of packets. */
const maxCatchUp = 3;
/** A timer that fires a little early counts as on time: this many ms. */
const early = 0.5;

interface Phase {
  readonly members: Paced[];
  /** When its next tick is due, ms. Means nothing while it has no members. */
  due: number;
}

export class Pacer {
  #clock: PacerClock;
  #failed: (member: Paced, error: unknown) => void;
  readonly #late: (ms: number, now: number) => void;
  #origin: number;
  #phases: Phase[] = Array.from({ length: phases }, () => ({ members: [], due: 0 }));
  #timer: { cancel(): void } | undefined;
  #armed = Number.POSITIVE_INFINITY;
  #running = false;
  #members = 0;

  /**
   * @param failed takes a member whose tick threw; the others go on
   * @param late is told how late each tick of a phase is
   */
  constructor(
    clock: PacerClock,
    failed: (member: Paced, error: unknown) => void,
    late: (ms: number, now: number) => void = () => {},
  ) {
    this.#clock = clock;
    this.#failed = failed;
    this.#late = late;
    this.#origin = clock.now();
  }

  /** Ticks `member` from now on, in the phase with the fewest members of those in use. */
  add(member: Paced): void {
    let index = 0;
    let fewest = Number.POSITIVE_INFINITY;
    const used = Math.min(phases, 1 + Math.floor(this.#members++ / perPhase));
    for (let i = 0; i < used; i++) {
      const count = this.#phases[i]?.members.length ?? 0;
      if (count < fewest) {
        fewest = count;
        index = i;
      }
    }
    const phase = this.#phases[index];
    if (phase === undefined) return;
    phase.members.push(member);
    if (fewest === 0) {
      const start = this.#origin + index * phaseMs;
      phase.due = start + Math.ceil((this.#clock.now() - start) / frameMs) * frameMs;
      if (!this.#running) this.#arm();
    }
  }

  remove(member: Paced): void {
    for (const { members } of this.#phases) {
      const at = members.indexOf(member);
      if (at < 0) continue;
      const last = members.pop();
      if (last !== undefined && last !== member) members[at] = last;
      this.#members--;
      return;
    }
  }

  #arm(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const phase of this.#phases) if (phase.members.length > 0 && phase.due < next) next = phase.due;
    if (this.#timer !== undefined && this.#armed <= next) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#armed = next;
    this.#timer = this.#clock.after(Math.max(0, next - this.#clock.now()), this.#fire);
  }

  #fire = (): void => {
    this.#timer = undefined;
    this.#running = true;
    const now = this.#clock.now();
    for (const phase of this.#phases) {
      if (phase.members.length === 0 || phase.due > now + early) continue;
      this.#late(Math.max(0, now - phase.due), now);
      const due = 1 + Math.floor((now + early - phase.due) / frameMs);
      phase.due += due * frameMs;
      if (due <= maxCatchUp) for (let i = 0; i < due; i++) this.#tick(phase, now, 0);
      else this.#tick(phase, now, due - 1);
    }
    this.#running = false;
    this.#arm();
  };

  #tick(phase: Phase, now: number, skipped: number): void {
    // Backwards: a member may leave in its own tick.
    for (let i = phase.members.length - 1; i >= 0; i--) {
      const member = phase.members[i];
      if (member === undefined) continue;
      try {
        member.tick(now, skipped);
      } catch (error) {
        this.#failed(member, error);
      }
    }
  }
}
