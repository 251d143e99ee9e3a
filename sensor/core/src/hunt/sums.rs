//! Sums over flow records, and what they can be ordered by.

use crate::flow::{batch::FlowBatch, columns::Column, fields::Needs};

/// What groups are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Octets of the IP packets.
    #[default]
    Octets,
    /// Packets.
    Packets,
    /// Flow records.
    Flows,
    /// Bits of the IP packets.
    Bits,
    /// Packets times the sample rate.
    ScaledPackets,
    /// Bits times the sample rate.
    ScaledBits,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Octets,
        Self::Packets,
        Self::Flows,
        Self::Bits,
        Self::ScaledPackets,
        Self::ScaledBits,
    ];

    /// Its name on command lines and in output: the field of NQL, where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Octets => "octets",
            Self::Packets => "packets",
            Self::Flows => "flows",
            Self::Bits => "bits",
            Self::ScaledPackets => "packetsxrate",
            Self::ScaledBits => "bitsxrate",
        }
    }
}

/// What a metric is the sum of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The column.
    pub column: Column,
    /// Whether its numbers are multiplied by the sample rate.
    pub is_scaled: bool,
    /// What the sum is multiplied by.
    pub times: u64,
}

impl Metric {
    /// What it is the sum of; none for the number of records.
    pub fn metered(self) -> Option<Metered> {
        let amount = Amount::of(self)?;
        let times = if matches!(self, Self::Bits | Self::ScaledBits) { 8 } else { 1 };
        Some(Metered { column: amount.column(), is_scaled: amount.is_scaled(), times })
    }
}

/// What is summed up besides the number of records. In the order in which a group has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Octets,
    ScaledOctets,
    Packets,
    ScaledPackets,
}

impl Amount {
    const ALL: [Self; 4] = [Self::Octets, Self::ScaledOctets, Self::Packets, Self::ScaledPackets];

    /// That which a metric is a multiple of; none for the number of records.
    fn of(metric: Metric) -> Option<Self> {
        match metric {
            Metric::Flows => None,
            Metric::Octets | Metric::Bits => Some(Self::Octets),
            Metric::ScaledBits => Some(Self::ScaledOctets),
            Metric::Packets => Some(Self::Packets),
            Metric::ScaledPackets => Some(Self::ScaledPackets),
        }
    }

    fn column(self) -> Column {
        match self {
            Self::Octets | Self::ScaledOctets => Column::Octets,
            Self::Packets | Self::ScaledPackets => Column::Packets,
        }
    }

    fn is_scaled(self) -> bool {
        matches!(self, Self::ScaledOctets | Self::ScaledPackets)
    }
}

/// Which sums are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summed {
    amounts: [Option<Amount>; Amount::ALL.len()],
}

/// Sums over the records of a group. They are wide enough for any number of records, whatever these count; a sum over
/// records of which none tells the number is absent, and not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    flows: u64,
    amounts: [Option<u128>; Amount::ALL.len()],
}

impl Sums {
    /// Sums that somebody else has taken, of so many records.
    pub fn taken(flows: u64, sums: impl IntoIterator<Item = (Metric, u128)>) -> Self {
        let mut taken = Self { flows, ..Self::default() };
        for (metric, sum) in sums {
            if let (Some(amount), Some(Metered { times, .. })) =
                (Amount::of(metric), metric.metered())
            {
                taken.amounts[amount as usize] = Some(sum / u128::from(times));
            }
        }
        taken
    }

    /// Flow records.
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// The sum of one metric; none where no record tells it, or it was not asked for.
    pub fn of(&self, metric: Metric) -> Option<u128> {
        let Some(amount) = Amount::of(metric) else { return Some(self.flows.into()) };
        let sum = self.amounts[amount as usize];
        match metric {
            Metric::Bits | Metric::ScaledBits => sum.map(|octets| octets.saturating_mul(8)),
            _ => sum,
        }
    }

    /// Which part of `all` its sum of a metric is, 0 to 1; none where no record tells it.
    pub fn share(&self, metric: Metric, all: Option<u128>) -> Option<f64> {
        match (self.of(metric), all) {
            (Some(own), Some(all @ 1..)) => Some(own as f64 / all as f64),
            (Some(_), _) => Some(0.0),
            (None, _) => None,
        }
    }

