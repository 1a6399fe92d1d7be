// Threads of a Rust program in calls of every kind: generic, through closures and trait objects, inlined, by callbacks of Rust's and of the C
// library, in a panic, in a destructor while it unwinds, in a handler of abort. Prints READY once all stand; then all wait.
// `deep panic` and `deep index` wait for a line, and panic where nothing catches it: built with panic=abort it dies of it.
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

type Compare = extern "C" fn(*const u8, *const u8) -> i32;
extern "C" {
    fn pause() -> i32;
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn qsort(base: *mut u8, count: usize, size: usize, compare: Compare);
}

static WAITING: AtomicUsize = AtomicUsize::new(0);

#[inline(never)]
fn stand() {
    WAITING.fetch_add(1, Ordering::SeqCst);
    loop {
        unsafe { pause() };
    }
}

struct Holder<T> {
    value: T,
}

trait Visit {
    fn visit(&self, depth: u64) -> u64;
}

impl<T: Copy + Into<u64>> Visit for Holder<T> {
    #[inline(never)]
    fn visit(&self, depth: u64) -> u64 {
        if depth == 0 {
            stand();
        }
        self.visit(depth - 1) + self.value.into()
    }
}

#[inline(always)]
fn through(depth: u64) -> u64 {
    Holder { value: depth as u32 }.visit(depth) + 1
}

fn plain() -> u64 {
    through(4) + 1
}

fn dynamic() -> u64 {
    let all: Vec<Box<dyn Visit>> = vec![Box::new(Holder { value: 3u8 }), Box::new(Holder { value: 4u16 })];
    all.iter().map(|one| one.visit(2) + 1).sum::<u64>() + 1
}

#[inline(never)]
fn call<F: FnMut(u64) -> u64>(mut function: F) -> u64 {
    function(2) + function(3)
}

fn closures() -> u64 {
    let base = WAITING.load(Ordering::SeqCst) as u64;
    call(|x| call(|y| through(x + y + (base & 0)) + base) + 1) + 1
}

extern "C" fn compare(a: *const u8, b: *const u8) -> i32 {
    (through(1) as i32) + unsafe { *a as i32 - *b as i32 }
}

fn sorted_by_c() -> u64 {
    let mut letters = *b"zyxw";
    unsafe { qsort(letters.as_mut_ptr(), letters.len(), 1, compare) };
    letters[0] as u64 + 1
}

fn sorted() -> u64 {
    let mut map = BTreeMap::new();
    for i in 0..30u64 {
        map.insert((i * 7) % 30, i);
    }
    let mut values: Vec<u64> = map.values().copied().collect();
    values.sort_by(|a, b| (a + through(1)).cmp(b));
    values[0] + 1
}

#[inline(never)]
fn fails(value: Option<&u64>) -> u64 {
    *value.expect("there is a value") + 1
}

fn panics() -> u64 {
    let nothing: Vec<u64> = Vec::new();
    fails(nothing.first()) + 1
}

thread_local!(static UNWINDS: Cell<bool> = Cell::new(false));

struct Guard(u64);
impl Drop for Guard {
    #[inline(never)]
    fn drop(&mut self) {
        if thread::panicking() {
            through(self.0);
        }
    }
}

fn unwinds() -> u64 {
    UNWINDS.with(|unwinds| unwinds.set(true));
    let guard = Guard(1);
    panics() + guard.0
}

extern "C" fn on_abort(_: i32) {
    through(1);
}

fn aborts() -> u64 {
    std::process::abort()
}

#[inline(never)]
fn index(values: &[u64], at: usize) -> u64 {
    values[at] + 1
}

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    if !how.is_empty() {
        println!("READY");
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).unwrap();
        if line != "go\n" {
            return;
        }
        let result = thread::spawn(move || match how.as_str() {
            "panic" => call(|x| panics() + x),
            _ => call(|x| index(&[1, 2, 3], x as usize + 5)),
        });
        println!("{}", result.join().unwrap_or(7));
        return;
    }
    unsafe { signal(6, on_abort) };
    std::panic::set_hook(Box::new(|_| {
        if !UNWINDS.with(|unwinds| unwinds.get()) {
            stand();
        }
    }));
    let kinds: [fn() -> u64; 8] = [plain, dynamic, closures, sorted_by_c, sorted, panics, unwinds, aborts];
    for kind in kinds.iter().copied() {
        let copies = if kind as usize == aborts as usize { 1 } else { 2 };
        for _ in 0..copies {
            thread::spawn(move || kind() + 1);
        }
    }
    while WAITING.load(Ordering::SeqCst) < 15 {
        thread::sleep(std::time::Duration::from_millis(1));
    }
    println!("READY");
    std::io::stdout().flush().unwrap();
    loop {
        unsafe { pause() };
    }
}
