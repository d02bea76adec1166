use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};

/// The parameters of argon2, on which its cost depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) params: Params,
}

/// A hash as applications store it: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
pub(super) struct StoredHash {
    pub(super) recipe: Recipe,
    pub(super) salt: Salt,
    pub(super) output: Output,
}

impl Default for Recipe {
    /// The default of the argon2 crate, which is OWASP's first choice: argon2id, 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, params: Params::DEFAULT }
    }
}

impl Recipe {
    /// Whether both cost the same and give hashes of the same length.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let all = |recipe: &Self| {
            let Self { algorithm, version, params } = recipe;
            (*algorithm, *version, params.m_cost(), params.t_cost(), params.p_cost(), recipe.output_len())
        };
        all(self) == all(other)
    }

    /// Whether guessing is cheaper for this than for `other`. Of any two, one at most is weaker.
    ///
    /// The first difference in this order decides: argon2id or not, the version, memory times passes, the memory, the length of the
    /// hash. Lanes don't count: they only share the work out.
    pub(super) fn is_weaker_than(&self, other: &Self) -> bool {
        let strength = |recipe: &Self| {
            let is_id = recipe.algorithm == Algorithm::Argon2id;
            (is_id, u32::from(recipe.version), recipe.work(), recipe.memory(), recipe.output_len())
        };
        strength(self) < strength(other)
    }

    /// Memory in KiB.
    pub(super) fn memory(&self) -> u64 {
        self.params.m_cost().into()
    }

    /// Memory times passes, to which the time is proportional. Lanes only share the work out.
    pub(super) fn work(&self) -> u64 {
        self.memory().saturating_mul(self.params.t_cost().into())
    }

    pub(super) fn compute(&self, password: &[u8], salt: &[u8]) -> Result<Output, password_hash::Error> {
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..self.output_len()).ok_or(password_hash::Error::OutputSize)?;
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        argon2.hash_password_into(password, salt, output)?;
        Output::new(output).map_err(|_| password_hash::Error::OutputSize)
    }

    fn output_len(&self) -> usize {
        self.params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)
    }
}

impl StoredHash {
    /// Reads the form of the reference implementation. `None` if the text is anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        // Exactly these three: a default would hide a missing one.
        let names = ["m", "t", "p"];
        if hash.params.iter().count() != names.len() || names.iter().any(|name| hash.params.get(*name).is_none()) {
            return None;
        }
        let version = match hash.version {
            Some(version) => Version::try_from(version).ok()?,
            // Old hashes lack the field: they have the first version.
            None => Version::V0x10,
        };
        let recipe = Recipe {
            algorithm: Algorithm::new(hash.algorithm.as_str()).ok()?,
            version,
            params: Params::try_from(&hash).ok()?,
        };
        Some(Self { recipe, salt: hash.salt?, output: hash.hash? })
    }

    pub(super) fn to_phc(&self) -> Option<String> {
        let hash = PasswordHash {
            algorithm: self.recipe.algorithm.ident(),
            version: Some(self.recipe.version.into()),
            params: ParamsString::try_from(&self.recipe.params).ok()?,
            salt: Some(self.salt),
            hash: Some(self.output),
        };
        Some(hash.to_string())
    }
}
