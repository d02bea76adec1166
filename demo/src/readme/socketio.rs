let layer = AuthLayer::new(chain);
let (socket_io, io) = SocketIoAuth::new(layer.clone()).build();
io.ns("/", async |socket: SocketRef| {
    socket.on("message", async |socket: SocketRef, user: SocketUser<User>, Data(text): Data<String>| {
        let _ = socket.emit("message", &format!("{} says {text}", user.id));
    });
});
let app = Router::new()
    .route("/me", get(me).layer(layer))
    .layer(socket_io);                                  // answers at /socket.io/; no CONNECT gets past the chain
