//! Keccak-f[1600] over 4 lanes with AVX2: a vector of 32 bytes holds the same word of 4 states.
//!
//! The only unsafe code is the call of the function that is compiled for AVX2. The argument for it is that of
//! `avx512.rs`: an [`Avx2`] is the proof that the processor has the feature, because nothing but [`Avx2::detect`] makes
//! one; and everything in that function is safe.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m256i, _mm256_andnot_si256, _mm256_extract_epi64, _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_xor_si256,
};

use super::rounds::{ROUND_CONSTANTS, chi_of_row, round};
use super::sponge::{Permutation, State};

/// Proof that the processor has AVX2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// `None` if the processor or the kernel does not have it.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Permutation<4> for Avx2 {
    fn permute(self, state: &mut State<4>) {
        // SAFETY: `self` exists, so the processor has AVX2; see the file's argument.
        unsafe { keccak_f(state) }
    }
}

/// Keccak-f[1600] (FIPS 202, section 3.4): 24 rounds.
#[target_feature(enable = "avx2")]
fn keccak_f(state: &mut State<4>) {
    let mut vectors = [_mm256_setzero_si256(); 25];
    for (vector, words) in vectors.iter_mut().zip(&state.0) {
        *vector = load(words);
    }
    for constant in ROUND_CONSTANTS {
        vectors = round!(vectors, constant);
    }
    for (vector, words) in vectors.into_iter().zip(&mut state.0) {
        *words = store(vector);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u64; 4]) -> __m256i {
    let [w0, w1, w2, w3] = words.map(u64::cast_signed);
    _mm256_set_epi64x(w3, w2, w1, w0)
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(vector: __m256i) -> [u64; 4] {
    [
        _mm256_extract_epi64::<0>(vector),
        _mm256_extract_epi64::<1>(vector),
        _mm256_extract_epi64::<2>(vector),
        _mm256_extract_epi64::<3>(vector),
    ]
    .map(i64::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: __m256i, b: __m256i) -> __m256i {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const LEFT: i32, const RIGHT: i32>(a: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi64::<LEFT>(a), _mm256_srli_epi64::<RIGHT>(a))
}

#[inline]
#[target_feature(enable = "avx2")]
fn chi(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(a, _mm256_andnot_si256(b, c))
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u64) -> __m256i {
    _mm256_set1_epi64x(word.cast_signed())
}
