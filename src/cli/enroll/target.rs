//! The firmware that is written to, as arguments name it.

use std::path::PathBuf;

use clap::Args;

use crate::enroll::{Allow, Request, Source, StoreChoice};
use crate::error::Result;
use crate::system::variables::is_block_device;

/// The firmware, and the machine's boot files and event log.
#[derive(Debug, Args)]
pub(in crate::cli) struct Target {
    /// The firmware: "live", the raw image of a virtual machine's variables (`OVMF_VARS.fd`), or a directory that serves
    /// as a simulated one
    #[arg(long, value_name = "STORE", default_value = "live")]
    pub(in crate::cli) store: StoreChoice,
    /// Mount point of an EFI system partition, whose files are judged [default: those that are mounted]
    #[arg(long, value_name = "DIR")]
    esp: Vec<PathBuf>,
    /// The event log of the machine's last start [default: the kernel's]
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
    /// Go on although Option ROMs, such as that of the graphics card, may be refused
    #[arg(long)]
    i_know_option_roms_may_stop_working: bool,
    /// Go on although the firmware would refuse what it starts next
    #[arg(long)]
    i_know_this_machine_may_not_boot: bool,
    /// Go on although this firmware is known to misbehave
    #[arg(long)]
    i_know_this_firmware_misbehaves: bool,
}

impl Target {
    /// The block device with the variables, if they are on one.
    pub(in crate::cli) fn device(&self) -> Result<Option<PathBuf>> {
        match &self.store {
            StoreChoice::At(path) if is_block_device(path)? => Ok(Some(path.clone())),
            StoreChoice::At(_) | StoreChoice::Live => Ok(None),
        }
    }

    /// The request of a plan with these writes.
    pub(in crate::cli) fn request(&self, source: Source) -> Request {
        Request {
            source,
            store: self.store.clone(),
            esp: self.esp.clone(),
            event_log: self.event_log.clone(),
            allow: Allow {
                option_roms: self.i_know_option_roms_may_stop_working,
                boot_files: self.i_know_this_machine_may_not_boot,
                quirks: self.i_know_this_firmware_misbehaves,
            },
        }
    }
}
