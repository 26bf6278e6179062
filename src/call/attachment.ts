/** Ids of the media worker's answers that nobody waits for. */
export const unasked = 0;

/** What goes along with a call for a while: streams, recognition. It hears keys, and of the end. */
export interface Attachment {
  /** The other side pressed a key. @param duration ms; inSound: it was heard as a tone, which is still in the sound */
  digit?(digit: string, duration: number, inSound: boolean): void;
  /** The call is over; its commands are settled by itself. */
  over(): void;
}
