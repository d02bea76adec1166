//! Logins over HTTP.
