import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { demangle } from '../../../src/object/demangle/index.js';
import { describeWith, root } from '../../support/tools.js';
import { filtered, likeGnu, needsFile, needsPrograms, program, symbolsOf, withoutSpaces } from './judges.js';

const libraries = '/usr/lib/x86_64-linux-gnu';
const libstdcxx = join(libraries, 'libstdc++.so.6');
const libLlvm = join(libraries, 'libLLVM.so.19.1');
const needsJudges = needsPrograms('nm', 'c++filt', 'llvm-cxxfilt-19');

/** Names that neither judge reads as mdmp does. */
function disagreements(names: readonly string[]): string[] {
  const gnu = filtered('c++filt', names);
  const llvm = filtered('llvm-cxxfilt-19', names);
  return names.flatMap((name, i) => {
    const ours = withoutSpaces(demangle(name));
    const agrees = ours === withoutSpaces(likeGnu(llvm[i]!)) || ours === withoutSpaces(gnu[i]!);
    return agrees ? [] : `${name}\n  ${ours}\n  ${llvm[i]}\n  ${gnu[i]}`;
  });
}

describeWith([needsJudges, needsFile(libstdcxx, libstdcxx)], 'all names of libstdc++', () => {
  it('are read as c++filt or llvm-cxxfilt reads them', { timeout: 120_000 }, () => {
    const names = symbolsOf(libstdcxx, /^_Z/, '-D');
    expect(names.length).toBeGreaterThan(4000);
    expect(disagreements(names)).toEqual([]);
  });
});

describeWith([needsJudges, needsFile(libLlvm, libLlvm)], 'all names of libLLVM', () => {
  it('are read as c++filt or llvm-cxxfilt reads them', { timeout: 300_000 }, () => {
    const names = symbolsOf(libLlvm, /^_Z/, '-D');
    expect(names.length).toBeGreaterThan(40_000);
    expect(disagreements(names).slice(0, 20)).toEqual([]);
  });
});

describeWith([needsJudges, 'g++'], 'odd names', () => {
  it.each(['-O0', '-O2'])('compiled with g++ %s', { timeout: 120_000 }, (level) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdmp-demangle-'));
    try {
      const object = join(folder, 'odd.o');
      const source = join(root, 'test', 'object', 'demangle', 'odd.cc');
      const { status, stderr } = spawnSync('g++', ['-std=c++20', level, '-w', '-c', '-o', object, source], {
        encoding: 'utf8',
      });
      expect(status, stderr).toBe(0);
      const names = symbolsOf(object, /^_Z/);
      expect(names.length).toBeGreaterThan(100);
      expect(names.filter((name) => demangle(name) === name)).toEqual([]);
      expect(disagreements(names)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The folder of the compiler's own libraries. */
function rustFolder(): string | undefined {
  if (program('rustc') === undefined) return undefined;
  const { stdout } = spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' });
  return stdout ? join(stdout.trim(), 'lib') : undefined;
}

const rustLibraries = rustFolder();
const driver =
  rustLibraries === undefined
    ? undefined
    : readdirSync(rustLibraries)
        .filter((name) => /^librustc_driver-.*\.so$/.test(name))
        .map((name) => join(rustLibraries, name))[0];

describeWith([needsJudges, needsFile(driver, 'librustc_driver')], 'the names of the Rust compiler', () => {
  it('are read as llvm-cxxfilt reads them', { timeout: 120_000 }, () => {
    const names = symbolsOf(driver!, /^_R/, '-D');
    expect(names.length).toBeGreaterThan(10_000);
    const llvm = filtered('llvm-cxxfilt-19', names);
    // LLVM 19 does not know constants that are no plain literals.
    const known = names.filter((name, i) => llvm[i] !== name);
    expect(known.length).toBeGreaterThan(0.999 * names.length);
    expect(names.filter((name) => demangle(name) === name)).toEqual([]);
    expect(names.filter((name, i) => llvm[i] !== name && demangle(name) !== llvm[i])).toEqual([]);
  });
});

const program_rs = `
use std::fmt::Debug;
trait Shape { fn area(&self) -> f64; fn name(&self) -> String { "shape".into() } }
struct Square<const N: usize>; struct Pair<T>(T, T);
impl<const N: usize> Shape for Square<N> { #[inline(never)] fn area(&self) -> f64 { (N * N) as f64 } }
impl<T: Debug> Shape for Pair<T> { #[inline(never)] fn area(&self) -> f64 { format!("{:?}{:?}", self.0, self.1).len() as f64 } }
impl<'a> Shape for &'a [u8] { #[inline(never)] fn area(&self) -> f64 { self.len() as f64 } }
mod größe { #[inline(never)] pub fn länge<T: super::Shape + ?Sized>(t: &T) -> f64 { t.area() } }
#[inline(never)] fn call<F: Fn(i32) -> i32>(f: F) -> i32 { f(1) + 1 }
#[inline(never)] fn pointer(f: unsafe extern "C" fn(i32, *const u8) -> !, g: for<'a> fn(&'a str) -> &'a str) -> usize { f as usize + g as usize }
#[inline(never)] fn generic<T: ?Sized>(t: &T) -> usize { std::mem::size_of_val(t) }
extern "C" { fn abort_with(a: i32, b: *const u8) -> !; }
fn main() {
  let boxes: Vec<Box<dyn Shape>> = vec![Box::new(Square::<3>), Box::new(Pair(1u8, 2)), Box::new(&b"xy"[..])];
  println!("{} {}", boxes.iter().map(|b| größe::länge(b.as_ref())).sum::<f64>(), boxes[0].name());
  let k = std::env::args().count() as i32;
  println!("{}", call(|x| call(move |y| x + y + k)));
  println!("{} {}", generic(&[1u8, 2][..]), generic::<dyn Fn(u8) -> Option<(char, [bool; 2])>>(&|_| None));
  println!("{}", generic(&(pointer as fn(_, _) -> _)));
}
`;

describeWith([needsJudges, needsPrograms('rustc')], 'a Rust program', () => {
  it.each(['legacy', 'v0'])('compiled with %s names', { timeout: 300_000 }, (mangling) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdmp-demangle-'));
    try {
      const source = join(folder, 'program.rs');
      const object = join(folder, 'program.o');
      writeFileSync(source, program_rs);
      const version = `symbol-mangling-version=${mangling}`;
      const options = mangling === 'legacy' ? ['-Z', 'unstable-options'] : [];
      const { status, stderr } = spawnSync(
        'rustc',
        ['--edition=2021', '--emit=obj', '-C', version, ...options, '-o', object, source],
        { encoding: 'utf8', env: { ...process.env, RUSTC_BOOTSTRAP: '1' } },
      );
      expect(status, stderr).toBe(0);
      const names = symbolsOf(object, mangling === 'v0' ? /^_R/ : /^_ZN.*17h[0-9a-f]{16}E$/);
      expect(names.length).toBeGreaterThan(30);
      const judge = filtered(mangling === 'v0' ? 'llvm-cxxfilt-19' : 'c++filt', names);
      const withoutHash = judge.slice(0, names.length).map((text) => text.replace(/::h[0-9a-f]{16}$/, ''));
      // c++filt leaves what is not ASCII as it is.
      const expected = withoutHash.map((text) =>
        text.replaceAll('$uf6$', 'ö').replaceAll('$udf$', 'ß').replaceAll('$ue4$', 'ä'),
      );
      expect(names.map((name) => demangle(name))).toEqual(expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
