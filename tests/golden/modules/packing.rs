//! Packed modules, judged by the tools that pack and unpack.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::unpack;
use crate::support::{bootseal, keys, module, refuse, sign, sign_file, succeed, text, tool, verify};

/// A module packed by one of the tools: its path, and the tool.
fn packed(directory: &Path, name: &str, program: &'static str, options: &[&str]) -> PathBuf {
    let path = module(directory, &format!("{name}.ko"));
    pack(&path, program, options)
}

/// Packs a file by one of the tools; returns the path of what it made.
pub fn pack(path: &Path, program: &'static str, options: &[&str]) -> PathBuf {
    succeed(tool(program).args(options).arg(path));
    // zstd leaves it, if it is not told.
    let _ = fs::remove_file(path);
    let ending = match program {
        "gzip" => "ko.gz",
        "xz" => "ko.xz",
        _ => "ko.zst",
    };
    path.with_extension(ending)
}

/// As the kernel's build packs (`scripts/Makefile.modinst`).
pub const KERNELS: [(&str, &[&str]); 3] = [
    ("gzip", &["-n"]),
    ("xz", &["--check=crc32", "--lzma2=dict=1MiB"]),
    ("zstd", &["-q", "--rm"]),
];

#[test]
fn packed_modules_stay_packed_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let plain = module(directory.path(), "plain.ko");
    succeed(&mut sign("modules", &[&plain]));
    for (program, options) in KERNELS {
        let path = packed(directory.path(), program, program, options);
        succeed(&mut sign("modules", &[&path]));
        succeed(&mut verify(&[&path]));
        let inside = unpack(program, &path);
        assert_eq!(
            inside,
            fs::read(&plain).unwrap(),
            "{program}: the same signed module inside"
        );
        let again = succeed(&mut sign("modules", &[&path]));
        assert!(again.contains("signed 0, unchanged 1"), "{program}: {again}");
    }
}

/// Other ways to pack, which kernels take.
pub const OTHERS: [(&str, &[&str]); 11] = [
    ("gzip", &["-1"]),
    ("gzip", &["-9"]),
    ("xz", &["--check=crc32", "-0"]),
    ("xz", &["--check=none", "-9"]),
    ("xz", &["--check=crc32", "-T2", "--block-size=4096"]),
    ("xz", &["--check=crc32", "--lzma2=dict=4KiB,lc=0,pb=0"]),
    ("zstd", &["-q", "--rm", "-1", "--no-check"]),
    ("zstd", &["-q", "--rm", "-19", "-T0"]),
    ("zstd", &["-q", "--rm", "--fast=3"]),
    ("zstd", &["-q", "--rm", "--no-content-size"]),
    ("zstd", &["-q", "--rm", "--long=25"]),
];

/// As dkms 3.0 (Debian 12) and 3.2 (Debian 13 and later) pack, with the reason for which that is packed anew.
pub const DKMS: [(&str, &[&str], Option<&str>); 6] = [
    ("gzip", &["-9f"], None),
    ("xz", &["-f"], Some("its xz check has type 4")),
    ("zstd", &["-q", "-f", "-T0", "-20", "--ultra"], None),
    ("gzip", &["-f"], None),
    ("xz", &["--check=crc32", "--lzma2=dict=1MiB", "-f"], None),
    ("zstd", &["-q", "--rm", "-T0", "-f"], None),
];

/// dkms signs before it packs, or leaves that to others.
#[test]
fn modules_of_dkms_stay_as_it_packed_them_where_kernels_take_that() {
    let directory = tempfile::tempdir().unwrap();
    let plain = module(directory.path(), "plain.ko");
    let unsigned = fs::read(&plain).unwrap();
    let by_dkms = directory.path().join("by-dkms.ko");
    fs::write(&by_dkms, &unsigned).unwrap();
    let (key, certificate) = (keys().join("db.key"), keys().join("db.pem"));
    succeed(sign_file().arg("sha512").args([&key, &certificate]).arg(&by_dkms));
    succeed(&mut sign("modules", &[&plain]));
    let signed = fs::read(&plain).unwrap();
    for (number, (program, options, reason)) in DKMS.into_iter().enumerate() {
        let bare = directory.path().join(format!("{number}.ko"));
        fs::write(&bare, &unsigned).unwrap();
        let bare = pack(&bare, program, options);
        let said = succeed(sign("modules", &[&bare]).arg("-v"));
        match reason {
            None => assert!(!said.contains("packed anew"), "{program} {options:?}: {said}"),
            Some(reason) => assert!(said.contains(reason), "{program} {options:?}: {said}"),
        }
        let theirs = directory.path().join(format!("{number}-signed.ko"));
        fs::copy(&by_dkms, &theirs).unwrap();
        let theirs = pack(&theirs, program, options);
        let said = succeed(sign("modules", &[&theirs]).arg("-v"));
        assert!(said.contains("packed anew"), "{program} {options:?}: {said}");
        for path in [bare, theirs] {
            assert!(
                unpack(program, &path) == signed,
                "{program} {options:?}: the signed module"
            );
            succeed(&mut verify(&[&path]));
            let again = succeed(sign("modules", &[&path]).arg("-v"));
            assert!(again.contains("signed 0, unchanged 1"), "{again}");
        }
    }
}

