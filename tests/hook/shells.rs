//! The scripts themselves: shellcheck has nothing to say, and every shell hands everything to bootseal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{succeed, tool};

fn scripts() -> Vec<PathBuf> {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
    let mut scripts = Vec::new();
    for folder in fs::read_dir(hooks).unwrap() {
        scripts.extend(
            fs::read_dir(folder.unwrap().path())
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
    }
    // Units of systemd are no scripts, nor is OpenRC's, which its own shell reads, nor what Prometheus and Grafana read; completions are for other shells.
    let read = ["service", "timer", "yml", "json"];
    scripts.retain(|path| {
        let ending = path.extension().unwrap_or_default();
        read.iter().all(|read| ending != *read)
            && !path.ends_with("bootseal-status")
            && !path.parent().unwrap().ends_with("completions")
    });
    scripts.sort();
    assert_eq!(scripts.len(), 14);
    scripts
}

/// dash, bash, and the shell of busybox, by their paths: the tests take PATH away.
fn shells() -> [Command; 3] {
    let mut busybox = tool("busybox");
    busybox.arg("sh");
    [tool("dash"), tool("bash"), busybox]
}

/// A program in the place of bootseal that writes down its arguments, one a line, and fails if told to.
fn path(directory: &Path) -> String {
    let program = directory.join("bootseal");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit \"${FAIL:-0}\"\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", directory.display())
}

#[test]
fn shellcheck_finds_nothing() {
    // Portage is bash.
    let (bash, sh): (Vec<PathBuf>, Vec<PathBuf>) = scripts()
        .into_iter()
        .partition(|script| script.ends_with("60-bootseal"));
    let mut shellcheck = tool("shellcheck");
    assert_eq!(
        succeed(shellcheck.args(["--shell", "bash", "--severity", "style"]).args(bash)),
        ""
    );
    let mut shellcheck = tool("shellcheck");
    shellcheck.args(["--shell", "sh", "--severity", "style"]).args(sh);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let drivers = [
        "hook/installkernel.sh",
        "vm/rebuild/init.sh",
        "vm/rebuild/52-initramfs",
        "vm/rebuild/91-grub-mkconfig",
    ];
    assert_eq!(succeed(shellcheck.args(drivers.map(|name| tests.join(name)))), "");
    let packaging = tests.with_file_name("packaging");
    let made = ["release", "debian/build", "gentoo/check"].map(|name| packaging.join(name));
    assert_eq!(succeed(tool("shellcheck").args(made).arg(tests.join("run"))), "");
}

#[test]
fn every_shell_hands_over_all_arguments_and_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path());
    let arguments = ["add", "6.12.1", "/efi/a b/6.12.1", "/src/it's $HOME*"];
    let signs = |script: &PathBuf| !script.ends_with("60-bootseal") && !script.ends_with("bootseal-audit");
    for script in scripts().into_iter().filter(signs) {
        let text = fs::read_to_string(&script).unwrap();
        let call = text.split("hook run ").nth(1).unwrap();
        // The slot, and for a removal by dpkg, which does not say so, a word of ours.
        let words = call.split(" \"").next().unwrap().split(' ');
        for mut shell in shells() {
            shell.arg(&script).args(arguments).env("PATH", &path);
            let said = succeed(&mut shell);
            let expected: Vec<&str> = ["hook", "run"]
                .into_iter()
                .chain(words.clone())
                .chain(arguments)
                .collect();
            assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{shell:?}");
            let failed = shell.env("FAIL", "3").output().unwrap();
            assert_eq!(failed.status.code(), Some(3));
            // Without bootseal it does not pass in silence, and is no 77.
            let missing = shell.env("PATH", "/nonexistent").output().unwrap();
            assert_eq!(missing.status.code(), Some(127));
            // kernel-install's path lacks /usr/local, where the program may be.
            let line = "PATH=${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}:/usr/local/sbin:/usr/local/bin\nexec bootseal";
            assert!(text.contains(line), "{text}");
        }
    }
}

