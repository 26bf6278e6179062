/** A WebAssembly module that is embedded: its path. */
declare module "*.wasm" {
  const path: string;
  export default path;
}
