/** The text of library.js. */
declare const source: string;
export default source;
