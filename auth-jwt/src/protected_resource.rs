use auth_core::{ConfigError, Origin};
use http::{HeaderValue, Response, Uri, header};
use serde_json::{Map, Value};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of a protected resource (RFC 9728): which issuers it trusts, which scopes it knows.
///
/// A refused client finds the document by the parameter `resource_metadata` of the challenge, gets a token from one of the
/// issuers, and tries again.
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use axum::Router;
/// use auth_jwt::ProtectedResource;
///
/// let resource = ProtectedResource::new("https://api.example/chat")?
///     .authorization_server("https://id.example")
///     .scope("chat:read")
///     .scope("chat:write");
/// assert_eq!(resource.metadata_url(), "https://api.example/.well-known/oauth-protected-resource/chat");
/// // let jwt = Jwt::…resource_metadata(resource.metadata_url())?…
///
/// let app: Router = Router::new() // …, and the protected routes with their layer
///     .merge(resource.router());
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
///
/// The document is public: put it beside the layer that authenticates requests, not behind it.
#[derive(Clone, Debug)]
#[must_use = "clients must be able to fetch the document"]
pub struct ProtectedResource {
    /// Scheme and authority.
    origin: String,
    path: String,
    members: Map<String, Value>,
}

impl ProtectedResource {
    /// The metadata of the resource with this identifier: an `https` URL, or `http` for tests. Use the same text as the
    /// audience of its tokens.
    ///
    /// # Errors
    /// If it is not such a URL, or has a user, a query or a fragment (RFC 9728, 1.2).
    pub fn new(resource: impl Into<String>) -> Result<Self, ConfigError> {
        let resource = resource.into();
        let (origin, path) = split(&resource).ok_or_else(|| {
            ConfigError::new(
                "the resource is not a URL with `https` and a host, or it has a user, a query or a fragment: \
                 name it as `https://api.example/chat`",
            )
        })?;
        let members = Map::from_iter([("resource".to_owned(), resource.into())]);
        Ok(Self { origin, path, members })
    }

    /// Adds the issuer identifier of an authorization server whose tokens are accepted (`authorization_servers`).
    pub fn authorization_server(self, issuer: impl Into<String>) -> Self {
        self.with_element("authorization_servers", issuer.into())
    }

    /// Adds a scope that tokens for this resource may have (`scopes_supported`).
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.with_element("scopes_supported", scope.into())
    }

    /// Adds a way to send the token (`bearer_methods_supported`): `header`, `body` or `query`.
    pub fn bearer_method(self, method: impl Into<String>) -> Self {
        self.with_element("bearer_methods_supported", method.into())
    }

    /// Adds any other member of the document: `resource_name`, `jwks_uri`, `dpop_bound_access_tokens_required`. A member
    /// of the same name is replaced, except `resource`.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if name != "resource" {
            self.members.insert(name, value.into());
        }
        self
    }

    /// The URL of the document. The well-known part is between host and path (RFC 9728, 3.1).
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.origin, self.metadata_path())
    }

    /// The path of [`metadata_url`](Self::metadata_url).
    #[must_use]
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.path)
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> String {
        Value::Object(self.members.clone()).to_string()
    }

    /// The response to a `GET`: JSON that caches may keep for an hour and that pages of every origin may read.
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        let mut response = Response::new(self.document());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }

    /// A router with this document, at its [path](Self::metadata_path). Merge it at the root of the application.
    #[cfg(feature = "axum")]
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        let response = self.to_response();
        // Braces would be parameters to the router. In the path of a URL they are percent-encoded.
        axum::Router::new().route(&self.metadata_path(), axum::routing::get(async move || response))
    }

    fn with_element(mut self, name: &str, element: String) -> Self {
        let list = self.members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(element.into());
        }
        self
    }
}

/// Scheme with authority, and path. The path of the root is empty.
fn split(resource: &str) -> Option<(String, String)> {
    if resource.contains(['#', '?', '{', '}', '*']) {
        return None;
    }
    let uri: Uri = resource.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "https" | "http"))?;
    let origin = format!("{scheme}://{}", uri.authority()?);
    // The authority has no user, and a valid port or none.
    Origin::parse(&origin)?;
    let path = if uri.path() == "/" { "" } else { uri.path() };
    Some((origin, path.to_owned()))
}
