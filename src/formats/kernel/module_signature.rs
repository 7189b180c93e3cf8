//! Signatures appended to Linux kernel modules (`scripts/sign-file.c`, `kernel/module/signing.c`).
//!
//! | part | size in bytes |
//! |---|---|
//! | the module (ELF) | any |
//! | CMS SignedData, DER | as the next field says |
//! | `struct module_signature`: algorithm 0, hash 0, id type 2, signer length 0, key id length 0, 3 zero bytes, big-endian length of the CMS | 12 |
//! | `~Module signature appended~\n` | 28 |

use crate::formats::bytes::{Reader, Truncated, index};
use crate::formats::crypto::cms::{CmsError, SignedData};

/// The text that ends a signed module.
pub const MAGIC: &[u8; 28] = b"~Module signature appended~\n";
/// Size of `struct module_signature`.
const TRAILER: usize = 12;
/// `PKEY_ID_PKCS7`, the only type that the kernel takes.
const ID_TYPE_PKCS7: u8 = 2;

/// Why a module's signature cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// The magic is there, but not the structure before it.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A kind of signature that the kernel answers with ENOPKG.
    #[error("id_type at offset {offset:#x} is {found}; the kernel takes 2 (PKCS#7)")]
    IdType {
        /// Offset of the field from the start of the file.
        offset: usize,
        /// The value found.
        found: u8,
    },
    /// A field that must be zero, which the kernel answers with EBADMSG.
    #[error("module_signature at offset {offset:#x} has reserved fields that are not zero")]
    Reserved {
        /// Offset of the structure from the start of the file.
        offset: usize,
    },
    /// A signature length that does not fit into the file.
    #[error("sig_len at offset {offset:#x} is {length}, but only {available} bytes stand before it")]
    Length {
        /// Offset of the field from the start of the file.
        offset: usize,
        /// The length stated.
        length: usize,
        /// Bytes that could hold the signature.
        available: usize,
    },
    /// A signature that is longer than what is looked at of a module that is not held.
    #[error("a signature of {0} bytes is longer than any")]
    Long(usize),
    /// The signature is not CMS.
    #[error("the signature at offset {offset:#x} cannot be read")]
    Cms {
        /// Offset of the signature from the start of the file.
        offset: usize,
        /// The reason.
        #[source]
        error: CmsError,
    },
}

/// A module and the signature at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// The bytes that the signature covers: all before it.
    pub content: &'a [u8],
    /// The CMS SignedData (DER), if the file ends in a signature.
    pub signature: Option<&'a [u8]>,
}

impl<'a> Module<'a> {
    /// Splits off the last signature, the one that the kernel looks at.
    pub fn parse(file: &'a [u8]) -> Result<Self, ModuleError> {
        let Some(signed) = file.strip_suffix(MAGIC) else {
            return Ok(Self {
                content: file,
                signature: None,
            });
        };
        let Some((body, trailer)) = signed.split_last_chunk::<TRAILER>() else {
            return Err(Truncated {
                field: "module_signature",
                offset: 0,
                needed: TRAILER,
                available: signed.len(),
            }
            .into());
        };
        let length = check_trailer(trailer, body.len())?;
        let start = body.len().checked_sub(length).ok_or(ModuleError::Length {
            offset: body.len() + 8,
            length,
            available: body.len(),
        })?;
        let (content, signature) = body.split_at(start);
        Ok(Self {
            content,
            signature: Some(signature),
        })
    }

    /// The module without any signature: signing twice stacks two, and all of them go.
    pub fn stripped(file: &'a [u8]) -> Result<&'a [u8], ModuleError> {
        let mut module = Self::parse(file)?;
        while module.signature.is_some() {
            module = Self::parse(module.content)?;
        }
        Ok(module.content)
    }

    /// The parsed signature, if there is one.
    pub fn signed_data(&self) -> Result<Option<SignedData<'a>>, ModuleError> {
        self.signature
            .map(|cms| {
                SignedData::parse(cms).map_err(|error| ModuleError::Cms {
                    offset: self.content.len(),
                    error,
                })
            })
            .transpose()
    }
}

/// The signed module: content, CMS and [`trailer`].
pub fn append(content: &[u8], cms: &[u8]) -> Result<Vec<u8>, ModuleError> {
    Ok([content, cms, &trailer(content, cms)?].concat())
}

/// The end of a signed module, after content and CMS: `struct module_signature` and the magic.
pub fn trailer(content: &[u8], cms: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let length = u32::try_from(cms.len()).map_err(|_| ModuleError::Length {
        offset: content.len(),
        length: cms.len(),
        available: index(u32::MAX),
    })?;
    Ok([
        [0, 0, ID_TYPE_PKCS7, 0, 0, 0, 0, 0].as_slice(),
        &length.to_be_bytes(),
        MAGIC,
    ]
    .concat())
}

/// Makes the kernel's checks; returns the signature's length in bytes.
fn check_trailer(trailer: &[u8; TRAILER], offset: usize) -> Result<usize, ModuleError> {
    let mut reader = Reader::new(trailer);
    let [algorithm, hash, id_type, signer, key_id, pad @ ..] = reader.array::<8>("module_signature")?;
    if id_type != ID_TYPE_PKCS7 {
        return Err(ModuleError::IdType {
            offset: offset + 2,
            found: id_type,
        });
    }
    if [algorithm, hash, signer, key_id] != [0; 4] || pad != [0; 3] {
        return Err(ModuleError::Reserved { offset });
    }
    Ok(index(u32::from_be_bytes(reader.array("sig_len")?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stacked_signatures_are_all_stripped() {
        let once = append(b"\x7fELF...", b"first").unwrap();
        let twice = append(&once, b"second").unwrap();
        assert_eq!(Module::parse(&twice).unwrap().signature, Some(&b"second"[..]));
        assert_eq!(Module::stripped(&twice).unwrap(), b"\x7fELF...");
    }

    #[test]
    fn the_kernels_refusals_are_told_apart() {
        let good = append(b"content", b"cms").unwrap();
        let with = |index: usize, value: u8| {
            let mut bad = good.clone();
            bad[10 + index] = value;
            Module::parse(&bad).unwrap_err()
        };
        assert_eq!(with(2, 1), ModuleError::IdType { offset: 12, found: 1 });
        for field in [0, 1, 3, 4, 5, 6, 7] {
            assert_eq!(with(field, 1), ModuleError::Reserved { offset: 10 });
        }
        let error = with(10, 1);
        assert_eq!(
            error,
            ModuleError::Length {
                offset: 18,
                length: 259,
                available: 10
            }
        );
        assert!(matches!(Module::parse(MAGIC).unwrap_err(), ModuleError::Truncated(_)));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(content: Vec<u8>, cms: Vec<u8>) {
            let file = append(&content, &cms).unwrap();
            prop_assert_eq!(Module::parse(&file), Ok(Module { content: &content, signature: Some(&cms) }));
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, magic: bool) {
            if magic {
                bytes.extend_from_slice(MAGIC);
            }
            let _ = Module::parse(&bytes).map(|module| module.signed_data());
            let _ = Module::stripped(&bytes);
        }
    }
}
