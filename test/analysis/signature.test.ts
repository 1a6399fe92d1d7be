import { describe, expect, it } from 'vitest';
import {
  crashSignature,
  defaultLists,
  normalizeFrame,
  normalizeFrames,
  type SignatureAnnotations,
  type SignatureFrame,
  type SignatureLists,
} from '../../src/analysis/signature/index.js';
import { corpusPath } from '../reader/corpus.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { rustReport } from './reports.js';

const letters: SignatureLists = {
  irrelevant: ['a', 'b', 'c'],
  prefix: ['d', 'e', 'f'],
  sentinels: [],
  lineNumbers: [],
};

/** The signature of a thread whose frames have these functions. */
function signatureOf(functions: readonly string[], lists: SignatureLists = letters): string {
  const frames = functions.map((name) => ({ function: name }));
  return crashSignature({ threads: [{ frames }] }, lists).signature;
}

// The examples are those of the facts that were taken from Socorro's documentation and tests.
describe('which frames are chosen', () => {
  const alphabet = [...'abcdefghijklmnopqrstuvwxyz'];

  it('the irrelevant are skipped, a prefix wants the next one', () => {
    expect(signatureOf(alphabet)).toBe('d | e | f | g');
  });

  it('a sentinel is the start', () => {
    const frames = alphabet.with(7, 'sentinel');
    const lists = { ...letters, sentinels: ['sentinel', 'nowhere'] };
    expect(signatureOf(frames, lists)).toBe('sentinel');
    expect(
      signatureOf(['a', 'b', 'sentinel', 'f', 'e', 'd', 'i', 'j'], {
        ...lists,
        irrelevant: [...lists.irrelevant, 'sentinel'],
      }),
    ).toBe('f | e | d | i');
    // Of two the one that comes first in the stack
    expect(signatureOf(['x', 'second', 'first'], { ...letters, sentinels: ['first', 'second'] })).toBe(
      'second',
    );
  });

  it('a library that repeats itself is there once', () => {
    expect(signatureOf(['a', 'd', 'foo32.dll', 'foo32.dll', 'foo32.dll', 'g'])).toBe('d | foo32.dll | g');
    expect(signatureOf(['d', 'd', 'g'])).toBe('d | d | g');
    expect(signatureOf(['f.so', 'f.so', 'g'])).toBe('f.so | g');
  });

  it('where all is irrelevant, the first frame', () => {
    expect(signatureOf(['a', 'b', 'a'])).toBe('a');
    expect(signatureOf([])).toBe('EMPTY: no frame data available');
    expect(signatureOf(['', ''])).toBe('EMPTY: no frame data available');
    expect(signatureOf(['', 'g'])).toBe('g');
  });

  it('forty frames are looked at, an inlined call is one', () => {
    const frames = Array.from({ length: 60 }, (_, i) => ({ function: `f${i}` }));
    const { signature, frames: normalised } = crashSignature({ threads: [{ frames }] }, letters);
    expect(normalised).toEqual(frames.slice(0, 40).map((frame) => frame.function));
    expect(signature.startsWith('f0 | f1 | f2')).toBe(true);
    expect(
      normalizeFrames(
        [
          { function: 'outer', inlines: [{ function: 'innermost' }, { function: 'middle' }] },
          { function: 'main' },
        ],
        false,
      ),
    ).toEqual(['innermost', 'middle', 'outer', 'main']);
  });

  it('the crashing thread; thread 0 where it is not told', () => {
    const threads = [{ frames: [{ function: 'x' }] }, { frames: [{ function: 'y' }] }];
    for (const [crashing_thread, signature] of [
      [1, 'y'],
      [0, 'x'],
      [null, 'x'],
      [-1, 'x'],
      [1.5, 'x'],
      [2, 'EMPTY: no frame data available'],
    ] as const) {
      expect(crashSignature({ crash_info: { crashing_thread }, threads }, letters).signature).toBe(signature);
    }
    expect(crashSignature({}).signature).toBe('EMPTY: no frame data available');
  });
});

