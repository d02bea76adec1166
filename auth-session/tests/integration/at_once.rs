//! The laws, on a store that answers at once where it can, as one in memory does.

type App = crate::support::AppOf<true>;

#[path = "laws/mod.rs"]
mod laws;

#[tokio::test]
async fn request_of_a_login_does_not_wait_for_the_store() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.store.waited();
    assert_eq!(browser.me().await, crate::support::is("ann"));
    assert_eq!(app.store.waited(), 0);
}
