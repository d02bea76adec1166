//! What must not compile. The expected messages belong to the toolchain that the workspace names.

#[test]
fn forging_and_misuse_do_not_compile() {
    let cases = trybuild::TestCases::new();
    for case in
        ["forge_by_constructor", "forge_by_literal", "empty_chain", "two_user_types", "print_secret", "compare_secrets"]
    {
        cases.compile_fail(format!("tests/compile_fail/{case}.rs"));
    }
    // The features of this build are those of the cases.
    if cfg!(not(feature = "test-util")) {
        cases.compile_fail("tests/compile_fail/forge_unchecked.rs");
    }
}
