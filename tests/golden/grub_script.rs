//! `grub-script-check`, GRUB's own parser, says of the same scripts that they are well-formed.

use std::fs;
use std::path::Path;

use bootseal::formats::grub::script::Script;

use crate::support::{text, tool};

/// Each on its own: what the grammar says, and what it does not say.
const EDGES: &[&str] = &[
    "echo a",
    "",
    "\n",
    "# c\n",
    "menuentry x { echo a }\n",
    "menuentry x { }\n",
    "menuentry x {\n}\n",
    "menuentry x{ echo a\n}\n",
    "menuentry x {echo a\n}\n",
    "echo a;;\n",
    ";\n",
    "echo a; ;\n",
    "echo a;\n;echo b\n",
    "echo a & echo b\n",
    "echo a | b\n",
    "echo a > b\n",
    "echo if then fi\n",
    "if true; then echo a; fi\n",
    "if true; then fi\n",
    "if true; then echo a; elif false; then echo c; else echo b; fi\n",
    "if true; then echo a; elif false; else echo b; fi\n",
    "for x in a b c; do echo $x; done\n",
    "for x in; do echo $x; done\n",
    "for x; do echo a; done\n",
    "until true; do echo; done\n",
    "function f { echo a; }\n",
    "function f\n{\necho a\n}\necho b\n",
    "function 1f { echo a; }\n",
    "function f { }\n",
    "echo \"a\n",
    "echo 'a\nb'\n",
    "echo $\n",
    "echo \"$\"\n",
    "echo \"a$ b\"\n",
    "echo \"$5.00\"\n",
    "echo ${a-b}\n",
    "echo ${}\n",
    "echo $1 $@ $* $# $?\n",
    "echo a\\\nb\n",
    "echo \\\n",
    "echo a#b #c\n",
    "{ echo a; }\n",
    "echo a }\n",
    "}\n",
    "! true\n",
    "[ a = b ]\n",
    "[[ a = b ]]\n",
    "echo [[ a\n",
    "[[a\n",
    "echo $\"hi $\"\n",
    "case a\n",
    "time echo\n",
    "select a\n",
    "in\n",
    "echo in\n",
    "menuentry a { echo b; } echo c\n",
    "menuentry a { echo b; } { echo c; }\n",
    "menuentry a { echo b; } ;\n",
    "if true; then function f { echo a; }; fi\n",
    "menuentry x { function f { echo a; } ; }\n",
    "\"if\" true\n",
    "\\if true\n",
    "if=3\n",
    "menuentry\n{ echo a; }\n",
    "submenu x { menuentry y { echo a; } }\n",
    "menuentry x { if true; then echo; fi}\n",
    "function f { if true; then echo; fi }\necho\n",
    "if { echo a; }; then echo; fi\n",
    "function f { function g { echo; }; }\necho\n",
    "for in in a; do echo; done\n",
    "for time in a; do echo; done\n",
    "for \"x\" in a; do echo; done\n",
    "echo $'a'\n",
    "echo \"b$\\\"\"\n",
    "#a \\\necho b\n",
    "menuentry \"x\" { echo; }\\\n\n",
    "if true; \\\nthen echo; fi\n",
    "echo a \\\n  b\n",
    "\\\necho a\n",
    "\\\n echo a\n",
    "echo a{ echo b\n}\n",
    "echo {\n}\n",
    "while true\n do echo\n done; echo\n",
    "if true; then echo a; fi; fi\n",
    "if true\n\n; then echo; fi\n",
    "echo \"a\\\nb\"\n",
    "echo a;#c\n",
    "function f-g { echo; }\n",
    "function if { echo; }\n",
    "echo a && b\n",
    "echo ${10}${1a}\n",
    "echo a\\",
];

