//! One HTTP request, with everything that keeps it short.

use auth_core::ConfigError;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{
    FetchError, FetchErrorKind,
    error::Because,
    found,
    headers::{Headers, OwnHeaders},
    trust::Trust,
};

const MAX_BODY: usize = 256 * 1024;
const ACCEPT: HeaderValue = HeaderValue::from_static("application/jwk-set+json, application/json");

/// Some gateways turn away who does not say.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("auth-jwt/", env!("CARGO_PKG_VERSION")));

/// Follows no redirects, keeps no connections, and takes no proxy from the environment.
pub(super) struct Client {
    client: HyperClient<HttpsConnector<HttpConnector>, Empty<&'static [u8]>>,
    headers: OwnHeaders,
}

pub(super) enum Reply {
    Ok {
        headers: HeaderMap,
        body: Vec<u8>,
    },
    /// 304, which only a request with a validator can have.
    NotModified(HeaderMap),
}

impl Client {
    /// A client for the issuer at this location, which is the one that was configured.
    ///
    /// # Errors
    /// As for [`Trust::tls`].
    pub(super) fn new(trust: &Trust, headers: Headers, location: &Uri) -> Result<Self, ConfigError> {
        let tls = trust.tls(location)?;
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        // A connection that was kept for minutes is likely to be dead.
        let client = HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, headers: OwnHeaders::new(headers, location) })
    }

    /// The headers that were set, and where they go.
    pub(super) fn headers(&self) -> &OwnHeaders {
        &self.headers
    }

    /// The answer to a GET, if it is 200 and not too long; or 304, if it was asked for.
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
        let unreachable = |what, error| {
            let because = Because::new(format!("{what} {}", found::url(uri)), error);
            FetchError::caused_by(FetchErrorKind::Unreachable, because)
        };
        let response =
            self.client.request(request).await.map_err(|error| unreachable("no answer from", error.into()))?;
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
                format!("{what}, and no credential was sent: if one is wanted, set a `header`")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !self.headers.are_for(uri) => {
                format!("{what}, and the headers that were set were not sent, since they are for another origin")
            }
            _ => what,
        }
    }
}
