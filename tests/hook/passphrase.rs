//! The passphrase of the keys, from a program: sealed to the state of a TPM, and printed by tpm2-tools.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::machine::{Machine, snapshot};
use crate::support::ceremony::{self, PASSPHRASE};
use crate::support::programs::{TPM_SOCKET, require};

/// A TPM in software, with no manager of its few places for objects. Its second socket has the name that tpm2-tools expect.
const START: &str = "mkdir -p /root/tpm; cd /root/tpm
swtpm socket --tpm2 --tpmstate dir=/root/tpm --server type=unixio,path=/root/tpm/socket \
    --ctrl type=unixio,path=/root/tpm/socket.ctrl --flags not-need-init,startup-clear --daemon --pid file=/root/tpm/pid
trap 'kill $(cat /root/tpm/pid)' EXIT
";

/// Puts the passphrase into it, sealed to PCR 7.
const SEAL: &str = "export TPM2TOOLS_TCTI=swtpm:path=/root/tpm/socket
tpm2_createprimary -Q -C o -c primary.ctx
tpm2_flushcontext -t
tpm2_createpolicy -Q --policy-pcr -l sha256:7 -L policy
tpm2_create -Q -C primary.ctx -L policy -i /root/passphrase -u public -r private
tpm2_flushcontext -t
tpm2_load -Q -C primary.ctx -u public -r private -c sealed.ctx
tpm2_evictcontrol -Q -C o -c sealed.ctx 0x81000001
tpm2_flushcontext -t
rm /root/passphrase
unset TPM2TOOLS_TCTI
";

/// The configuration that has it unsealed; no variable of the environment reaches the program.
const CONFIGURATION: &str = "[hook]
passphrase_command = [
    \"/usr/bin/tpm2_unseal\", \"-Q\", \"-T\", \"swtpm:path=/root/tpm/socket\", \"-c\", \"0x81000001\", \"-p\", \"pcr:sha256:7\",
]
";

/// Changes the state of the TPM, as another firmware or other keys in it do.
const EXTEND: &str = "tpm2_pcrextend -T swtpm:path=/root/tpm/socket 7:sha256=$(printf '%064d' 0)\n";

#[test]
fn a_passphrase_that_is_sealed_to_the_tpm_opens_the_keys_while_the_machine_is_as_it_was() {
    require(&["swtpm", "tpm2_createprimary", "tpm2_unseal", TPM_SOCKET]);
    let machine = Machine::new();
    let release = machine.kernel.release().to_owned();
    for entry in fs::read_dir(ceremony::encrypted().keys()).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("etc/bootseal/keys/{}", path.file_name().unwrap().to_str().unwrap());
        fs::remove_file(machine.path(&name)).ok();
        machine.write(&name, &fs::read(&path).unwrap());
        fs::set_permissions(machine.path(&name), fs::Permissions::from_mode(0o400)).unwrap();
    }
    machine.write("root/passphrase", PASSPHRASE.as_bytes());
    machine.write("etc/bootseal/config.toml", CONFIGURATION.as_bytes());
    let sign = format!("bootseal hook run modules {release} /usr/src/bzImage 2>&1\n");

    let said = machine.succeed(&format!(
        "{START}{SEAL}{sign}bootseal hook status --mode traditional || true\n"
    ));
    assert!(said.contains("signed 6"), "{said}");
    assert!(
        !said.contains("is encrypted") && !said.contains("passphrase_command"),
        "{said}"
    );

    machine.add_modules();
    let before = snapshot(&machine.path("usr/lib/modules"));
    let again = format!("{START}{EXTEND}{sign}");
    let (code, said) = machine.refuse(&again);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("/usr/bin/tpm2_unseal failed") && said.contains("policy check failed"),
        "{said}"
    );
    assert!(
        said.contains("--passphrase-file FILE") && !said.contains(PASSPHRASE),
        "{said}"
    );
    assert!(snapshot(&machine.path("usr/lib/modules")) == before, "{said}");

    // Others could have it print what they like; it is not started.
    machine.script("usr/local/bin/tell", &format!("echo {PASSPHRASE}"));
    machine.write(
        "etc/bootseal/config.toml",
        b"[hook]\npassphrase_command = [\"/usr/local/bin/tell\"]\n",
    );
    fs::set_permissions(machine.path("usr/local/bin/tell"), fs::Permissions::from_mode(0o775)).unwrap();
    let (_, said) = machine.refuse(&sign);
    assert!(said.contains("/usr/local/bin/tell") && said.contains("writ"), "{said}");
    let status = machine.succeed("bootseal hook status --mode traditional || true");
    assert!(
        status.contains("passphrase_command cannot start /usr/local/bin/tell"),
        "{status}"
    );
    fs::set_permissions(machine.path("usr/local/bin/tell"), fs::Permissions::from_mode(0o755)).unwrap();
    let said = machine.succeed(&sign);
    assert!(said.contains("signed 6"), "{said}");
}
