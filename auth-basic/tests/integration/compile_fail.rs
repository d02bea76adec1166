//! Mistakes of Passport users, since Passport rejects a falsy user. The expected messages are those of the workspace's
//! toolchain.

#[test]
fn results_of_checks_do_not_compile_as_users() {
    let cases = trybuild::TestCases::new();
    for case in [
        "check_is_no_user",
        "option_is_no_user",
        "result_is_no_user",
        "unit_is_no_user",
        "user_that_does_not_say_who_it_is",
        "verdict_of_a_check",
    ] {
        cases.compile_fail(format!("tests/compile_fail/{case}.rs"));
    }
}
