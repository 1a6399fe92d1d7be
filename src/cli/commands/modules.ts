import { required, withDump } from '../dump-file.js';
import { out, print, printJson } from '../output.js';
import { address, printable, table } from '../text.js';

/** `mdmp modules FILE` */
export async function modules(file: string, options: { json?: boolean }): Promise<void> {
  await withDump(file, async (dump) => {
    const list = required(dump, 'modules');
    if (options.json) {
      await printJson(
        list.map((module) => ({
          name: module.name,
          base: module.BaseOfImage,
          size: module.SizeOfImage,
          version: module.version,
          codeId: module.codeIdentifier,
          debugFile: module.debugFile,
          debugId: module.debugIdentifier,
          problems: module.problems,
        })),
      );
      return;
    }
    const columns = [
      { title: 'base' },
      { title: 'end' },
      { title: 'debug identifier' },
      { title: 'version' },
      { title: 'name' },
    ];
    const rows = list.map(({ BaseOfImage, SizeOfImage, debugIdentifier, version, name }) => [
      address(BaseOfImage),
      address(BaseOfImage + BigInt(SizeOfImage)),
      debugIdentifier ?? '-',
      version ?? '-',
      printable(name ?? ''),
    ]);
    await print(table(columns, rows, out.dim));
  });
}
