/** A fault in a script's text, as `siproc check` reports it. Lines and columns count from 1. */
export interface Diagnostic {
  file: string;
  line?: number;
  column?: number;
  message: string;
}
