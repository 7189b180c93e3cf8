//! Keys of ML-DSA, made by OpenSSL 4.

use super::programs::{judge, tool};
use super::succeed;

/// Makes a key and its certificate, and signs what is named: hexadecimal lines out.
const SIGNER: &str = "
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
key = getattr(mldsa, f'MLDSA{sys.argv[1]}PrivateKey').generate()
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'post-quantum')])
day = datetime.datetime(2026, 1, 1)
made = x509.CertificateBuilder(name, name, key.public_key(), 77, day, day.replace(year=2036)).sign(key, None)
from cryptography.hazmat.primitives.serialization import Encoding
print(made.public_bytes(Encoding.DER).hex())
for content in sys.argv[2:]:
    print(key.sign(bytes.fromhex(content)).hex())
";

/// The certificate of a new key, DER, and its signatures of these contents. The size is 44, 65 or 87.
pub fn post_quantum(size: &str, contents: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut python = tool("python3");
    python.env("PYTHONPATH", judge("")).args(["-c", SIGNER, size]);
    let made = succeed(python.args(contents.iter().map(hex::encode)));
    made.lines().map(|line| hex::decode(line).unwrap()).collect()
}
