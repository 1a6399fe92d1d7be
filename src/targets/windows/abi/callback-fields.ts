import { toResult, unknownRegion } from '../../../dump/answers.js';
import type { MINIDUMP_CALLBACK_INPUT, MINIDUMP_CALLBACK_OUTPUT } from '../../../dump/index.js';
import { HRESULT, MINIDUMP_CALLBACK_TYPE as Type } from '../../../format/index.js';

const { E_NOTIMPL } = HRESULT;

/** The members of the union in MINIDUMP_CALLBACK_INPUT. */
export type InputArm =
  | 'Status'
  | 'Thread'
  | 'ThreadEx'
  | 'Module'
  | 'IncludeThread'
  | 'IncludeModule'
  | 'Io'
  | 'ReadMemoryFailure'
  | 'SecondaryFlags'
  | 'VmQuery'
  | 'VmPreRead'
  | 'VmPostRead'
  | 'CompressedMemoryStreamFinish';

export type OutputField = keyof MINIDUMP_CALLBACK_OUTPUT;
export type PartialOutput = Partial<MINIDUMP_CALLBACK_OUTPUT>;

/** Which members of the two unions belong to a callback type. */
export interface CallbackFields {
  readonly input?: InputArm;
  readonly output: readonly OutputField[];
  /**
   * What a routine finds in those fields of which nobody documents that DbgHelp sets them before the call (contract, section 3):
   * what it finds there in a dump of our own engine. The other fields are taken from DbgHelp.
   */
  readonly defaults?: (input: MINIDUMP_CALLBACK_INPUT) => PartialOutput;
}

const notImplemented = () => ({ Status: E_NOTIMPL });

/** By callback type. */
export const CALLBACK_FIELDS: ReadonlyMap<number, CallbackFields> = new Map<number, CallbackFields>([
  [Type.ModuleCallback, { input: 'Module', output: ['ModuleWriteFlags'] }],
  [Type.ThreadCallback, { input: 'Thread', output: ['ThreadWriteFlags'] }],
  [Type.ThreadExCallback, { input: 'ThreadEx', output: ['ThreadWriteFlags'] }],
  [Type.IncludeThreadCallback, { input: 'IncludeThread', output: ['ThreadWriteFlags'] }],
  [Type.IncludeModuleCallback, { input: 'IncludeModule', output: ['ModuleWriteFlags'] }],
  [Type.MemoryCallback, { output: ['MemoryBase', 'MemorySize'] }],
  [Type.CancelCallback, { output: ['CheckCancel', 'Cancel'] }],
  [Type.WriteKernelMinidumpCallback, { output: ['Handle'] }],
  [Type.KernelMinidumpStatusCallback, { input: 'Status', output: [] }],
  [Type.RemoveMemoryCallback, { output: ['MemoryBase', 'MemorySize'] }],
  [Type.IncludeVmRegionCallback, { output: ['VmRegion', 'Continue'], defaults: () => ({ Continue: false }) }],
  [Type.IoStartCallback, { input: 'Io', output: ['Status'] }],
  [Type.IoWriteAllCallback, { input: 'Io', output: ['Status'], defaults: notImplemented }],
  [Type.IoFinishCallback, { input: 'Io', output: ['Status'], defaults: notImplemented }],
  [
    Type.ReadMemoryFailureCallback,
    {
      input: 'ReadMemoryFailure',
      output: ['Status'],
      defaults: (input) => ({
        Status: 'ReadMemoryFailure' in input ? toResult(input.ReadMemoryFailure.FailureStatus) : E_NOTIMPL,
      }),
    },
  ],
  [Type.SecondaryFlagsCallback, { input: 'SecondaryFlags', output: ['SecondaryFlags'] }],
  [Type.IsProcessSnapshotCallback, { output: ['Status'], defaults: notImplemented }],
  [Type.VmStartCallback, { output: ['Status'], defaults: notImplemented }],
  [
    Type.VmQueryCallback,
    {
      input: 'VmQuery',
      output: ['VmQueryStatus', 'VmQueryResult'],
      defaults: () => ({ VmQueryStatus: E_NOTIMPL, VmQueryResult: unknownRegion() }),
    },
  ],
  [
    Type.VmPreReadCallback,
    {
      input: 'VmPreRead',
      output: ['VmReadStatus', 'VmReadBytesCompleted'],
      defaults: () => ({ VmReadStatus: E_NOTIMPL, VmReadBytesCompleted: 0 }),
    },
  ],
  [
    Type.VmPostReadCallback,
    {
      input: 'VmPostRead',
      output: ['VmReadStatus', 'VmReadBytesCompleted'],
      defaults: (input) =>
        'VmPostRead' in input
          ? {
              VmReadStatus: toResult(input.VmPostRead.Status),
              VmReadBytesCompleted: input.VmPostRead.Completed,
            }
          : {},
    },
  ],
  [Type.CompressedMemoryStreamStartCallback, { output: ['CompressedMemoryStreamStart'] }],
  [Type.CompressedMemoryStreamFinishCallback, { input: 'CompressedMemoryStreamFinish', output: [] }],
]);
