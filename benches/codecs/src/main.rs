// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long the codecs take, beside those of well-known crates, in one run.
//!
//! Without arguments: nanoseconds per operation, the median of several rounds in turn. With
//! `NAME COUNT`: runs one case so often and nothing else, to be counted by a tool that counts
//! instructions (`ci/bench.sh` does).

mod coap;
mod lowpan;
mod mqtt;

use std::time::Instant;

/// One thing to measure.
pub struct Case {
    /// `what/whose`.
    pub name: &'static str,
    /// Does it once. Returns something that depends on the work.
    pub run: Box<dyn FnMut() -> usize>,
}

impl Case {
    fn new(name: &'static str, run: impl FnMut() -> usize + 'static) -> Case {
        Case { name, run: Box::new(run) }
    }

    fn repeat(&mut self, count: usize) -> usize {
        (0..count).fold(0, |sum, _| sum ^ std::hint::black_box((self.run)()))
    }
}

const ROUNDS: usize = 15;
const PER_ROUND: usize = 100_000;

fn main() {
    let mut cases = coap::cases();
    cases.extend(lowpan::cases());
    cases.extend(mqtt::cases());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => time(&mut cases),
        [list] if list == "list" => cases.iter().for_each(|case| println!("{}", case.name)),
        [name, count] => {
            let case = cases.iter_mut().find(|case| case.name == name).expect("a case of that name");
            let count = count.parse().expect("a number");
            std::hint::black_box(case.repeat(count));
        }
        _ => panic!("usage: codecs [list | NAME COUNT]"),
    }
}

/// The cases take turns, so that a machine that changes its speed changes it for all.
fn time(cases: &mut [Case]) {
    let mut rounds = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter_mut().zip(&mut rounds) {
            let start = Instant::now();
            std::hint::black_box(case.repeat(PER_ROUND));
            times.push(start.elapsed().as_nanos() as f64 / PER_ROUND as f64);
        }
    }
    for (case, times) in cases.iter().zip(&mut rounds) {
        times.sort_by(f64::total_cmp);
        println!("{:<28} {:8.1} ns", case.name, times[ROUNDS / 2]);
    }
}
