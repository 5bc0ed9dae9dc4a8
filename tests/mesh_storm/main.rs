// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole mesh under everything at once, by seed: links that fade, come and go, nodes that reboot, oversleep or are
//! gone, radios that fail, frames that are corrupted, doubled or forged, roots that vanish, return and change their minds,
//! applications that do anything at any time, tables that are too small. Whatever happens, nothing spins, leaks or is
//! delivered wrongly; and once it is over everybody who can be reached soon is.
#![cfg(all(feature = "std", feature = "mesh"))]

mod calm;
mod host;
mod network;
mod weather;

use network::Network;

fn storm(seed: u64, most: usize, steps: usize) {
    // Shown when something panics in the midst of it.
    println!("seed {seed}");
    let mut memory = vec![0xa5; Network::MEMORY];
    let mut network = Network::new(seed, most, &mut memory);
    for _ in 0..steps {
        network.step();
    }
    network.calm();
}

#[test]
fn whatever_happens_the_mesh_is_whole_again_soon_after() {
    for seed in 0..12 {
        storm(seed, 8, 40);
    }
}

#[test]
#[ignore = "takes minutes in release, hours in debug; one storm in two hundred takes longer to get over, or doubles more"]
fn a_thousand_storms() {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let first = number("SEED", 0);
    for seed in first..first + number("STORMS", 1000) {
        storm(seed, 20, 120);
    }
}
