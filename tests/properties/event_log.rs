//! Event logs, boot options and headers of encrypted devices: whatever the bytes, nothing panics, and what is read is
//! bounded by what is there.

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::device_path::DevicePath;
use bootseal::formats::firmware::event_log::EventLog;
use bootseal::formats::firmware::load_option::LoadOption;
use bootseal::formats::grub::opened_files::images_for_firmware;
use bootseal::formats::kernel::luks2;
use bootseal::formats::text::loader_entry;
use proptest::prelude::*;

const LOG: &[u8] = include_bytes!("../golden/data/tpm/ovmf-swtpm-eventlog.bin");

proptest! {
    #[test]
    fn a_changed_log_is_read_or_refused(changes in proptest::collection::vec((0..LOG.len(), any::<u8>()), 1..8), end in 0..LOG.len()) {
        let mut bytes = LOG.to_vec();
        for (position, value) in changes {
            bytes[position] = value;
        }
        bytes.truncate(LOG.len() - end / 16);
        if let Ok(log) = EventLog::parse(&bytes) {
            let data: usize = log.events().iter().map(|event| event.data.len()).sum();
            prop_assert!(data < bytes.len());
            for event in log.events() {
                if let Some(variable) = event.variable() {
                    prop_assert!(event.data.starts_with(&variable.to_bytes()));
                }
                let _ = event.image().map(|image| image.device_path.to_string());
            }
            for pcr in 0..24 {
                let _ = log.replay(HashAlgorithm::Sha256, pcr);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = EventLog::parse(&bytes);
        let _ = LoadOption::parse(&bytes).map(|option| option.device_path.file());
        let path = DevicePath::new(&bytes);
        let _ = (path.to_string(), path.partition(), path.is_of_firmware());
        let _ = luks2::tpm_tokens(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        for image in images_for_firmware(&text) {
            prop_assert!(image.starts_with('/'));
        }
        let _ = loader_entry::images(&text);
    }
}
