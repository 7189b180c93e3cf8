//! A recorded machine: the event log of OVMF with swtpm, and the registers that it replays to.

use std::fs;
use std::path::Path;

use super::Machine;
use crate::support::{refuse, succeed};

const LOG: &str = "sys/kernel/security/tpm0/binary_bios_measurements";

fn recorded() -> Machine {
    let machine = Machine::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/tpm");
    machine.write(LOG, &fs::read(data.join("ovmf-swtpm-eventlog.bin")).unwrap());
    let pcrs = fs::read_to_string(data.join("ovmf-swtpm-pcrs.yaml")).unwrap();
    let bank = pcrs.lines().skip_while(|line| line.trim() != "sha256:").skip(1);
    for line in bank.take_while(|line| line.contains(": 0x")) {
        let (number, value) = line.split_once(": 0x").unwrap();
        let name = format!("sys/class/tpm/tpm0/pcr-sha256/{}", number.trim());
        machine.write(&name, format!("{}\n", value.trim().to_uppercase()).as_bytes());
    }
    machine
}

#[test]
fn the_log_is_replayed_against_the_registers() {
    let machine = recorded();
    let said = succeed(&mut machine.bootseal(["audit", "--only", "measured.log", "-v"]));
    assert!(said.contains("PCR 7: "), "{said}");
    machine.write("sys/class/tpm/tpm0/pcr-sha256/4", "00".repeat(32).as_bytes());
    let said = refuse(&mut machine.bootseal(["audit", "--only", "measured.log"]));
    assert!(
        said.contains("PCR 4 holds 0000") && said.contains("The chain does not hold"),
        "{said}"
    );
}

#[test]
fn variables_of_another_start_are_found_and_a_cut_log_is_no_pass() {
    let machine = recorded();
    let said = refuse(&mut machine.bootseal(["audit", "--only", "measured.variables"]));
    assert!(said.contains("PK has "), "{said}");
    let log = fs::read(machine.path(LOG)).unwrap();
    machine.write(LOG, &log[..log.len() / 2]);
    let output = machine.bootseal(["audit", "--only", "measured"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
