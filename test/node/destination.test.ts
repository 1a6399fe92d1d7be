import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { BytesSink, NoSink, WebStreamSink } from '../../src/io/index.js';
import { AsyncDescriptorSink } from '../../src/node/async-descriptor-sink.js';
import { DescriptorSink } from '../../src/node/descriptor-sink.js';
import { type Destination, openDestination } from '../../src/node/destination.js';
import { FileSink } from '../../src/node/file-sink.js';
import { NodeWritableSink } from '../../src/node/node-writable-sink.js';

const folder = mkdtempSync(join(tmpdir(), 'mdmp-destination-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('openDestination', () => {
  it('makes a sink of whatever it is given', () => {
    const sink = openDestination(join(folder, 'a.dmp'));
    expect(sink).toBeInstanceOf(FileSink);
    sink.abort();
    expect(readdirSync(folder)).toEqual([]);
    const fd = openSync(join(folder, 'b.dmp'), 'w');
    expect(openDestination(fd)).toBeInstanceOf(DescriptorSink);
    closeSync(fd);
    const nothing = openSync('/dev/null', 'w');
    expect(openDestination(nothing)).toBeInstanceOf(AsyncDescriptorSink);
    closeSync(nothing);
    expect(openDestination(new PassThrough())).toBeInstanceOf(NodeWritableSink);
    expect(openDestination(new WritableStream())).toBeInstanceOf(WebStreamSink);
    const own = new BytesSink();
    expect(openDestination(own)).toBe(own);
    for (const none of [null, undefined]) {
      const sink = openDestination(none);
      expect(sink).toBeInstanceOf(NoSink);
      expect(() => sink.write(new Uint8Array(1))).toThrow(/nowhere to write/);
    }
  });

  it.each<[string, unknown]>([
    ['a readable stream', new ReadableStream()],
    ['an array', []],
    ['half a sink', { mayWait: true, write() {} }],
    ['a function', () => {}],
    ['a boolean', true],
  ])('refuses %s', (_what, given) => {
    expect(() => openDestination(given as Destination)).toThrow(/nothing that a dump can be written to/);
  });
});