#[test]
fn portage_is_told_and_no_emerge_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path());
    let script = scripts()
        .into_iter()
        .find(|script| script.ends_with("60-bootseal"))
        .unwrap();
    // Portage has its list of the package by now, and its sandbox on.
    let merge = |package: &str, list: &str| {
        let merged = directory.path().join("var/db/pkg").join(package);
        fs::create_dir_all(&merged).unwrap();
        fs::write(merged.join("CONTENTS"), list).unwrap();
        let (category, version) = package.split_once('/').unwrap();
        let mut shell = tool("bash");
        let call = "eerror() { echo \"eerror: $*\"; }; addwrite() { echo \"may write $1\"; }; . \"$1\"";
        shell.args(["-c", call, "sh"]).arg(&script).env("PATH", &path);
        shell
            .env("CATEGORY", category)
            .env("PF", version)
            .env("PN", version.split('-').next().unwrap())
            .env("EROOT", directory.path())
            .env("ROOT", "");
        shell
    };
    let md5 = "d41d8cd98f00b204e9800998ecf8427e 1700000000\n";
    let signs = |package: &str| format!("may write /\n--root\n/\nhook\nrun\nportage\n{package}\n");
    for (package, file) in [
        ("x11-drivers/nvidia-580", "/lib/modules/6.12.1/video/nvidia.ko.zst"),
        ("sys-fs/zfs-2.3", "/usr/lib/modules/6.12.1/extra/zfs.ko"),
        ("sys-firmware/intel-microcode-2026", "/boot/intel-uc.img"),
        ("sys-apps/systemd-261", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"),
    ] {
        let list = format!("dir /usr\nobj {file} {md5}");
        assert_eq!(succeed(&mut merge(package, &list)), signs(package));
    }
    let list =
        format!("obj /usr/bin/x {md5}obj /etc/modules/a.ko {md5}sym /boot/x -> y 1\nobj /usr/share/x.efi.txt {md5}");
    assert_eq!(succeed(&mut merge("app-misc/x-1", &list)), "");
    let grub = format!("obj /usr/lib/grub/x86_64-efi/normal.mod {md5}");
    let mut shell = merge("sys-boot/grub-2.12", &grub);
    // GRUB's own image is made anew.
    let expected = signs("sys-boot/grub-2.12") + "--root\n/\ngrub\ninstall\n--if-installed\n";
    assert_eq!(succeed(&mut shell), expected);
    let said = succeed(shell.env("FAIL", "1"));
    assert!(said.contains("eerror: bootseal: not all files are signed"), "{said}");
    assert!(
        said.contains("eerror: bootseal: GRUB's image is still the one of before"),
        "{said}"
    );
    let said = succeed(merge("sys-boot/grub-2.12", &grub).env("PATH", "/usr/bin:/bin"));
    assert!(said.contains("eerror: bootseal: not all files are signed"), "{said}");
}

#[test]
fn the_daily_audit_is_taken_by_systemd_and_cron_hears_of_findings_alone() {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/audit");
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path());
    for mut shell in shells() {
        shell.arg(hooks.join("bootseal-audit")).env("PATH", &path);
        assert_eq!(succeed(&mut shell), "");
        assert_eq!(succeed(shell.env("FAIL", "1")), "audit\n");
    }
    // systemd looks for the program in its own directories, where it is not installed here.
    let unit = fs::read_to_string(hooks.join("bootseal-audit.service")).unwrap();
    let unit = unit.replace("ExecStart=bootseal", "ExecStart=/bin/true");
    fs::write(directory.path().join("bootseal-audit.service"), unit).unwrap();
    fs::copy(
        hooks.join("bootseal-audit.timer"),
        directory.path().join("bootseal-audit.timer"),
    )
    .unwrap();
    let mut analyze = tool("systemd-analyze");
    analyze.arg("verify").arg(directory.path().join("bootseal-audit.timer"));
    let output = analyze.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("bootseal-audit"), "{said}");
}
