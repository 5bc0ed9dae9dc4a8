// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who hears whom, and how well.
#![forbid(unsafe_code)]

use crate::random::{Random, Sequence};

/// One direction between two radios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadioLink {
    /// How often a frame arrives that nothing disturbs, in parts per thousand. With 0 nothing
    /// ever arrives, but the carrier is sensed and disturbs others.
    pub delivery: u16,
    /// The signal strength at the receiver, in dBm.
    pub rssi: i8,
}

impl RadioLink {
    /// A link without loss.
    pub const PERFECT: RadioLink = RadioLink { delivery: 1000, rssi: -60 };

    /// The link quality indication of what comes over it: from 0 at -100 dBm to 255 at -49 dBm.
    pub fn lqi(&self) -> u8 {
        (5 * (i16::from(self.rssi) + 100)).clamp(0, 255) as u8
    }
}

/// Where the nodes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Placement {
    /// In a square grid, row by row, neighbours 10 m apart; the first node is in a corner.
    Grid,
    /// In a line, 10 m apart; the first node is at an end.
    Line,
    /// At random in a square in which each has, on average, so many others within range; the
    /// first node is in the middle.
    Random {
        /// How many others are within range on average.
        degree: u32,
    },
}

/// How the signal fades with the distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Propagation {
    /// Up to this distance frames arrive, in metres.
    pub range: f64,
    /// Up to this distance the carrier is sensed and disturbs, in metres.
    pub interference: f64,
    /// How many frames are lost, in parts per thousand.
    pub loss: u16,
    /// By how much the loss of the two directions may lie above or below that, in parts per
    /// thousand.
    pub asymmetry: u16,
}

impl Default for Propagation {
    /// In a grid of 10 m the four direct neighbours are heard, and the diagonal ones.
    fn default() -> Propagation {
        Propagation { range: 15.0, interference: 25.0, loss: 0, asymmetry: 0 }
    }
}

/// Nodes and the links between them.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Where each node is, in metres.
    pub positions: Vec<(f64, f64)>,
    /// For each node, who hears it.
    links: Vec<Vec<(usize, RadioLink)>>,
}

impl Topology {
    /// `count` nodes without any link between them.
    pub fn unlinked(count: usize) -> Topology {
        Topology { positions: vec![(0.0, 0.0); count], links: vec![Vec::new(); count] }
    }

    /// `count` nodes placed on a plane.
    pub fn new(count: usize, placement: Placement, propagation: &Propagation, seed: u64) -> Topology {
        let mut random = Sequence(seed);
        let positions = match placement {
            Placement::Line => (0..count).map(|index| (index as f64 * 10.0, 0.0)).collect(),
            Placement::Grid => {
                let width = (count as f64).sqrt().ceil().max(1.0) as usize;
                (0..count).map(|it| ((it % width) as f64 * 10.0, (it / width) as f64 * 10.0)).collect()
            }
            Placement::Random { degree } => scatter(count, degree, propagation.range, &mut random),
        };
        Topology::from_positions(positions, propagation, &mut random)
    }

