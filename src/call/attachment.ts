/** What goes along with a call for a while: streams, recognition. It hears keys, and of the end. */
export interface Attachment {
  /** The other side pressed a key. @param duration ms */
  digit?(digit: string, duration: number): void;
  /** The call is over; its commands are settled by itself. */
  over(): void;
}