describe('a frame of C++', () => {
  it.each([
    ['Alpha<Bravo<Charlie>, Delta>::Echo<Foxtrot>', 'Alpha<T>::Echo<T>'],
    ['class JSObject* DoCallback<JSObject*>(class JS::CallbackTracer*, class JSObject**)', 'DoCallback<T>'],
    ['operator()(s,t,u)', 'operator()'],
    [
      'js::jit::CodePosition::operator<=>(js::jit::CodePosition const&) const',
      'js::jit::CodePosition::operator<=>',
    ],
    ['ShutdownWorkThreads::$_52::__invoke', 'ShutdownWorkThreads::$::__invoke'],
    ['static void * Allocator<MozJemallocBase>::malloc(unsigned __int64)', 'Allocator<T>::malloc'],
    ['Foo::bar() const &', 'Foo::bar'],
    ['Foo::bar(int) const&', 'Foo::bar'],
    ['Foo::bar() &&', 'Foo::bar'],
    ['isconst', 'isconst'],
    ['Foo::operator&', 'Foo::operator&'],
    ["`anonymous namespace'::worker(void *)", '(anonymous namespace)::worker'],
    ['take (int, int) [clone .cold.111]', 'take'],
    ['take(int, int) [clone .cold.111] [clone .cold.222]', 'take'],
    ['<name omitted>', '<name omitted>'],
    ['<unknown in foobar.dll>', '<unknown in foobar.dll>'],
    [
      'IPC::ParamTraits<mozilla::net::Args<int> >::Write(int)',
      'IPC::ParamTraits<mozilla::net::Args<T> >::Write',
    ],
    ['f(void (*)(int), int', 'f'],
    ['vector<int', 'vector<T>'],
    ['a>b', 'a>b'],
  ])('%s', (name, signature) => {
    expect(normalizeFrame({ function: name })).toBe(signature);
  });

  it('has the line where the list says so', () => {
    const frame = { function: 'void js::RunScript(int)', line: 23 };
    expect(normalizeFrame(frame, /^js::/)).toBe('js::RunScript:23');
    expect(normalizeFrame(frame, /^v8::/)).toBe('js::RunScript');
    expect(signatureOf(['js_x'], { ...letters, lineNumbers: ['js_'] })).toBe('js_x:');
  });
});

describe('a frame of Rust', () => {
  it.each([
    ['expect_failed::h7f635057bfba806a', 'expect_failed'],
    [
      '<rayon_core::job::HeapJob<BODY> as rayon_core::job::Job>::execute',
      '<rayon_core::job::HeapJob<BODY> as rayon_core::job::Job>::execute',
    ],
    [
      'static void servo_arc::Arc<style::gecko_properties::ComputedValues>::drop_slow<T>()',
      'servo_arc::Arc<T>::drop_slow<T>',
    ],
    ['alloc::vec::Vec<T,A>::push', 'alloc::vec::Vec<T>::push'],
  ])('%s', (name, signature) => {
    for (const file of [
      'git:github.com/rust-lang/rust:src/lib.rs:0123abcd',
      'c:/src/lib.rs',
      '/src/lib.rs',
    ]) {
      expect(normalizeFrame({ function: name, file, line: 7 })).toBe(signature);
    }
  });

  it.each([
    ['src/libcore/option.rs', 'expect_failed', 'core::option::expect_failed'],
    ['src/libcore/slice/mod.rs', 'slice_index_order_fail', 'core::slice::slice_index_order_fail'],
    ['src/liballoc/raw_vec.rs', 'capacity_overflow', 'alloc::raw_vec::capacity_overflow'],
    ['src/libstd/panicking.rs', 'begin_panic_fmt', 'std::panicking::begin_panic_fmt'],
    ['src/libcore/option.rs', 'unwrap', 'unwrap'],
    ['src/libcore/option.rs', 'panic', 'panic'],
    ['src/other/option.rs', 'panic', 'panic'],
  ])('the path that symbols of 1.34 lack: %s %s', (path, name, signature) => {
    expect(normalizeFrame({ function: name, file: `git:github.com/rust-lang/rust:${path}:91856ed` })).toBe(
      signature,
    );
  });
});

describe('a frame without a function', () => {
  it.each<[SignatureFrame, string]>([
    [{ file: '/a/b/c/source', line: 23 }, 'source#23'],
    [{ file: 'c:\\a\\source\\', line: 23 }, 'source#23'],
    [{ file: '/a/source', module: 'm' }, 'm'],
    [{ module: '[[[module]]' }, 'module'],
    [{ module: 'libc.so.6', offset: '0x00001' }, 'libc.so.6'],
    [{ unloaded_modules: [{ module: 'unmod' }, { module: 'other' }], offset: '0x1' }, '(unloaded unmod)'],
    [{ offset: '0x0000000000032ec0' }, '@0x32ec0'],
    [{ offset: '0x0' }, '@0x0'],
    [{ offset: 'x' }, '@x'],
    [{}, ''],
  ])('%j', (frame, signature) => {
    expect(normalizeFrame(frame)).toBe(signature);
  });

  it('Windows does not tell upper from lower case', () => {
    expect(normalizeFrames([{ module: 'Foo.DLL' }], true)).toEqual(['foo.dll']);
    expect(normalizeFrames([{ module: 'Foo.DLL' }], false)).toEqual(['Foo.DLL']);
  });
});

