//! The language by examples; `tests/golden/grub_script.rs` has GRUB's own checker judge many more.

use super::*;

fn literals(text: &str) -> Vec<Vec<String>> {
    let script = Script::parse(text);
    assert_eq!(script.error, None, "{text}");
    let words = |command: &Command| command.words.iter().map(Word::to_string).collect();
    script.commands.iter().map(words).collect()
}

#[test]
fn words_lose_their_quotes_and_keep_their_variables() {
    assert_eq!(
        literals("set a='b c'\"$d e\"\\ f # comment\necho x#y \\\n  z\r\n"),
        [vec!["set", "'a=b c'\"${d}\"' e f'"], vec!["echo", "'x#y'", "z"]]
    );
    let script = Script::parse("echo \"a\\$b\\q\\\"\" $\"c\" '' ${1}$?\n");
    let words: Vec<_> = script.commands[0].words.iter().map(Word::literal).collect();
    assert_eq!(
        words[..4],
        ["echo", "a$b\\q\"", "c", ""].map(|text| Some(text.to_owned()))
    );
    assert_eq!(
        script.commands[0].words[4].parts,
        ["1", "?"].map(|name| Part::Variable(name.to_owned()))
    );
}

#[test]
fn commands_know_their_line_entry_and_function() {
    let text = "function f {\n  save_env x\n}\nsubmenu 'More' {\n\n  menuentry \"Gentoo\" --id g {\n    if true; then\n      \
                linux /k\n    else initrd /i; fi\n  }\n}\nfor m in a b; do insmod $m; done\n";
    let script = Script::parse(text);
    assert_eq!(script.error, None);
    let seen: Vec<_> = script
        .commands
        .iter()
        .map(|command| {
            (
                command.line,
                command.to_string(),
                command.parent,
                command.function.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (2, "save_env x".to_owned(), None, Some("f")),
            (4, "submenu More".to_owned(), None, None),
            (6, "menuentry Gentoo --id g".to_owned(), Some(1), None),
            (7, "true".to_owned(), Some(2), None),
            (8, "linux /k".to_owned(), Some(2), None),
            (9, "initrd /i".to_owned(), Some(2), None),
            (12, "for m in a b".to_owned(), None, None),
            (12, "insmod ${m}".to_owned(), None, None),
        ]
    );
    let parents: Vec<_> = script
        .parents(&script.commands[4])
        .map(|command| command.line)
        .collect();
    assert_eq!(parents, [6, 4]);
}

#[test]
fn an_error_names_its_place_and_keeps_what_stands_before() {
    for (text, line, offset, commands) in [
        ("echo a\nmenuentry x {\n}\n", 3, 21, 2),
        ("echo 'a\n", 2, 8, 0),
        ("echo $\n", 1, 6, 0),
        ("echo a\n[[ b ]]\n", 2, 7, 1),
        ("echo a; ;\n", 1, 8, 1),
        ("if true\n", 2, 8, 1),
        ("echo \0", 1, 5, 0),
    ] {
        let script = Script::parse(text);
        let error = script.error.unwrap();
        assert_eq!(
            (error.line, error.offset, script.commands.len()),
            (line, offset, commands),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn every_assignment_counts() {
    let script = Script::parse(
        "set a=1\nif x; then b=$a/x; set a='2'; fi\nfor c in $b y; do echo; done\nd=$d$d/\nset e\nset 'f=g h'\n",
    );
    let mut variables = Variables::default();
    variables.gather(&script.commands.iter());
    let expand = |text: &str| variables.expand(&Script::parse(&format!("echo {text}")).commands[0].words[1]);
    assert_eq!(expand("$a"), ["1", "2"]);
    assert_eq!(expand("\"$c\""), ["1/x", "2/x", "y"]);
    assert_eq!(expand("'$a'$f"), ["$ag h"]);
    assert!(expand("$none").contains(&"\0".to_owned()) && expand("$d").iter().any(|text| text.contains('\0')));
}

#[test]
fn deep_nesting_costs_no_more_than_its_bytes_and_ends_where_grubs_own_parser_has_no_room() {
    for (open, close) in [
        ("if a; then\n", "fi\n"),
        ("menuentry a {\n", "}\n"),
        ("while a; do\n", "done\n"),
    ] {
        let nested = |depth: usize| format!("{}b\n{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(Script::parse(&nested(1000)).error, None, "{open}");
        let script = Script::parse(&nested(200_000));
        let error = script.error.unwrap();
        assert_eq!(
            (error.reason, error.line),
            (SyntaxReason::Nesting(1000), 1001),
            "{open}"
        );
        assert!(script.commands.len() <= 1002);
    }
}

#[test]
fn commands_within_others_are_told_in_one_pass() {
    let script = Script::parse("submenu a {\nmenuentry b {\nlinux x\n}\n}\necho c\n");
    assert_eq!(script.within(|index, _| index == 1), [false, true, true, false]);
    assert_eq!(script.within(|index, _| index == 0), [true, true, true, false]);
}

#[test]
fn a_script_is_read_up_to_so_many_words() {
    let script = |count: usize| Script::parse(&"a\n".repeat(count));
    assert_eq!(script(1 << 18).error, None);
    let long = script((1 << 18) + 1);
    assert_eq!(long.error.unwrap().reason, SyntaxReason::Length(1 << 19));
    assert_eq!(long.commands.len(), 1 << 18);
}

#[test]
fn scripts_that_are_held_together_have_no_more_words_than_one() {
    let mut room = Room::default();
    let text = "a\n".repeat(1 << 17);
    for _ in 0..2 {
        assert_eq!(Script::parse_in(&text, &mut room).error, None);
    }
    let last = Script::parse_in(&"a\n".repeat(3), &mut room);
    assert_eq!(
        (last.commands.len(), last.error.map(|error| error.reason)),
        (0, Some(SyntaxReason::Together(1 << 19)))
    );
    assert_eq!(Script::parse_in("# none\n", &mut room).commands.len(), 0);
}

#[test]
fn a_script_is_read_up_to_so_many_bytes() {
    let comment = format!("#{}\n", "x".repeat(1022));
    let whole = comment.repeat(MAX_BYTES / comment.len());
    assert_eq!(Script::parse_bytes(whole.as_bytes()).error, None);
    // The command in the middle of which the bytes end is not seen, nor the one after it.
    for end in ["set check_signatures=no\n", "{ a\n", "'\n"] {
        let text = format!("if a; then\n#{}{end}", whole.get(13..).unwrap());
        let long = Script::parse_bytes(text.as_bytes());
        assert_eq!(long.error.unwrap().reason, SyntaxReason::Size(MAX_BYTES), "{end}");
        assert_eq!(long.commands, Script::parse("if a; then\n").commands);
    }
}
