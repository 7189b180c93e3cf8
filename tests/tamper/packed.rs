//! Packed modules whose signature is a block of its own. What unpacks them otherwise than we do, or not at all, must not find
//! what we took for signed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bootseal::keys::KeyDirectory;
use bootseal::trust::{Anchors, examine};

use crate::support::{keys, module, sign, succeed, tool};

/// As the kernel's build packs.
const FORMS: [(&str, &str, &[&str]); 3] = [
    ("gzip", "gz", &["-n"]),
    ("xz", "xz", &["--check=crc32", "--lzma2=dict=1MiB"]),
    ("zstd", "zst", &["-q", "--rm"]),
];

/// A packed module with its signature in a block of its own: its path, and the size of what was packed.
fn packed(directory: &Path, (program, ending, options): (&str, &str, &[&str])) -> (PathBuf, usize) {
    let plain = module(directory, "m.ko");
    succeed(tool(program).args(options).arg(&plain));
    let path = plain.with_extension(format!("ko.{ending}"));
    let before = fs::metadata(&path).unwrap().len();
    succeed(&mut sign("modules", &[&path]));
    (path, usize::try_from(before).unwrap())
}

fn anchors() -> Anchors {
    Anchors::from_directory(&KeyDirectory::open(keys()).unwrap()).unwrap()
}

fn accepted(file: &[u8], anchors: &Anchors) -> bool {
    let judgements = examine(file, None, anchors);
    !judgements.is_empty() && judgements.iter().all(|judgement| judgement.verdict.is_ok())
}

/// The bytes that the tool makes of a file, if it takes it whole.
fn unpack(program: &str, file: &[u8]) -> Option<Vec<u8>> {
    let mut command: Command = tool(program);
    if program == "xz" {
        // As kernels do, which take no further stream either.
        command.arg("--single-stream");
    }
    let mut child = command
        .args(["-q", "-d", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let file = file.to_vec();
    // It may end before it has read all.
    let writer = std::thread::spawn(move || drop(input.write_all(&file)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.status.success().then_some(output.stdout)
}

/// Judges changed files; returns the number of those that pass, each of which has to be the same signed module to others.
fn passing(program: &str, content: &[u8], changed: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<String> {
    let anchors = anchors();
    let passing = changed.filter(|(_, file)| accepted(file, &anchors));
    passing
        .map(|(change, file)| {
            let theirs = unpack(program, &file);
            assert!(
                theirs.is_some_and(|theirs| theirs == content),
                "{program}, {change}: accepted"
            );
            change
        })
        .collect()
}

#[test]
fn every_byte_of_a_packed_module_counts_or_means_nothing() {
    for form in FORMS {
        let directory = tempfile::tempdir().unwrap();
        let (path, _) = packed(directory.path(), form);
        let (program, ..) = form;
        let file = fs::read(&path).unwrap();
        let content = unpack(program, &file).unwrap();
        let change = |place: usize, bits: u8| {
            let mut changed = file.clone();
            changed[place] ^= bits;
            (format!("{bits:#04x} at {place:#x} of {:#x}", file.len()), changed)
        };
        let changed = (0..file.len()).flat_map(|place| [0x01, 0x02, 0x10, 0x80, 0xff].map(|bits| change(place, bits)));
        let passing = passing(program, &content, changed);
        // gzip's time and system, bits that nobody reads, and other ways to say the same bytes. xz has a check for everything.
        let most = if program == "xz" { 0 } else { 64 };
        assert!(passing.len() <= most, "{program}: {passing:#?}");
    }
}

#[test]
fn a_packed_module_that_is_cut_or_has_something_behind_it_is_no_other() {
    for form in FORMS {
        let directory = tempfile::tempdir().unwrap();
        let (path, before) = packed(directory.path(), form);
        let (program, ..) = form;
        let file = fs::read(&path).unwrap();
        let content = unpack(program, &file).unwrap();
        let anchors = anchors();
        for length in 0..file.len() {
            assert!(
                !accepted(&file[..length], &anchors),
                "{program}: the first {length} bytes"
            );
        }
        // Zeros, more of its own, another member, the end twice; and each byte of what was appended is left out or doubled.
        let behind = [
            vec![0],
            vec![0; 4],
            vec![0; 512],
            file[..6].to_vec(),
            file.clone(),
            file[before..].to_vec(),
        ];
        let behind = behind
            .into_iter()
            .map(|end| (format!("{} bytes behind it", end.len()), [&*file, &end].concat()));
        let from = before.min(file.len()).saturating_sub(32);
        let without = (from..file.len()).map(|place| {
            (
                format!("without {place:#x}"),
                [&file[..place], &file[place + 1..]].concat(),
            )
        });
        let twice =
            (from..file.len()).map(|place| (format!("{place:#x} twice"), [&file[..=place], &file[place..]].concat()));
        let changed = behind.chain(without).chain(twice);
        let passing = passing(program, &content, changed);
        // The padding of a stream (xz file format, 2.2), which unpackers of one stream do not look at.
        let padding: &[&str] = if program == "xz" {
            &["4 bytes behind it", "512 bytes behind it"]
        } else {
            &[]
        };
        assert_eq!(passing, padding, "{program}");
    }
}

/// The signature's block of one module behind the blocks of another: each is well-formed, and the whole is not signed.
#[test]
fn the_signature_block_of_another_module_is_none() {
    for form in FORMS {
        let (program, ending, options) = form;
        let directory = tempfile::tempdir().unwrap();
        let (one, before) = packed(directory.path(), form);
        let signed = unpack(program, &fs::read(&one).unwrap()).unwrap();
        let plain = module(directory.path(), "n.ko");
        let length = fs::metadata(&plain).unwrap().len();
        let signature = &signed[usize::try_from(length).unwrap()..];
        // A module of the same length that somebody changed, with that signature.
        let mut other = fs::read(&plain).unwrap();
        let at = other.windows(11).position(|window| window == b"license=GPL").unwrap();
        other[at + 8..at + 11].copy_from_slice(b"GPX");
        fs::write(&plain, [&*other, signature].concat()).unwrap();
        succeed(tool(program).args(options).arg(&plain));
        let forged = fs::read(plain.with_extension(format!("ko.{ending}"))).unwrap();
        assert!(!accepted(&forged, &anchors()), "{program}");
        // The blocks of the one, and what was appended to the other.
        let whole = fs::read(&one).unwrap();
        let unsigned = directory.path().join("n.ko");
        fs::write(&unsigned, &other).unwrap();
        let _ = fs::remove_file(directory.path().join(format!("n.ko.{ending}")));
        succeed(tool(program).args(options).arg(&unsigned));
        let blocks = fs::read(unsigned.with_extension(format!("ko.{ending}"))).unwrap();
        for cut in 0..40_usize.min(before) {
            let spliced = [&blocks[..blocks.len() - cut], &whole[before - cut..]].concat();
            assert!(!accepted(&spliced, &anchors()), "{program}: {cut} bytes before the end");
        }
    }
}