describe('what else is known of a crash', () => {
  function hello(
    annotations: SignatureAnnotations,
    type = '',
    last_error_value: string | null = null,
  ): string {
    const threads = [{ frames: [{ function: 'hello' }], last_error_value }];
    return crashSignature({ crash_info: { type, crashing_thread: 0 }, threads, annotations }, letters)
      .signature;
  }

  it.each<[SignatureAnnotations, string]>([
    [{ oom_allocation_size: 17 }, 'OOM | small'],
    [{ oom_allocation_size: 262144 }, 'OOM | small'],
    [{ oom_allocation_size: '17000000' }, 'OOM | large | hello'],
    [{ oom_allocation_size: 0 }, 'hello'],
    [{ oom_allocation_size: 'much' }, 'hello'],
    [{ js_large_allocation_failure: 'Reporting' }, 'OOM | large | hello'],
    [
      { abort_message: '[7616] ###!!! ABORT: unsafe destruction: file c:/x/y.cpp, line 3' },
      'Abort | unsafe destruction | hello',
    ],
    [{ abort_message: '[7616] ###!!! ABORT: file c:/x/y.cpp, line 3' }, 'Abort | hello'],
    [{ abort_message: 'plain\u00e4 text\n' }, 'Abort | plain text | hello'],
    [{ abort_message: 'x'.repeat(81) }, `Abort | ${'x'.repeat(77)}... | hello`],
    [{ abort_message: 'x'.repeat(80) }, `Abort | ${'x'.repeat(80)} | hello`],
    [
      { async_shutdown_timeout: '{"phase":"quit","conditions":["b",{"name":"a"}]}' },
      'AsyncShutdownTimeout | quit | a,b',
    ],
    [{ async_shutdown_timeout: '{"phase":"quit","conditions":[]}' }, 'AsyncShutdownTimeout | quit | (none)'],
    [{ async_shutdown_timeout: '{"phase":"quit"}' }, 'AsyncShutdownTimeout | quit | (none)'],
    [{ async_shutdown_timeout: '{"conditions":["a"]}' }, 'AsyncShutdownTimeout | (unknown) | a'],
    [
      { async_shutdown_timeout: '{"phase":"quit","conditions":[1]}' },
      'AsyncShutdownTimeout | quit | UNKNOWN',
    ],
    [{ oom_allocation_size: 17, js_large_allocation_failure: 'Reporting' }, 'OOM | large | hello'],
    [{ async_shutdown_timeout: 'null' }, 'AsyncShutdownTimeout | UNKNOWN'],
    [{ async_shutdown_timeout: '{' }, 'AsyncShutdownTimeout | UNKNOWN'],
    [{ ipc_channel_error: 'e'.repeat(101) }, `IPCError-content | ${'e'.repeat(100)}`],
    [
      { ipc_channel_error: 'e', additional_minidumps: ['upload_file_minidump_browser'] },
      'IPCError-browser | e',
    ],
    [{ ipc_message_name: 'Ping' }, 'hello | IPC_Message_Name=Ping'],
    [{ hang: 'ui' }, 'hang: ui | hello'],
    [{ mdsw_status_string: 'ERROR' }, 'hello'],
    [
      { java_stack_trace: 'java.lang.Oops: text\n\tat a.B.c(B.java:12)\n\tat d' },
      'java.lang.Oops: text at a.B.c(B.java)',
    ],
    [
      { java_stack_trace: 'java.lang.Oops: of x@1a2b3c4d\n\tat a.B.c(B.java:12)' },
      'java.lang.Oops: of x@<addr>: at a.B.c(B.java)',
    ],
    [
      { java_stack_trace: `java.Oops: ${'x'.repeat(300)}\n at a.B.c(B.java:1)` },
      'java.Oops: at a.B.c(B.java)',
    ],
    [{ java_stack_trace: ' ' }, 'EMPTY: Java stack trace not in expected format'],
  ])('%j', (annotations, signature) => {
    expect(hello(annotations)).toBe(signature);
  });

  it.each([
    ['EXCEPTION_STACK_OVERFLOW', null, 'stackoverflow | hello'],
    ['EXCEPTION_IN_PAGE_ERROR_READ / STATUS_DEVICE_DATA_ERROR', null, 'bad hardware | hello'],
    ['STATUS_NO_MEMORY', null, 'OOM | unknown | hello'],
    ['STATUS_FATAL_MEMORY_EXHAUSTION', null, 'OOM | unknown | hello'],
    ['', 'ERROR_COMMITMENT_LIMIT', 'OOM | unknown | hello'],
    ['', 'ERROR_NOT_ENOUGH_MEMORY', 'OOM | unknown | hello'],
    ['', 'ERROR_SUCCESS', 'hello'],
  ])('reason %s, last error %s', (reason, error, signature) => {
    expect(hello({}, reason, error)).toBe(signature);
  });

  it('the rules come in order', () => {
    expect(
      hello({ oom_allocation_size: 2 ** 20, abort_message: 'm', hang: 'h' }, 'EXCEPTION_STACK_OVERFLOW'),
    ).toBe('hang: h | stackoverflow | Abort | m | OOM | large | hello');
  });

  it('the first thread counts where a watchdog ended the program', () => {
    const threads = [{ frames: [{ function: 'wait' }] }, { frames: [{ function: 'x::RunWatchdog(void*)' }] }];
    const input = { crash_info: { crashing_thread: 1 }, threads };
    expect(crashSignature(input, letters).signature).toBe('shutdownhang | wait');
  });

  it('an empty signature says why', () => {
    expect(crashSignature({ annotations: { mdsw_status_string: 'ERROR_NO_THREAD_LIST' } }).signature).toBe(
      'EMPTY: no frame data available; ERROR_NO_THREAD_LIST',
    );
  });

  it('is printable, and short', () => {
    expect(signatureOf(['x\u00e4\ty'])).toBe('xy');
    expect(signatureOf(['y'.repeat(255)])).toBe('y'.repeat(255));
    expect(signatureOf(['y'.repeat(256)])).toBe(`${'y'.repeat(252)}...`);
  });
});

