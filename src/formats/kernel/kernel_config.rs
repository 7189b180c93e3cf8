//! Configurations of the Linux kernel: `.config`, `/proc/config.gz` once it is unpacked, and fragments of them
//! (`Documentation/kbuild/kconfig.rst`, `scripts/kconfig/confdata.c`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The beginning of every option's name in a configuration.
pub const PREFIX: &str = "CONFIG_";
const NOT_SET: &str = " is not set";

/// Why bytes are not a kernel configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not text.
    #[error("not text: there is no UTF-8 at offset {offset:#x}")]
    NotText {
        /// Offset of the first byte that is not UTF-8.
        offset: usize,
    },
    /// A line that is neither an option nor a comment.
    #[error("line {line} is neither CONFIG_NAME=VALUE nor a comment")]
    Line {
        /// The line, counted from 1.
        line: usize,
    },
    /// A value that begins with a quotation mark and does not end with one.
    #[error("line {line}: the value of {PREFIX}{symbol} has no closing quotation mark")]
    Quote {
        /// The line, counted from 1.
        line: usize,
        /// The option, without `CONFIG_`.
        symbol: String,
    },
    /// A text without any option.
    #[error("no kernel configuration: there is no option in it")]
    Empty,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `n`, or a comment that says "is not set".
    No,
    /// `m`: a module.
    Module,
    /// `y`: built in.
    Yes,
    /// A text, without its quotation marks.
    Text(String),
    /// A number, or anything else.
    Other(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("n"),
            Self::Module => f.write_str("m"),
            Self::Yes => f.write_str("y"),
            Self::Text(text) => {
                let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
                write!(f, "\"{escaped}\"")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// A kernel configuration. Of an option that is set twice the last value counts, as for Kconfig.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelConfig {
    /// The version in the header that Kconfig writes.
    pub version: Option<KernelVersion>,
    /// Lines with names that no option can have, which Kconfig passes over in silence: number from 1, and the name.
    pub misspelt: Vec<(usize, String)>,
    options: BTreeMap<String, Value>,
}

impl KernelConfig {
    /// Reads a configuration or a fragment.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes).map_err(|error| ConfigError::NotText {
            offset: error.valid_up_to(),
        })?;
        let mut config = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            config.line(number, line)?;
        }
        if config.options.is_empty() && config.misspelt.is_empty() {
            return Err(ConfigError::Empty);
        }
        Ok(config)
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), ConfigError> {
        if let Some(comment) = line.strip_prefix('#') {
            // Kconfig's own comments have a space here.
            let Some(comment) = comment.strip_prefix(' ') else {
                return Ok(());
            };
            let unset = comment.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(NOT_SET));
            match unset {
                Some(symbol) if is_symbol(symbol) => self.set(symbol, Value::No),
                _ => self.version = self.version.or_else(|| header(comment)),
            }
            return Ok(());
        }
        if line.trim().is_empty() {
            return Ok(());
        }
        let Some((symbol, value)) = line.strip_prefix(PREFIX).and_then(|rest| rest.split_once('=')) else {
            return Err(ConfigError::Line { line: number });
        };
        if !is_symbol(symbol) {
            self.misspelt.push((number, format!("{PREFIX}{symbol}")));
            return Ok(());
        }
        let value = match value {
            "y" => Value::Yes,
            "m" => Value::Module,
            "n" => Value::No,
            _ => match value.strip_prefix('"') {
                None => Value::Other(value.to_owned()),
                Some(quoted) => Value::Text(unquote(quoted).ok_or_else(|| ConfigError::Quote {
                    line: number,
                    symbol: symbol.to_owned(),
                })?),
            },
        };
        self.set(symbol, value);
        Ok(())
    }

    fn set(&mut self, symbol: &str, value: Value) {
        self.options.insert(symbol.to_owned(), value);
    }

    /// The value of an option, named without `CONFIG_`; `None` where the configuration does not mention it.
    #[must_use]
    pub fn get(&self, symbol: &str) -> Option<&Value> {
        self.options.get(symbol)
    }

    /// True if an option is built in or a module.
    #[must_use]
    pub fn is_on(&self, symbol: &str) -> bool {
        matches!(self.get(symbol), Some(Value::Yes | Value::Module))
    }

    /// The text of an option that has one; an option that is not mentioned is empty.
    #[must_use]
    pub fn text(&self, symbol: &str) -> &str {
        match self.get(symbol) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }
}

