//! Code that must not compile. The expected messages are those of the workspace's toolchain.

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
    // The cases build with the same features as this test. The test command has all features here; the crate in `consumer/` does
    // without this one, and shows the same.
    if cfg!(not(feature = "test-util")) {
        cases.compile_fail("tests/compile_fail/forge_unchecked.rs");
    }
}
