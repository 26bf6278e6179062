/** The path of QuickJS's WebAssembly module: on disk, or inside the compiled binary. */
declare module "@jitl/quickjs-wasmfile-release-sync/wasm" {
  const path: string;
  export default path;
}
