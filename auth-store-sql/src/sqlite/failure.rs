//! What an error of SQLite means.

use crate::failure::Failure;

const NAME: &str = "SQLite";

pub(super) fn timeout() -> Failure {
    Failure::timeout(NAME)
}

pub(super) fn unreadable() -> Failure {
    Failure::unreadable(NAME)
}

pub(super) fn because(error: &sqlx::Error) -> Failure {
    Failure::of(NAME, error, |code| {
        // The lowest byte is the kind.
        let what = match code.parse::<i32>().unwrap_or_default() & 0xff {
            1 => "refused the command: are the tables set up?",
            5 | 6 => "is locked by somebody else",
            8 => "is read-only",
            10 => "cannot read or write its file",
            11 | 26 => "has a file that is broken",
            13 => "is full",
            14 => "cannot open its file",
            _ => "refused the command",
        };
        (what, false)
    })
}
