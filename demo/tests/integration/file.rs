//! The demo with a file of users and logins.

use std::{env, fs, path::PathBuf, process};

use serde_json::json;

use crate::program::{Running, demo, output};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("auth-demo-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn users_and_logins_outlive_the_program_with_a_file() {
    let folder = Folder::new("kept");
    let file = folder.0.join("demo.db");
    let start = || Running::start(demo().args(["--port", "0", "--db"]).arg(&file));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let first = start();
    let new = json!({ "username": "ann", "password": PASSWORD });
    let registered = client.post(first.at("api/register")).json(&new).send().await.unwrap();
    assert_eq!(registered.status(), 201);
    let tokens = client.post(first.at("api/token")).basic_auth("ann", Some(PASSWORD)).send().await.unwrap();
    let tokens: serde_json::Value = tokens.json().await.unwrap();
    drop(first);

    let second = start();
    let refresh = json!({ "refresh_token": tokens.get("refresh_token").unwrap() });
    let answer = client.post(second.at("api/refresh")).json(&refresh).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let taken = client.post(second.at("api/register")).json(&new).send().await.unwrap();
    assert_eq!(taken.status(), 409);
    let guest = client.get(second.at("api/me")).basic_auth("guest", Some("password")).send().await.unwrap();
    assert_eq!(guest.status(), 200, "the users of the tutorial are there too");
}

#[test]
fn file_that_cannot_be_used_is_a_clear_error() {
    let folder = Folder::new("broken");
    let file = folder.0.join("no.db");
    fs::write(&file, "this is no database, but a text of some length, so that it has a header").unwrap();
    let refused = output(demo().args(["--port", "0", "--db"]).arg(&file));
    assert!(!refused.status.success());
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("no.db cannot be used"), "{error}");
}
