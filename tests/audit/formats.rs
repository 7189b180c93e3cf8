//! The forms of an audit: what promtool takes, and a page that is the same for the same state.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::{ELSEWHERE, KERNEL, Machine};
use crate::support::programs::MARKDOWN;
use crate::support::{refuse, succeed, tool};

#[test]
fn promtool_takes_the_textfile_and_findings_are_in_it() {
    let machine = Machine::new();
    let file = machine.path("bootseal.prom");
    let audit = || {
        let mut command = machine.bootseal(["audit", "--format", "prometheus", "--output"]);
        command.arg(&file).args(ELSEWHERE);
        command
    };
    succeed(&mut audit());
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("bootseal_audit_check_status{check=\"modules.files\",group=\"modules\",status=\"pass\"} 1\n")
    );
    assert!(text.contains("bootseal_audit_checks{status=\"fail\"} 0\n"));
    let mut promtool = tool("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success());
    machine.write(&format!("lib/modules/{KERNEL}/kernel/y.ko"), b"\x7fELF");
    refuse(&mut audit());
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("bootseal_audit_findings{check=\"modules.files\",level=\"error\"} 1\n"),
        "{text}"
    );
}

/// The page, without the line with the time.
fn page(machine: &Machine) -> Vec<String> {
    let output = machine
        .bootseal(["audit", "--format", "markdown"])
        .args(ELSEWHERE)
        .output();
    let printed = String::from_utf8(output.unwrap().stdout).unwrap();
    let lines = printed.lines().filter(|line| !line.starts_with("Audited by"));
    lines.map(str::to_owned).collect()
}

/// The page as HTML, made by the program that `MkDocs` uses.
fn html(page: &[String]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), page.join("\n")).unwrap();
    succeed(tool(MARKDOWN).args(["-x", "tables"]).arg(file.path()))
}

#[test]
fn the_page_differs_in_what_has_changed_alone() {
    let machine = Machine::new();
    let clean = page(&machine);
    assert_eq!(clean, page(&machine));
    assert!(clean.contains(&"# Boot chain of node".to_owned()));
    let has = |part: &str| clean.iter().any(|line| line.contains(part));
    assert!(has("(`modules.files`) | pass | 1 of 1 modules"), "{clean:?}");
    assert!(
        has("| db | test ") && has("| grub | OpenPGP key | RSA-4096 | "),
        "{clean:?}"
    );
    assert!(has("/efi/EFI/BOOT/BOOTX64.EFI | accepted, next | "), "{clean:?}");

    machine.change_initrd();
    let faulty = page(&machine);
    let gone: Vec<_> = clean.iter().filter(|line| !faulty.contains(line)).collect();
    // The verdict, two counts, "None.", and the check itself.
    assert_eq!(gone.len(), 5, "{gone:?}");
    let finding = "| `grub.files` | error | ";
    assert!(faulty.iter().any(|line| line.starts_with(finding)), "{faulty:?}");
}

#[test]
fn the_page_is_tables_whatever_names_say() {
    let machine = Machine::new();
    machine.write("proc/sys/kernel/hostname", b"a|b<script>alert(1)</script>*c*\n");
    machine.write("proc/cmdline", b"x=<b>|`y`[z](javascript:a) init=/bin/sh|\n");
    let page = page(&machine);
    let html = html(&page);
    assert!(
        !html.contains("<script") && !html.contains("<b>") && !html.contains("<a "),
        "{html}"
    );
    assert!(html.contains("<h1>Boot chain of a|b&lt;script&gt;"), "{html}");
    let rules = page.iter().filter(|line| line.starts_with("|---"));
    assert_eq!(html.matches("<table>").count(), rules.count());
    // Each row has the columns of its table: what has none is filled up by the program, empty.
    assert!(!html.contains("<td></td>\n</tr>"), "{html}");
    assert!(html.contains("init=/bin/sh|"), "{html}");
}

#[test]
fn a_person_reads_findings_with_what_mends_them_and_the_verdict_last() {
    let machine = Machine::new();
    machine.change_initrd();
    let said = refuse(&mut machine.bootseal(["audit", "--only", "grub,keys.private"]));
    let fix = format!("fix: bootseal sign grub {}", machine.path("boot/initrd").display());
    assert!(
        said.contains("✗ Signatures of the files that GRUB opens") && said.contains(&fix),
        "{said}"
    );
    assert!(said.contains("The chain does not hold: 1 fail, 2 pass"), "{said}");
    let said = refuse(&mut machine.bootseal(["audit", "--only", "gru"]));
    assert!(said.contains("no check, nor group of checks, \"gru\""), "{said}");
}

#[test]
fn colors_and_signs_are_what_terminal_locale_and_options_take() {
    let machine = Machine::new();
    machine.change_initrd();
    let words = ["audit", "--only", "grub,keys.private"];
    let on_terminal = |more: &[(&str, &str)]| {
        let mut command = machine.bootseal(words);
        let program = command.get_program().to_str().unwrap().to_owned();
        let arguments = command.get_args().map(|word| word.to_str().unwrap());
        let line = std::iter::once(program.as_str())
            .chain(arguments)
            .collect::<Vec<_>>()
            .join(" ");
        command = tool("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        refuse(
            command
                .stdin(Stdio::null())
                .env("LC_ALL", "C.UTF-8")
                .envs(more.iter().copied()),
        )
    };
    let colored = on_terminal(&[]);
    assert!(
        colored.contains("\u{1b}[1;31m✗\u{1b}[0m") && colored.contains("\u{1b}[32m✓\u{1b}[0m"),
        "{colored}"
    );
    for (variable, value) in [("NO_COLOR", "1"), ("LC_ALL", "de_DE.ISO-8859-1")] {
        let said = on_terminal(&[(variable, value)]);
        assert_eq!(said.contains('\u{1b}'), variable != "NO_COLOR", "{said}");
        assert_eq!(said.is_ascii(), variable == "LC_ALL", "{said}");
    }
    let piped = |more: &[&str]| {
        let mut command = machine.bootseal(words);
        refuse(command.args(more).env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1"))
    };
    assert!(!piped(&[]).contains('\u{1b}'));
    assert!(piped(&["--color", "always"]).contains('\u{1b}'));
    assert!(!piped(&["--color", "never"]).contains('\u{1b}'));
}
