//! systemd-pcrlock(8) of Debian 13, with a TPM of its own: it reads no log without one, and predicts nothing of a register that is
//! not as the log has it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use bootseal::formats::firmware::event_log::EventLog;
use serde_json::Value;

use super::machine::start_tpm;
use super::packages::run;
use crate::support::programs::{judge, tool};

/// The register of Secure Boot.
const PCR: u32 = 7;

/// A TPM whose register holds what a log says, and the components in a directory.
pub struct PcrLock<'a> {
    tpm: Child,
    socket: PathBuf,
    components: &'a Path,
    log: &'a Path,
}

impl<'a> PcrLock<'a> {
    /// `memory` is the TPM's.
    pub fn start(components: &'a Path, log: &'a Path, memory: &Path) -> Self {
        std::fs::create_dir(memory).expect("a folder");
        let socket = memory.join("server");
        // Its clients look for the control socket there; it is made before the other.
        let control = memory.join("server.ctrl");
        let at = |socket: &Path| format!("type=unixio,path={}", socket.display());
        let [server, ctrl] = [at(&socket), at(&control)];
        let options = [
            "--flags",
            "not-need-init,startup-clear",
            "--server",
            &server,
            "--ctrl",
            &ctrl,
        ];
        let lock = Self {
            tpm: start_tpm(memory, &options, &socket),
            socket,
            components,
            log,
        };
        let events = EventLog::parse(&std::fs::read(log).expect("a log")).expect("a log");
        for event in events.extends(PCR) {
            let mut digests = Vec::new();
            for bank in events.banks() {
                let digest = event.extended_by(*bank).expect("a digest for each bank");
                digests.push(format!("{}={}", bank.name(), hex::encode(digest)));
            }
            run(tool("tpm2_pcrextend")
                .arg(format!("{PCR}:{}", digests.join(",")))
                .env("TPM2TOOLS_TCTI", lock.address()));
        }
        lock
    }

    /// The registers that the events of the log extend, in its order, each with the component that it is found in.
    pub fn matched(&self) -> Vec<(u64, Option<String>)> {
        let report = self.ask("log");
        let events = report["log"].as_array().expect("a list").iter();
        let event = |event: &Value| {
            let register = event["pcr"].as_u64().expect("a number");
            (register, event["component"].as_str().map(str::to_owned))
        };
        events.map(event).collect()
    }

    /// The values of the register in the bank of SHA-256 that the components allow.
    pub fn predicted(&self) -> Vec<String> {
        let report = self.ask("predict");
        let registers = report["sha256"].as_array().expect("the bank").iter();
        let register = registers.filter(|register| register["pcr"] == PCR);
        let values = register.flat_map(|register| register["values"].as_array().expect("values"));
        values
            .map(|value| value.as_str().expect("a value").to_owned())
            .collect()
    }

    fn address(&self) -> String {
        format!("swtpm:path={}", self.socket.display())
    }

    fn ask(&self, command: &str) -> Value {
        let root = judge("pcrlock/usr/lib");
        let libraries = root.join("x86_64-linux-gnu");
        let output = Command::new(libraries.join("ld-linux-x86-64.so.2"))
            .arg("--library-path")
            .arg(format!("{0}:{0}/systemd", libraries.display()))
            .arg(root.join("systemd/systemd-pcrlock"))
            .arg(format!("--components={}", self.components.display()))
            .args([&format!("--pcr={PCR}"), "--json=short", "--no-pager", command])
            .env("SYSTEMD_TPM2_DEVICE", self.address())
            .env("SYSTEMD_MEASURE_LOG_FIRMWARE", self.log)
            .output()
            .expect("systemd-pcrlock can be started");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

impl Drop for PcrLock<'_> {
    fn drop(&mut self) {
        // Neither can fail but for a process that has already ended.
        let _ = self.tpm.kill();
        let _ = self.tpm.wait();
    }
}
