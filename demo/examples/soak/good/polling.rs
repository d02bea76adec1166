//! A Socket.IO client that polls: a `GET` is always pending, and each packet is a `POST`.

use crate::{
    client::{self, Client, Http, accepted},
    world::{Cut, Kind, Result},
};

pub(super) struct Polling {
    polls: Http,
    posts: Http,
    target: String,
}

impl Polling {
    pub(super) async fn login(client: &Client, token: &str) -> Result<Self> {
        let (mut polls, posts) = (Http::connect(client).await?, Http::connect(client).await?);
        let target = "/socket.io/?EIO=4&transport=polling";
        polls.get(target, "").await?;
        let target = format!("{target}&sid={}", client::sid(&polls.good().await?)?);
        polls.get(&target, "").await?;
        let mut polling = Self { polls, posts, target };
        polling.post(&client::connect("/", token)).await?;
        polling.until(accepted).await?;
        Ok(polling)
    }

    pub(super) async fn present(&mut self, token: &str) -> Result<()> {
        self.post(&client::presentation(Kind::Polling, token)).await?;
        self.until(accepted).await
    }

    pub(super) async fn echo(&mut self, text: &str) -> Result<()> {
        let message = client::message(Kind::Polling, text);
        self.post(&message).await?;
        self.until(|packet| (packet == message).then_some(Ok(())).or_else(|| accepted(packet).filter(Result::is_err)))
            .await
    }

    pub(super) async fn close(mut self) -> Result<()> {
        self.post("1").await
    }

    /// Polls until `of` returns a result for a packet. It also reads the other packets of that answer.
    async fn until(&mut self, of: impl Fn(&str) -> Option<Result<()>>) -> Result<()> {
        let mut result = None;
        while result.is_none() {
            let answer = self.polls.good().await?;
            if answer.split('\u{1e}').any(|packet| packet == "1") {
                let told = answer.split('\u{1e}').find_map(|packet| accepted(packet)?.err());
                return Err(told.unwrap_or_else(|| Cut::Told("close".into())));
            }
            self.polls.get(&self.target, "").await?;
            for packet in answer.split('\u{1e}') {
                if packet == "2" {
                    self.post("3").await?;
                } else {
                    result = result.or_else(|| of(packet));
                }
            }
        }
        result.unwrap_or(Ok(()))
    }

    async fn post(&mut self, packet: &str) -> Result<()> {
        self.posts.post(&self.target, packet).await?;
        self.posts.good().await.map(drop)
    }
}
