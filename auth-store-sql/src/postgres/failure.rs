//! What an error of Postgres means.

use crate::failure::Failure;

const NAME: &str = "Postgres";

pub(super) fn timeout() -> Failure {
    Failure::timeout(NAME)
}

pub(super) fn unreadable() -> Failure {
    Failure::unreadable(NAME)
}

pub(super) fn lost() -> Failure {
    Failure::new(NAME, "has lost the connection")
}

pub(super) fn because(error: &sqlx::Error) -> Failure {
    Failure::of(NAME, error, |code| match code {
        // Another server may have taken over behind the same address.
        "25006" => ("is read-only", true),
        "42P01" => ("has no tables of ours: call `migrate`", false),
        "42501" => ("refuses it to this user", false),
        "53100" => ("has a full disk", false),
        "53200" => ("is out of memory", true),
        "53300" => ("has no connection left", true),
        "57014" => ("did not answer in time", false),
        _ if code.starts_with("57P") => ("is shutting down or starting", true),
        _ if code.starts_with("28") => ("refused the user or the password", true),
        _ if code.starts_with("3D") => ("has no such database", true),
        _ if code.starts_with("40") => ("could not finish beside others", false),
        _ => ("refused the command", false),
    })
}
