// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a radio's work costs.
#![forbid(unsafe_code)]

/// The time that a radio has spent in each state, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Energy {
    /// Sending.
    pub transmit: u64,
    /// Listening, whether anything came or not.
    pub receive: u64,
    /// Off.
    pub sleep: u64,
}

/// What the states draw, in microamperes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnergyModel {
    /// While sending.
    pub transmit: u32,
    /// While listening.
    pub receive: u32,
    /// While off.
    pub sleep: u32,
}

impl Default for EnergyModel {
    /// Of the order of a common 2.4 GHz system on a chip at 0 dBm.
    fn default() -> EnergyModel {
        EnergyModel { transmit: 6_400, receive: 6_500, sleep: 2 }
    }
}

impl Energy {
    /// The charge used, in microampere seconds (microcoulombs).
    pub fn charge(&self, model: &EnergyModel) -> u64 {
        let states =
            [(self.transmit, model.transmit), (self.receive, model.receive), (self.sleep, model.sleep)];
        let sum: u128 = states.iter().map(|(time, draw)| u128::from(*time) * u128::from(*draw)).sum();
        (sum / 1_000_000) as u64
    }

    /// The share of time with the radio on, in parts per million.
    pub fn duty_cycle(&self) -> u64 {
        let on = self.transmit + self.receive;
        on.saturating_mul(1_000_000).checked_div(on + self.sleep).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_and_duty_cycle_follow_from_the_times() {
        let energy = Energy { transmit: 1_000_000, receive: 1_000_000, sleep: 8_000_000 };
        let model = EnergyModel { transmit: 10_000, receive: 20_000, sleep: 5 };
        assert_eq!(energy.charge(&model), 10_000 + 20_000 + 40);
        assert_eq!(energy.duty_cycle(), 200_000);
        assert_eq!(Energy::default().duty_cycle(), 0);
    }
}