/// True if Kconfig takes this for a name; it reads any other line as one of an option that it does not know.
fn is_symbol(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The text up to the closing quotation mark, and nothing after it.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '\\' => text.push(characters.next()?),
            '"' => return characters.next().is_none().then_some(text),
            character => text.push(character),
        }
    }
}

/// `Linux/x86 6.12.117 Kernel Configuration`.
fn header(comment: &str) -> Option<KernelVersion> {
    let mut words = comment.strip_prefix("Linux/")?.split_whitespace();
    let version = words.nth(1)?;
    (words.next()? == "Kernel").then(|| version.parse().ok())?
}

/// Major and minor number of a kernel: the set of options depends on these alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// 6 of 6.12.
    pub major: u16,
    /// 12 of 6.12.
    pub minor: u16,
}

impl KernelVersion {
    /// `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A text that does not begin with a kernel's version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not begin with a kernel's version, as 6.12 or 6.12.58-gentoo do")]
pub struct NoVersion(String);

impl FromStr for KernelVersion {
    type Err = NoVersion;

    /// The first two numbers of a version or release, as `6.12.58-gentoo-dist`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut parts = text.splitn(3, '.');
        let mut number = || {
            let digits: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        match (number(), number()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(NoVersion(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> KernelConfig {
        KernelConfig::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn all_kinds_of_values_are_read() {
        let config = parse(
            "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.12.117 Kernel Configuration\n#\n\
             CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"a \\\"b\\\\\"\nCONFIG_E=0x1000\n\
             CONFIG_F=n\n#CONFIG_G=y\nCONFIG_A=m\n",
        );
        assert_eq!(config.version, Some(KernelVersion::new(6, 12)));
        assert_eq!(config.get("A"), Some(&Value::Module), "the last one counts");
        assert!(config.is_on("B") && !config.is_on("C"));
        assert_eq!(config.text("D"), "a \"b\\");
        assert_eq!(config.get("D").unwrap().to_string(), "\"a \\\"b\\\\\"");
        assert_eq!(config.get("E"), Some(&Value::Other("0x1000".to_owned())));
        assert_eq!(config.get("F"), config.get("C"));
        assert_eq!(config.get("G"), None, "a comment");
    }

    #[test]
    fn a_name_that_kconfig_passes_over_is_kept_apart() {
        let config = parse("CONFIG_MODULE_SIG_SHA3-512=y\n");
        assert_eq!(config.misspelt, [(1, "CONFIG_MODULE_SIG_SHA3-512".to_owned())]);
        assert_eq!(config.get("MODULE_SIG_SHA3_512"), None);
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_place() {
        for (bytes, expected) in [
            (&b"CONFIG_A=y\nnonsense\n"[..], "line 2 is neither"),
            (b"CONFIG_A=\"b\n", "closing quotation mark"),
            (b"CONFIG_A=\"b\"c\n", "closing quotation mark"),
            (b"CONFIG_A=y\n\xff", "offset 0xb"),
            (b"# nothing\n", "no option"),
            (b"", "no option"),
        ] {
            let error = KernelConfig::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn versions_are_read_off_releases() {
        let version = |text: &str| text.parse::<KernelVersion>();
        assert_eq!(version("6.12.58-gentoo-dist").unwrap(), KernelVersion::new(6, 12));
        assert_eq!(version("7.0-rc1").unwrap(), KernelVersion::new(7, 0));
        assert!(KernelVersion::new(6, 7) > KernelVersion::new(5, 19));
        for text in ["", "6", "six.one", ".6.1", "6.", "6.99999999"] {
            assert!(version(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, lines: Vec<String>) {
            let _ = KernelConfig::parse(&bytes);
            let _ = KernelConfig::parse(format!("CONFIG_{}", lines.join("\nCONFIG_")).as_bytes());
        }

        #[test]
        fn what_is_written_reads_back(text: String, number: u32, which in 0..3_usize) {
            prop_assume!(!text.contains(['\n', '\r']));
            let value = [Value::Text(text), Value::Other(number.to_string()), Value::Yes][which].clone();
            let config = KernelConfig::parse(format!("CONFIG_X_1={value}\n").as_bytes()).unwrap();
            prop_assert_eq!(config.get("X_1"), Some(&value));
        }
    }
}
