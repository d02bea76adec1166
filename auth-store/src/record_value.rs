use std::{
    any::Any,
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

/// The value of a [`Record`](crate::Record): bytes that a store does not read. Clones share them, so a record in memory is loaded
/// without a copy. `Debug` shows the length alone.
#[derive(Clone, Default)]
pub struct RecordValue {
    bytes: Arc<[u8]>,
    decoded: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl RecordValue {
    /// What the bytes mean to the caller. It is kept with them, and with later clones: of a record that answers
    /// [at once](crate::Records::load_at_once), each version is decoded once. Let it take
    /// about the space of the bytes and not many times as much, since a [`MemoryStore`](crate::MemoryStore) counts on that.
    ///
    /// All callers of one record should decode it as the same type: only the first one is kept.
    ///
    /// # Errors
    /// Those of `decode`. They are not kept.
    pub fn decoded<T: Send + Sync + 'static, E>(
        &self,
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(Ok(known)) = self.decoded.get().map(|known| Arc::clone(known).downcast()) {
            return Ok(known);
        }
        let decoded = Arc::new(decode(self)?);
        // OK if there is another one: it was decoded from the same bytes.
        let _ = self.decoded.set(decoded.clone());
        Ok(decoded)
    }
}

impl From<Vec<u8>> for RecordValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), decoded: OnceLock::new() }
    }
}

impl From<&[u8]> for RecordValue {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl Deref for RecordValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for RecordValue {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RecordValue {}

impl fmt::Debug for RecordValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordValue({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_decoded_once_for_later_clones() {
        let value = RecordValue::from(b"7".to_vec());
        let decode = |bytes: &[u8]| str::from_utf8(bytes).unwrap().parse::<u8>();
        assert_eq!(*value.decoded(decode).unwrap(), 7);
        assert_eq!(*value.clone().decoded::<u8, ()>(|_| panic!("it is known")).unwrap(), 7);
        // Another type is decoded each time.
        assert_eq!(*value.decoded(|bytes| Ok::<_, ()>(bytes.to_vec())).unwrap(), b"7");
        assert_eq!(*value.decoded::<u8, ()>(|_| panic!("it is known")).unwrap(), 7);
    }

    #[test]
    fn value_that_is_unreadable_is_decoded_again() {
        let value = RecordValue::default();
        assert_eq!(value.decoded::<u8, _>(|_| Err("down")).unwrap_err(), "down");
        assert_eq!(*value.decoded::<u8, ()>(|_| Ok(7)).unwrap(), 7);
    }
}
