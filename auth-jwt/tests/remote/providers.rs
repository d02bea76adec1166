//! Real identity providers: key sets and tokens in the shapes of their public documents, with our own values. Each test has
//! the configuration from `docs/providers.md`.

use auth_core::{AuthRequest, Authenticated, Chain, Clock as _, ManualClock, Refusal, RefusalKind, Scopes, Transport};
use auth_jwt::{Algorithm, IssuerTemplate, Jwt, SigningKey, SigningKeys, remote::RemoteJwks};
use aws_lc_rs::{rand::SystemRandom, signature::RSA_PKCS1_SHA256, signature::RsaKeyPair};
use serde_json::{Value, json};

use crate::support::*;

const RSA: &[u8] = include_bytes!("../keys/rsa2048.pem");
const TENANT: &str = "6f0c3b1e-2f35-4a3e-9f52-0c8f5f0e7a11";
const OTHER_TENANT: &str = "0d4e21c7-98b1-4f5b-8f8a-2a9d6f4e3b22";

/// A provider on the loopback, with one RSA key.
struct Provider {
    clock: ManualClock,
    issuer: Issuer,
    pair: RsaKeyPair,
}

impl Provider {
    /// `change` turns the plain public key into the provider's form.
    async fn new(change: impl FnOnce(&mut Value)) -> Self {
        let clock = clock();
        let issuer = Issuer::new(&clock).await;
        issuer.publish(&jwks([rsa_jwk(change)]));
        let pair = RsaKeyPair::from_pkcs8(&der_of(RSA)).unwrap();
        Self { clock, issuer, pair }
    }

    fn keys(&self) -> RemoteJwks {
        RemoteJwks::at(self.issuer.url("/keys")).unwrap().clock(self.clock.clone()).lazy().unwrap()
    }

