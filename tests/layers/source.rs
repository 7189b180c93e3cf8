//! The reading of one Rust source: its tokens without comments and strings, and the paths in them.

/// A path that code names, in its segments, such as `["crate", "sign", "manifest"]`.
pub type Path = Vec<String>;

/// The imports of one source.
#[derive(Default)]
pub struct Source {
    /// The paths of what is compiled into the program.
    pub paths: Vec<Path>,
    /// The paths of what is compiled for tests alone.
    pub test_paths: Vec<Path>,
    /// The names that the source only passes on with `pub use`, and the path of each.
    pub passed_on: Vec<(String, Path)>,
    /// The child modules that are compiled for tests alone.
    pub test_children: Vec<String>,
}

impl Source {
    /// Reads a source; `children` are the modules below it, which it names without a prefix.
    pub fn read(text: &str, children: &[String]) -> Self {
        let tokens = tokens(text);
        let mut reader = Reader {
            tokens: &tokens,
            at: 0,
            children,
            inline: Vec::new(),
            depth: 0,
            source: Self::default(),
        };
        reader.read();
        reader.source
    }
}

/// Identifiers, `::` and single characters.
pub fn tokens(text: &str) -> Vec<String> {
    let code = without_comments_and_strings(text);
    let characters: Vec<char> = code.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        let word = |c: &char| c.is_alphanumeric() || *c == '_';
        let length = if word(&first) {
            characters[at..].iter().take_while(|c| word(c)).count()
        } else if characters[at..].starts_with(&[':', ':']) {
            2
        } else {
            1
        };
        if !first.is_whitespace() {
            tokens.push(characters[at..at + length].iter().collect());
        }
        at += length;
    }
    tokens
}

fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            quoted(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !code.ends_with(|c: char| c.is_alphanumeric())) {
            length
        } else if first == '\'' {
            character(rest)
        } else {
            0
        };
        let taken = if skipped == 0 { first.len_utf8() } else { skipped };
        code.push_str(if skipped == 0 { &rest[..taken] } else { " " });
        rest = &rest[taken..];
    }
    code
}

/// The length of a string in quotation marks.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of a raw string, if there is one here.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))?;
    let hashes = body.chars().take_while(|c| *c == '#').count();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + length)
}

/// The length of a character in apostrophes; of a lifetime, the apostrophe.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((escaped, _))) => text[escaped + 1..].find('\'').map_or(1, |end| escaped + end + 2),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
    children: &'a [String],
    /// The inline modules that are open: their names, and the depth of braces before each.
    inline: Vec<(String, usize)>,
    depth: usize,
    source: Source,
}

