use auth_core::BoxError;
use bytes::Bytes;
use http_body::Body;

use self::sealed::LookInto;

/// What a layer does with request bodies of type `B`: [`Untouched`] or [`Read`].
#[diagnostic::on_unimplemented(
    message = "an `AuthLayer` that reads bodies needs a body of `Bytes` that can be made from `Bytes`, not `{B}`",
    note = "`AuthLayer::new` takes any body. Use `AuthLayer::reading_bodies` only for chains that look into bodies"
)]
pub trait Bodies<B>: LookInto<B> {}

/// The layer passes every body on unread. The body may have any type. See [`AuthLayer::new`](crate::AuthLayer::new).
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a type parameter")]
pub struct Untouched;

/// The layer reads JSON and form bodies for its chain, and passes them on whole. See
/// [`AuthLayer::reading_bodies`](crate::AuthLayer::reading_bodies).
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a type parameter")]
pub struct Read;

impl<B: Send + 'static> Bodies<B> for Untouched {}

impl<B> Bodies<B> for Read
where
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
}

mod sealed {
    use std::mem;

    use auth_core::{BoxError, Payload, Refusal};
    use bytes::Bytes;
    use http::request::Parts;
    use http_body::Body;

    use super::{Read, Untouched};
    use crate::http::{
        payload::{self, Format, PayloadLimits},
        transport::is_extended_connect,
    };

    #[expect(unnameable_types, reason = "not for others to implement")]
    pub trait LookInto<B>: Send + Sync + 'static {
        /// Returns the fields of a body that may hold a credential. The body is whole afterwards.
        fn look_into(
            parts: &Parts,
            body: &mut B,
            limits: PayloadLimits,
        ) -> impl Future<Output = Result<Option<Payload>, Refusal>> + Send;
    }

    impl<B: Send + 'static> LookInto<B> for Untouched {
        async fn look_into(_: &Parts, _: &mut B, _: PayloadLimits) -> Result<Option<Payload>, Refusal> {
            Ok(None)
        }
    }

    impl<B> LookInto<B> for Read
    where
        B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        async fn look_into(parts: &Parts, body: &mut B, limits: PayloadLimits) -> Result<Option<Payload>, Refusal> {
            // After an extended CONNECT comes the stream of the socket. `Upgrade` says nothing about the body: any request
            // may have that header and a body.
            if body.is_end_stream() || is_extended_connect(parts) {
                return Ok(None);
            }
            let Some(format) = Format::of(&parts.headers)? else {
                return Ok(None);
            };
            let unread = mem::replace(body, B::from(Bytes::new()));
            let bytes = payload::read(&parts.headers, unread, limits).await?;
            let payload = payload::parse(format, &bytes)?;
            *body = B::from(bytes);
            Ok(payload)
        }
    }
}
