//! The pages to print: the keys and how to open them on A4, and a page for each share.

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

use super::super::layout::{ARCHIVE, SHEET};
use super::contents::Contents;

/// Number of lines in a picture: some 1,700 bytes, which a phone reads from paper.
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
    let element = svg.find("<svg").and_then(|start| svg.get(start..));
    let element = element.ok_or_else(|| Error::bug("a QR code is no picture"))?;
    Ok(Zeroizing::new(element.to_owned()))
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
         <p>Case, spaces and hyphens do not matter; the end is a checksum. To use it: <code>bootseal ceremony drill {ARCHIVE}</code>, or the \
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
        // Paper leaves the room: never a key in clear.
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
