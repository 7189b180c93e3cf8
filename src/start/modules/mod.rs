//! The modules that a kernel would load, judged as it does: the files of its directory, and the copies in an initramfs.

mod answer;
mod expected;
mod initramfs;

pub use answer::{
    Answer, HASH, MODULE_REFUSED, Unpacked, note, read_through, too_large_packed, unpack, unpack_at_most,
};
pub use expected::{Expected, KERNEL_REFUSES_OURS, Together};
pub use initramfs::{Contents, Kernels, stem};
