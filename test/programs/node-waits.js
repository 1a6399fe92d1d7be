// Waits in JavaScript that was called by native code, that was called by JavaScript: in Atomics.wait under Array.prototype.sort.
const nobody = new Int32Array(new SharedArrayBuffer(4));
function waits() {
  process.stdout.write('READY\n');
  Atomics.wait(nobody, 0, 0);
  return 0;
}
[2, 1].sort(waits);
