//! The login route with a throttle.

use auth_basic::Password;
use auth_core::{BoxError, ClientAddress, ManualClock, Secret};
use auth_session::{LocalLogin, Session, async_trait};
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, MemoryStore, Taken, Throttle};
use axum::{Router, body::Body, http::Request, routing::post};
use futures_util::FutureExt as _;
use test_support::{
    log::keep_events,
    server::{Answer, Server},
};
use tower::ServiceExt as _;

use crate::{ann::*, support::*};

fn throttle(clock: &ManualClock) -> Throttle {
    let store = MemoryStore::new().clock(clock.clone());
    Throttle::new(store).clock(clock.clone()).devices([Secret::new("k".repeat(32))]).unwrap()
}

async fn throttled() -> (Local, ManualClock) {
    let clock = clock();
    let behind = ClientAddress::behind_proxies(1);
    (Local::with(|login| login.throttle(throttle(&clock), behind)).await, clock)
}

/// Sends a form from an address.
async fn from(server: &Server, address: &str, cookie: &str, body: String) -> Answer {
    let headers = [FORM, OURS, ("x-forwarded-for", address), ("cookie", cookie)];
    server.send(http::Method::POST, "/login", &headers, body).await
}

fn goes(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("location").unwrap_or_default())
}

/// The cookie of the device, with its attributes.
fn device(answer: &Answer) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").into_iter().map(|cookie| cookie.to_str().unwrap());
    cookies.map(str::to_owned).find(|cookie| cookie.split('=').next().unwrap().ends_with("device"))
}

const WRONG: (u16, &str) = (303, "/login?error=invalid_credentials");
const IN_A_MINUTE: (u16, &str) = (303, "/login?error=too_many_attempts&retryAfter=60");

