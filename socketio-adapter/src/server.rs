use socketioxide::SocketIo;
use ws_adapter::adapter::Checkpoint;

use super::{
    engine::Engine,
    options::Options,
    session::{Session, Sessions},
};

/// What the layer, the service and the namespaces of one server share.
pub(super) struct Server<U> {
    pub(super) checkpoint: Checkpoint<U>,
    pub(super) options: Options,
    pub(super) engine: Engine,
    pub(super) io: SocketIo,
    pub(super) sessions: Sessions<Session>,
}
