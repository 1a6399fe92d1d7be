import { checkOptions, type DumpOptions, type DumpReport, writeDump } from '../dump/index.js';
import { MinidumpError, runAsync, type Source } from '../io/index.js';
import type { Destination } from '../node/destination.js';
import { type OutputOptions, type OutputReport, openOutput } from '../node/output.js';
import { openPiped } from '../node/piped-source.js';
import { openBelow } from '../node/sysroot.js';
import { unpack } from '../node/unpack.js';
import { ElfCoreTarget } from '../targets/elf-core/index.js';
import { naming } from './naming.js';

export interface ConvertCoreOptions<Param = unknown> extends DumpOptions<Param>, OutputOptions {
  /**
   * The folder that was `/` to the process: what the core left out of mapped files is taken from there. A file has to have the build
   * id that the core gives; where the core gives none, the file is believed. Without it, files of this machine are used, but
   * only with the build id. `false`: none.
   */
  sysroot?: string | false | undefined;
  /** Where a compressed core is decompressed, into a file without a name; the system's temporary folder by default. */
  spool?: string | undefined;
  /** Most bytes of a stack other than the main thread's; 1 MiB by default. */
  maxStack?: number | undefined;
}

export interface ConvertReport extends DumpReport, OutputReport {}

/**
 * Writes a minidump of an ELF core (x86-64 Linux), compressed with gzip or zstd or not. The core is not loaded: of 10 GB
 * is read what the type of the dump and the callback select.
 *
 * The signal that the core was written for is the exception of the dump, unless `options.exception` gives another one.
 *
 * @param core a path (`-`: standard input), or a source that stays the caller's
 * @param destination as for writeMinidump
 * @throws MinidumpError; docs/errors.md lists the codes, docs/cores.md tells what is taken from where
 */
export async function convertCore<Param = unknown>(
  core: string | Source,
  destination: Destination | null | undefined,
  given: ConvertCoreOptions<Param> = {},
): Promise<ConvertReport> {
  // The engine hands CallbackParam through; only the routine knows its type.
  const options = given as ConvertCoreOptions;
  checkOptions(options);
  if (options.maxStack !== undefined && !(options.maxStack >= 0)) {
    throw new MinidumpError('invalid-argument', 'maxStack must be at least 0');
  }
  const opened = typeof core === 'string' ? await openPiped(core, options.spool) : undefined;
  try {
    using unpacked = await unpack(opened ?? (core as Source), options.spool);
    const output = await openOutput(destination, options);
    try {
      using target = await runAsync(
        ElfCoreTarget.open(unpacked.source, {
          type: options.type,
          maxStack: options.maxStack,
          openFile: options.sysroot === false ? undefined : openBelow(options.sysroot ?? '/'),
          trustFiles: typeof options.sysroot === 'string',
          notes: unpacked.notes,
        }),
      );
      return output.report(await runAsync(writeDump(target, options, output.sink)));
    } catch (error) {
      await output.sink.abort();
      throw error;
    }
  } catch (error) {
    throw typeof core === 'string' ? naming(core, error) : error;
  } finally {
    opened?.[Symbol.dispose]();
  }
}
