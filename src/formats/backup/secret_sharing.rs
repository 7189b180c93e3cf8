//! Shamir's secret sharing over GF(2^8): any `needed` of the shares give the secret back, fewer say nothing about it.
//!
//! The field is that of AES (x^8 + x^4 + x^3 + x + 1), the share with the number x holds for each byte of the secret the
//! value at x of a polynomial whose value at 0 is that byte: draft-mcgrew-tss-03 without its header. Nothing here
//! depends in its time or its memory accesses on secret bytes.

use zeroize::Zeroizing;

/// Why there is no secret, or there are no shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SharingError {
    /// Contradictory numbers.
    #[error("{needed} of {count} shares is impossible: at least 2 have to be needed, of at most 255")]
    Numbers {
        /// Number of shares that give the secret back.
        needed: u8,
        /// Number of all shares.
        count: u8,
    },
    /// Random bytes that are too few for the coefficients.
    #[error("the coefficients need exactly {0} random bytes")]
    Randomness(usize),
    /// Shares of different lengths, or none.
    #[error("the shares have different lengths")]
    Length,
    /// The same number twice, or zero.
    #[error("the numbers of the shares are not all different, or one of them is 0")]
    Index,
}

/// Number of random bytes that [`split`] takes: one for each byte of the secret and each power of x.
#[must_use]
pub const fn coefficients(secret: usize, needed: u8) -> usize {
    // One share that is the secret itself has no powers of x.
    secret * (needed as usize).saturating_sub(1)
}

/// The shares with the numbers 1 to `count`, each as long as the secret. `random` holds the coefficients, uniform with
/// zero among them.
pub fn split(secret: &[u8], needed: u8, count: u8, random: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, SharingError> {
    if needed < 2 || count < needed {
        return Err(SharingError::Numbers { needed, count });
    }
    let wanted = coefficients(secret.len(), needed);
    if random.len() != wanted {
        return Err(SharingError::Randomness(wanted));
    }
    let share = |x: u8| {
        let bytes = secret.iter().enumerate().map(|(place, byte)| {
            // Horner's rule, from the highest power down to the secret itself.
            let powers = random.iter().skip(place).step_by(secret.len().max(1));
            let sum = powers.rev().fold(0, |sum, coefficient| multiply(sum ^ coefficient, x));
            sum ^ byte
        });
        Zeroizing::new(bytes.collect())
    };
    Ok((1..=count).map(share).collect())
}

/// The secret from shares with their numbers. With fewer than were needed the result is as good as random.
pub fn combine(shares: &[(u8, &[u8])]) -> Result<Zeroizing<Vec<u8>>, SharingError> {
    let length = shares.first().ok_or(SharingError::Length)?.1.len();
    if shares.iter().any(|(_, share)| share.len() != length) {
        return Err(SharingError::Length);
    }
    let mut secret = Zeroizing::new(vec![0; length]);
    for (number, (x, share)) in shares.iter().enumerate() {
        let mut weight = 1;
        for (other_number, (other, _)) in shares.iter().enumerate() {
            if other_number != number {
                if x == other || *other == 0 || *x == 0 {
                    return Err(SharingError::Index);
                }
                weight = multiply(weight, multiply(*other, invert(x ^ other)));
            }
        }
        for (byte, value) in secret.iter_mut().zip(share.iter()) {
            *byte ^= multiply(*value, weight);
        }
    }
    Ok(secret)
}

/// The product in the field, without a branch or a table.
const fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product, mut bit) = (a, 0, 0);
    while bit < 8 {
        product ^= a & ((b >> bit) & 1).wrapping_neg();
        a = (a << 1) ^ (0x1b & (a >> 7).wrapping_neg());
        bit += 1;
    }
    product
}

