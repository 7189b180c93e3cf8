//! Keccak-f[1600] over 8 lanes with AVX-512: a vector of 64 bytes holds the same word of 8 states.
//!
//! The only unsafe code is the call of the function that is compiled for AVX-512F. The argument for it: such a call is
//! sound if the processor has the feature. An [`Avx512`] is the proof, because nothing but [`Avx512::detect`] makes
//! one, and it asks the processor (and the kernel, which has to keep the registers). Everything in that function is
//! safe: words go into vectors and come out of them by value, and the compiler turns that into plain loads and stores.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m512i, _mm256_extract_epi64, _mm512_extracti64x4_epi64, _mm512_rol_epi64, _mm512_set_epi64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

use super::rounds::{ROUND_CONSTANTS, chi_of_row, round};
use super::sponge::{Permutation, State};

/// Proof that the processor has AVX-512F.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// `None` if the processor or the kernel does not have it.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

impl Permutation<8> for Avx512 {
    fn permute(self, state: &mut State<8>) {
        // SAFETY: `self` exists, so the processor has AVX-512F; see the file's argument.
        unsafe { keccak_f(state) }
    }
}

/// Keccak-f[1600] (FIPS 202, section 3.4): 24 rounds.
#[target_feature(enable = "avx512f")]
fn keccak_f(state: &mut State<8>) {
    let mut vectors = [_mm512_setzero_si512(); 25];
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
#[target_feature(enable = "avx512f")]
fn load(words: &[u64; 8]) -> __m512i {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = words.map(u64::cast_signed);
    _mm512_set_epi64(w7, w6, w5, w4, w3, w2, w1, w0)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(vector: __m512i) -> [u64; 8] {
    let low = _mm512_extracti64x4_epi64::<0>(vector);
    let high = _mm512_extracti64x4_epi64::<1>(vector);
    [
        _mm256_extract_epi64::<0>(low),
        _mm256_extract_epi64::<1>(low),
        _mm256_extract_epi64::<2>(low),
        _mm256_extract_epi64::<3>(low),
        _mm256_extract_epi64::<0>(high),
        _mm256_extract_epi64::<1>(high),
        _mm256_extract_epi64::<2>(high),
        _mm256_extract_epi64::<3>(high),
    ]
    .map(i64::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: __m512i, b: __m512i) -> __m512i {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    // 0x96 is the truth table of a XOR b XOR c.
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate<const LEFT: i32, const RIGHT: i32>(a: __m512i) -> __m512i {
    _mm512_rol_epi64::<LEFT>(a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn chi(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    // 0xd2 is the truth table of a XOR (NOT b AND c).
    _mm512_ternarylogic_epi64::<0xd2>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u64) -> __m512i {
    _mm512_set1_epi64(word.cast_signed())
}