/// Nothing is packed anew, neither for the first signature nor for the next ones: over SHA-512, and over SHA3-512 again.
#[test]
fn a_signature_is_a_block_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let plain = module(directory.path(), "plain.ko");
    succeed(&mut sign("modules", &[&plain]));
    let signed = fs::read(&plain).unwrap();
    succeed(sign("modules", &[&plain]).args(["--hash", "sha512"]));
    let over_sha2 = fs::read(&plain).unwrap();
    for (number, (program, options)) in KERNELS.into_iter().chain(OTHERS).enumerate() {
        let path = packed(directory.path(), &number.to_string(), program, options);
        let unsigned = fs::read(&path).unwrap();
        let mut first = None;
        for (hash, content) in [("sha3-512", &signed), ("sha512", &over_sha2), ("sha3-512", &signed)] {
            let said = succeed(sign("modules", &[&path]).args(["-v", "--hash", hash]));
            assert!(!said.contains("packed anew"), "{program} {options:?}: {said}");
            assert!(
                unpack(program, &path) == *content,
                "{program} {options:?}: the signed module inside"
            );
            succeed(&mut verify(&[&path]));
            let file = fs::read(&path).unwrap();
            assert!(
                file.len() < unsigned.len() + 900,
                "{program} {options:?}: {}",
                file.len()
            );
            let first = first.get_or_insert_with(|| file.clone());
            if hash == "sha3-512" {
                assert!(file == *first, "{program} {options:?}: the same file again");
            }
        }
    }
}

/// That is said, and not necessary again.
#[test]
fn a_signature_in_one_block_with_the_module_is_packed_anew() {
    let directory = tempfile::tempdir().unwrap();
    let plain = module(directory.path(), "plain.ko");
    succeed(sign("modules", &[&plain]).args(["--hash", "sha512"]));
    let over_sha2 = fs::read(&plain).unwrap();
    for (program, options) in KERNELS {
        let path = directory.path().join(format!("{program}.ko"));
        fs::write(&path, &over_sha2).unwrap();
        let path = pack(&path, program, options);
        let said = succeed(sign("modules", &[&path]).arg("-v"));
        let expected = ", packed anew: its old signature is in one block with the rest";
        assert!(said.contains(expected), "{program}: {said}");
        let said = succeed(sign("modules", &[&path]).args(["-v", "--hash", "sha512"]));
        assert!(!said.contains("packed anew"), "{program}: {said}");
        assert!(unpack(program, &path) == over_sha2, "{program}");
    }
}

