//! Event logs of other machines, from the test data of tpm2-tools (with its licence beside them), replayed as `tpm2_eventlog` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bootseal::formats::firmware::event_log::EventLog;

use crate::support::programs::tool;
use crate::support::succeed;

const LOGS: [&str; 7] = [
    "arch-linux",
    "bootorder",
    "gce-ubuntu-2104-log",
    "moklisttrusted",
    "postcode",
    "sd-boot-fedora37",
    // Of a TPM 1.2, without a list of banks.
    "uefi-sha1-log",
];

/// The registers by bank and number, as the tool computes them.
fn registers(path: &Path) -> BTreeMap<(String, u32), String> {
    let said = succeed(tool("tpm2_eventlog").arg(path));
    let mut bank = String::new();
    let mut registers = BTreeMap::new();
    for line in said.lines().skip_while(|line| *line != "pcrs:").skip(1) {
        match line.split_once(" : 0x").or_else(|| line.split_once(": 0x")) {
            Some((number, value)) => {
                let number = number.trim().parse().expect("a number");
                registers.insert((bank.clone(), number), value.trim().to_owned());
            }
            None => line.trim().trim_end_matches(':').clone_into(&mut bank),
        }
    }
    registers
}

#[test]
fn public_logs_replay_to_the_registers_that_another_tool_computes() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/tpm/public");
    let mut compared = 0;
    for name in LOGS {
        let path = directory.join(name).with_extension("bin");
        let log = EventLog::parse(&fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let registers = registers(&path);
        assert!(!registers.is_empty(), "{name}");
        for ((bank, number), value) in registers {
            let own = log.banks().iter().find(|own| own.name() == bank);
            let own = own.unwrap_or_else(|| panic!("{name} is not for {bank}: {:?}", log.banks()));
            let replayed = log.replay_in(*own, number).map(hex::encode);
            assert_eq!(replayed, Some(value), "{name}, {bank}, PCR {number}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
