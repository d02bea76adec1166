//! What the path of a route may be.

use auth_core::ConfigError;

use crate::return_to::ReturnTo;

/// Whether it is a local path that a router and a browser read alike. `example` is a good one, for the error.
pub(crate) fn check(path: &str, example: &str) -> Result<(), ConfigError> {
    let is_odd = |segment: &str| segment.starts_with(':') || matches!(segment, "." | "..");
    if ReturnTo::parse(path).is_none()
        || path.ends_with('/')
        || path.contains(['?', '#', '{', '}', '*'])
        || path.split('/').any(is_odd)
    {
        let shown = path.escape_debug();
        return Err(ConfigError::new(format!("`{shown}` is not a path of a route: write it like `{example}`")));
    }
    Ok(())
}
