//! The laws, on a store that is always waited for, as Redis is.

type App = crate::support::AppOf<false>;

#[path = "laws/mod.rs"]
mod laws;

#[tokio::test]
async fn request_of_a_login_waits_for_the_store() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.store.waited();
    assert_eq!(browser.me().await, crate::support::is("ann"));
    assert_eq!(app.store.waited(), 2);
}
