use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Serves the public keys, for peers that take them only from a URL.
pub struct Issuer {
    addr: SocketAddr,
}

impl Issuer {
    pub fn start(jwks: String) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &jwks);
            }
        });
        Ok(Self { addr })
    }

    pub fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.addr)
    }
}

fn answer(mut stream: TcpStream, body: &str) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let length = body.len();
    let head = format!("content-type: application/json\r\ncontent-length: {length}\r\nconnection: close");
    write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")
}