    /// What is left of it without some of its records.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let mut left = Self { flows: self.flows.saturating_sub(others.flows), ..Self::default() };
        for (left, (own, other)) in
            left.amounts.iter_mut().zip(self.amounts.iter().zip(others.amounts))
        {
            *left = own.map(|own| own.saturating_sub(other.unwrap_or(0)));
        }
        left
    }

    /// Adds the records of others.
    pub fn add(&mut self, others: &Self) {
        self.flows += others.flows;
        for (own, other) in self.amounts.iter_mut().zip(others.amounts) {
            if let Some(other) = other {
                *own.get_or_insert(0) += other;
            }
        }
    }
}

impl Summed {
    /// Those that the metrics are made of.
    pub(super) fn new(metrics: &[Metric]) -> Self {
        let is_asked =
            |amount: &Amount| metrics.iter().any(|metric| Amount::of(*metric) == Some(*amount));
        Self { amounts: Amount::ALL.map(|amount| Some(amount).filter(is_asked)) }
    }

    fn amounts(&self) -> impl Iterator<Item = Amount> {
        self.amounts.into_iter().flatten()
    }

    /// The columns that they are taken of.
    pub(super) fn needs(&self) -> Needs {
        self.amounts().fold(Needs::NONE, |needs, amount| {
            let rate = if amount.is_scaled() { Column::SampleRate.bit() } else { 0 };
            needs.and(Needs::columns(amount.column().bit() | rate))
        })
    }

    /// How many words they take in a record of the table of groups: the number of flows, which amounts were told, and two for
    /// each amount.
    pub(super) fn width(&self) -> usize {
        2 + 2 * self.amounts().count()
    }

    /// The sums in the words of a record.
    pub(super) fn read(&self, words: &[u64]) -> Sums {
        let mut sums = Sums { flows: words[0], ..Sums::default() };
        for (place, amount) in self.amounts().enumerate() {
            if words[1] & 1 << place != 0 {
                let (low, high) = (words[2 + 2 * place], words[3 + 2 * place]);
                sums.amounts[amount as usize] = Some(u128::from(high) << 64 | u128::from(low));
            }
        }
        sums
    }

    /// Adds sums to the words of a record.
    pub(super) fn add_sums(&self, words: &mut [u64], sums: &Sums) {
        words[0] += sums.flows;
        for (place, amount) in self.amounts().enumerate() {
            if let Some(sum) = sums.amounts[amount as usize] {
                words[1] |= 1 << place;
                add(&mut words[2 + 2 * place..], sum);
            }
        }
    }

    /// How they are taken of the rows of one batch.
    pub(super) fn of_batch<'b>(&self, batch: &'b FlowBatch) -> Adder<'b> {
        let amounts = self.amounts.map(|amount| {
            let amount = amount?;
            let numbers = match amount.column() {
                Column::Octets => &batch.octets,
                _ => &batch.packets,
            };
            let told = batch.presence(amount.column()).any();
            told.then_some(AddedAmount { amount, numbers })
        });
        Adder { summed: *self, batch, amounts }
    }
}

#[derive(Clone, Copy)]
struct AddedAmount<'b> {
    amount: Amount,
    numbers: &'b [u64],
}

/// Adds rows of one batch to records.
pub(super) struct Adder<'b> {
    summed: Summed,
    batch: &'b FlowBatch,
    /// Those that the batch tells: it tells a number of all rows or of none.
    amounts: [Option<AddedAmount<'b>>; Amount::ALL.len()],
}

impl Adder<'_> {
    /// Adds a row to the words of a record.
    #[inline(always)]
    pub(super) fn add(&self, words: &mut [u64], row: usize) {
        words[0] += 1;
        let mut place = 0;
        for (wanted, told) in self.summed.amounts.iter().zip(&self.amounts) {
            if let Some(AddedAmount { amount, numbers }) = told {
                let rate = match amount.is_scaled() {
                    true => self.batch.sample_rate(row).unwrap_or(1),
                    false => 1,
                };
                words[1] |= 1 << place;
                // 2^32 records of the highest numbers fit in.
                let sum = u128::from(numbers[row]) * u128::from(rate);
                add(&mut words[2 + 2 * place..], sum);
            }
            place += usize::from(wanted.is_some());
        }
    }
}

/// Adds to the number in the first two words, the lower one first.
#[inline(always)]
fn add(words: &mut [u64], number: u128) {
    let (low, carry) = words[0].overflowing_add(number as u64);
    words[0] = low;
    words[1] += (number >> 64) as u64 + u64::from(carry);
}