    /// Nodes at these positions, in metres.
    pub fn from_positions(
        positions: Vec<(f64, f64)>,
        propagation: &Propagation,
        random: &mut dyn Random,
    ) -> Topology {
        let mut topology = Topology::unlinked(positions.len());
        topology.positions = positions;
        for from in 0..topology.positions.len() {
            for to in 0..topology.positions.len() {
                let distance = topology.distance(from, to);
                if from == to || distance > propagation.interference.max(propagation.range) {
                    continue;
                }
                let spread = u32::from(propagation.asymmetry);
                let lost = i32::from(propagation.loss) + random.below(2 * spread + 1) as i32 - spread as i32;
                let delivery =
                    if distance > propagation.range { 0 } else { (1000 - lost).clamp(1, 1000) as u16 };
                topology.set(from, to, Some(RadioLink { delivery, rssi: level(distance) }));
            }
        }
        topology
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The distance between two nodes, in metres.
    pub fn distance(&self, a: usize, b: usize) -> f64 {
        distance(self.positions[a], self.positions[b])
    }

    /// Sets or cuts the link in one direction.
    pub fn set(&mut self, from: usize, to: usize, link: Option<RadioLink>) {
        self.links[from].retain(|(other, _)| *other != to);
        if let Some(link) = link {
            self.links[from].push((to, link));
        }
    }

    /// Sets or cuts the link in both directions.
    pub fn set_both(&mut self, a: usize, b: usize, link: Option<RadioLink>) {
        self.set(a, b, link);
        self.set(b, a, link);
    }

    /// The link in one direction.
    pub fn get(&self, from: usize, to: usize) -> Option<RadioLink> {
        self.links[from].iter().find(|(other, _)| *other == to).map(|(_, link)| *link)
    }

    /// Who hears a node.
    pub fn listeners(&self, from: usize) -> &[(usize, RadioLink)] {
        &self.links[from]
    }

    /// How many hops each node is from `start` over links that deliver both ways; `None` for
    /// those that cannot be reached.
    pub fn hops(&self, start: usize) -> Vec<Option<u32>> {
        let mut hops = vec![None; self.len()];
        let mut front = vec![start];
        let mut count = 0;
        while !front.is_empty() {
            let mut next = Vec::new();
            for node in front {
                if hops[node].is_some() {
                    continue;
                }
                hops[node] = Some(count);
                for (other, link) in self.listeners(node) {
                    let back = || self.get(*other, node).is_some_and(|link| link.delivery > 0);
                    if link.delivery > 0 && hops[*other].is_none() && back() {
                        next.push(*other);
                    }
                }
            }
            front = next;
            count += 1;
        }
        hops
    }
}

/// From only such operations as give the same on every machine.
fn distance((x, y): (f64, f64), (u, v): (f64, f64)) -> f64 {
    ((x - u) * (x - u) + (y - v) * (y - v)).sqrt()
}

/// The signal strength at a distance in metres: -50 dBm up to one metre, falling with the cube of the distance. A
/// logarithm would depend on the machine, so the decibels are counted.
fn level(distance: f64) -> i8 {
    const DECIBEL: f64 = 1.258_925_411_794_167_3;
    let mut left = distance * distance * distance * (1.0 + 1e-9);
    let mut level = -50;
    while left >= DECIBEL && level > -110 {
        left /= DECIBEL;
        level -= 1;
    }
    level
}

/// Nodes at random, each within range of one placed before, so that they form one network.
fn scatter(count: usize, degree: u32, range: f64, random: &mut dyn Random) -> Vec<(f64, f64)> {
    let area = count as f64 * std::f64::consts::PI * range * range / f64::from(degree.max(1));
    let side = area.sqrt().max(range);
    let mut positions = vec![(side / 2.0, side / 2.0)];
    let mut coordinate = || f64::from(random.below(1 << 30)) / f64::from(1 << 30) * side;
    while positions.len() < count {
        let (x, y) = (coordinate(), coordinate());
        if positions.iter().any(|other| distance((x, y), *other) <= range) {
            positions.push((x, y));
        }
    }
    positions.truncate(count);
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_and_lines_have_the_links_that_one_expects() {
        let grid = Topology::new(100, Placement::Grid, &Propagation::default(), 1);
        let degree = |node| grid.listeners(node).iter().filter(|(_, link)| link.delivery > 0).count();
        assert_eq!((degree(0), degree(5), degree(55)), (3, 5, 8));
        assert_eq!(grid.hops(0)[99], Some(9));
        let line = Topology::new(31, Placement::Line, &Propagation::default(), 1);
        assert_eq!(line.hops(0)[30], Some(30));
        assert!(line.get(0, 2).is_some_and(|link| link.delivery == 0 && link.lqi() < 100));
    }

    #[test]
    fn signals_fade_with_the_cube_of_the_distance() {
        for tenth in 0..2_000 {
            let metres = f64::from(tenth) / 10.0;
            // In whole decibels, so that a tie may fall to either side.
            let exact = (-50.0 - 30.0 * metres.max(1.0).log10()).max(-110.0);
            let off = exact - f64::from(level(metres));
            assert!(off > -1.0 && off < 1e-6, "{metres}: {off}");
        }
        assert_eq!([0.0, 1.0, 10.0, 20.0, 1000.0].map(level), [-50, -50, -80, -89, -110]);
    }

    #[test]
    fn a_random_network_hangs_together_and_repeats_with_its_seed() {
        let propagation = Propagation { loss: 200, asymmetry: 100, ..Propagation::default() };
        let make = |seed| Topology::new(300, Placement::Random { degree: 10 }, &propagation, seed);
        let network = make(7);
        assert!(network.hops(0).iter().all(Option::is_some));
        assert_eq!(network.positions, make(7).positions);
        assert_ne!(network.positions, make(8).positions);
        let delivery = network.listeners(0).iter().map(|(_, link)| link.delivery).filter(|it| *it > 0);
        assert!(delivery.into_iter().all(|it| (700..=900).contains(&it)));
    }
}
