use auth_core::BoxError;
use auth_store::Record;

/// As for a record.
pub(crate) fn check_len(value: &[u8]) -> Result<(), BoxError> {
    if value.len() > Record::MAX_VALUE_LEN {
        return Err("the value is longer than 64 KiB".into());
    }
    Ok(())
}
