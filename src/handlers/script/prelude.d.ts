/** The text of prelude.js. */
declare const source: string;
export default source;