#[tokio::test]
async fn too_many_wrong_passwords_are_429_before_anybody_is_asked_alike_for_unknown_users() {
    let (local, clock) = throttled().await;
    let server = local.serve().await;
    let mut answers = Vec::new();
    for (name, address) in [("ann", "192.0.2.1"), ("eve", "192.0.2.2")] {
        for n in 0..10 {
            // Spellings share a budget.
            let name = if n % 2 == 0 { name.to_uppercase() } else { name.to_owned() };
            assert_eq!(goes(&from(&server, address, "", typed(&name, "wrong")).await), WRONG, "{name} {n}");
        }
        let asked = local.ann.0.lock().unwrap().asked.len();
        for password in ["wrong", PASSWORD] {
            let form = from(&server, address, "", typed(name, password)).await;
            assert_eq!(goes(&form), IN_A_MINUTE);
            let body = serde_json::json!({ "username": name, "password": password }).to_string();
            let headers = [JSON, OURS, ("x-forwarded-for", address)];
            let json = server.send(http::Method::POST, "/login", &headers, body).await;
            assert!(json.is(429, "too_many_attempts"), "{json:?}");
            assert_eq!(json.header("retry-after"), Some("60"));
            let mut headers = [form.headers, json.headers];
            headers.iter_mut().for_each(|headers| drop(headers.remove("date")));
            answers.push((headers, form.body, json.body));
        }
        assert_eq!(local.ann.0.lock().unwrap().asked.len(), asked);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(goes(&from(&server, "192.0.2.3", "", right()).await), (303, "/inbox"), "another address");
    clock.advance(secs(60));
    assert_eq!(goes(&from(&server, "192.0.2.1", "", right()).await), (303, "/inbox"));
}

#[tokio::test]
async fn success_uses_up_nothing() {
    let (local, _) = throttled().await;
    let server = local.serve().await;
    for _ in 0..9 {
        assert_eq!(goes(&from(&server, "192.0.2.1", "", typed("ann", "wrong")).await), WRONG);
    }
    for _ in 0..20 {
        assert_eq!(goes(&from(&server, "192.0.2.1", "", right()).await), (303, "/inbox"));
    }
    assert_eq!(goes(&from(&server, "192.0.2.1", "", typed("ann", "wrong")).await), WRONG);
    assert_eq!(goes(&from(&server, "192.0.2.1", "", right()).await), IN_A_MINUTE);
}

#[tokio::test]
async fn owner_with_the_device_cookie_logs_in_while_strangers_use_up_the_account() {
    let (local, _) = throttled().await;
    let server = local.serve().await;
    let set = device(&from(&server, "192.0.2.1", "", right()).await).unwrap();
    assert!(set.starts_with("device=") && set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
    assert!(set.contains("; Path=/") && set.contains("; Max-Age=31536000") && !set.contains("Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    for n in 0..100 {
        let stranger = format!("198.51.100.{n}");
        assert_eq!(goes(&from(&server, &stranger, "", typed("ann", "wrong")).await), WRONG, "{n}");
    }
    let too_many = (303, "/login?error=too_many_attempts&retryAfter=900");
    for cookie in ["", "device=x", &format!("{cookie}; {cookie}"), &format!("{cookie}x")] {
        assert_eq!(goes(&from(&server, "192.0.2.1", cookie, right()).await), too_many, "{cookie}");
    }
    let answer = from(&server, "192.0.2.1", cookie, right()).await;
    assert_eq!(goes(&answer), (303, "/inbox"));
    let again = device(&answer).unwrap();
    // The device may fail ten times, whatever cookie it has.
    for cookie in [cookie, again.split(';').next().unwrap()] {
        for _ in 0..5 {
            assert_eq!(goes(&from(&server, "192.0.2.1", cookie, typed("ann", "wrong")).await), WRONG);
        }
    }
    assert_eq!(goes(&from(&server, "192.0.2.1", cookie, right()).await), IN_A_MINUTE);
}

#[tokio::test]
async fn device_cookie_of_https_is_secure_and_a_failure_sets_none() {
    let app = AppOf::<true>::at("https://app.example", |builder| builder);
    let ann = Local::new().await.ann;
    let login = LocalLogin::new(app.sessions.clone(), ann).passwords(cheap());
    let login = login.throttle(throttle(&app.clock), ClientAddress::peer());
    let server = Server::start(Router::new().merge(login.routes()).layer(app.sessions.layer())).await;
    let set = device(&from(&server, "", "", right()).await).unwrap();
    assert!(set.starts_with("__Host-device=") && set.contains("; Secure"), "{set}");
    assert_eq!(device(&from(&server, "", "", typed("ann", "wrong")).await), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_guesses_at_once_are_ten() {
    let (local, _) = throttled().await;
    let server = std::sync::Arc::new(local.serve().await);
    let tasks = (0..100).map(|_| {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move { goes(&from(&server, "192.0.2.1", "", typed("ann", "wrong")).await) == WRONG })
    });
    let mut checked = 0;
    for task in tasks.collect::<Vec<_>>() {
        checked += usize::from(task.await.unwrap());
    }
    assert_eq!(checked, 10);
}

#[test]
fn client_that_leaves_before_the_answer_has_used_a_place() {
    // No password is hashed as long as the only thread for that is busy.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (local, _) = throttled().await;
        let (end, busy) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || busy.recv());
        let request = |password: &str| {
            let request = Request::post("/login").header(FORM.0, FORM.1).header(OURS.0, OURS.1);
            let request = request.header("x-forwarded-for", "192.0.2.1").body(Body::from(typed("ann", password)));
            local.app.router.clone().oneshot(request.unwrap())
        };
        for n in 0..10 {
            assert!(request("wrong").now_or_never().is_none(), "{n}: the password waits to be hashed");
        }
        let answer = request(PASSWORD).await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(location.starts_with("/login?error=too_many_attempts"), "{location}");
        drop(end);
    });
}

/// Sends a change of the password in a session.
async fn change(local: &Local, cookie: &str, name: &'static str, current: &str) -> Answer {
    let login = local.login.clone();
    let change = post(move |session: Session<User>, current: String| async move {
        let new = Password::new("a long new password");
        login.change_password(&session, name, &Password::new(current), &new).await
    });
    let mut page = Browser::of(Router::new().route("/", change).layer(local.app.sessions.layer()));
    page.cookie = Some(cookie.to_owned());
    page.send_body("POST", "/", &[], current.to_owned()).await
}

/// Whoever has stolen it guesses ten times, and strangers keep nobody from changing the password.
#[tokio::test]
async fn change_of_the_password_has_a_budget_of_its_login() {
    let (local, clock) = throttled().await;
    let server = local.serve().await;
    let (mut own, mut other, mut bobs) = (local.app.browser(), local.app.browser(), local.app.browser());
    for browser in [&mut own, &mut other] {
        browser.post("/app/login/ann").await;
    }
    bobs.post("/app/login/bob").await;
    let cookies = [own, other, bobs].map(|browser| browser.cookie.unwrap());
    for n in 0..100 {
        let stranger = format!("198.51.100.{n}");
        assert_eq!(goes(&from(&server, &stranger, "", typed("ann", "wrong")).await), WRONG, "{n}");
    }
    // In the session of another user, nobody is asked, and nothing counts.
    for _ in 0..40 {
        assert!(change(&local, &cookies[2], "ann", PASSWORD).await.is(401, "invalid_credentials"));
    }
    for _ in 0..10 {
        assert!(change(&local, &cookies[0], "ann", "wrong").await.is(401, "invalid_credentials"));
    }
    for current in ["wrong", PASSWORD] {
        let refused = change(&local, &cookies[0], "ann", current).await;
        assert!(refused.is(429, "too_many_attempts") && refused.header("retry-after") == Some("60"), "{refused:?}");
    }
    clock.advance(secs(60));
    assert!(change(&local, &cookies[0], "ann", "wrong").await.is(401, "invalid_credentials"));
    assert_eq!(change(&local, &cookies[1], "ann", PASSWORD).await.status, 200, "another login");
}

#[tokio::test]
async fn change_of_the_password_needs_the_store_of_the_throttle() {
    let local = Local::with(|login| login.throttle(Throttle::new(Down), ClientAddress::peer())).await;
    let mut browser = local.app.browser();
    browser.post("/app/login/ann").await;
    let refused = change(&local, &browser.cookie.unwrap(), "ann", PASSWORD).await;
    assert!(refused.is(503, "unavailable"), "{refused:?}");
}

#[tokio::test]
async fn own_route_counts_with_the_route_of_the_login() {
    let (local, _) = throttled().await;
    let server = local.serve().await;
    let set = device(&from(&server, "192.0.2.9", "", right()).await).unwrap();
    let cookie = set.split(';').next().unwrap();
    let ask = async |cookie: &str, password: &str| {
        let request = Request::post("/own").header("x-forwarded-for", "192.0.2.1").header("cookie", cookie);
        let parts = request.body(()).unwrap().into_parts().0;
        let verified = local.login.verify_request(&parts, "ann", &Password::new(password)).await;
        verified.map_or_else(|refusal| refusal.status().as_u16(), |_| 200)
    };
    for _ in 0..5 {
        assert_eq!(ask("", "wrong").await, 401);
        assert_eq!(goes(&from(&server, "192.0.2.1", "", typed("ann", "wrong")).await), WRONG);
    }
    assert_eq!((ask("", PASSWORD).await, ask(cookie, PASSWORD).await), (429, 200));
}

/// From 10,000 networks (/64) of one /48, then from 10,000 IPv4 addresses, while the owner logs in through the form with and without the
/// cookie.
#[tokio::test]
async fn owner_logs_in_while_10_000_addresses_guess() {
    let (local, clock) = throttled().await;
    let send = |address: String, cookie: &str, body: String| {
        let request = Request::post("/login").header(FORM.0, FORM.1).header(OURS.0, OURS.1);
        let request = request.header("x-forwarded-for", address).header("cookie", cookie).body(Body::from(body));
        let router = local.app.router.clone();
        async move {
            let answer = router.oneshot(request.unwrap()).await.unwrap();
            let cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
            let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("device=")).map(str::to_owned);
            (answer.headers()["location"].to_str().unwrap().to_owned(), cookie)
        }
    };
    let (_, set) = send("203.0.113.1".to_owned(), "", right()).await;
    let cookie = set.unwrap().split(';').next().unwrap().to_owned();
    for one_48 in [true, false] {
        let mut looked_at = 0;
        for n in 0..10_000 {
            let address =
                if one_48 { format!("2001:db8:1:{n:x}::1") } else { format!("10.0.{}.{}", n / 250, n % 250 + 1) };
            let (target, _) = send(address, "", typed("ann", "wrong")).await;
            looked_at += usize::from(target == WRONG.1);
            if n % 1_000 == 0 {
                assert_eq!(send("203.0.113.1".to_owned(), &cookie, right()).await.0, "/inbox");
            }
        }
        // The /48 has ten for the account, and all addresses together have a hundred.
        assert_eq!(looked_at, if one_48 { 10 } else { 90 });
        let without = send("203.0.113.1".to_owned(), "", right()).await.0;
        assert_eq!(without == "/inbox", one_48, "{without}");
    }
    clock.advance(secs(900));
    assert_eq!(send("203.0.113.1".to_owned(), "", right()).await.0, "/inbox");
}

