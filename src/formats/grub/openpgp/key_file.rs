//! A file of OpenPGP keys, read as GRUB reads the embedded ones of `--pubkey` and the files for `trust`.

use crate::formats::bytes::Reader;

use super::key::{GrubKey, KeyError};
use super::packet;

/// Offset of the public-key algorithm in a version 4 key packet, after the version and the moment of creation.
const ALGORITHM: usize = 5;
/// RSA for all uses, or for signatures alone (RFC 4880, section 9.1).
const RSA: [u8; 2] = [1, 3];
/// DSA, which GRUB verifies as well.
const DSA: u8 = 17;

/// The keys of a file that GRUB trusts once it has read it.
#[derive(Debug, Clone, Default)]
pub struct GrubKeyFile {
    /// RSA keys: primary keys and subkeys, since GRUB looks at no self-signature, expiry, revocation or flag.
    pub keys: Vec<GrubKey>,
    /// How many DSA keys there are besides.
    pub dsa: usize,
    /// How many keys GRUB passes over, since it does not know their algorithm.
    pub ignored: usize,
}

impl GrubKeyFile {
    /// Reads all packets. One that GRUB cannot read, or one key that is not of version 4, makes it refuse the whole file:
    /// it then stops at its start.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut file = Self::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let (tag, length) = packet::header(&mut reader)?;
            let body = reader.take("packet body", length).map_err(packet::PacketError::from)?;
            if tag != packet::PUBLIC_KEY && tag != packet::PUBLIC_SUBKEY {
                continue;
            }
            match (body.first(), body.get(ALGORITHM)) {
                (Some(4), Some(algorithm)) if RSA.contains(algorithm) => file.keys.push(GrubKey::from_body(body)?),
                (Some(4), Some(&DSA)) => file.dsa += 1,
                (Some(4), Some(_)) => file.ignored += 1,
                (Some(version), _) if *version != 4 => return Err(KeyError::Version(*version)),
                _ => return Err(KeyError::Malformed("the packet ends before the algorithm".to_owned())),
            }
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::crypto::rsa_public_key::RsaPublicKey;
    use crate::formats::grub::openpgp::packet::{PUBLIC_KEY, PUBLIC_SUBKEY, USER_ID, write};

    fn rsa() -> Vec<u8> {
        let modulus: Vec<u8> = [0xc1].into_iter().chain([0x55; 255]).collect();
        let public = RsaPublicKey::from_parts(&modulus, &[1, 0, 1]).unwrap();
        let file = GrubKey::new(&public, 1).unwrap().export("", &[]).unwrap();
        packet::first(&file, PUBLIC_KEY).unwrap().to_vec()
    }

    #[test]
    fn every_key_of_version_4_that_grub_can_use_is_trusted() {
        let mut file = write(PUBLIC_KEY, &rsa()).unwrap();
        file.extend(write(USER_ID, b"somebody").unwrap());
        file.extend(write(PUBLIC_SUBKEY, &rsa()).unwrap());
        file.extend(write(PUBLIC_SUBKEY, &[4, 0, 0, 0, 0, 17]).unwrap());
        file.extend(write(PUBLIC_SUBKEY, &[4, 0, 0, 0, 0, 22]).unwrap());
        let parsed = GrubKeyFile::parse(&file).unwrap();
        assert_eq!((parsed.keys.len(), parsed.dsa, parsed.ignored), (2, 1, 1));
        file.extend(write(PUBLIC_SUBKEY, &[6, 0, 0, 0, 0, 27]).unwrap());
        assert_eq!(GrubKeyFile::parse(&file).unwrap_err(), KeyError::Version(6));
    }

    #[test]
    fn a_packet_that_grub_misreads_spoils_the_file() {
        let mut file = write(PUBLIC_KEY, &rsa()).unwrap();
        file.extend([0xcd, 0xc0, 0x00]);
        assert!(matches!(GrubKeyFile::parse(&file), Err(KeyError::Packet(_))));
        assert!(matches!(
            GrubKeyFile::parse(&write(PUBLIC_KEY, &[4, 0]).unwrap()),
            Err(KeyError::Malformed(_))
        ));
        assert_eq!(GrubKeyFile::parse(b"").unwrap().keys.len(), 0);
    }
}
