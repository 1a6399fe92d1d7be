/** A call that was inlined into a frame. */
export interface SignatureCall {
  function?: string | null;
  file?: string | null;
  line?: number | null;
}

/** A frame, as rust-minidump's JSON has it. */
export interface SignatureFrame extends SignatureCall {
  module?: string | null;
  /** Hexadecimal, with 0x */
  offset?: string | null;
  unloaded_modules?: readonly { module: string }[] | null;
  /** The innermost first */
  inlines?: readonly SignatureCall[] | null;
}

export interface SignatureThread {
  frames: readonly SignatureFrame[];
  last_error_value?: string | null;
}

/** What a crash reporter knows beside the dump, under the names that Socorro has for it. */
export interface SignatureAnnotations {
  /** What the program was told at its end: `###!!! ABORT: file …` of Mozilla's, or any other text. */
  abort_message?: string | null;
  /** The names of further dumps of the same event; `upload_file_minidump_browser` tells that the parent sent one. */
  additional_minidumps?: readonly string[] | null;
  /** JSON: `{ "phase", "conditions": [name or { "name" }] }` */
  async_shutdown_timeout?: string | null;
  /** What hangs */
  hang?: string | null;
  ipc_channel_error?: string | null;
  ipc_message_name?: string | null;
  /** A Java stack trace as Android prints it. It stands for the frames of the dump. */
  java_stack_trace?: string | null;
  /** `Reporting`: while a large allocation of JavaScript was being reported */
  js_large_allocation_failure?: string | null;
  /** What the stackwalker said of its own work */
  mdsw_status_string?: string | null;
  /** Bytes that could not be had */
  oom_allocation_size?: number | string | null;
}

/** A report in the shape of rust-minidump's JSON; of that more may be there, and all else is not looked at. */
export interface SignatureInput {
  crash_info?: { type?: string | null; crashing_thread?: number | null } | null;
  system_info?: { os?: string | null } | null;
  threads?: readonly SignatureThread[] | null;
  annotations?: SignatureAnnotations | null;
}

/** What is known of functions. Only a few lists fit all programs: give your own. */
export interface SignatureLists {
  /** Regular expressions, from the start of a frame: frames that say nothing, and are left out. */
  irrelevant: readonly string[];
  /** Regular expressions, from the start of a frame: frames that need the next one beside them. */
  prefix: readonly string[];
  /** Frames, in full, where the signature starts, if there is one. */
  sentinels: readonly string[];
  /** Regular expressions, from the start of a function: those whose line counts. */
  lineNumbers: readonly string[];
}
