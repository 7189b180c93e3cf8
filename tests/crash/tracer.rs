//! strace as the hand that breaks things.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::node::{Node, Template};
use crate::support::{succeed, text, tool};

/// The fault that a system call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before it is made.
    Kill,
    /// It fails with this error.
    Error(&'static str),
}

/// A fault at the `nth` call, from 1, of a system call.
#[derive(Debug, Clone)]
pub struct Round {
    pub call: String,
    pub nth: usize,
    pub fault: Fault,
}

/// A run with a fault, on a node of its own.
pub struct Faulted<'a> {
    pub node: Node<'a>,
    pub output: Output,
    /// True if the fault came to pass.
    pub injected: bool,
}

/// All calls that a run of one thread on this node makes to system calls of these names, one after the other. A count
/// begins after the first file of the node was opened: what goes before is the loader's.
///
/// strace counts the calls of each thread and of each system call apart. That one thread does everything is what makes
/// the rounds complete; bootseal has only one where there is only one processor.
pub fn calls(template: &Template, names: &[&str]) -> Vec<(String, usize)> {
    let node = template.node();
    let trace = node.root.with_extension("trace");
    let mut command = on_one_processor(0);
    succeed(
        command
            .args(["strace", "-f", "-o"])
            .arg(&trace)
            .arg(node.sign_all().get_program())
            .args(node.sign_all().get_args()),
    );
    let trace = fs::read_to_string(trace).unwrap();
    let threads: BTreeSet<&str> = trace.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(threads.len(), 1, "the calls of several threads would be counted apart");
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut calls = Vec::new();
    let mut is_ours = false;
    for line in trace.lines() {
        let call = line.split_once(' ').unwrap().1.trim_start();
        let name = call.split('(').next().unwrap();
        is_ours |= line.contains(node.root.to_str().unwrap()) && name == "openat";
        let count = counts.entry(name).or_default();
        *count += 1;
        if is_ours && names.contains(&name) {
            calls.push((name.to_owned(), *count));
        }
    }
    calls
}

/// The file that each fault is counted in, by one byte; `tests/hostile/run` sets it.
const COUNT: &str = "BOOTSEAL_FAULTS";

/// The option of strace that lets a system call meet this fault.
pub fn injection(call: &str, fault: &str) -> String {
    if let Some(path) = std::env::var_os(COUNT) {
        let file = fs::File::options().append(true).create(true).open(path);
        file.unwrap().write_all(b".").unwrap();
    }
    format!("inject={call}:{fault}")
}

/// Runs `sign all` once for each round, each on a fresh node, on all processors; `judge` looks at the result.
pub fn run(template: &Template, rounds: &[Round], judge: impl Fn(&Round, &Faulted<'_>) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for processor in 0..processors().len() {
            let (next, judge) = (&next, &judge);
            scope.spawn(move || {
                while let Some(round) = rounds.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let faulted = inject(template, round, Some(processor));
                    judge(round, &faulted);
                }
            });
        }
    });
}

/// Runs `sign all` with a fault: in one thread on this processor, or in as many as there are processors.
pub fn inject<'a>(template: &'a Template, round: &Round, processor: Option<usize>) -> Faulted<'a> {
    let node = template.node();
    let trace = node.root.with_extension("trace");
    let Round { call, nth, fault } = round;
    // Only an error can be injected without stopping the process at every other call, too.
    let (fault, quickly) = match fault {
        Fault::Kill => ("signal=SIGKILL".to_owned(), None),
        Fault::Error(name) => (format!("error={name}"), Some("--seccomp-bpf")),
    };
    let mut command = processor.map_or_else(
        || tool("strace"),
        |processor| {
            let mut command = on_one_processor(processor);
            command.arg("strace");
            command
        },
    );
    let sign_all = node.sign_all();
    command
        .arg("-f")
        .args(quickly)
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &injection(call, &format!("{fault}:when={nth}")), "-o"])
        .arg(&trace)
        .arg(sign_all.get_program())
        .args(sign_all.get_args());
    let output = command.output().unwrap();
    let trace = fs::read_to_string(&trace).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    let _ = fs::remove_file(node.root.with_extension("trace"));
    let injected = trace.contains("(INJECTED)") || trace.contains("+++ killed by SIGKILL +++");
    Faulted { node, output, injected }
}

/// A command that runs another on one processor alone, so that the calls of one thread are all calls.
pub fn on_one_processor(index: usize) -> Command {
    drop(tool("strace"));
    let mut command = tool("taskset");
    command.args(["-c", &processors()[index]]);
    command
}

/// The processors that this process may use.
fn processors() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap();
    let number = |text: &str| text.trim().parse::<usize>().unwrap();
    allowed
        .split(',')
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            number(first)..=number(last)
        })
        .map(|processor| processor.to_string())
        .collect()
}
