//! What each backend of `auth_store::Budgets` must do: one function for each law, for any store.
//!
//! [`budget_laws!`](crate::budget_laws) makes a test of each law. A law moves the clock of the store, so each has a store of its own
//! or a clock that only goes on. Laws use keys of their own, so several may share one server.

#![allow(missing_docs, reason = "the name of a law says it")]

mod laws;
mod model;

pub use self::{laws::*, model::random_steps_do_what_a_model_does};

/// Makes a test of each law. `$start` names an async function that returns a store, its clock, and what keeps it alive, or `None` to
/// skip.
#[macro_export]
macro_rules! budget_laws {
    ($start:ident) => {
        $crate::budget_laws! {
            @$start
            there_are_as_many_places_as_the_budget_has
            failures_come_back_one_after_the_other
            giving_back_frees_a_place_and_never_more_than_there_are
            giving_back_erases_no_failure_of_another
            waits_double_up_to_the_longest_until_all_has_come_back
            place_that_nobody_settles_becomes_a_failure
            place_that_became_a_failure_is_not_given_back
            attempts_in_progress_are_a_short_wait
            counters_with_different_keys_are_apart
            clock_that_is_set_back_keeps_nobody_out_for_longer
            a_thousand_at_once_share_one_budget
            random_steps_do_what_a_model_does
        }
    };
    (@$start:ident $($law:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                if let Some((store, clock, _kept)) = $start().await {
                    $crate::budgets::$law(&store, &clock).await;
                }
            }
        )*
    };
}
