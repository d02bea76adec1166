use auth_core::Needs;
use http::{
    HeaderMap, HeaderValue, Uri,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
    uri::PathAndQuery,
};

/// What a layer has taken out of a request, kept where only another layer of ours can find it: a layer further in has
/// to see the same credentials.
#[derive(Clone)]
struct Stripped {
    query: Option<String>,
    protocols: Vec<HeaderValue>,
    needs: Needs,
}

/// Puts back what a layer further out has taken away. Gives what that layer needs to have taken away again.
pub(crate) fn restore(parts: &mut Parts) -> Option<Needs> {
    let stripped = parts.extensions.remove::<Stripped>()?;
    set_query(&mut parts.uri, stripped.query.as_deref());
    parts.headers.remove(SEC_WEBSOCKET_PROTOCOL);
    for line in stripped.protocols {
        parts.headers.append(SEC_WEBSOCKET_PROTOCOL, line);
    }
    Some(stripped.needs)
}

/// Takes credentials out of subprotocols and query, and marks the headers that may hold others, so that nothing further
/// in, handler or log, sees them by accident. `outer` is what [`restore`] has given.
pub(crate) fn strip(parts: &mut Parts, needs: &Needs, outer: Option<Needs>) {
    let merged = outer.map(|mut outer| {
        outer.merge(needs.clone());
        outer
    });
    let needs = merged.as_ref().unwrap_or(needs);
    let always = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];
    for name in always.iter().chain(needs.header_names()) {
        if let http::header::Entry::Occupied(mut values) = parts.headers.entry(name) {
            values.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
    let in_query = !needs.query_names().is_empty() && parts.uri.query().is_some();
    let in_protocols = !needs.subprotocol_prefixes().is_empty() && parts.headers.contains_key(SEC_WEBSOCKET_PROTOCOL);
    if !in_query && !in_protocols {
        return;
    }
    let stripped = Stripped {
        query: parts.uri.query().map(str::to_owned),
        protocols: parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect(),
        needs: needs.clone(),
    };
    strip_query(&mut parts.uri, needs.query_names());
    #[cfg(feature = "axum")]
    if let Some(original) = parts.extensions.get_mut::<axum::extract::OriginalUri>() {
        strip_query(&mut original.0, needs.query_names());
    }
    strip_protocols(&mut parts.headers, needs.subprotocol_prefixes());
    parts.extensions.insert(stripped);
}

fn strip_query(uri: &mut Uri, names: &[&'static str]) {
    let Some(query) = uri.query() else {
        return;
    };
    let is_secret = |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| names.contains(&&*name));
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_secret(pair)).collect();
    let kept = kept.join("&");
    set_query(uri, (!kept.is_empty()).then_some(&*kept));
}

fn set_query(uri: &mut Uri, query: Option<&str>) {
    if uri.query() == query {
        return;
    }
    let path = uri.path();
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = std::mem::take(uri).into_parts();
    // OK because path and query come from a URI. Should that ever fail, the query goes, and no secret stays.
    let target = PathAndQuery::try_from(target).unwrap_or_else(|_| PathAndQuery::from_static("/"));
    parts.path_and_query = Some(target);
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

fn strip_protocols(headers: &mut HeaderMap, prefixes: &[&'static str]) {
    let is_secret = |entry: &[u8]| prefixes.iter().any(|prefix| entry.starts_with(prefix.as_bytes()));
    let entries = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
    let kept: Vec<&[u8]> = entries.map(<[u8]>::trim_ascii).filter(|entry| !is_secret(entry)).collect();
    let kept = kept.join(b", ".as_slice());
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Ok(kept) = HeaderValue::from_bytes(&kept)
        && !kept.is_empty()
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, kept);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn needs() -> Needs {
        let mut needs = Needs::default();
        needs.add_query_name("token");
        needs.add_subprotocol_prefix("auth.bearer.");
        needs
    }

    fn parts(uri: &str, protocols: &[&str]) -> Parts {
        let mut builder = Request::get(uri).header("authorization", "Bearer x");
        for line in protocols {
            builder = builder.header("sec-websocket-protocol", *line);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn protocols(parts: &Parts) -> Vec<&str> {
        parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().map(|line| line.to_str().unwrap()).collect()
    }

    #[test]
    fn takes_the_named_parameter_out_of_the_query_and_leaves_the_rest_as_it_is() {
        for (before, after) in [
            ("/ws?token=a", "/ws"),
            ("/ws?a=%20&token=x&b", "/ws?a=%20&b"),
            ("/ws?%74oken=x&a=1", "/ws?a=1"),
            ("/ws?tokens=1", "/ws?tokens=1"),
            ("http://host/ws?token=x", "http://host/ws"),
        ] {
            let mut parts = parts(before, &[]);
            strip(&mut parts, &needs(), None);
            assert_eq!(parts.uri.to_string(), after);
        }
    }

    #[test]
    fn takes_the_token_out_of_the_subprotocols_and_keeps_their_order() {
        let mut parts = parts("/ws", &["b, auth.bearer.abc", "a"]);
        strip(&mut parts, &needs(), None);
        assert_eq!(protocols(&parts), ["b, a"]);
    }

    #[test]
    fn removes_the_header_when_no_other_subprotocol_is_left() {
        let mut parts = parts("/ws", &["auth.bearer.abc"]);
        strip(&mut parts, &needs(), None);
        assert!(protocols(&parts).is_empty());
    }

    #[test]
    fn marks_credential_headers_sensitive() {
        let mut parts = parts("/", &[]);
        strip(&mut parts, &Needs::default(), None);
        assert!(!format!("{:?}", parts.headers).contains("Bearer"));
    }

    #[test]
    fn layer_further_in_sees_the_request_as_it_came() {
        let mut parts = parts("/ws?token=x&a=1", &["auth.v1, auth.bearer.abc"]);
        strip(&mut parts, &needs(), None);
        parts.uri = "/inner?a=1".parse().unwrap();
        let needs = restore(&mut parts).unwrap();
        assert_eq!(parts.uri, "/inner?token=x&a=1");
        assert_eq!(protocols(&parts), ["auth.v1, auth.bearer.abc"]);
        assert_eq!(needs.query_names(), ["token"]);
    }

    #[test]
    fn nothing_is_put_back_where_nothing_could_be_taken_out() {
        for (uri, lines, needs) in [("/ws?a=1", &["b,a"][..], Needs::default()), ("/ws", &[], needs())] {
            let mut parts = parts(uri, lines);
            strip(&mut parts, &needs, None);
            parts.uri = "/inner?a=2".parse().unwrap();
            assert!(restore(&mut parts).is_none(), "{uri}");
            assert_eq!((parts.uri.to_string().as_str(), protocols(&parts)), ("/inner?a=2", lines.to_vec()));
        }
    }
}
