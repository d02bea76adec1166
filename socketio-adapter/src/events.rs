/// The event that tells a client why its connection ends. Its payload is `{"reason": "token_expired"}`.
pub const CLOSED_EVENT: &str = "auth_closed";

/// The event that tells a client that its credential ends soon. Its payload is `{"ttl": 60}`, in seconds.
pub const EXPIRING_EVENT: &str = "auth_expiring";

/// The event with which a client presents another credential, with what its `auth` object would hold:
/// `socket.emitWithAck("auth_refresh", { token })`. The answer is `{"ok": true, "ttl": 900}`, in seconds and without `ttl` where
/// nothing ends, or `{"ok": false, "code": "invalid_credentials"}`.
///
/// The name is reserved. If the application registers a handler for it, that handler replaces ours, and nothing is refreshed.
pub const REFRESH_EVENT: &str = "auth_refresh";
