//! What is printed: the keys and how to open them on A4, and a page for each share.

use std::collections::BTreeMap;
use std::fmt::Write;

use der::{Decode, SecretDocument};
use pkcs8::EncryptedPrivateKeyInfoRef;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::backup::paper;
use crate::formats::backup::share::Share;
use crate::formats::backup::words::fingerprint_words;
use crate::keys::KeyName;

use super::super::spec::{Backup, Shares};
use super::super::transcript::Event;
use super::super::work::Work;
use super::{ARCHIVE, SHEET};

/// Lines of a picture: some 1,700 bytes, which a phone reads from paper.
const LINES: usize = 20;
const STYLE: &str = "
@page { size: A4; margin: 15mm }
body { font: 10pt/1.35 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: auto }
h1 { font-size: 16pt } h2 { font-size: 12pt; margin: 6mm 0 2mm }
table { border-collapse: collapse; width: 100% } td, th { border: 0.3pt solid #888; padding: 1mm 2mm; text-align: left; vertical-align: top }
pre, code { font: 8pt/1.3 monospace; white-space: pre-wrap; overflow-wrap: anywhere } pre.lines { font-size: 7pt; white-space: pre }
section { break-before: page } .codes { display: block } .codes svg { width: 85mm; height: 85mm; margin: 1mm }
.big svg { width: 60mm; height: 60mm } .share { font: 14pt/1.6 monospace; overflow-wrap: anywhere } .test { font-size: 20pt; font-weight: bold }
";

/// What the pages say.
pub(super) struct Contents<'a> {
    name: &'a str,
    rehearsal: bool,
    date: String,
    rows: Vec<Row>,
    plan: String,
    without: Vec<String>,
    /// The keys, encrypted, PKCS#8 PEM.
    pub keys: &'a BTreeMap<KeyName, Zeroizing<String>>,
    /// How the secret is divided, with the set's name.
    pub shares: Option<(Shares, String)>,
}

/// A key of the table.
struct Row {
    key: String,
    subject: String,
    fingerprint: String,
    not_after: Option<String>,
}

impl<'a> Contents<'a> {
    pub(super) fn gather(
        work: &'a Work<'_>,
        backup: &Backup,
        keys: &'a BTreeMap<KeyName, Zeroizing<String>>,
        shares: Option<&[Share]>,
    ) -> Result<Self> {
        let rows = work.transcript.events().filter_map(|event| match event {
            Event::Certified {
                key,
                subject,
                fingerprint,
                not_after,
                ..
            } => Some(Row {
                key: key.clone(),
                subject: subject.clone(),
                fingerprint: fingerprint.to_lowercase(),
                not_after: not_after.clone(),
            }),
            _ => None,
        });
        let plan = work.transcript.events().find_map(|event| match event {
            Event::Began { plan, .. } => Some(plan.clone()),
            _ => None,
        });
        let set = shares.and_then(<[Share]>::first).map(Share::set_name);
        let without = KeyName::ALL.into_iter().filter(|name| !keys.contains_key(name));
        Ok(Self {
            name: &work.spec.name,
            rehearsal: work.spec.rehearsal,
            date: work.began.date_time()?.to_string(),
            rows: rows.collect(),
            plan: plan.unwrap_or_default(),
            without: without.map(|name| name.name().to_owned()).collect(),
            keys,
            shares: backup.shares.zip(set),
        })
    }

    /// What opens the keys.
    fn opener(&self) -> String {
        match &self.shares {
            None => "the passphrase of the ceremony".to_owned(),
            Some((Shares { needed, of }, set)) => {
                format!("the passphrase that any {needed} of the {of} shares of set {set} give")
            }
        }
    }

    /// How to get the keys back, for the archive.
    pub(super) fn readme(&self) -> String {
        let mut text = format!(
            "Backup of the keys of \"{}\", made by bootseal on {}.\n\nEvery .key file is encrypted PKCS#8, opened by {}.\n",
            self.name,
            self.date,
            self.opener()
        );
        for (title, commands) in self.commands() {
            let _ = write!(text, "\n{title}:\n");
            for command in commands.lines() {
                let _ = writeln!(text, "    {command}");
            }
        }
        text
    }

    /// The ways to a key without bootseal, and with it.
    fn commands(&self) -> Vec<(&'static str, String)> {
        let key = self.keys.keys().next().map_or("PK", |name| name.name());
        let mut commands = Vec::new();
        if self.shares.is_some() {
            commands.push((
                "The passphrase from the shares, without bootseal: put them into shares.txt, one a line",
                format!("tar xf {ARCHIVE} recover-shares.py\npython3 recover-shares.py < shares.txt > passphrase.txt"),
            ));
        }
        commands.push((
            "A key from the archive, with openssl: put the passphrase into passphrase.txt",
            format!(
                "tar xf {ARCHIVE} {key}.key\nopenssl pkey -in {key}.key -passin file:passphrase.txt -out {key}.plain.pem"
            ),
        ));
        commands.push((
            "A key from this paper, with openssl: scan or type its lines into sheet.txt",
            format!(
                "grep '^{key}.key ' sheet.txt | sort -u | cut -d' ' -f3 | base64 -d > {key}.der\nopenssl pkey -inform DER -in {key}.der \
                 -passin file:passphrase.txt -out {key}.plain.pem"
            ),
        ));
        commands.push((
            "To try all of it with bootseal, which should be done once a year",
            format!("bootseal ceremony drill --keys KEYS {ARCHIVE}\nbootseal ceremony drill --keys KEYS sheet.txt"),
        ));
        commands
    }
}

