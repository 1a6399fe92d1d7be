import { unknownRegion } from '../../../dump/answers.js';
import { HRESULT, MINIDUMP_CALLBACK_TYPE as Type } from '../../../format/index.js';
import type { PartialOutput } from './callback-fields.js';

const { S_FALSE, ERROR_CANCELLED } = HRESULT;

/** An answer: TRUE or FALSE, and what is written into the output. */
export interface Answer {
  returns: boolean;
  output?: PartialOutput;
}

const failedRead = { VmReadStatus: ERROR_CANCELLED, VmReadBytesCompleted: 0 };

/**
 * How a callback type is answered once the dump has to fail. CancelCallback is the documented way out, but DbgHelp asks it when it
 * likes: until then each other answer either fails the dump by itself or takes work away from it.
 *
 * @param output what is in the output now
 */
export function refusal(type: number, output: PartialOutput): Answer {
  switch (type) {
    case Type.CancelCallback:
      return { returns: true, output: { CheckCancel: true, Cancel: true } };
    case Type.IoStartCallback:
      // The first piece of output then fails the dump; nothing goes into a file.
      return { returns: true, output: { Status: S_FALSE } };
    case Type.IoWriteAllCallback:
    case Type.IoFinishCallback:
    case Type.ReadMemoryFailureCallback:
      return { returns: false, output: { Status: ERROR_CANCELLED } };
    case Type.IncludeVmRegionCallback:
      // FALSE would keep the region, and all others.
      return {
        returns: true,
        output: { VmRegion: { ...(output.VmRegion ?? unknownRegion()), RegionSize: 0n }, Continue: true },
      };
    case Type.VmQueryCallback:
      return { returns: true, output: { VmQueryStatus: ERROR_CANCELLED, VmQueryResult: unknownRegion() } };
    case Type.VmPreReadCallback:
    case Type.VmPostReadCallback:
      return { returns: true, output: failedRead };
    default:
      // Threads and modules are left out; everything else is not wanted.
      return { returns: false };
  }
}
