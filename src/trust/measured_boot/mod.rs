//! The event log of the last start, as far as it concerns Secure Boot: which Option ROMs ran and on whose word, and
//! what PCR 7 will hold once the variables have changed.

mod option_roms;
mod predict;
#[cfg(test)]
mod tests;
mod variables;

pub use option_roms::{Coverage, OptionRom, authorities, coverage, name, option_roms, secure_boot_was_on};
pub use predict::{Measurement, PCR, Start, Unpredictable, measurements, value};
pub use variables::{changed_since, measured_variables};
