//! Formats of UEFI firmware and the TPM: variables, images, boot entries, the event log.

pub mod authenticated_variable;
pub mod authenticode;
pub mod device_path;
pub mod event_log;
pub mod guid;
pub mod load_option;
pub mod partition_table;
pub mod pcr_signature;
pub mod sbat;
pub mod signature_list;
pub mod variable_image;
