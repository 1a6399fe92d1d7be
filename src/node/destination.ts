import type { Writable } from 'node:stream';
import { MinidumpError, NoSink, type Sink, WebStreamSink } from '../io/index.js';
import { AsyncDescriptorSink } from './async-descriptor-sink.js';
import { checkDescriptor, DescriptorSink } from './descriptor-sink.js';
import { FileSink, type FileSinkOptions } from './file-sink.js';
import { NodeWritableSink } from './node-writable-sink.js';

/**
 * Where a dump goes:
 *
 * - a path: the file appears when it is complete, with mode 0600 (FileSink);
 * - a file descriptor open for writing, which stays open: a file, a pipe, a socket;
 * - a Node stream, which is ended (process.stdout and process.stderr are not);
 * - a WritableStream, which is closed;
 * - a `Sink` of your own.
 */
export type Destination = string | number | Writable | WritableStream<Uint8Array> | Sink;

/** The sink for a destination, for the asynchronous driver. `null` and `undefined`: the callback is to write by itself. */
export function openDestination(
  destination: Destination | null | undefined,
  options: FileSinkOptions = {},
): Sink {
  if (destination === null || destination === undefined) return new NoSink();
  if (typeof destination === 'string') return new FileSink(destination, options);
  if (typeof destination === 'number') {
    return checkDescriptor(destination).isFile()
      ? new DescriptorSink(destination)
      : new AsyncDescriptorSink(destination);
  }
  if (isWebStream(destination)) return new WebStreamSink(destination);
  if (isSink(destination)) return destination;
  if (isWritable(destination)) return new NodeWritableSink(destination);
  throw new MinidumpError('invalid-argument', 'this is nothing that a dump can be written to', {
    advice: 'Give a path, a file descriptor, a Node stream, a WritableStream or a Sink.',
  });
}

// By what they can do, not by their class: a stream may come from another realm, or from the readable-stream package.

function isWebStream(value: object): value is WritableStream<Uint8Array> {
  return typeof (value as WritableStream).getWriter === 'function';
}

function isSink(value: object): value is Sink {
  const { mayWait, write, close, abort } = value as Sink;
  return typeof mayWait === 'boolean' && [write, close, abort].every((one) => typeof one === 'function');
}

function isWritable(value: object): value is Writable {
  const { write, end, on, destroy } = value as Writable;
  return [write, end, on, destroy].every((one) => typeof one === 'function');
}
