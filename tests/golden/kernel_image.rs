//! The certificate in the image of Debian's kernel: OpenSSL verifies Debian's modules with it.

use std::fs;

use bootseal::formats::kernel::kernel_image::Embedded;

use crate::support::judges::openssl_verify_by;
use crate::support::succeed;
use crate::vm::modules::without_signature;
use crate::vm::packages::Kernel;

/// Bytes behind the signature: what sign-file says of it, and the mark.
const BEHIND: usize = 12 + 28;

#[test]
fn the_certificate_in_the_image_is_the_one_that_signed_the_modules() {
    let kernel = Kernel::newest();
    let embedded = Embedded::read(&fs::read(kernel.image()).unwrap()).unwrap();
    assert_eq!((embedded.release.as_str(), embedded.config), (kernel.release(), None));
    let [certificate] = &embedded.certificates[..] else {
        panic!("{:?}", embedded.certificates);
    };
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    fs::write(path("certificate"), certificate.to_pem().unwrap()).unwrap();
    for module in ["fs/fat/fat.ko", "drivers/net/dummy.ko"] {
        let signed = kernel.module(module);
        let content = without_signature(signed.clone());
        fs::write(path("signature"), &signed[content.len()..signed.len() - BEHIND]).unwrap();
        fs::write(path("content"), content).unwrap();
        let [certificate, signature, content] = ["certificate", "signature", "content"].map(path);
        succeed(&mut openssl_verify_by(&certificate, &signature, &content));
    }
}
