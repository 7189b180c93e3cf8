//! Images signed through generated chains, whole and mutilated, with every certificate of the chain in db, and in dbx.

use std::collections::BTreeMap;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::trust::image::{Policy, Refusal};

use super::certificates::{How, plain};
use super::chains::{self, Chain};
use super::judge::Judge;
use super::random::Random;
use super::{reason, signatures};

fn database(certificates: &[Vec<u8>]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    for certificate in certificates {
        database.add_certificate(Guid::MICROSOFT, certificate);
    }
    database
}

/// Counts of what was compared.
#[derive(Default)]
struct Counts {
    compared: usize,
    accepted: usize,
    forbidden: usize,
    /// Refusals by dbx that EDK2 does not share: other firmware might.
    stricter: usize,
    reasons: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
}

impl Counts {
    fn db(&mut self, judge: &mut Judge, what: &str, file: &[u8], db: &[Vec<u8>]) {
        let image = Image::parse(file).unwrap();
        let theirs = judge.image(&image, db, &[]);
        let ours = Policy::new(&database(db), &SignatureDatabase::default()).judge(&image);
        self.compared += 1;
        self.accepted += usize::from(theirs);
        match ours {
            Ok(_) if theirs => {}
            Err(_) if !theirs => {}
            Ok(acceptance) => self.differs(what, &format!("EDK2 refuses it, ours: {acceptance}")),
            Err(refusal) => match reason_of_any(&image, db) {
                Some(reason) => *self.reasons.entry(reason).or_default() += 1,
                None => self.differs(what, &format!("EDK2 starts it, ours: {refusal}")),
            },
        }
    }

    /// Compares the verdicts with a dbx: of EDK2 nothing may be missed; other firmware may forbid more.
    fn dbx(&mut self, judge: &mut Judge, what: &str, file: &[u8], db: &[Vec<u8>], dbx: &[Vec<u8>]) {
        let image = Image::parse(file).unwrap();
        let theirs = judge.image(&image, db, dbx);
        let ours = Policy::new(&database(db), &database(dbx)).judge(&image);
        self.compared += 1;
        self.forbidden += usize::from(!theirs);
        match ours {
            Err(_) if !theirs => {}
            Ok(_) if theirs => {}
            Ok(acceptance) => self.differs(what, &format!("EDK2 refuses it by dbx, ours: {acceptance}")),
            Err(Refusal::ForbiddenCertificate(_)) => self.stricter += 1,
            Err(refusal) => match reason_of_any(&image, db) {
                Some(reason) => *self.reasons.entry(reason).or_default() += 1,
                None => self.differs(what, &format!("EDK2 starts it in spite of dbx, ours: {refusal}")),
            },
        }
    }

    fn differs(&mut self, what: &str, text: &str) {
        self.differences.push(format!("{what}: {text}"));
    }

    fn finish(&self) {
        println!(
            "compared {}, accepted {}, refused with a dbx {}, by a stricter dbx alone {}, for a reason {:?}",
            self.compared, self.accepted, self.forbidden, self.stricter, self.reasons
        );
        let shown = self.differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(
            self.differences.is_empty(),
            "{} differences:\n{shown}",
            self.differences.len()
        );
        // A judge that refuses all, or forbids all, differs in nothing.
        assert!(self.accepted > 50 && self.stricter * 8 < self.compared);
    }
}

