//! The specification that is made from a person's answers.

use crate::error::Result;

use super::shares::Shares;

/// The answers to the questions of a ceremony without a specification.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The name that begins the subject of every certificate.
    pub name: String,
    /// Directory of the keys of the machine that signs.
    pub node: String,
    /// Directory of PK and KEK; if none, they are kept with the others.
    pub offline: Option<String>,
    /// True if db, module and GRUB keys stay unencrypted.
    pub plain: bool,
    /// Names of Microsoft's certificates, separated by commas.
    pub microsoft: String,
    /// Directory of the backup, if there is to be one.
    pub backup: Option<String>,
    /// Numbers of shares, as `2/3` for any two of three; if none, the backup is under the passphrase.
    pub shares: Option<String>,
}

impl Answers {
    /// The text of the specification, in TOML. Refuses shares that are not two numbers.
    pub fn specification(&self) -> Result<String> {
        // The library writes a text as TOML wants it, whatever is in it.
        let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut lines = vec![
            "# Made by bootseal ceremony run".to_owned(),
            format!("name = {}", quote(&self.name)),
            format!("node = {}", quote(&self.node)),
        ];
        lines.extend(self.offline.as_ref().map(|path| format!("offline = {}", quote(path))));
        let words: Vec<String> = self.microsoft.split(',').map(|word| quote(word.trim())).collect();
        lines.push(format!("microsoft = [{}]", words.join(", ")));
        if self.offline.is_none() {
            for key in ["PK", "KEK"] {
                lines.push(format!("\n[keys.{key}]\nplace = \"node\""));
            }
        }
        for key in ["db", "module", "grub"] {
            lines.push(format!("\n[keys.{key}]\nencrypted = {}", !self.plain));
        }
        if let Some(backup) = &self.backup {
            lines.push(format!("\n[backup]\ndirectory = {}", quote(backup)));
            if let Some(shares) = &self.shares {
                let Shares { needed, of } = shares.parse()?;
                lines.push(format!("shares = {{ needed = {needed}, of = {of} }}"));
            }
        }
        lines.push(String::new());
        Ok(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        Answers {
            name: "Ada's \"home\"\\".to_owned(),
            node: "/root/keys".to_owned(),
            offline: None,
            plain: true,
            microsoft: "default, windows-2023".to_owned(),
            backup: Some("/mnt/backup".to_owned()),
            shares: Some("2/ 3".to_owned()),
        }
    }

    #[test]
    fn answers_become_a_specification_whatever_is_in_them() {
        let table: toml::Table = answers().specification().unwrap().parse().unwrap();
        assert_eq!(table["name"].as_str(), Some("Ada's \"home\"\\"));
        assert_eq!(table["microsoft"].as_array().map(Vec::len), Some(2));
        assert_eq!(table["keys"]["PK"]["place"].as_str(), Some("node"));
        assert_eq!(table["keys"]["db"]["encrypted"].as_bool(), Some(false));
        assert_eq!(table["backup"]["shares"]["needed"].as_integer(), Some(2));
        assert_eq!(table["backup"]["shares"]["of"].as_integer(), Some(3));
        let apart = Answers {
            offline: Some("/mnt/stick".to_owned()),
            backup: None,
            ..answers()
        };
        let table: toml::Table = apart.specification().unwrap().parse().unwrap();
        assert_eq!(table["offline"].as_str(), Some("/mnt/stick"));
        assert!(table["keys"].get("PK").is_none() && table.get("backup").is_none());
    }

    #[test]
    fn shares_that_are_no_two_numbers_are_refused() {
        for shares in ["2", "2/", "two/3", "2/300", "2/3/4", "-1/3"] {
            let odd = Answers {
                shares: Some(shares.to_owned()),
                ..answers()
            };
            assert_eq!(odd.specification().unwrap_err().kind().exit_code(), 2, "{shares}");
        }
    }
}