/// The pieces that random scripts are made of.
const PIECES: &[&str] = &[
    "if",
    "true",
    ";",
    "then",
    "echo",
    "fi",
    "\n",
    "for",
    "x",
    "in",
    "do",
    "done",
    "while",
    "menuentry",
    "{",
    "}",
    "else",
    "elif",
    "function",
    "'a b'",
    "\"c $x\"",
    "\\\n",
    "#d\n",
    "$x",
    "${y}z",
    "a=b",
    "until",
    ";\n",
    "\n",
    "!",
    "\"",
];

/// Reports that we take the script and that it holds a command outside of functions, without which the checker refuses it.
fn ours(script: &str) -> bool {
    let script = Script::parse(script);
    script.error.is_none() && script.commands.iter().any(|command| command.function.is_none())
}

fn judge(directory: &Path, script: &str) {
    let path = directory.join("script.cfg");
    fs::write(&path, script).unwrap();
    let output = tool("grub-script-check").arg(&path).output().unwrap();
    assert_eq!(
        ours(script),
        output.status.success(),
        "{script:?}: {:?}: {}",
        Script::parse(script).error,
        text(&output)
    );
}

#[test]
fn grub_takes_the_same_scripts() {
    let directory = tempfile::tempdir().unwrap();
    for script in EDGES {
        judge(directory.path(), script);
    }
    judge(directory.path(), include_str!("grub_tree/grub.cfg"));
    // What the distribution's scripts copy as it is.
    for name in ["40_custom", "41_custom"] {
        let script = fs::read_to_string(format!("/etc/grub.d/{name}")).unwrap();
        let body: Vec<&str> = script.lines().skip_while(|line| line.starts_with('#')).collect();
        let body = body.join("\n");
        judge(directory.path(), &body);
    }
}

#[test]
fn grub_takes_the_same_random_scripts() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut taken = 0;
    for _ in 0..1000 {
        let length = 1 + next(7);
        let mut script = String::new();
        for _ in 0..length {
            // Half of the time whole compounds, so that nesting occurs in what is well-formed.
            match next(6) {
                0 => script.push_str("menuentry x { echo a; "),
                1 => script.push_str("if true; then echo b\n"),
                2 => script.push_str("} ; "),
                3 => script.push_str("; fi ; "),
                _ => script.push_str(PIECES[next(PIECES.len())]),
            }
            script.push_str([" ", "", "\n"][next(3)]);
        }
        script.push('\n');
        taken += usize::from(ours(&script));
        judge(directory.path(), &script);
    }
    assert!(taken > 30, "only {taken} of the scripts were well-formed");
}

/// GRUB's parser runs out of room at a depth that is different for each compound; ours is a little less than the least of them.
#[test]
fn grub_gives_up_on_nesting_as_well() {
    let directory = tempfile::tempdir().unwrap();
    for (open, close) in [
        ("if a; then\n", "fi\n"),
        ("if a; then\nb\nelse\n", "fi\n"),
        ("menuentry a {\n", "}\n"),
        ("while a; do\n", "done\n"),
        ("for x in a; do\n", "done\n"),
        ("if ", "then b;fi\n"),
    ] {
        for depth in [900, 3400] {
            let script = format!("{}b\n{}", open.repeat(depth), close.repeat(depth));
            judge(directory.path(), &script);
            assert_eq!(ours(&script), depth == 900, "{open}");
        }
    }
}

#[test]
fn a_real_configuration_is_read_to_its_end() {
    let script = Script::parse(include_str!("grub_tree/grub.cfg"));
    assert_eq!(script.error, None);
    let kernels: Vec<_> = script
        .commands
        .iter()
        .filter(|command| command.words[0].literal().as_deref() == Some("linux"))
        .collect();
    assert_eq!(kernels.len(), 3);
    let parents: Vec<String> = script
        .parents(kernels[1])
        .map(|entry| entry.words[1].literal().unwrap())
        .collect();
    assert_eq!(
        parents,
        [
            "Gentoo GNU/Linux, with Linux 6.12.58-gentoo",
            "Advanced options for Gentoo GNU/Linux"
        ]
    );
}