impl Reader<'_> {
    fn token(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn read(&mut self) {
        while self.at < self.tokens.len() {
            if self.token(0) == "#" && self.token(1) == "[" {
                let tests = self.attribute();
                if tests {
                    self.test_item();
                }
                continue;
            }
            self.step();
        }
    }

    /// Passes one token, or one path.
    fn step(&mut self) {
        match self.token(0) {
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.inline.pop_if(|(_, before)| *before == self.depth);
            }
            "mod" if self.token(2) == "{" => {
                self.inline.push((self.token(1).to_owned(), self.depth));
            }
            // `impl Trait + use<'a>` names what a type captures.
            "use" if self.token(1) != "<" => {
                let passed_on = self.at > 0 && ["pub", ")"].contains(&self.tokens[self.at - 1].as_str());
                self.at += 1;
                self.tree(&Path::new(), passed_on);
                return;
            }
            "in" if self.at > 0 && self.tokens[self.at - 1] == "(" => {
                while !["", ")"].contains(&self.token(0)) {
                    self.at += 1;
                }
                return;
            }
            first if self.token(1) == "::" && self.begins_path(first) => {
                self.path();
                return;
            }
            _ => {}
        }
        self.at += 1;
    }

    fn begins_path(&self, first: &str) -> bool {
        let inner = self.at > 0 && self.tokens[self.at - 1] == "::";
        let known =
            ["crate", "super", "self", "std"].contains(&first) || self.children.iter().any(|name| name == first);
        known && !inner
    }

    fn path(&mut self) {
        let mut path = Path::new();
        loop {
            path.push(self.token(0).to_owned());
            self.at += 1;
            let next = self.token(1);
            if self.token(0) != "::" || !next.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                break;
            }
            self.at += 1;
        }
        self.name(path);
    }

    /// A tree of `use`, from what comes after its prefix to its end.
    fn tree(&mut self, prefix: &Path, passed_on: bool) {
        let mut path = prefix.clone();
        let mut alias = None;
        loop {
            match self.token(0) {
                "" => return,
                "{" => {
                    self.at += 1;
                    while !["", "}"].contains(&self.token(0)) {
                        self.tree(&path, passed_on);
                        if self.token(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                ";" | "," | "}" => break,
                "::" | "*" => self.at += 1,
                "as" => {
                    alias = Some(self.token(1).to_owned());
                    self.at += 2;
                }
                segment => {
                    // `self` in a group is the group's own module.
                    if segment != "self" || path.is_empty() {
                        path.push(segment.to_owned());
                    }
                    self.at += 1;
                }
            }
        }
        match alias.or_else(|| path.last().cloned()) {
            Some(name) if passed_on && self.inline.is_empty() => self.source.passed_on.push((name, path)),
            _ => self.name(path),
        }
    }

    /// Keeps a path, seen from the file's own module.
    fn name(&mut self, path: Path) {
        let mut within: Vec<String> = self.inline.iter().map(|(name, _)| name.clone()).collect();
        let mut segments = path.into_iter().peekable();
        if !within.is_empty() && segments.next_if(|first| first == "self").is_none() {
            while !within.is_empty() && segments.next_if(|first| first == "super").is_some() {
                within.pop();
            }
        }
        self.source.paths.push(segments.collect());
    }

    /// Passes an attribute; `true` if what follows is compiled for tests alone.
    fn attribute(&mut self) -> bool {
        let begin = self.at;
        let mut depth = 0;
        loop {
            match self.token(0) {
                "" => break,
                "[" => depth += 1,
                "]" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 && self.tokens[self.at - 1] == "]" {
                break;
            }
        }
        let words = &self.tokens[begin..self.at];
        let has = |word: &str| words.iter().any(|token| token == word);
        has("cfg") && has("test") && !has("not")
    }

    /// Passes an item that is compiled for tests alone.
    fn test_item(&mut self) {
        while self.token(0) == "#" {
            self.attribute();
        }
        let begin = self.at;
        let mut depth = 0_usize;
        loop {
            match self.token(0) {
                "" => break,
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            let end = depth == 0 && [";", "}"].contains(&self.token(0));
            self.at += 1;
            if end {
                break;
            }
        }
        // `use a::{b};` ends at its semicolon.
        if self.token(0) == ";" {
            self.at += 1;
        }
        let item = &self.tokens[begin..self.at];
        let module = item.iter().position(|token| token == "mod");
        if let Some(name) = module.filter(|_| item.last().is_some_and(|last| last == ";")) {
            self.source.test_children.push(item[name + 1].clone());
        }
        let mut inner = Reader {
            tokens: item,
            at: 0,
            children: self.children,
            inline: self.inline.clone(),
            depth: 0,
            source: Source::default(),
        };
        inner.read();
        self.source.test_paths.extend(inner.source.paths);
        self.source.test_paths.extend(inner.source.test_paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::read(text, &["child".to_owned()]);
        source.paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn groups_aliases_and_paths_in_code_are_read() {
        assert_eq!(
            paths("use crate::{a::{self, B as C}, d::*};\nfn f(x: &super::X) { child::g::<u8>(self::h) }"),
            ["crate::a", "crate::a::B", "crate::d", "super::X", "child::g", "self::h"]
        );
        assert_eq!(paths("use std::{fs, io};"), ["std::fs", "std::io"]);
        assert_eq!(paths("fn f() -> impl X + use<> { crate::a::b() }"), ["crate::a::b"]);
        assert_eq!(paths("pub(in crate::a) fn f() {}"), [""; 0]);
    }

    #[test]
    fn comments_strings_and_characters_name_nothing() {
        assert_eq!(
            paths(
                "// crate::a\n/* crate::b */ \"crate::c \\\" \" r#\"crate::d\" \"# '\"' '\\'' '\\u{22}' &'a crate::e"
            ),
            ["crate::e"]
        );
    }

    #[test]
    fn what_is_passed_on_is_apart() {
        let text = "pub use child::{A, B as C}; pub(crate) use crate::d::E; fn f() -> (u8) { use crate::g; }";
        let source = Source::read(text, &[]);
        let names: Vec<_> = source
            .passed_on
            .iter()
            .map(|(name, path)| format!("{name}={}", path.join("::")))
            .collect();
        assert_eq!(names, ["A=child::A", "C=child::B", "E=crate::d::E"]);
        assert_eq!(paths(text), ["crate::g"]);
    }

    #[test]
    fn an_inline_module_is_left_by_super() {
        assert_eq!(
            paths("mod inner { use super::X; use super::super::Y; } use super::Z;"),
            ["X", "super::Y", "super::Z"]
        );
    }

    #[test]
    fn tests_are_apart() {
        let text = "use crate::a;\n#[cfg(test)]\npub(crate) mod samples;\n#[cfg(test)]\n#[allow(x)]\nmod tests { use crate::b; }\nuse crate::c;";
        let source = Source::read(text, &[]);
        assert_eq!(source.test_children, ["samples"]);
        assert_eq!(source.test_paths, [["crate", "b"]]);
        assert_eq!(paths(text), ["crate::a", "crate::c"]);
    }
}
