use floors::{Algorithm, Harness, Key, RawCheck, TightVerifier, Tokens, jsonwebtoken10, jsonwebtoken11, parse, sha256};

/// The floors of one algorithm.
pub fn add<'a>(harness: &mut Harness<'a>, key: &Key, tokens: &'a Tokens) {
    let name = key.algorithm().name();
    if key.algorithm() == Algorithm::Hs256 {
        let tight = TightVerifier::new(key);
        let mut tokens = turn(tokens.all());
        harness.side(tight_name(), move || tight.verify(tokens()).expect("claims"));
    }

    let check = RawCheck::new(key);
    let pairs: Vec<_> = tokens.all().iter().map(|token| RawCheck::split(token)).collect();
    let mut at = 0;
    harness.side(raw_name(name), move || {
        at = (at + 1) % pairs.len();
        assert!(check.verify(&pairs[at].0, &pairs[at].1));
    });

    let mut all = turn(tokens.all());
    harness.side(remembered_name(name), move || {
        let token = all();
        (parse(token).expect("claims"), sha256(token))
    });

    let by_hand = jsonwebtoken10::ByHand::new(key);
    let mut all = turn(tokens.all());
    harness.side(format!("jsonwebtoken 10 decode, {name}"), move || by_hand.verify(all()).expect("claims"));
    let by_hand = jsonwebtoken11::ByHand::new(key);
    let mut all = turn(tokens.all());
    harness.side(decode_name(name), move || by_hand.verify(all()).expect("claims"));
}

pub fn tight_name() -> String {
    "floor: tight verifier, HS256".into()
}

pub fn raw_name(algorithm: &str) -> String {
    format!("floor: signature alone, {algorithm}")
}

pub fn remembered_name(algorithm: &str) -> String {
    format!("floor: parsing and SHA-256, {algorithm}")
}

pub fn decode_name(algorithm: &str) -> String {
    format!("jsonwebtoken 11 decode, {algorithm}")
}

fn turn<'a>(tokens: &'a [String]) -> impl FnMut() -> &'a str {
    let mut at = 0;
    move || {
        at = (at + 1) % tokens.len();
        &tokens[at]
    }
}