    /// A token that is valid for an hour.
    fn token(&self, header: &Value, claims: &Value) -> String {
        let now = self.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut all = json!({ "iat": now, "exp": now + 3600 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let input = format!("{}.{}", encode(header.to_string()), encode(all.to_string()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        format!("{input}.{}", encode(signature))
    }

    async fn present(&self, jwt: Jwt<Value>, header: &Value, claims: &Value) -> Result<Authenticated<String>, Refusal> {
        let jwt = jwt.verify(|claims: Value| async move { Some(claims["sub"].to_string()) });
        let authorization = format!("Bearer {}", self.token(header, claims));
        let request = ::http::Request::builder().header("authorization", authorization);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Chain::new().or(jwt).authenticate(&AuthRequest::new(&parts, Transport::Http, self.clock.now())).await
    }

    async fn accepts(&self, jwt: Jwt<Value>, header: &Value, claims: &Value) -> Authenticated<String> {
        self.present(jwt, header, claims).await.unwrap_or_else(|refusal| panic!("{}: {claims}", refusal.code()))
    }

    /// Checks that each of these claims, used instead of the valid one, makes a token that is refused. `null` removes the
    /// claim.
    async fn refuses(&self, jwt: impl Fn() -> Jwt<Value>, header: &Value, good: &Value, changes: &[Value]) {
        self.accepts(jwt(), header, good).await;
        for change in changes {
            let mut claims = good.clone();
            for (name, value) in change.as_object().unwrap() {
                match value {
                    Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                    value => claims[name] = value.clone(),
                }
            }
            let refusal = self.present(jwt(), header, &claims).await.map(|user| user.to_string()).unwrap_err();
            let is_401 = refusal.status() == 401 && refusal.code() == INVALID;
            assert!(is_401 && matches!(refusal.kind(), RefusalKind::Rejected | RefusalKind::Unrecognized), "{change}");
        }
    }
}

fn rsa_jwk(change: impl FnOnce(&mut Value)) -> Value {
    let keys = SigningKeys::new(SigningKey::from_pem(Algorithm::RS256, RSA).unwrap().with_kid("k1")).unwrap();
    let mut set: Value = serde_json::from_str(&keys.jwks()).unwrap();
    let mut jwk = set["keys"][0].take();
    change(&mut jwk);
    jwk
}

fn remove(jwk: &mut Value, names: &[&str]) {
    names.iter().for_each(|name| drop(jwk.as_object_mut().unwrap().remove(*name)));
}

/// The header that most providers use.
fn header() -> Value {
    json!({ "typ": "JWT", "alg": "RS256", "kid": "k1" })
}

fn has_scope(user: &Authenticated<String>, scope: &str) -> bool {
    user.evidence().extra::<Scopes>().is_some_and(|scopes| scopes.contains(scope))
}

/// Keys without `alg`, with Microsoft's own members.
async fn entra() -> Provider {
    Provider::new(|jwk| {
        remove(jwk, &["alg"]);
        jwk["x5t"] = json!("k1");
        jwk["x5c"] = json!(["MIIC"]);
        jwk["issuer"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0");
        jwk["cloud_instance_name"] = json!("microsoftonline.com");
    })
    .await
}

#[test]
fn entra_v2_of_one_tenant() {
    run(async {
        let entra = entra().await;
        let iss = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        let jwt = || {
            Jwt::key_source(entra.keys()).issuer(&iss).audience("chat-api").scopes_from(["scp"]).scopes_from(["roles"])
        };
        let good = json!({
            "iss": iss, "aud": "chat-api", "sub": "AAAA", "oid": "11aa", "tid": TENANT, "ver": "2.0", "azp": "chat-web",
            "azpacr": "0", "scp": "chat.read chat.write", "roles": ["Admin"], "uti": "x", "rh": "0.A", "nbf": 1_700_000_000,
        });
        let user = entra.accepts(jwt(), &header(), &good).await;
        assert!(["chat.read", "chat.write", "Admin"].iter().all(|scope| has_scope(&user, scope)));
        let v1 = format!("https://sts.windows.net/{TENANT}/");
        entra
            .refuses(jwt, &header(), &good, &[json!({ "aud": "graph" }), json!({ "iss": v1 }), json!({ "aud": null })])
            .await;
    });
}

#[test]
fn entra_v1_writes_another_issuer_and_audience() {
    run(async {
        let entra = entra().await;
        let iss = format!("https://sts.windows.net/{TENANT}/");
        let jwt = || Jwt::key_source(entra.keys()).issuer(&iss).audience("api://chat-api").scopes_from(["scp"]);
        let good = json!({
            "iss": iss, "aud": "api://chat-api", "sub": "AAAA", "tid": TENANT, "ver": "1.0", "appid": "chat-web", "appidacr": "0",
            "scp": "chat.read", "unique_name": "ann", "acr": "1", "aio": "x",
        });
        let user =
            entra.accepts(jwt(), &json!({ "typ": "JWT", "alg": "RS256", "x5t": "k1", "kid": "k1" }), &good).await;
        assert!(has_scope(&user, "chat.read"));
        entra
            .refuses(
                jwt,
                &header(),
                &good,
                &[json!({ "aud": "chat-api" }), json!({ "iss": iss.trim_end_matches('/') })],
            )
            .await;
    });
}

#[test]
fn entra_for_several_tenants_and_no_others() {
    run(async {
        let entra = entra().await;
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let of = |tenant: &str| template.replace("{tenantid}", tenant);
        let jwt = || {
            let issuers = IssuerTemplate::new(template, [TENANT]).unwrap();
            Jwt::key_source(entra.keys()).issuer_template(issuers).audience("chat-api")
        };
        let good = json!({ "iss": of(TENANT), "tid": TENANT, "aud": "chat-api", "sub": "AAAA" });
        let user = entra.accepts(jwt(), &header(), &good).await;
        assert!(user.evidence().names().iter().any(|name| name.issuer() == of(TENANT) && name.subject() == "AAAA"));
        let changes = [
            json!({ "iss": of(OTHER_TENANT), "tid": OTHER_TENANT }),
            json!({ "tid": OTHER_TENANT }),
            json!({ "iss": template }),
            json!({ "iss": of("common") }),
            json!({ "iss": of(&format!("{TENANT}/{TENANT}")) }),
        ];
        entra.refuses(jwt, &header(), &good, &changes).await;
        // The set of all tenants has a key that is one tenant's.
        let theirs = Provider::new(|jwk| jwk["issuer"] = json!(of(OTHER_TENANT))).await;
        let both = || {
            let issuers = IssuerTemplate::new(template, [TENANT, OTHER_TENANT]).unwrap();
            Jwt::key_source(theirs.keys()).issuer_template(issuers).audience("chat-api")
        };
        let own = json!({ "iss": of(OTHER_TENANT), "tid": OTHER_TENANT, "aud": "chat-api", "sub": "AAAA" });
        theirs.accepts(both(), &header(), &own).await;
        theirs.refuses(both, &header(), &own, &[json!({ "iss": of(TENANT), "tid": TENANT })]).await;
    });
}

#[test]
fn google_has_two_issuer_spellings_and_the_native_client_in_azp() {
    run(async {
        let google = Provider::new(|_| {}).await;
        let jwt = || {
            Jwt::key_source(google.keys())
                .issuer_alias("https://accounts.google.com", "accounts.google.com")
                .id_token("web.apps.googleusercontent.com")
                .authorized_party("android.apps.googleusercontent.com")
        };
        let good = json!({
            "iss": "https://accounts.google.com", "aud": "web.apps.googleusercontent.com",
            "azp": "android.apps.googleusercontent.com", "sub": "110169484474386276334", "email": "ann@example.com",
            "email_verified": true, "hd": "example.com",
        });
        let mut short = good.clone();
        short["iss"] = json!("accounts.google.com");
        let users = [google.accepts(jwt(), &header(), &good).await, google.accepts(jwt(), &header(), &short).await];
        let [long, short] = users.each_ref().map(|user| user.evidence());
        assert!(long.is_same_user(short), "one user under both spellings");
        let changes = [
            json!({ "azp": "ios.apps.googleusercontent.com" }),
            json!({ "aud": "other.apps.googleusercontent.com" }),
            json!({ "iss": "https://accounts.google.com/" }),
        ];
        google.refuses(jwt, &header(), &good, &changes).await;
        let domain = || jwt().require_claim("hd", "example.com");
        google.refuses(domain, &header(), &good, &[json!({ "hd": null }), json!({ "hd": "example.org" })]).await;
    });
}

/// Without `typ` in the header.
fn cognito_header() -> Value {
    json!({ "kid": "k1", "alg": "RS256" })
}

const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf";

#[test]
fn cognito_access_tokens_have_client_id_in_the_place_of_aud() {
    run(async {
        let cognito = Provider::new(|_| {}).await;
        let jwt = || {
            Jwt::key_source(cognito.keys())
                .issuer(POOL)
                .audience("chat-client")
                .client_id_as_audience()
                .require_claim("token_use", "access")
        };
        let good = json!({
            "sub": "aaaa-bbbb", "iss": POOL, "client_id": "chat-client", "token_use": "access", "version": 2, "origin_jti": "o",
            "event_id": "e", "scope": "aws.cognito.signin.user.admin chat/read", "auth_time": 1_700_000_000, "jti": "j",
            "username": "ann", "cognito:groups": ["admins"],
        });
        assert!(has_scope(&cognito.accepts(jwt(), &cognito_header(), &good).await, "chat/read"));
        let id = json!({ "token_use": "id", "aud": "chat-client", "client_id": null, "scope": null });
        let changes = [json!({ "client_id": "other" }), json!({ "client_id": null }), json!({ "token_use": null }), id];
        cognito.refuses(jwt, &cognito_header(), &good, &changes).await;
    });
}

#[test]
fn cognito_id_tokens() {
    run(async {
        let cognito = Provider::new(|_| {}).await;
        let jwt = || Jwt::key_source(cognito.keys()).issuer(POOL).id_token("chat-client");
        let good = json!({
            "sub": "aaaa-bbbb", "iss": POOL, "aud": "chat-client", "token_use": "id", "auth_time": 1_700_000_000,
            "cognito:username": "ann", "email_verified": true, "origin_jti": "o", "event_id": "e",
        });
        let access = json!({ "token_use": "access" });
        cognito.refuses(jwt, &cognito_header(), &good, &[access, json!({ "aud": "other" })]).await;
    });
}

#[test]
fn auth0_ends_its_issuer_with_a_slash_and_lists_permissions() {
    run(async {
        let auth0 = Provider::new(|jwk| {
            jwk["x5t"] = json!("k1");
            jwk["x5c"] = json!(["MIIC"]);
        })
        .await;
        let jwt = || {
            Jwt::key_source(auth0.keys())
                .issuer("https://example.eu.auth0.com/")
                .audience("https://chat.example/api")
                .scopes_from(["scope"])
                .scopes_from(["permissions"])
                .scopes_from(["https://chat.example/roles"])
        };
        let good = json!({
            "iss": "https://example.eu.auth0.com/", "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "azp": "chat-web",
            "aud": ["https://chat.example/api", "https://example.eu.auth0.com/userinfo"], "scope": "openid profile",
            "permissions": ["read:chat"], "https://chat.example/roles": ["admin"],
        });
        let user = auth0.accepts(jwt(), &header(), &good).await;
        assert!(["openid", "read:chat", "admin"].iter().all(|scope| has_scope(&user, scope)));
        let changes = [
            json!({ "iss": "https://example.eu.auth0.com" }),
            json!({ "aud": "https://example.eu.auth0.com/userinfo" }),
        ];
        auth0.refuses(jwt, &header(), &good, &changes).await;
    });
}

#[test]
fn auth0_with_the_profile_of_rfc_9068() {
    run(async {
        let auth0 = Provider::new(|_| {}).await;
        let jwt = || {
            Jwt::key_source(auth0.keys())
                .access_token("https://chat.example/api")
                .issuer("https://example.eu.auth0.com/")
                .scopes_from(["permissions"])
        };
        let typ = json!({ "typ": "at+jwt", "alg": "RS256", "kid": "k1" });
        let good = json!({
            "iss": "https://example.eu.auth0.com/", "sub": "auth0|5f7c", "aud": "https://chat.example/api", "jti": "j",
            "client_id": "chat-web", "permissions": ["read:chat"],
        });
        assert!(has_scope(&auth0.accepts(jwt(), &typ, &good).await, "read:chat"));
        auth0.refuses(jwt, &typ, &good, &[json!({ "client_id": null }), json!({ "jti": null })]).await;
        assert_eq!(auth0.present(jwt(), &header(), &good).await.unwrap_err().code(), INVALID);
    });
}

#[test]
fn okta_lists_scopes_in_scp() {
    run(async {
        let okta = Provider::new(|_| {}).await;
        let iss = "https://example.okta.com/oauth2/default";
        let jwt = || Jwt::key_source(okta.keys()).issuer(iss).audience("api://default").scopes_from(["scp"]);
        let good = json!({
            "ver": 1, "jti": "AT.x", "iss": iss, "aud": "api://default", "cid": "chat-web", "uid": "00u1", "sub": "ann@example.com",
            "scp": ["openid", "chat.read"], "auth_time": 1_700_000_000,
        });
        let user = okta.accepts(jwt(), &json!({ "kid": "k1", "alg": "RS256" }), &good).await;
        assert!(has_scope(&user, "chat.read"));
        // The organization's own authorization server issues tokens that only Okta can verify.
        okta.refuses(jwt, &header(), &good, &[json!({ "iss": "https://example.okta.com" })]).await;
    });
}

#[test]
fn keycloak_in_a_compose_file_over_http() {
    run(async {
        let keycloak = Provider::new(|_| {}).await;
        let encryption = rsa_jwk(|jwk| {
            jwk["kid"] = json!("k2");
            jwk["use"] = json!("enc");
            jwk["alg"] = json!("RSA-OAEP");
        });
        keycloak.issuer.publish(&jwks([encryption, rsa_jwk(|_| {})]));
        // Browsers and the service use different names for the server.
        let iss = "http://localhost:8080/realms/chat";
        let place = keycloak.issuer.url("/realms/chat/protocol/openid-connect/certs").replace("127.0.0.1", "0.0.0.0");
        let host = place.split('/').nth(2).unwrap();
        let jwt = || {
            let keys = RemoteJwks::at(&place).unwrap().dangerous_allow_http(host).unwrap();
            Jwt::key_source(keys.clock(keycloak.clock.clone()).lazy().unwrap())
                .issuer(iss)
                .audience("chat-api")
                .require_claim("typ", "Bearer")
                .scopes_from(["scope"])
                .scopes_from(["realm_access", "roles"])
                .scopes_from(["resource_access", "chat-api", "roles"])
        };
        let good = json!({
            "iss": iss, "aud": ["chat-api", "account"], "sub": "f1b2", "typ": "Bearer", "azp": "chat-web", "sid": "s1",
            "session_state": "s1", "acr": "1", "jti": "onrtac:1", "allowed-origins": ["http://localhost:3000"],
            "realm_access": { "roles": ["offline_access", "Realm Admin", "editor"] },
            "resource_access": { "chat-api": { "roles": ["poster"] }, "account": { "roles": ["manage-account"] } },
            "scope": "profile email", "email_verified": false, "preferred_username": "ann",
        });
        let user = keycloak.accepts(jwt(), &header(), &good).await;
        assert!(["profile", "editor", "poster"].iter().all(|scope| has_scope(&user, scope)));
        assert!(!["manage-account", "Realm", "Admin"].iter().any(|scope| has_scope(&user, scope)));
        let changes = [
            json!({ "typ": "ID" }),
            json!({ "typ": "Refresh" }),
            json!({ "aud": "account" }),
            json!({ "iss": "http://keycloak:8080/realms/chat" }),
        ];
        keycloak.refuses(jwt, &header(), &good, &changes).await;
    });
}

#[test]
fn adfs_names_keys_by_x5t_and_has_another_access_token_issuer() {
    run(async {
        let adfs = Provider::new(|_| {}).await;
        let iss = "http://adfs.example/adfs/services/trust";
        let jwt = || {
            Jwt::key_source(adfs.keys()).issuer(iss).audience("microsoft:identityserver:chat-api").scopes_from(["scp"])
        };
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": "thumb-1" });
        let good = json!({
            "aud": "microsoft:identityserver:chat-api", "iss": iss, "apptype": "Public", "appid": "chat-web", "ver": "1.0",
            "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            "auth_time": "2023-11-14T22:00:00.000Z", "scp": "openid chat.read", "sub": "x+y=",
        });
        // The next key is published beside the signing one. Some versions publish `kid`, but their tokens don't have it.
        for kid in [Value::Null, json!("thumb-1")] {
            let key = rsa_jwk(|jwk| {
                remove(jwk, &["alg"]);
                jwk["kid"] = kid;
                jwk["x5t"] = json!("thumb-1");
            });
            let next = rsa_jwk(|jwk| {
                remove(jwk, &["kid", "alg"]);
                jwk["n"] = json!(encode([[0xff; 255].as_slice(), &[0xfd]].concat()));
                jwk["x5t"] = json!("thumb-2");
            });
            adfs.issuer.publish(&jwks([next, key]));
            assert!(has_scope(&adfs.accepts(jwt(), &header, &good).await, "chat.read"));
            adfs.refuses(jwt, &header, &good, &[json!({ "iss": "https://adfs.example/adfs" })]).await;
        }
    });
}

#[test]
fn apple_issues_id_tokens_with_a_nonce() {
    run(async {
        let apple = Provider::new(|_| {}).await;
        let jwt = || {
            Jwt::key_source(apple.keys())
                .issuer("https://appleid.apple.com")
                .id_token("com.example.chat")
                .nonce("n-0S6_WzA2Mj")
        };
        let good = json!({
            "iss": "https://appleid.apple.com", "aud": "com.example.chat", "sub": "001234.abcd.5678", "nonce": "n-0S6_WzA2Mj",
            "nonce_supported": true, "email": "x@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true",
            "auth_time": 1_700_000_000, "c_hash": "x", "real_user_status": 2,
        });
        // A logout token has `events` and the same audience.
        let events = json!({ "events": { "type": "consent-revoked" }, "nonce": null });
        let changes =
            [json!({ "nonce": "other" }), json!({ "nonce": null }), json!({ "aud": "com.example.other" }), events];
        apple.refuses(jwt, &json!({ "kid": "k1", "alg": "RS256" }), &good, &changes).await;
    });
}

#[test]
fn kubernetes_requires_a_header_for_its_keys() {
    run(async {
        let cluster = Provider::new(|_| {}).await;
        let keys = ok(jwks([rsa_jwk(|_| {})]).to_string());
        cluster.issuer.say(move |asked| {
            let is_allowed = asked.head.to_ascii_lowercase().contains("authorization: bearer pod-token");
            Say::All(if is_allowed { keys.clone() } else { reply("403 Forbidden", "", r#"{"kind":"Status"}"#) })
        });
        let iss = "https://kubernetes.default.svc.cluster.local";
        let of = |keys: RemoteJwks| {
            Jwt::key_source(keys).issuer(iss).audience("chat").subject("system:serviceaccount:web:front")
        };
        let source = || {
            let keys = RemoteJwks::at(cluster.issuer.url("/openid/v1/jwks")).unwrap().clock(cluster.clock.clone());
            keys.header_from("authorization", || Ok(auth_core::Secret::new("Bearer pod-token")))
                .unwrap()
                .lazy()
                .unwrap()
        };
        let good = json!({
            "aud": ["chat"], "iss": iss, "jti": "0a1b", "nbf": 1_700_000_000, "sub": "system:serviceaccount:web:front",
            "kubernetes.io": { "namespace": "web", "serviceaccount": { "name": "front", "uid": "u" }, "pod": { "name": "p" } },
        });
        let header = json!({ "alg": "RS256", "kid": "k1" });
        let changes = [json!({ "sub": "system:serviceaccount:web:back" }), json!({ "aud": [iss] })];
        cluster.refuses(|| of(source()), &header, &good, &changes).await;
        let without = cluster.present(of(cluster.keys()), &header, &good).await.unwrap_err();
        assert_eq!(without.code(), UNAVAILABLE);
    });
}

#[test]
fn github_actions_names_repository_and_branch() {
    run(async {
        let github = Provider::new(|jwk| jwk["x5t"] = json!("k1")).await;
        let iss = "https://token.actions.githubusercontent.com";
        let jwt = || {
            Jwt::key_source(github.keys())
                .issuer(iss)
                .audience("https://chat.example")
                .require_claim("repository", "example/chat")
                .require_claim("ref", "refs/heads/main")
        };
        let good = json!({
            "iss": iss, "aud": "https://chat.example", "sub": "repo:example/chat:ref:refs/heads/main", "jti": "j",
            "repository": "example/chat", "repository_owner": "example", "repository_id": "74", "ref": "refs/heads/main",
            "ref_type": "branch", "workflow": "deploy", "run_attempt": "1", "nbf": 1_699_999_700,
        });
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": "k1", "kid": "k1" });
        let fork = json!({ "repository": "stranger/chat", "sub": "repo:stranger/chat:ref:refs/heads/main" });
        // A token made without `audience` is for the owner of the repository.
        let changes = [fork, json!({ "ref": "refs/heads/next" }), json!({ "aud": "https://github.com/example" })];
        github.refuses(jwt, &header, &good, &changes).await;
    });
}

#[cfg(feature = "x509")]
#[test]
fn firebase_publishes_certificates_under_their_names() {
    run(async {
        let firebase = Provider::new(|_| {}).await;
        // The certificate of the test key is of this time.
        firebase.clock.advance(100_000_000 * SECOND);
        let certificate = str::from_utf8(include_bytes!("../keys/rsa2048.cert.pem")).unwrap();
        firebase.issuer.publish(&json!({ "k1": certificate, "k0": certificate }));
        let iss = "https://securetoken.google.com/chat-1234";
        let jwt = || {
            let keys = RemoteJwks::certificates(firebase.issuer.url("/x509")).unwrap().clock(firebase.clock.clone());
            Jwt::key_source(keys.lazy().unwrap()).issuer(iss).audience("chat-1234")
        };
        let good = json!({
            "iss": iss, "aud": "chat-1234", "auth_time": 1_700_000_000, "user_id": "u1", "sub": "u1", "email": "ann@example.com",
            "firebase": { "identities": {}, "sign_in_provider": "password" },
        });
        let changes = [json!({ "aud": "other-1234" }), json!({ "iss": "https://securetoken.google.com/other-1234" })];
        firebase.refuses(jwt, &header(), &good, &changes).await;
    });
}

/// The evidence page names the test of each provider, and this file has no other tests.
#[test]
fn page_about_providers_names_every_test_here() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evidence.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## providers.md\n").unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_suffix("` |"));
    let mut named: Vec<_> = rows.filter_map(|row| row.rsplit_once('`')).map(|row| row.1).collect();
    let tests = include_str!("providers.rs").split("#[test]\nfn ").skip(1).filter_map(|test| test.split_once('('));
    let mut tests: Vec<_> = tests.map(|(name, _)| name).filter(|name| !name.starts_with("page_about")).collect();
    named.sort_unstable();
    tests.sort_unstable();
    assert_eq!(named, tests);
}
