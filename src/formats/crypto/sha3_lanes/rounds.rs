//! A round of Keccak-f[1600], written once for vectors of any width.
//!
//! It is a macro because a generic function cannot be compiled for a processor feature that depends on its type. The
//! file that uses it defines a vector by five functions: `xor(a, b)`, `xor3(a, b, c)`,
//! `rotate::<LEFT, RIGHT>(a)` (to the left by `LEFT` bits; `RIGHT` is 64 - `LEFT`), `chi(a, b, c)` for
//! a XOR (NOT b AND c), and `splat(word)`.

/// The round constants (FIPS 202, section 3.2.5).
pub(super) const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The step chi for a row of five vectors (FIPS 202, section 3.2.4).
macro_rules! chi_of_row {
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr $(,)?) => {{
        let (a, b, c, d, e) = ($a, $b, $c, $d, $e);
        [chi(a, b, c), chi(b, c, d), chi(c, d, e), chi(d, e, a), chi(e, a, b)]
    }};
}

/// One round (FIPS 202, section 3.2) over 25 vectors, where word (x, y) is number x + 5y.
macro_rules! round {
    ($state:expr, $constant:expr) => {{
        let a = $state;
        let c0 = xor3(a[0], a[5], xor3(a[10], a[15], a[20]));
        let c1 = xor3(a[1], a[6], xor3(a[11], a[16], a[21]));
        let c2 = xor3(a[2], a[7], xor3(a[12], a[17], a[22]));
        let c3 = xor3(a[3], a[8], xor3(a[13], a[18], a[23]));
        let c4 = xor3(a[4], a[9], xor3(a[14], a[19], a[24]));
        let d0 = xor(c4, rotate::<1, 63>(c1));
        let d1 = xor(c0, rotate::<1, 63>(c2));
        let d2 = xor(c1, rotate::<1, 63>(c3));
        let d3 = xor(c2, rotate::<1, 63>(c4));
        let d4 = xor(c3, rotate::<1, 63>(c0));
        let [e0, e1, e2, e3, e4] = chi_of_row!(
            xor(a[0], d0),
            rotate::<44, 20>(xor(a[6], d1)),
            rotate::<43, 21>(xor(a[12], d2)),
            rotate::<21, 43>(xor(a[18], d3)),
            rotate::<14, 50>(xor(a[24], d4)),
        );
        let [e5, e6, e7, e8, e9] = chi_of_row!(
            rotate::<28, 36>(xor(a[3], d3)),
            rotate::<20, 44>(xor(a[9], d4)),
            rotate::<3, 61>(xor(a[10], d0)),
            rotate::<45, 19>(xor(a[16], d1)),
            rotate::<61, 3>(xor(a[22], d2)),
        );
        let [e10, e11, e12, e13, e14] = chi_of_row!(
            rotate::<1, 63>(xor(a[1], d1)),
            rotate::<6, 58>(xor(a[7], d2)),
            rotate::<25, 39>(xor(a[13], d3)),
            rotate::<8, 56>(xor(a[19], d4)),
            rotate::<18, 46>(xor(a[20], d0)),
        );
        let [e15, e16, e17, e18, e19] = chi_of_row!(
            rotate::<27, 37>(xor(a[4], d4)),
            rotate::<36, 28>(xor(a[5], d0)),
            rotate::<10, 54>(xor(a[11], d1)),
            rotate::<15, 49>(xor(a[17], d2)),
            rotate::<56, 8>(xor(a[23], d3)),
        );
        let [e20, e21, e22, e23, e24] = chi_of_row!(
            rotate::<62, 2>(xor(a[2], d2)),
            rotate::<55, 9>(xor(a[8], d3)),
            rotate::<39, 25>(xor(a[14], d4)),
            rotate::<41, 23>(xor(a[15], d0)),
            rotate::<2, 62>(xor(a[21], d1)),
        );
        [
            xor(e0, splat($constant)),
            e1,
            e2,
            e3,
            e4,
            e5,
            e6,
            e7,
            e8,
            e9,
            e10,
            e11,
            e12,
            e13,
            e14,
            e15,
            e16,
            e17,
            e18,
            e19,
            e20,
            e21,
            e22,
            e23,
            e24,
        ]
    }};
}
pub(super) use {chi_of_row, round};
