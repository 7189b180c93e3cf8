//! The forms of an audit: what promtool takes, and a page that is the same for the same state.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::{ELSEWHERE, KERNEL, Machine};
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
    let mut promtool = tool("promtool", "prometheus")
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

#[test]
fn the_page_differs_in_the_line_with_the_time_alone() {
    let machine = Machine::new();
    let page = || {
        let printed = succeed(machine.bootseal(["audit", "--format", "markdown"]).args(ELSEWHERE));
        let lines = printed.lines().filter(|line| !line.starts_with("Audited by"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let one = page();
    assert_eq!(one, page());
    assert!(one.contains(&"# Boot chain of node".to_owned()));
    assert!(
        one.iter()
            .any(|line| line.contains("(`modules.files`) | pass | 1 of 1 modules")),
        "{one:?}"
    );
}

#[test]
fn a_person_reads_findings_with_what_mends_them_and_the_verdict_last() {
    let machine = Machine::new();
    machine.change_initrd();
    let said = refuse(&mut machine.bootseal(["audit", "--only", "grub,keys.private"]));
    let fix = format!("fix: bootseal sign grub {}", machine.path("boot/initrd").display());
    assert!(
        said.contains("✗ Every file that GRUB opens") && said.contains(&fix),
        "{said}"
    );
    assert!(said.contains("The chain does not hold: 1 fail, 1 pass"), "{said}");
    let said = refuse(&mut machine.bootseal(["audit", "--only", "gru"]));
    assert!(said.contains("no check, nor group of checks, \"gru\""), "{said}");
}
