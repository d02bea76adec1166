//! `jsonwebtoken` as its documentation shows it, in two major versions.

macro_rules! by_hand {
    ($name:ident) => {
        pub mod $name {
            use ::$name::{Algorithm, DecodingKey, Validation, decode};

            use crate::{AUDIENCE, Claims, ISSUER, Key};

            /// Key and rules, prepared once.
            pub struct ByHand {
                key: DecodingKey,
                validation: Validation,
            }

            impl ByHand {
                #[must_use]
                pub fn new(key: &Key) -> Self {
                    let pem = || key.public_pem().into_bytes();
                    let (algorithm, key) = match key.algorithm() {
                        crate::Algorithm::Hs256 => (Algorithm::HS256, DecodingKey::from_secret(key.secret())),
                        crate::Algorithm::Rs256 => {
                            (Algorithm::RS256, DecodingKey::from_rsa_pem(&pem()).expect("an RSA key"))
                        }
                        crate::Algorithm::Es256 => {
                            (Algorithm::ES256, DecodingKey::from_ec_pem(&pem()).expect("a P-256 key"))
                        }
                        crate::Algorithm::EdDsa => {
                            (Algorithm::EdDSA, DecodingKey::from_ed_pem(&pem()).expect("an Ed25519 key"))
                        }
                    };
                    let mut validation = Validation::new(algorithm);
                    validation.set_issuer(&[ISSUER]);
                    validation.set_audience(&[AUDIENCE]);
                    Self { key, validation }
                }

                #[must_use]
                pub fn verify(&self, token: &str) -> Option<Claims> {
                    decode::<Claims>(token, &self.key, &self.validation).ok().map(|token| token.claims)
                }
            }
        }
    };
}

by_hand!(jsonwebtoken10);
by_hand!(jsonwebtoken11);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Key, Payload, RawCheck};

    #[test]
    fn every_side_accepts_the_tokens_of_every_algorithm() {
        for algorithm in Algorithm::ALL {
            let key = Key::from_private_bytes(algorithm, &Key::generate(algorithm).private_bytes());
            let token = key.token(None, &Payload::new(7).json());
            let (input, signature) = RawCheck::split(&token);
            assert_eq!(jsonwebtoken10::ByHand::new(&key).verify(&token).unwrap().sub, "1007");
            assert_eq!(jsonwebtoken11::ByHand::new(&key).verify(&token).unwrap().sub, "1007");
            assert!(RawCheck::new(&key).verify(&input, &signature));
            assert_eq!(crate::parse(&token).unwrap().sub, "1007");
        }
    }
}