struct Down;

#[async_trait]
impl Budgets for Down {
    async fn take(&self, _: &BudgetKey, _: &Budget) -> Result<Taken, BoxError> {
        Err("the store is down".into())
    }

    async fn settle(&self, _: &BudgetKey, _: &Budget, _: BudgetPlace, _: bool) -> Result<(), BoxError> {
        Err("the store is down".into())
    }
}

#[tokio::test]
async fn throttle_that_is_down_lets_nobody_log_in() {
    keep_events();
    let local = Local::with(|login| login.throttle(Throttle::new(Down), ClientAddress::peer())).await;
    let server = local.serve().await;
    assert_eq!(goes(&from(&server, "", "", right()).await), (303, "/login?error=unavailable"));
    assert!(local.ann.0.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn outage_of_the_users_uses_up_nothing() {
    let (local, _) = throttled().await;
    let server = local.serve().await;
    local.ann.0.lock().unwrap().is_down = true;
    for _ in 0..20 {
        assert_eq!(goes(&from(&server, "192.0.2.1", "", right()).await), (303, "/login?error=unavailable"));
    }
    local.ann.0.lock().unwrap().is_down = false;
    assert_eq!(goes(&from(&server, "192.0.2.1", "", right()).await), (303, "/inbox"));
}

#[tokio::test]
async fn device_cookie_password_and_name_are_in_no_log() {
    let (log, _guard) = test_support::everything();
    let (local, _) = throttled().await;
    let down = Local::with(|login| login.throttle(Throttle::new(Down), ClientAddress::peer())).await;
    let send = |local: &Local, cookie: &str, name: &str, password: &str| {
        let request = Request::post("/login").header(FORM.0, FORM.1).header(OURS.0, OURS.1);
        let request = request.header("cookie", cookie).body(Body::from(typed(name, password)));
        local.app.router.clone().oneshot(request.unwrap())
    };
    let answer = send(&local, "", "ann", PASSWORD).await.unwrap();
    assert!(answer.headers().get_all("set-cookie").iter().any(http::HeaderValue::is_sensitive));
    let cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned());
    let set = cookies.into_iter().find(|cookie| cookie.starts_with("device=")).unwrap();
    let cookie = set.split(';').next().unwrap();
    for (cookie, name, password) in [(cookie, "ann", "MARKER-1"), (cookie, "MARKER-2", "MARKER-3")] {
        // 10 as a device, and 100 as a stranger.
        for _ in 0..115 {
            send(&local, cookie, name, password).await.unwrap();
        }
        send(&down, cookie, name, password).await.unwrap();
    }
    let text = log.text();
    assert!(text.contains("too_many_attempts") && text.contains("counted by device") && text.contains("by account"));
    assert!(text.contains("unavailable"));
    for secret in [cookie.strip_prefix("device=").unwrap(), PASSWORD, "MARKER"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
