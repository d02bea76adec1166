//! Codecs: the forms of first messages.

mod auth_v1;
mod form;
mod graphql;
mod in_use;

pub(crate) use self::in_use::{Codec, translate_close};
pub use self::{
    auth_v1::AuthV1,
    form::{Decoded, FirstMessageCodec},
    graphql::GraphqlTransportWs,
};
