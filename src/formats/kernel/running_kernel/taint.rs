//! Taint flags (`/proc/sys/kernel/tainted`, `Documentation/admin-guide/tainted-kernels.rst`).

use std::num::ParseIntError;
use std::str::FromStr;

/// One flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaintFlag {
    /// Its bit.
    pub bit: u32,
    /// Its letter in logs and in `/proc/modules`.
    pub letter: char,
    /// The event that the flag stands for.
    pub meaning: &'static str,
    /// True if code of unknown origin may have come into the kernel by it.
    pub concerns_the_chain: bool,
}

/// All flags, by their bits.
const FLAGS: [TaintFlag; 20] = [
    other(0, 'P', "a proprietary module was loaded"),
    chain(1, 'F', "a module was loaded by force"),
    other(2, 'S', "the machine is out of its specification"),
    chain(3, 'R', "a module was unloaded by force"),
    other(4, 'M', "a processor reported a machine check"),
    other(5, 'B', "a page of memory was in a bad state"),
    other(6, 'U', "a program asked for the taint"),
    other(7, 'D', "the kernel died and went on (oops)"),
    chain(8, 'A', "an ACPI table was overridden"),
    other(9, 'W', "the kernel warned"),
    other(10, 'C', "a staging driver was loaded"),
    other(11, 'I', "a bug of the firmware was worked around"),
    chain(12, 'O', "a module from outside the kernel's tree was loaded"),
    chain(13, 'E', "a module without a good signature was loaded"),
    other(14, 'L', "a processor was stuck (soft lockup)"),
    chain(15, 'K', "the kernel was patched while it ran"),
    other(16, 'X', "the distribution's own taint"),
    other(17, 'T', "structures have a random layout"),
    other(18, 'N', "a test ran inside the kernel"),
    chain(19, 'J', "a device's firmware was changed through fwctl"),
];

const fn other(bit: u32, letter: char, meaning: &'static str) -> TaintFlag {
    TaintFlag {
        bit,
        letter,
        meaning,
        concerns_the_chain: false,
    }
}

const fn chain(bit: u32, letter: char, meaning: &'static str) -> TaintFlag {
    TaintFlag {
        concerns_the_chain: true,
        ..other(bit, letter, meaning)
    }
}

/// The flags of a kernel or a module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taint(pub u64);

impl Taint {
    /// The flags that are set.
    pub fn flags(self) -> impl Iterator<Item = &'static TaintFlag> {
        FLAGS.iter().filter(move |flag| self.0 >> flag.bit & 1 == 1)
    }

    /// Bits that have no meaning yet.
    #[must_use]
    pub fn unknown(self) -> u64 {
        self.flags().fold(self.0, |rest, flag| rest & !(1 << flag.bit))
    }

    /// The flags that these letters stand for; letters without a meaning are passed over.
    #[must_use]
    pub fn from_letters(letters: &str) -> Self {
        let known = FLAGS.iter().filter(|flag| letters.contains(flag.letter));
        Self(known.fold(0, |bits, flag| bits | 1 << flag.bit))
    }
}

impl FromStr for Taint {
    type Err = ParseIntError;

    /// A decimal number, as the kernel shows it.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.trim().parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_letters_mean_the_same() {
        // The example of the kernel's documentation.
        let taint: Taint = "4609\n".parse().unwrap();
        let letters: String = taint.flags().map(|flag| flag.letter).collect();
        assert_eq!(letters, "PWO");
        assert_eq!(Taint::from_letters("P        W  O"), taint);
        assert_eq!(taint.unknown(), 0);
        assert_eq!(Taint(1 << 40 | 1).unknown(), 1 << 40);
        assert!("".parse::<Taint>().is_err() && "-1".parse::<Taint>().is_err());
        for (bit, flag) in FLAGS.iter().enumerate() {
            assert_eq!(usize::try_from(flag.bit).unwrap(), bit);
            assert_eq!(Taint::from_letters(&flag.letter.to_string()), Taint(1 << bit));
        }
    }
}