#[test]
fn the_tools_see_the_kernels_settings() {
    let directory = tempfile::tempdir().unwrap();
    // Something that kernels do not take in all of them before.
    let xz = packed(directory.path(), "xz", "xz", &["--check=sha256", "-0"]);
    let [zstd, gzip] =
        [("zstd", &["-q", "--rm", "--no-check", "-1"][..]), ("gzip", &["-1"])].map(|(program, options)| {
            let path = packed(directory.path(), program, program, options);
            let empty = directory.path().join("empty.ko");
            fs::write(&empty, "").unwrap();
            let empty = pack(&empty, program, options);
            fs::write(&path, [fs::read(empty).unwrap(), fs::read(&path).unwrap()].concat()).unwrap();
            path
        });
    let said = succeed(sign("modules", &[&xz, &zstd, &gzip]).arg("-v"));
    assert_eq!(said.matches(", packed anew: it").count(), 3, "{said}");
    let listed = succeed(tool("xz").arg("-lvv").arg(&xz));
    assert!(listed.contains("CRC32"), "{listed}");
    assert!(listed.contains("--lzma2=dict=1MiB"), "{listed}");
    let streams = succeed(tool("xz").args(["--robot", "--list"]).arg(&xz));
    assert!(
        streams.contains("\nfile\t1\t2\t"),
        "one stream, and a block for the signature: {streams}"
    );
    let listed = succeed(tool("zstd").arg("-lv").arg(&zstd));
    assert!(listed.contains("XXH64"), "{listed}");
    assert!(
        listed
            .lines()
            .any(|line| line.contains("Frames") && line.ends_with('1')),
        "{listed}"
    );
    // No name, no time.
    assert_eq!(fs::read(&gzip).unwrap()[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
}

/// Signed modules that in-kernel decompression would refuse, and why.
#[test]
fn what_the_kernel_cannot_unpack_is_packed_anew() {
    let directory = tempfile::tempdir().unwrap();
    let signed = module(directory.path(), "signed.ko");
    succeed(&mut sign("modules", &[&signed]));
    let content = fs::read(&signed).unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["--check=crc64"], "its xz check has type 4"),
        (&["--check=sha256"], "its xz check has type 10"),
        (
            &["--check=crc32", "--x86", "--lzma2=dict=1MiB"],
            "filters other than LZMA2",
        ),
        (
            &["--check=crc32", "--delta=dist=4", "--lzma2=preset=6"],
            "filters other than LZMA2",
        ),
    ];
    for (number, (options, reason)) in cases.into_iter().enumerate() {
        let path = directory.path().join(format!("{number}.ko"));
        fs::write(&path, &content).unwrap();
        check_repacking("xz", &pack(&path, "xz", options), &content, reason);
    }
    // What zstd reads from its input may be of any length, so the window is as large as was asked for.
    let path = directory.path().join("window.ko.zst");
    let mut zstd = tool("zstd");
    zstd.args(["-q", "--ultra", "--long=29", "-c"])
        .stdin(File::open(&signed).unwrap());
    fs::write(&path, zstd.output().unwrap().stdout).unwrap();
    check_repacking("zstd", &path, &content, "its zstd window has 536870912 bytes");
}

#[test]
fn several_streams_become_one() {
    let directory = tempfile::tempdir().unwrap();
    let signed = module(directory.path(), "signed.ko");
    succeed(&mut sign("modules", &[&signed]));
    let content = fs::read(&signed).unwrap();
    for (program, options) in KERNELS {
        let halves: Vec<PathBuf> = content
            .chunks(content.len().div_ceil(2))
            .enumerate()
            .map(|(number, half)| {
                let path = directory.path().join(format!("{program}-{number}.ko"));
                fs::write(&path, half).unwrap();
                pack(&path, program, options)
            })
            .collect();
        let ending = halves[0].extension().unwrap().display();
        let path = directory.path().join(format!("joined.ko.{ending}"));
        let joined: Vec<u8> = halves.iter().flat_map(|half| fs::read(half).unwrap()).collect();
        fs::write(&path, joined).unwrap();
        check_repacking(program, &path, &content, "more than one");
    }
}

#[test]
fn many_blocks_and_a_name_are_no_reason() {
    let directory = tempfile::tempdir().unwrap();
    let signed = module(directory.path(), "signed.ko");
    succeed(&mut sign("modules", &[&signed]));
    let copy = directory.path().join("copy.ko");
    fs::copy(&signed, &copy).unwrap();
    let blocks = pack(&signed, "xz", &["--check=crc32", "--block-size=512"]);
    let name = pack(&copy, "gzip", &["-N"]);
    for path in [blocks, name] {
        succeed(&mut verify(&[&path]));
        let said = succeed(&mut sign("modules", &[&path]));
        assert!(said.contains("signed 0, unchanged 1"), "{said}");
    }
}

/// `verify` names the reason, `sign` mends it, and the signature is the one that was there.
#[track_caller]
fn check_repacking(program: &str, path: &Path, content: &[u8], reason: &str) {
    let said = refuse(&mut verify(&[path]));
    assert!(said.contains(reason), "{}: {said}", path.display());
    let output = bootseal(["--json", "sign", "modules", "--keys"])
        .arg(keys())
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["signed"], 1, "{report}");
    let warning = report["files"][0]["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("compressed anew") && warning.contains(reason),
        "{warning}"
    );
    succeed(&mut verify(&[path]));
    assert_eq!(unpack(program, path), content);
    let again = succeed(&mut sign("modules", &[path]));
    assert!(again.contains("signed 0, unchanged 1"), "{}: {again}", path.display());
}
