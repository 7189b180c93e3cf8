//! Layer 3: the whole chain in a temporary directory, on a machine that needs no UEFI. Nothing here is simulated but
//! the firmware's variable store; keys, signatures and verdicts are those of the other commands.

mod samples;

use std::path::{Path, PathBuf};

use crate::ceremony::{self, Spec};
use crate::enroll::{self, Request, StoreChoice};
use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticode::minimal_image;
use crate::formats::text::Shown;
use crate::keys::{KeyDirectory, KeyName};
use crate::sign::grub::existing_signature;
use crate::sign::{self, Job, SigningKeys, Sources};
use crate::system::config::SignConfig;
use crate::system::{self, Context, NewFile};
use crate::trust::{Anchors, Judgement, examine};

/// Permission bits of the samples.
const PUBLIC: u32 = 0o644;

/// A file and the verdicts of its readers.
#[derive(Debug)]
pub struct Judged {
    /// Name of the file.
    pub name: String,
    /// The verdicts.
    pub judgements: Vec<Judgement>,
}

impl Judged {
    /// True if every reader accepts it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.judgements.iter().all(|judgement| judgement.verdict.is_ok())
    }
}

/// Everything that the demo did and saw.
#[derive(Debug)]
pub struct Demo {
    /// The steps that were done, in order.
    pub steps: Vec<String>,
    /// The files before they were signed: all refused.
    pub unsigned: Vec<Judged>,
    /// The same files afterwards: all accepted.
    pub signed: Vec<Judged>,
    /// Each of them with one byte flipped: all refused.
    pub tampered: Vec<Judged>,
}

impl Demo {
    /// The first verdict that is not as it must be.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        let wrong = |files: &[Judged], accepted: bool| {
            files
                .iter()
                .find(|file| file.is_accepted() != accepted)
                .map(|file| file.name.clone())
        };
        [
            wrong(&self.unsigned, false).map(|name| format!("{name} is accepted without a signature")),
            wrong(&self.signed, true).map(|name| format!("{name} is signed and refused")),
            wrong(&self.tampered, false).map(|name| format!("{name} is accepted after a change")),
        ]
        .into_iter()
        .flatten()
        .next()
        .map(Error::bug)
    }
}

/// Runs the chain, from new keys to tampered files.
pub fn run() -> Result<Demo> {
    let directory = tempfile::tempdir().or_could_not_run(|| "cannot make a temporary directory".to_owned())?;
    let (keys, firmware) = (directory.path().join("keys"), directory.path().join("firmware"));
    // Backups of variables go below the root, too.
    let context = Context::host().with_root(directory.path());
    let mut steps = Vec::new();

    let spec = Spec::new("demo", &keys).with_plain(KeyName::USUAL);
    let made = ceremony::run(&context, &spec, &ceremony::Unobserved)?;
    steps.push(format!(
        "ceremony: {} keys, {} files",
        made.keys.len(),
        made.files.len()
    ));

    system::create_dir(&context, &firmware)?;
    let request = Request::new(keys.clone(), StoreChoice::At(firmware));
    let applied = enroll::apply(&context, &enroll::plan(&context, &request)?, || ())?;
    let written: Vec<&str> = applied.steps.iter().map(|step| step.variable).collect();
    steps.push(format!(
        "enrolment: {} written, the firmware left Setup Mode",
        written.join(", ")
    ));

    let keys = KeyDirectory::open(&keys)?;
    let anchors = Anchors::from_directory(&keys)?;
    let files = write_samples(&context, directory.path())?;
    let updates = ["PK.auth", "KEK.auth", "db.auth"].map(|name| keys.file_path(name));
    let unsigned = judge(&files.each(), &anchors)?;
    sign_all(&context, &keys, &files)?;
    steps.push("signing: an EFI image (SHA-256), a module (SHA3-512), a GRUB file (SHA-512)".to_owned());
    let all: Vec<PathBuf> = files.each().into_iter().chain(updates).collect();
    let signed = judge(&all, &anchors)?;
    let tampered = all.iter().map(|path| tamper(path, &anchors)).collect::<Result<_>>()?;
    Ok(Demo {
        steps,
        unsigned,
        signed,
        tampered,
    })
}

struct Files {
    image: PathBuf,
    module: PathBuf,
    grub: PathBuf,
}

impl Files {
    fn each(&self) -> Vec<PathBuf> {
        vec![self.image.clone(), self.module.clone(), self.grub.clone()]
    }
}

fn write_samples(context: &Context, directory: &Path) -> Result<Files> {
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.join(name);
        let file = NewFile {
            path: &path,
            bytes,
            mode: PUBLIC,
        };
        file.create(context)?;
        Ok(path)
    };
    Ok(Files {
        image: write("hello.efi", &minimal_image())?,
        module: write("hello.ko", &samples::minimal_module())?,
        grub: write("grub.cfg", samples::GRUB_CFG)?,
    })
}

fn sign_all(context: &Context, keys: &KeyDirectory, files: &Files) -> Result<()> {
    let named = |path: &PathBuf| Sources {
        paths: vec![path.clone()],
        entries: &[],
    };
    let job = Job {
        modules: named(&files.module),
        efi: named(&files.image),
        copies: Vec::new(),
        grub: named(&files.grub),
    };
    // Every key is plain, so nobody is asked.
    let ask = &mut |name: &str| Err(Error::bug(format!("the demo asks for a {name}")));
    let keys = SigningKeys::open(keys, &job.keys(), ask)?;
    let watch = sign::Watch {
        command: "demo",
        recheck: false,
        vouchers: sign::Vouchers::default(),
        new_kernel: None,
        without: None,
        observer: &sign::Unobserved,
    };
    let summary = job.sign(context, &keys, &SignConfig::default(), watch)?;
    summary
        .outcomes
        .into_iter()
        .map(|outcome| outcome.result)
        .find_map(Result::err)
        .map_or(Ok(()), Err)
}

fn judge(paths: &[PathBuf], anchors: &Anchors) -> Result<Vec<Judged>> {
    paths
        .iter()
        .map(|path| judge_bytes(path, &system::read(path)?, anchors))
        .collect()
}

fn judge_bytes(path: &Path, bytes: &[u8], anchors: &Anchors) -> Result<Judged> {
    let judgements = examine(bytes, existing_signature(path)?.as_deref(), anchors);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Judged { name, judgements })
}

/// Flips one bit in the middle of the signed content.
fn tamper(path: &Path, anchors: &Anchors) -> Result<Judged> {
    let mut bytes = system::read(path)?;
    let middle = bytes.len() / 2;
    let byte = bytes
        .get_mut(middle)
        .ok_or_else(|| Error::bug(format!("{} is empty", path.shown())))?;
    *byte ^= 1;
    judge_bytes(path, &bytes, anchors)
}
