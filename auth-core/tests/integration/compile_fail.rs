//! What must not compile. The expected messages belong to the toolchain that the workspace names.

#[test]
fn forging_and_misuse_do_not_compile() {
    let cases = trybuild::TestCases::new();
    for case in [
        "builder_without_verify",
        "compare_secrets",
        "empty_chain",
        "forge_by_constructor",
        "forge_by_literal",
        "malformed_is_no_error",
        "print_secret",
        "two_user_types",
        "verdict_of_another_type",
    ] {
        cases.compile_fail(format!("tests/compile_fail/{case}.rs"));
    }
    // The features of this build are those of the cases.
    if cfg!(not(feature = "test-util")) {
        cases.compile_fail("tests/compile_fail/forge_unchecked.rs");
    }
}