/// The inverse: a to the power of 254.
const fn invert(a: u8) -> u8 {
    let (mut power, mut inverse, mut bit) = (a, 1, 1);
    while bit < 8 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
        bit += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vectors_of_draft_mcgrew_tss_03_hold() {
        let secret = hex::decode("7465737400").unwrap();
        let shares = ["b9fa07e185", "f5409b4511"].map(|share| hex::decode(share).unwrap());
        assert_eq!(*combine(&[(1, &shares[0]), (2, &shares[1])]).unwrap(), secret);
        // The coefficients that lead to them: each is the first share less the secret.
        let random: Vec<u8> = secret.iter().zip(&shares[0]).map(|(a, b)| a ^ b).collect();
        let made = split(&secret, 2, 2, &random).unwrap();
        assert_eq!((&*made[0], &*made[1]), (&shares[0], &shares[1]));
    }

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (needed, count) in [(0, 3), (1, 3), (3, 2)] {
            assert_eq!(
                split(b"x", needed, count, &[]).unwrap_err(),
                SharingError::Numbers { needed, count }
            );
        }
        assert_eq!(split(b"xy", 3, 3, &[0; 3]).unwrap_err(), SharingError::Randomness(4));
        assert_eq!(combine(&[]).unwrap_err(), SharingError::Length);
        assert_eq!(combine(&[(1, b"a"), (2, b"ab")]).unwrap_err(), SharingError::Length);
        assert_eq!(combine(&[(1, b"a"), (1, b"b")]).unwrap_err(), SharingError::Index);
        assert_eq!(combine(&[(0, b"a"), (1, b"b")]).unwrap_err(), SharingError::Index);
    }

    /// All ways to choose `size` of the numbers below `of`.
    fn choices(of: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
        (0_u32..1 << of)
            .filter(move |set| set.count_ones() as usize == size)
            .map(move |set| (0..of).filter(|index| set & (1 << index) != 0).collect())
    }

    proptest! {
        #[test]
        fn any_that_are_enough_restore_and_fewer_fit_every_secret(
            secret in prop::collection::vec(any::<u8>(), 1..40),
            (needed, count) in (2_u8..6).prop_flat_map(|needed| (Just(needed), needed..7)),
            random in prop::collection::vec(any::<u8>(), 200),
            other: u8,
        ) {
            let random = &random[..coefficients(secret.len(), needed)];
            let shares = split(&secret, needed, count, random).unwrap();
            let numbered = |choice: &[usize]| -> Vec<(u8, &[u8])> {
                choice.iter().map(|&index| (u8::try_from(index + 1).unwrap(), shares[index].as_slice())).collect()
            };
            for choice in choices(count.into(), needed.into()) {
                prop_assert_eq!(&*combine(&numbered(&choice)).unwrap(), &secret);
            }
            // Whatever secret somebody guesses: there is a polynomial through it and the shares that are one too few,
            // and as many for each guess. So they say nothing.
            for choice in choices(count.into(), usize::from(needed) - 1) {
                let mut known = numbered(&choice);
                let missing = (1..=count).find(|x| known.iter().all(|(used, _)| used != x)).unwrap();
                let guess = vec![other; secret.len()];
                // The share that would turn the known ones into the guess.
                let zero = vec![0; secret.len()];
                known.push((missing, &zero));
                let without = combine(&known).unwrap();
                known.pop();
                let ones = vec![1; secret.len()];
                let blank = vec![0; secret.len()];
                let mut weight: Vec<(u8, &[u8])> = known.iter().map(|(x, _)| (*x, blank.as_slice())).collect();
                weight.push((missing, &ones));
                let weight = combine(&weight).unwrap()[0];
                let fitting: Vec<u8> =
                    guess.iter().zip(without.iter()).map(|(a, b)| multiply(a ^ b, invert(weight))).collect();
                known.push((missing, &fitting));
                prop_assert_eq!(&*combine(&known).unwrap(), &guess);
            }
        }
    }

    /// Over all coefficients a single share takes every value equally often, whatever the secret is.
    #[test]
    fn one_share_of_two_is_uniform() {
        for secret in [0, 1, 0x80, 0xff] {
            for x in 0..2 {
                let mut seen = [0; 256];
                for coefficient in 0..=255 {
                    seen[usize::from(split(&[secret], 2, 2, &[coefficient]).unwrap()[x][0])] += 1;
                }
                assert_eq!(seen, [1; 256]);
            }
        }
    }
}
