//! systemd-pcrlock(8) of Debian 13, with a TPM of its own: it reads no log without one.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::machine::start_tpm;
use crate::support::programs::judge;

/// The registers that the events of this log extend, in its order, each with the component that systemd-pcrlock finds it in, among
/// those in a directory. `memory` is the TPM's.
pub fn matched(components: &Path, log: &Path, memory: &Path) -> Vec<(u64, Option<String>)> {
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
    let mut tpm = start_tpm(memory, &options, &socket);
    let root = judge("pcrlock/usr/lib");
    let libraries = root.join("x86_64-linux-gnu");
    let output = Command::new(libraries.join("ld-linux-x86-64.so.2"))
        .arg("--library-path")
        .arg(format!("{0}:{0}/systemd", libraries.display()))
        .arg(root.join("systemd/systemd-pcrlock"))
        .arg(format!("--components={}", components.display()))
        .args(["--json=short", "--no-pager", "log"])
        .env("SYSTEMD_TPM2_DEVICE", format!("swtpm:path={}", socket.display()))
        .env("SYSTEMD_MEASURE_LOG_FIRMWARE", log)
        .output()
        .expect("systemd-pcrlock can be started");
    // Neither can fail but for a process that has already ended.
    let _ = tpm.kill();
    let _ = tpm.wait();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let events = report["log"].as_array().expect("a list").iter();
    let event = |event: &Value| {
        let register = event["pcr"].as_u64().expect("a number");
        (register, event["component"].as_str().map(str::to_owned))
    };
    events.map(event).collect()
}
