//! What each backend of [`Records`] must do: one function for each law, for any store.
//!
//! [`record_laws!`](crate::record_laws) makes a test of each law, and runs each race 1,000 times. [`all`] checks them one after
//! the other, for a store that is expensive to start. Laws use keys of their own, so several may share one store.

#![allow(missing_docs, reason = "the name of a law says it")]

mod ends;
mod fixture;
mod lists;
mod races;
mod saves;

use auth_store::Records;

pub use self::{ends::*, lists::*, races::*, saves::*};

/// Makes a test of each law. `$start` names an async function that returns a store and what keeps it alive, or `None` to skip.
#[macro_export]
macro_rules! record_laws {
    ($start:ident) => {
        $crate::record_laws! { @with tests $start }
    };
    // The laws, and the races.
    (@with $mode:ident $argument:tt) => {
        $crate::record_laws! {
            @$mode $argument
            create_keeps_everything_and_begins_with_version_one
            value_over_64_kib_is_an_error_and_changes_nothing
            create_never_replaces_another
            of_many_creations_one_succeeds
            save_with_the_version_that_was_read_succeeds
            save_with_an_older_version_is_a_conflict
            save_of_an_ended_record_changes_nothing
            save_replaces_owner_indexes_and_since
            save_that_keeps_the_end_keeps_what_a_touch_moved
            save_that_replaces_the_end_may_shorten_it
            save_after_the_end_moves_no_end
            touch_moves_only_to_later_and_leaves_the_version
            touch_after_the_end_moves_no_end
            touch_of_an_ended_record_changes_nothing
            end_is_reported_once
            ended_key_can_be_created_again
            mark_ends_what_is_not_later
            mark_ends_what_is_created_afterwards
            mark_never_goes_back
            mark_leaves_other_owners_alone
            mark_counts_for_the_owner_at_the_time
            save_does_not_bring_back_what_a_mark_ended
            owner_finds_its_records_and_no_others
            index_finds_its_records_and_no_others
            owner_and_index_with_one_key_differ
            what_is_known_at_once_is_what_load_answers;
            late_save_never_resurrects
            late_touch_never_resurrects
            of_two_savers_one_wins_each_version
            save_that_changes_since_never_escapes_a_mark
            records_stay_listed_while_they_change
        }
    };
    (@tests $start:ident $($law:ident)*; $($race:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                if let Some((store, _kept)) = $start().await {
                    $crate::records::$law(&store).await;
                }
            }
        )*
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $race() {
                if let Some((store, _kept)) = $start().await {
                    $crate::records::$race(&store, 1000).await;
                }
            }
        )*
    };
    (@all ($store:ident, $rounds:ident) $($law:ident)*; $($race:ident)*) => {
        $(
            eprintln!("law: {}", stringify!($law));
            $law($store).await;
        )*
        $(
            eprintln!("race: {}", stringify!($race));
            $race($store, $rounds).await;
        )*
    };
}

/// Checks every law, and names the one at work for when it fails. Each race is run this many times.
pub async fn all<R: Records + Clone>(store: &R, rounds: usize) {
    record_laws! { @with all (store, rounds) }
}
