import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './programs.js';
import { waitFor } from './run.js';
import { requireTool, root } from './tools.js';
import { startWindowsProgram, type WindowsProgram, windowsApp, windowsPath } from './wine.js';

/**
 * A Windows Node that stays for several requests to a module of test/programs/windows, whose default export gets and gives a text. Where it breaks
 * down that request fails, and the next one has a new Node. It ends with `stopWindows`.
 */
export class WindowsSession {
  readonly #module: string;
  #program: WindowsProgram | undefined;
  #folder = '';
  #requests = 0;

  constructor(module: string) {
    this.#module = module;
  }

  /** What it has written to stderr must be nothing. */
  async ask(text: string, timeoutMs = 60_000): Promise<string> {
    const program = await this.#running();
    const name = join(this.#folder, String(this.#requests++));
    writeFileSync(`${name}.part`, text);
    renameSync(`${name}.part`, `${name}.request`);
    await waitFor(
      `an answer of ${this.#module}`,
      () => existsSync(`${name}.answer`) || program.exited,
      timeoutMs,
    );
    const { stderr } = program.output;
    if (existsSync(`${name}.answer`) && stderr === '') return readFileSync(`${name}.answer`, 'utf8');
    throw new Error(`${this.#module} gave no answer: ${stderr || `it ended with ${await program.end()}`}`);
  }

  async #running(): Promise<WindowsProgram> {
    if (this.#program !== undefined && !this.#program.exited) return this.#program;
    const programs = join(root, 'test', 'programs', 'windows');
    for (const name of ['serve.mjs', this.#module])
      copyFileSync(join(programs, name), join(windowsApp(), name));
    this.#folder = temporaryFolder();
    this.#requests = 0;
    const [serve, module] = ['serve.mjs', this.#module].map((name) => windowsPath(join(windowsApp(), name)));
    this.#program = await startWindowsProgram(requireTool('node.exe'), [
      serve!,
      module!,
      windowsPath(this.#folder),
    ]);
    return this.#program;
  }
}
