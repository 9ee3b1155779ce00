// Runs one script on the 32-bit WebAssembly build of MicroPython; tests/vms.py starts this.
//
// Standard input is one JSON object: {"argv": [script, ...], "path": [folder, ...], "files": [file or folder, ...]}.
// That VM sees no host files, so the script, every folder of "path" and everything in "files" is copied into its own
// file system under the same absolute name. Output passes through unchanged; the exit status is the script's.
import fs from "node:fs";
import path from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

function mirror(vm, name) {
  if (fs.statSync(name).isDirectory()) {
    vm.FS.mkdirTree(name);
    for (const entry of fs.readdirSync(name)) {
      if (entry !== "__pycache__") mirror(vm, path.join(name, entry));
    }
  } else {
    vm.FS.mkdirTree(path.dirname(name));
    vm.FS.writeFile(name, fs.readFileSync(name));
  }
}

function exitStatus(error) {
  if (error.type !== "SystemExit") {
    fs.writeSync(2, `${error.message}\n`);
    return 1;
  }
  // The message ends in "SystemExit: VALUE", or in "SystemExit:" alone for a plain sys.exit().
  const value = error.message.trimEnd().split("SystemExit:").pop().trim();
  if (value === "" || value === "None") return 0;
  if (/^-?\d+$/.test(value)) return Number(value) & 0xff;
  fs.writeSync(2, `${value}\n`);
  return 1;
}

const job = JSON.parse(fs.readFileSync(0, "utf8"));
const vm = await loadMicroPython({
  linebuffer: false,
  stdout: (bytes) => fs.writeSync(1, bytes),
  stderr: (bytes) => fs.writeSync(2, bytes),
});
const script = job.argv[0];
for (const name of [script, ...job.path, ...job.files]) mirror(vm, name);
const searchPath = [path.dirname(script), ...job.path];
vm.runPython(
  `import sys\nsys.argv[:] = ${JSON.stringify(job.argv)}\nsys.path[:] = ${JSON.stringify(searchPath)} + sys.path[1:]\ndel sys\n`,
);
try {
  vm.runPython(fs.readFileSync(script, "utf8"));
} catch (error) {
  if (error.name !== "PythonError") throw error;
  process.exitCode = exitStatus(error);
}