describe('the lists that come with it', () => {
  it.each([
    [['raise', 'abort', '__assert_fail', 'check_input(int)'], 'abort | __assert_fail | check_input'],
    [['__memmove_avx_unaligned_erms', 'copy_row(char*)'], '__memmove_avx_unaligned_erms | copy_row'],
    [['strlen', 'print(char const*)'], 'strlen | print'],
    [['operator new[](unsigned long)', 'make()'], 'new[] | make'],
    [
      ['__GI_raise', '__GI_abort', '__libc_message', 'malloc_printerr', '_int_free', 'Cache::~Cache()'],
      '__GI_abort | __libc_message | malloc_printerr | _int_free | Cache::~Cache',
    ],
    [
      ['std::panicking::begin_panic_handler', 'core::panicking::panic_fmt', 'app::main'],
      'core::panicking::panic_fmt | app::main',
    ],
    [['KiUserExceptionDispatcher', 'RtlFreeHeap', 'release'], 'RtlFreeHeap | release'],
    [['killer', 'main'], 'killer'],
    [['raise_hand', 'main'], 'raise_hand'],
    [['freeze'], 'freeze'],
    [['__libc_start_main'], '__libc_start_main'],
  ])('%j', (functions, signature) => {
    expect(signatureOf(functions, defaultLists)).toBe(signature);
  });

  it('can be replaced one by one', () => {
    expect(signatureOf(['raise', 'x'], { ...defaultLists, irrelevant: [] })).toBe('raise');
  });
});

describe('names that no compiler makes', () => {
  it.each([
    '<',
    '(',
    '[clone .cold',
    '` ',
    '&',
    ' const',
    'operator&',
    'IPC::ParamTraits<',
    ',',
    ')>',
    '::$_1',
  ])('two hundred thousand times %j', (piece) => {
    const name = piece.repeat(200_000);
    for (const file of [undefined, '/a.rs']) {
      expect(normalizeFrame({ function: name, file: file ?? null })).toBeTypeOf('string');
    }
    expect(signatureOf([name], defaultLists).length).toBeLessThanOrEqual(255);
  });
});

describeWith([needsCorpus, 'minidump-stackwalk'], 'a report of rust-minidump', () => {
  it('can be given as it is', async () => {
    const report = (await rustReport(corpusPath('rust-minidump/test.dmp')))!;
    expect(crashSignature(report).signature).toBe('test_app.exe');
    expect(crashSignature(report).frames).toEqual([
      'test_app.exe',
      'test_app.exe',
      'test_app.exe',
      'kernel32.dll',
    ]);
  });
});
