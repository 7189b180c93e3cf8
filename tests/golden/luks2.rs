//! A LUKS2 header that cryptsetup wrote.

use std::fs::{self, File};
use std::process::Stdio;

use bootseal::formats::kernel::luks2::{Token, tpm_tokens};

use crate::support::{succeed, tool};

#[test]
fn the_token_of_systemd_cryptenroll_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (image, key, token) = (path("image"), path("key"), path("token"));
    File::create(&image).unwrap().set_len(20 << 20).unwrap();
    fs::write(&key, "secret").unwrap();
    let fields =
        r#"{"type":"systemd-tpm2","keyslots":["0"],"tpm2-blob":"AAAA","tpm2-pcrs":[7,11],"tpm2-policy-hash":"00"}"#;
    fs::write(&token, fields).unwrap();
    let mut format = tool("cryptsetup");
    format.args(["luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2"]);
    succeed(
        format
            .args(["--pbkdf-force-iterations", "1000", "--key-file"])
            .arg(&key)
            .arg(&image),
    );
    let header = || fs::read(&image).unwrap()[..1 << 20].to_vec();
    assert_eq!(tpm_tokens(&header()).unwrap(), []);

    let mut import = tool("cryptsetup");
    import
        .args(["token", "import"])
        .arg(&image)
        .stdin(Stdio::from(File::open(&token).unwrap()));
    succeed(&mut import);
    let kind = "systemd-tpm2".to_owned();
    let pcrs = vec![7, 11];
    assert_eq!(tpm_tokens(&header()).unwrap(), [Token { kind, pcrs }]);
}
