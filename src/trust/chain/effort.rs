//! The limit of the work that the certificates of one file may cause: whoever makes a file chooses how many signatures and
//! certificates are in it, how they name each other, and how large their keys are.

use std::cell::Cell;

use crate::formats::crypto::certificate::{Certificate, NotIssuedBy};
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::crypto::signed_hash::SignedHash;

/// Most that is done for one file, counted in comparisons of names: 10,000 signatures by RSA-4096, a second or two. Real files
/// need less than a hundred.
const MAX_EFFORT: u64 = 10_000_000;
/// A signature by a key of 4096 bits; one by a key of twice the size costs four times as much.
const OF_RSA_4096: u64 = 1000;

/// The work that may still be done for a file.
#[derive(Debug, Clone)]
pub struct Effort {
    left: Cell<u64>,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            left: Cell::new(MAX_EFFORT),
        }
    }
}

impl Effort {
    /// Counts a comparison of names. False once there is nothing left.
    pub(super) fn compare(&self) -> bool {
        self.spend(1)
    }

    /// Counts a verification by this key. False once there is nothing left, after which nothing may be taken for verified, nor
    /// for refuted.
    #[must_use]
    pub fn verify(&self, key: &RsaPublicKey) -> bool {
        let bits = u64::from(key.bits());
        self.spend((bits * bits * OF_RSA_4096 / (4096 * 4096)).max(1))
    }

    /// True if there was more to do than is done.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// As [`Certificate::verify_signed_with`]; none once there is nothing left.
    pub(super) fn signed_with(
        &self,
        certificate: &Certificate,
        key: &RsaPublicKey,
    ) -> Option<Result<SignedHash, NotIssuedBy>> {
        self.verify(key).then(|| certificate.verify_signed_with(key))
    }

    fn spend(&self, cost: u64) -> bool {
        self.left.set(self.left.get().saturating_sub(cost));
        !self.is_spent()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PathRefusal, anchor, forbidden_issuer, verify};
    use super::*;
    use crate::trust::identities::{DB, STRANGER};

    fn spent() -> Effort {
        let (effort, key) = (Effort::default(), DB.certificate.public_key().unwrap());
        while effort.verify(&key) {}
        effort
    }

    #[test]
    fn a_key_of_twice_the_size_costs_four_times_as_much_and_all_comes_to_an_end() {
        let cost = |bits: usize| {
            let (effort, modulus) = (Effort::default(), vec![0xff; bits / 8]);
            assert!(effort.verify(&RsaPublicKey::from_parts(&modulus, &[3]).unwrap()));
            MAX_EFFORT - effort.left.get()
        };
        assert_eq!([2048, 4096, 8192, 16_384].map(cost), [250, 1000, 4000, 16_000]);
        let effort = Effort::default();
        let key = RsaPublicKey::from_parts(&[0xff; 2048], &[3]).unwrap();
        assert_eq!((0..1000).take_while(|_| effort.verify(&key)).count(), 624);
        assert!(effort.is_spent() && !effort.compare());
    }

    #[test]
    fn without_effort_nothing_is_vouched_for_and_nothing_cleared() {
        let (own, other) = (&DB.certificate, &STRANGER.certificate);
        let pool = vec![own.clone(), other.clone()];
        let forbidden = std::slice::from_ref(other);
        assert!(forbidden_issuer(own, &pool, forbidden, &Effort::default()).is_none());
        let effort = spent();
        // The caller asks, and refuses.
        assert!(forbidden_issuer(own, &pool, forbidden, &effort).is_none() && effort.is_spent());
        assert_eq!(anchor(own, &pool, forbidden, &effort), None);
        assert_eq!(verify(own, &pool, other, &effort), Err(PathRefusal::NoPath));
    }
}
