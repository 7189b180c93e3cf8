//! The operations that every firmware offers, the machine's own and a simulated one.

use std::fmt;

use crate::error::Result;
use crate::formats::firmware::authenticated_variable::{EfiTime, VariableName};
use crate::system::variables::Variables;

/// A firmware whose variables can be read and written, by the `efivar` crate's traits. Its [`efivar::VarWriter`] takes an
/// `.auth` file for PK, KEK, db and dbx, and judges it as firmware does.
pub(super) trait Firmware: Variables + fmt::Debug {
    /// True in Setup Mode: the firmware takes a platform key, and everything before that unchecked.
    fn setup_mode(&self) -> Result<bool>;
    /// Bytes that are left for variables, if the firmware tells.
    fn free_space(&self) -> Result<Option<u64>>;
    /// The time of the last authenticated write, if that can be known.
    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>>;
}
