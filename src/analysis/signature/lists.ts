import type { SignatureLists } from './input.js';

/**
 * Lists for any program: what the runtimes of C, C++, Rust, Windows and V8 do on the way to a crash. They are short on purpose;
 * what says nothing in one program is the crash itself in another.
 */
export const defaultLists: SignatureLists = {
  irrelevant: [
    // Delivering a signal, to oneself or at all
    '_{0,2}(?:GI_)?raise$',
    'gsignal$',
    '_{0,2}(?:GI_)?_{0,2}pthread_kill(?:_implementation|_internal)?$',
    't?g?kill$',
    '__kill$',
    '__restore_rt$',
    '__kernel_rt_sigreturn$',
    '_sigtramp$',
    'syscall$',
    // From the exception to the one who catches it
    'KiUserExceptionDispatch(?:er)?$',
    'RtlDispatchException$',
    'RtlRaiseException$',
    'RtlpExecuteHandlerForException$',
    'RaiseException$',
    'UnhandledExceptionFilter$',
    '_CxxThrowException$',
    '_{1,2}invoke_watson',
    '_invalid_parameter',
    // The machinery of panics; the function that panicked is further out.
    'rust_begin_unwind$',
    'rust_panic$',
    '__rust_start_panic$',
    'std::panicking::',
    'std::sys::backtrace::',
    'std::sys_common::backtrace::',
    'panic_unwind::',
    // Frames that are only known by a library's name
    'linux-gate\\.so',
    'linux-vdso\\.so',
    'vdso$',
    // V8: from C++ into JavaScript, and through it
    'Builtins_(?:JSEntry|JSEntryTrampoline|InterpreterEntryTrampoline|ArgumentsAdaptorTrampoline)',
    'v8::internal::\\(anonymous namespace\\)::Invoke',
  ],
  prefix: [
    // The end of a program that found itself at fault
    '_{0,2}(?:GI_)?abort$',
    '_{0,2}(?:GI_)?_{0,2}assert_(?:fail|fail_base|rtn|func)',
    '_assert$',
    '_wassert$',
    '__fortify_fail',
    '__(?:stack_)?chk_fail',
    '__libc_(?:message|fatal)',
    'std::terminate',
    '__cxxabiv1::__terminate',
    '__cxa_(?:throw|rethrow|pure_virtual)',
    '_purecall$',
    'core::panicking::',
    'core::(?:option|result)::(?:expect|unwrap)_failed',
    'core::slice::',
    'core::str::slice_error_fail',
    'alloc::raw_vec::capacity_overflow',
    'alloc::alloc::handle_alloc_error',
    // Who was given what it cannot work with
    '(?:__GI_|__)?(?:mem|w?cs|str)(?:n?cpy|n?cmp|move|set|n?len|n?cat|r?chr|str|dup)(?:$|_)',
    '__mem(?:cpy|move|set|cmp)_',
    // The heap, where it finds that somebody else broke it
    '_{0,2}(?:libc_|GI_)?(?:malloc|calloc|realloc|free|memalign|posix_memalign)$',
    'malloc_(?:printerr|consolidate)',
    '_int_(?:malloc|free|realloc)',
    // What is left of `operator new(unsigned long)`
    '(?:new|delete)(?:\\[\\])?$',
    'Rtl(?:p)?(?:Allocate|Free|ReAllocate|ReportHeapFailure|Size)?Heap',
    'Rtlp?FailFast',
    'Heap(?:Alloc|Free)$',
    // The standard library of C++, and locks
    'std::(?:__1::|__cxx11::)?(?:basic_string|vector|map|unordered_map|shared_ptr|unique_ptr|__shared_ptr)<T>::',
    'std::(?:__1::)?__throw_',
    '_{0,2}(?:GI_)?_{0,2}pthread_mutex_(?:un)?lock$',
    'Rtlp?(?:Enter|Leave)CriticalSection',
    // V8 and Node, on their way out
    'v8::base::OS::Abort',
    'v8::internal::V8::FatalProcessOutOfMemory',
    'v8::Utils::ReportOOMFailure',
    'V8_Fatal',
    'node::(?:Abort|Assert|OnFatalError|OOMErrorHandler)',
  ],
  sentinels: [],
  lineNumbers: [],
};
