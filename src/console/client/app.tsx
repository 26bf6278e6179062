/** The whole console. */
export function App() {
  return (
    <main>
      <h1>siproc</h1>
    </main>
  );
}
