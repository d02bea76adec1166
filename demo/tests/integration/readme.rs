#[test]
fn readme_shows_the_examples_that_are_compiled() {
    for example in [include_str!("../../src/readme/example.rs"), include_str!("../../src/readme/socketio.rs")] {
        assert!(include_str!("../../../README.md").contains(&format!("```rust\n{example}```\n")));
    }
}