/// The written reason for the refusal of one of the signatures under one of the certificates.
fn reason_of_any(image: &Image<'_>, db: &[Vec<u8>]) -> Option<&'static str> {
    let nothing = SignatureDatabase::default();
    db.iter().find_map(|anchor| {
        let policy = Policy::new(&database(std::slice::from_ref(anchor)), &nothing);
        (0..image.signatures().len()).find_map(|kept| {
            let alone = image.rewritten(|index| index == kept, None).unwrap().to_vec();
            let refused = policy.judge(&Image::parse(&alone).unwrap()).err()?;
            reason(&refused.to_string())
        })
    })
}

fn signed(random: &mut Random, chain: &Chain) -> Vec<u8> {
    let sample = minimal_image();
    let image = Image::parse(&sample).unwrap();
    let digest = image.digest(HashAlgorithm::Sha256);
    let signature = signatures::image(random, chain, digest.as_bytes());
    image.with_signature(&signature).unwrap()
}

#[test]
fn chains_are_judged_as_edk2_judges_them() {
    let mut random = Random::new(0x5eed_0001_b007_5ea1);
    let (mut judge, mut counts) = (Judge::start(), Counts::default());
    let ours = plain("ours", 7, false);
    let ours = ours.issue(&ours.subject.clone(), 7, How::plain());
    for number in 0..1500 {
        let chain = chains::random(&mut random);
        let file = signed(&mut random, &chain);
        let what = format!("chain {number}");
        for anchor in &chain.certificates {
            counts.db(&mut judge, &what, &file, std::slice::from_ref(anchor));
            counts.dbx(
                &mut judge,
                &what,
                &file,
                &chain.certificates,
                std::slice::from_ref(anchor),
            );
        }
        counts.db(&mut judge, &what, &file, std::slice::from_ref(&ours));
        counts.dbx(
            &mut judge,
            &what,
            &file,
            &chain.certificates,
            std::slice::from_ref(&ours),
        );
    }
    assert!(
        counts.compared >= 5000 && counts.accepted >= 1000,
        "{} {}",
        counts.compared,
        counts.accepted
    );
    counts.finish();
}

/// A byte of the signature, or of a certificate in db, is changed, put in or taken out.
#[test]
fn mutilated_signatures_and_certificates_are_judged_as_edk2_judges_them() {
    let mut random = Random::new(0x5eed_0002_b007_5ea1);
    let (mut judge, mut counts) = (Judge::start(), Counts::default());
    for number in 0..2500 {
        let length = 1 + random.below(2);
        let drafts: Vec<_> = (0..length)
            .map(|depth| plain(&format!("Test {depth}"), depth, depth > 0))
            .collect();
        let certificates = drafts.iter().enumerate().map(|(depth, draft)| {
            let issuer = drafts.get(depth + 1).unwrap_or(draft);
            draft.issue(&issuer.subject, issuer.key, How::plain())
        });
        let certificates: Vec<Vec<u8>> = certificates.collect();
        let chain = Chain {
            key: 0,
            issuer: drafts.get(1).unwrap_or(&drafts[0]).subject.clone(),
            serial: drafts[0].serial.clone(),
            certificates: certificates.clone(),
        };
        let file = signed(&mut random, &chain);
        let image = Image::parse(&file).unwrap();
        let mut pkcs7 = image.signatures()[0].content.to_vec();
        let mut anchor = certificates[length - 1].clone();
        if random.once_in(3) {
            mutilate(&mut random, &mut anchor);
        } else {
            mutilate(&mut random, &mut pkcs7);
        }
        let sample = minimal_image();
        let Ok(file) = Image::parse(&sample).unwrap().with_signature(&pkcs7) else {
            continue;
        };
        let what = format!("mutilated {number}");
        counts.db(&mut judge, &what, &file, std::slice::from_ref(&anchor));
        counts.dbx(&mut judge, &what, &file, &certificates, std::slice::from_ref(&anchor));
    }
    counts.finish();
}

fn mutilate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(2) {
        let place = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.insert(place, u8::try_from(random.below(256)).unwrap()),
            1 => drop(bytes.remove(place)),
            2 => bytes.truncate(place.max(64)),
            3 => bytes[place] = u8::try_from(random.below(256)).unwrap(),
            _ => bytes[place] ^= 1 << random.below(8),
        }
    }
}

/// One that is forbidden beside one that is accepted: EDK2 refuses the image, whichever comes first.
#[test]
fn images_with_two_signatures_are_judged_as_edk2_judges_them() {
    let mut random = Random::new(0x5eed_0003_b007_5ea1);
    let (mut judge, mut counts) = (Judge::start(), Counts::default());
    for number in 0..250 {
        let (one, other) = (chains::random(&mut random), chains::random(&mut random));
        let file = signed(&mut random, &one);
        let digest = Image::parse(&file).unwrap().digest(HashAlgorithm::Sha256);
        let second = signatures::image(&mut random, &other, digest.as_bytes());
        let file = Image::parse(&file).unwrap().with_signature(&second).unwrap();
        let what = format!("two signatures {number}");
        let [top, other_top] = [&one, &other].map(|chain| vec![chain.certificates.last().unwrap().clone()]);
        counts.db(&mut judge, &what, &file, &other_top);
        counts.dbx(&mut judge, &what, &file, &top, &other_top);
        counts.dbx(&mut judge, &what, &file, &other_top, &top);
    }
    counts.finish();
}
