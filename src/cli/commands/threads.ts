import { required, withDump } from '../dump-file.js';
import { out, print, printJson } from '../output.js';
import { address, printable, size, table } from '../text.js';

/** `mdmp threads FILE` */
export async function threads(file: string, options: { json?: boolean }): Promise<void> {
  await withDump(file, async (dump) => {
    const list = required(dump, 'threads');
    if (options.json) {
      await printJson(
        list.map(
          ({ ThreadId, name, context, Teb, Stack, SuspendCount, PriorityClass, Priority, problems }) => ({
            id: ThreadId,
            name,
            instructionPointer: context?.instructionPointer,
            stackPointer: context?.stackPointer,
            stack: { address: Stack.StartOfMemoryRange, size: Stack.Memory.DataSize },
            teb: Teb,
            suspendCount: SuspendCount,
            priorityClass: PriorityClass,
            priority: Priority,
            problems,
          }),
        ),
      );
      return;
    }
    const columns = [
      { title: 'id', right: true },
      { title: 'instruction' },
      { title: 'stack pointer' },
      { title: 'stack', right: true },
      { title: 'name' },
    ];
    const rows = list.map(({ ThreadId, name, context, Stack }) => [
      String(ThreadId),
      context ? address(context.instructionPointer) : '-',
      context ? address(context.stackPointer) : '-',
      size(Stack.Memory.DataSize),
      printable(name ?? ''),
    ]);
    await print(table(columns, rows, out.dim));
  });
}
