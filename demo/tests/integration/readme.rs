#[test]
fn readme_shows_the_example_that_is_compiled() {
    let example = include_str!("../../src/readme/example.rs");
    assert!(include_str!("../../../README.md").contains(&format!("```rust\n{example}```\n")));
}
