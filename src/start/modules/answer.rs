//! The judgement of one module.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::compression::{Compression, MAX_HELD, MAX_MODULE};
use crate::formats::kernel::module_info::ModuleInfo;
use crate::formats::kernel::module_signature;
use crate::formats::text::printable;
use crate::system::{MAX_PACKED, Passes};
use crate::trust::module::{self, Signature};
use crate::trust::module_read::{ReadModule, Subject};

/// The hash that most modules are signed over: that of many is computed side by side.
pub const HASH: HashAlgorithm = HashAlgorithm::Sha3_512;

/// The kernel would refuse a module.
pub const MODULE_REFUSED: Kind = Kind::error("module_refused");
/// A module is signed over another hash than the configuration has for its kernel.
const OTHER_HASH: Kind = Kind::error("module_other_hash");

/// The answer to a module: the kernel's, and ours to its hash.
pub enum Answer {
    /// By our key, over the hash that is wanted.
    Right,
    /// By this maker's key, in a kernel that takes it and not ours.
    Makers(String),
    /// By our key, in a kernel that refuses it.
    OursRefused,
    /// By our key, over another hash than is wanted.
    OtherHash {
        /// The hash.
        found: HashAlgorithm,
        /// The one that is wanted.
        wanted: HashAlgorithm,
    },
    /// The kernel refuses it, for this reason.
    Refused(String),
    /// It could not be read, for this reason.
    Unread(String),
}

/// A module out of its packing.
pub struct Unpacked {
    module: Module,
    kernel_unpacks: bool,
}

enum Module {
    Held {
        module: Vec<u8>,
        /// Length of the signed content, in bytes; 0 without a signature that could be verified.
        content: usize,
    },
    Read(ReadModule),
}

impl Unpacked {
    /// The module as its judges get it.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match &self.module {
            Module::Held { module, .. } => Subject::Held(module),
            Module::Read(read) => Subject::Read(read),
        }
    }

    /// True if it notes that it was built with its kernel.
    #[must_use]
    pub fn is_in_tree(&self) -> bool {
        match &self.module {
            Module::Held { module, .. } => ModuleInfo::parse(module).is_ok_and(|info| info.is_in_tree()),
            Module::Read(read) => read.outline.is_in_tree(),
        }
    }

    /// All of the module, if it is held.
    #[must_use]
    pub fn held(&self) -> Option<&[u8]> {
        match &self.module {
            Module::Held { module, .. } => Some(module),
            Module::Read(_) => None,
        }
    }

    /// The bytes that it takes in memory.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.held().map_or(0, |module| module.len() as u64)
    }
}

/// The bytes that are hashed.
impl AsRef<[u8]> for Unpacked {
    fn as_ref(&self) -> &[u8] {
        match &self.module {
            Module::Held { module, content } => module.get(..*content).unwrap_or_default(),
            Module::Read(_) => &[],
        }
    }
}

/// Unpacks a module's file that is in memory.
pub fn unpack(file: Vec<u8>) -> Result<Unpacked, Answer> {
    let unpacked = unpack_at_most(file, MAX_HELD)?;
    unpacked.ok_or_else(|| Answer::Unread(format!("it has more than {MAX_HELD} bytes when it is unpacked")))
}

/// Reads a module of any size through, without holding it.
pub fn read_through(file: &Passes) -> Result<Unpacked, Answer> {
    let kernel_unpacks = file.kernel_unpacks().is_ok();
    let read = ReadModule::read(&|| file.open(), MAX_MODULE);
    let read = read.map_err(|error| Answer::Refused(format!("it cannot be unpacked: {error}")))?;
    let too_large = || Answer::Unread(format!("it has more than {MAX_MODULE} bytes when it is unpacked"));
    Ok(Unpacked {
        module: Module::Read(read.ok_or_else(too_large)?),
        kernel_unpacks,
    })
}

/// The answer to a packed file that is too large to be held.
#[must_use]
pub fn too_large_packed(shown: &str) -> Answer {
    Answer::Unread(format!("{shown}: it is packed, and has more than {MAX_PACKED} bytes"))
}

/// Unpacks a module's file; `None` if it has more than so many bytes then.
pub fn unpack_at_most(file: Vec<u8>, most: u64) -> Result<Option<Unpacked>, Answer> {
    let compression = Compression::from_magic(&file);
    let kernel_unpacks = compression.kernel_unpacks(&file).is_ok();
    let module = match compression.unpack_at_most(&file, most) {
        Ok(Some(std::borrow::Cow::Owned(module))) => module,
        Ok(Some(std::borrow::Cow::Borrowed(_))) => file,
        Ok(None) => return Ok(None),
        Err(error) => return Err(Answer::Refused(format!("it cannot be unpacked: {error}"))),
    };
    let content = module_signature::Module::parse(&module)
        .ok()
        .filter(|module| module.signature.is_some())
        .map_or(0, |module| module.content.len());
    Ok(Some(Unpacked {
        module: Module::Held { module, content },
        kernel_unpacks,
    }))
}

/// The signature of a module by one of these certificates. `digest` is that of the hashed bytes, if it is known already.
pub(super) fn signature<'c>(
    file: &Unpacked,
    trusted: &'c [Certificate],
    digest: Option<&Digest>,
) -> Result<Signature<'c>, Answer> {
    let judged = match &file.module {
        Module::Held {
            module,
            content: hashed,
        } => {
            let digest = |hash: HashAlgorithm, content: &[u8]| {
                // Where there was nothing to be verified, less was hashed.
                let known = digest.filter(|digest| digest.algorithm() == hash && content.len() == *hashed);
                known.cloned().unwrap_or_else(|| hash.digest(&[content]))
            };
            module::judge_hashed(module, trusted, &digest)
        }
        Module::Read(read) => read.judge(trusted),
    };
    match judged {
        Err(refusal) => Err(Answer::Refused(refusal.to_string())),
        Ok(_) if !file.kernel_unpacks => Err(Answer::Refused(
            "it is signed, but packed so that the kernel refuses it".to_owned(),
        )),
        Ok(signature) => Ok(signature),
    }
}

/// Adds the answer to one module to the outcome. True if the module is right.
pub fn note(outcome: &mut Outcome, subject: &str, answer: Answer, remedy: &str) -> bool {
    let shown = printable(subject);
    let (kind, text) = match answer {
        Answer::Right => return true,
        // These are told together with others.
        Answer::Makers(_) | Answer::OursRefused => return false,
        Answer::OtherHash { found, wanted } => (
            OTHER_HASH,
            format!("{shown} is signed over {}, not {}", found.name(), wanted.name()),
        ),
        Answer::Refused(reason) => (MODULE_REFUSED, format!("{shown}: {}", printable(&reason))),
        Answer::Unread(reason) => {
            outcome.not_run.push(reason);
            return false;
        }
    };
    outcome.findings.push(Finding::new(kind, subject, text).remedy(remedy));
    false
}
