//! The HTTP client for one request, with its limits.

use auth_core::ConfigError;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client as HyperClient,
        connect::{Connect, HttpConnector, proxy::Tunnel},
    },
    rt::TokioExecutor,
};
use rustls::ClientConfig;

use super::{
    FetchError, FetchErrorKind,
    error::ErrorContext,
    found,
    headers::{Headers, OriginHeaders},
    proxy::Proxy,
    trust::{Tls, Trust},
};

const MAX_BODY: usize = 256 * 1024;
const ACCEPT: HeaderValue = HeaderValue::from_static("application/jwk-set+json, application/json");

/// Some gateways refuse requests without one.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("auth-jwt/", env!("CARGO_PKG_VERSION")));

/// Follows no redirects and keeps no connections.
pub(super) struct Client {
    direct: Http<HttpConnector>,
    tunnel: Option<(Proxy, Http<ToProxy>)>,
    headers: OriginHeaders,
}

type Http<C> = HyperClient<HttpsConnector<C>, Empty<&'static [u8]>>;
type ToProxy = Tunnel<HttpsConnector<HttpConnector>>;

pub(super) enum Reply {
    Ok {
        headers: HeaderMap,
        body: Vec<u8>,
    },
    /// 304, only in response to a request with a validator.
    NotModified(HeaderMap),
}

impl Client {
    /// A client for the configured location.
    ///
    /// # Errors
    /// As for [`Trust::tls`].
    pub(super) fn new(
        trust: &Trust,
        proxy: Option<Proxy>,
        headers: Headers,
        location: &Uri,
    ) -> Result<Self, ConfigError> {
        let Tls { issuer, proxy: to_proxy } = trust.tls(location)?;
        let tunnel = proxy.map(|proxy| {
            let mut tunnel = Tunnel::new(proxy.location().clone(), over_tls(to_proxy, plain()));
            if let Some(credential) = proxy.credential() {
                tunnel = tunnel.with_auth(credential.clone());
            }
            (proxy, client(over_tls(issuer.clone(), tunnel)))
        });
        let direct = client(over_tls(issuer, plain()));
        Ok(Self { direct, tunnel, headers: OriginHeaders::new(headers, location) })
    }

    /// The configured headers and their origin.
    pub(super) fn headers(&self) -> &OriginHeaders {
        &self.headers
    }

    /// The response to a GET, if it is 200 and not too long, or 304 if a validator was sent.
    pub(super) async fn get(&self, uri: &Uri, validator: Option<&HeaderValue>) -> Result<Reply, FetchError> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(header::ACCEPT, ACCEPT);
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        if let Some(validator) = validator {
            request.headers_mut().insert(header::IF_NONE_MATCH, validator.clone());
        }
        self.headers.write(request.headers_mut(), uri)?;
        let (response, way) = match &self.tunnel {
            Some((proxy, client)) if proxy.takes(uri) => {
                (client.request(request), format!(" through the proxy {}", found::url(proxy.location())))
            }
            _ => (self.direct.request(request), String::new()),
        };
        let unreachable = |what, error| {
            let because = ErrorContext::new(format!("{what} {}{way}", found::url(uri)), error);
            FetchError::caused_by(FetchErrorKind::Unreachable, because)
        };
        let response = response.await.map_err(|error| unreachable("no answer from", error.into()))?;
        if response.status() == StatusCode::NOT_MODIFIED && validator.is_some() {
            return Ok(Reply::NotModified(response.into_parts().0.headers));
        }
        if response.status() != StatusCode::OK {
            return Err(FetchError::caused_by(FetchErrorKind::Status, self.other_status(uri, &response)));
        }
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let what = format!("expected {MAX_BODY} bytes at most, found more at {}", found::url(uri));
                FetchError::caused_by(FetchErrorKind::TooLarge, what)
            } else {
                unreachable("the answer broke off, from", error)
            }
        })?;
        Ok(Reply::Ok { headers: head.headers, body: body.to_bytes().to_vec() })
    }

    fn other_status<B>(&self, uri: &Uri, response: &Response<B>) -> String {
        let status = response.status();
        let what = format!("expected status 200, found status {} at {}", status.as_u16(), found::url(uri));
        match status {
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                let to = found::redirect(response.headers());
                format!("{what}, a redirect {to}; redirects are not followed: configure the URL that it leads to")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.headers.is_empty() => {
                format!("{what}, and no credential was sent: if one is required, set a `header`")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !self.headers.are_for(uri) => {
                format!("{what}, and the configured headers were not sent, since they are for another origin")
            }
            _ => what,
        }
    }
}

/// Plain TCP.
fn plain() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector
}

/// TLS for `https` URLs.
fn over_tls<C>(tls: ClientConfig, connector: C) -> HttpsConnector<C> {
    HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector)
}

fn client<C>(connector: HttpsConnector<C>) -> Http<C>
where
    HttpsConnector<C>: Connect + Clone,
{
    // A connection that was idle for minutes is probably dead.
    HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}
