//! The examples of RFC 7617, if they are available.

use std::{env, fs, path::PathBuf};

use auth_basic::Basic;
use serde_json::Value;

use crate::support::{Seen, challenges, everybody, everybody_of, request, run, run_parts};

/// The examples; `None` if the folder of vectors is missing. `scripts/check.sh` reports that once, at its end.
fn examples() -> Option<Value> {
    let folder = env::var_os("AUTH_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    if !folder.exists() && env::var("CI").as_deref() != Ok("true") {
        return None;
    }
    let path = folder.join("rfc/examples.json");
    match fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => panic!("the examples are needed: {}: {error}", path.display()),
    }
}

fn list<'v>(examples: &'v Value, name: &str) -> &'v [Value] {
    let list = examples[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name}");
    list
}

#[tokio::test]
async fn credentials_of_the_rfc_are_read() {
    let Some(examples) = examples() else { return };
    for example in list(&examples, "basic") {
        let text = |name: &str| example[name].as_str().unwrap();
        let user = run(&everybody(), text("authorization")).await.unwrap();
        assert_eq!(*user, Seen::new(text("user"), text("password")), "{example}");
    }
}

#[tokio::test]
async fn challenges_of_the_rfc_are_made() {
    let Some(examples) = examples() else { return };
    let mut seen = 0;
    for example in list(&examples, "challenges") {
        let Some(params) = example["value"].as_str().unwrap().strip_prefix("Basic realm=\"") else { continue };
        let realm = params.split('"').next().unwrap();
        let refusal = run_parts(&everybody_of(Basic::new(realm)), &request::<&str>(&[]), None).await.unwrap_err();
        let ours = challenges(&refusal).remove(0);
        // If a line has several challenges, compare the first.
        let theirs = example["value"].as_str().unwrap().split(", Newauth").next().unwrap();
        // Deviation: our challenge always names UTF-8; not all examples do.
        let theirs =
            if theirs.contains("charset") { theirs.to_owned() } else { format!("{theirs}, charset=\"UTF-8\"") };
        assert_eq!(ours, theirs);
        seen += 1;
    }
    assert!(seen >= 2, "there are examples of Basic challenges");
}