/// Text in HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn page(contents: &Contents<'_>, title: &str, body: &str) -> Zeroizing<String> {
    let test = if contents.rehearsal {
        "<p class=\"test\">TEST: a rehearsal, worth nothing</p>"
    } else {
        ""
    };
    let title = escape(title);
    Zeroizing::new(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>{test}\n{body}</body></html>\n"
    ))
}

/// A picture of some text, as part of a page.
fn picture(text: &str) -> Result<Zeroizing<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).or_bug(|| "cannot draw a QR code".to_owned())?;
    let svg = Zeroizing::new(code.render::<svg::Color<'_>>().min_dimensions(200, 200).build());
    let start = svg.find("<svg").unwrap_or_default();
    Ok(Zeroizing::new(svg.get(start..).unwrap_or_default().to_owned()))
}

/// The page with the keys, encrypted.
pub(super) fn keys(contents: &Contents<'_>, archive: &str) -> Result<Zeroizing<String>> {
    let mut body = String::new();
    let cannot = || "cannot print the keys".to_owned();
    writeln!(
        body,
        "<p>Made on {}. The private keys on these pages are encrypted, and are opened by {}. {ARCHIVE} holds the same; its \
         SHA-256 is <code>{archive}</code>. The plan of the ceremony was <code>{}</code>.</p>",
        contents.date,
        escape(&contents.opener()),
        contents.plan
    )
    .or_bug(cannot)?;
    if !contents.without.is_empty() {
        let without = contents.without.join(", ");
        writeln!(
            body,
            "<p>Not here, because they never leave their token: {without}.</p>"
        )
        .or_bug(cannot)?;
    }
    body.push_str("<table><tr><th>Key<th>Certificate<th>Fingerprint</tr>\n");
    for row in &contents.rows {
        let bytes = hex::decode(&row.fingerprint).or_bug(cannot)?;
        let until = row
            .not_after
            .as_ref()
            .map_or_else(|| "does not expire".to_owned(), |until| format!("until {until}"));
        writeln!(
            body,
            "<tr><td>{}<td>{}<br>{until}<td><code>{}</code><br>{}</tr>",
            row.key,
            escape(&row.subject),
            grouped(&row.fingerprint),
            fingerprint_words(&bytes)
        )
        .or_bug(cannot)?;
    }
    body.push_str("</table>\n");
    for (title, commands) in contents.commands() {
        writeln!(
            body,
            "<h2>{title}</h2><pre class=\"commands\">{}</pre>",
            escape(&commands)
        )
        .or_bug(cannot)?;
    }
    for (name, pem) in contents.keys {
        let lines = paper::lines(&format!("{name}.key"), encrypted_der(pem)?.as_bytes());
        writeln!(
            body,
            "<section><h2>{name}.key: {} lines. Each ends with its checksum; a picture holds {LINES} of them</h2>\n\
             <pre class=\"lines\">{}</pre><div class=\"codes\">",
            lines.len(),
            lines.join("\n")
        )
        .or_bug(cannot)?;
        for part in lines.chunks(LINES) {
            body.push_str(&picture(&part.join("\n"))?);
        }
        body.push_str("</div></section>\n");
    }
    let title = format!("bootseal: backup of the keys of {}", contents.name);
    Ok(page(contents, &title, &body))
}

/// The page of a share.
pub(super) fn share(contents: &Contents<'_>, share: &Share) -> Result<Zeroizing<String>> {
    let text = share.danger_reveal();
    let body = Zeroizing::new(format!(
        "<p>This is share {number} of {of} of the set {set}. Any {needed} of them open the backup of the keys of \"{name}\"; \
         fewer say nothing about it. Keep it to yourself, apart from the backup and from the other shares. Made on {date}.</p>\n\
         <p class=\"share\">{share}</p>\n<div class=\"big\">{picture}</div>\n\
         <p>Case, spaces and hyphens do not matter; the end is a checksum. To use it: <code>bootseal ceremony drill</code>, or the \
         program recover-shares.py in {ARCHIVE}, beside which lies {SHEET}.</p>\n",
        number = share.number,
        of = share.of,
        set = share.set_name(),
        needed = share.needed,
        name = escape(contents.name),
        date = contents.date,
        share = text.as_str(),
        picture = picture(&text)?.as_str(),
    ));
    let title = format!("bootseal: share {} of {} for {}", share.number, share.of, contents.name);
    Ok(page(contents, &title, &body))
}

/// The encrypted key without its PEM wrapping.
fn encrypted_der(pem: &str) -> Result<SecretDocument> {
    let cannot = || "cannot print an encrypted key".to_owned();
    let (_, der) = SecretDocument::from_pem(pem).or_bug(cannot)?;
    match EncryptedPrivateKeyInfoRef::from_der(der.as_bytes()) {
        Ok(_) => Ok(der),
        // What is printed leaves the room: never a key in clear.
        Err(_) => Err(Error::bug("a key that is to be printed is not encrypted")),
    }
}

/// Hexadecimal digits in groups of four.
fn grouped(hex: &str) -> String {
    let mut text = String::new();
    for (place, digit) in hex.chars().enumerate() {
        if place > 0 && place.is_multiple_of(4) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
