//! Other people's tools that judge signed files by the keys of [`keys`].

use std::fs;
use std::path::Path;
use std::process::Command;

use bootseal::formats::kernel::module_signature::Module;

use super::{keys, succeed, tool};
use crate::support::programs::judge;

/// sbsigntool's verdict on an EFI image.
pub fn sbverify(image: &Path) -> Command {
    let mut command = tool("sbverify");
    command.arg("--cert").arg(keys().join("db.pem")).arg(image);
    command
}

/// A file of a Debian package that `tests/run` unpacks.
fn unpacked(name: &str) -> Vec<u8> {
    fs::read(judge(name)).unwrap()
}

/// Debian's shim, signed under Microsoft's UEFI CA of 2011 and under that of 2023.
pub fn shim() -> Vec<u8> {
    unpacked("signed/usr/lib/shim/shimx64.efi.signed")
}

/// Debian's GRUB, signed by Debian, whom shim knows and Microsoft does not.
pub fn debians_grub() -> Vec<u8> {
    unpacked("signed/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed")
}

/// EDK2's UEFI shell, which nobody signed.
pub fn uefi_shell() -> Vec<u8> {
    unpacked("shell/usr/share/efi-shell-x64/shellx64.efi")
}

/// GnuPG's verdict on a detached signature.
pub fn gpgv(signature: &Path, file: &Path) -> Command {
    let mut gpgv = tool("gpgv");
    gpgv.arg("--keyring")
        .arg(keys().join("grub.gpg"))
        .args([signature, file]);
    gpgv
}

/// OpenSSL's verdict on a detached CMS by the module key.
pub fn openssl_verify(cms: &Path, content: &Path) -> Command {
    openssl_verify_by(&keys().join("module.pem"), cms, content)
}

/// OpenSSL's verdict on a detached CMS by the key of this certificate, and no other that it brings along.
pub fn openssl_verify_by(certificate: &Path, cms: &Path, content: &Path) -> Command {
    let mut openssl = tool("openssl");
    openssl.args([
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-noverify",
        "-nointern",
        "-out",
        "/dev/null",
    ]);
    openssl
        .arg("-certfile")
        .arg(certificate)
        .arg("-in")
        .arg(cms)
        .arg("-content")
        .arg(content);
    openssl
}

/// A certificate's subject key identifier as OpenSSL reads it, lower-case hex.
pub fn subject_key_id(certificate: &Path) -> String {
    let mut openssl = tool("openssl");
    openssl.args(["x509", "-noout", "-ext", "subjectKeyIdentifier", "-in"]);
    let printed = succeed(openssl.arg(certificate));
    printed.lines().last().unwrap().trim().replace(':', "").to_lowercase()
}

/// Unpacks a module of any kind and has OpenSSL judge the signature at its end.
pub fn judge_module(path: &Path) -> Command {
    let directory = std::env::temp_dir().join(format!(
        "judge-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::create_dir_all(&directory).unwrap();
    let file = match path.extension().and_then(|ending| ending.to_str()) {
        Some("xz") => {
            let output = tool("xz").args(["-d", "-c"]).arg(path).output().unwrap();
            assert!(output.status.success(), "{}", path.display());
            output.stdout
        }
        _ => fs::read(path).unwrap(),
    };
    let module = Module::parse(&file).unwrap();
    let [content, cms] = ["content", "cms"].map(|name| directory.join(name));
    fs::write(&content, module.content).unwrap();
    fs::write(&cms, module.signature.unwrap_or_default()).unwrap();
    openssl_verify(&cms, &content)
}

/// Firmware and GRUB would take the kernel.
pub fn check_kernel(image: &Path) {
    succeed(&mut sbverify(image));
    check_grub(image);
}

/// GRUB would open the file.
pub fn check_grub(file: &Path) {
    succeed(&mut gpgv(
        &bootseal::formats::grub::signature_name::signature_path(file),
        file,
    ));
}
