//! Properties that hold for all input: parsers are total, and writing and reading are inverse.

mod authenticode;
mod boot_files;
mod cms;
mod event_log;
mod fat;
mod grub_script;
mod initramfs;
mod openpgp;
mod rsa;
mod sbat;
