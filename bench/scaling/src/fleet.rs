//! The nodes, each a process of this program.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{
    Result,
    order::{Answer, Done, Order, Stamp, Tally, Work},
    usage,
};

pub struct Fleet(pub Vec<Node>);

pub struct Node {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Fleet {
    /// Starts one node for each of these lists of URLs.
    pub fn start(urls: &[String], prefix: &str) -> Result<Self> {
        Ok(Self(urls.iter().map(|urls| Node::start(urls, prefix, true)).collect::<Result<_>>()?))
    }

    /// The same order to all nodes at once; the answers in their order.
    pub fn all(&mut self, order: &Order) -> Result<Vec<Answer>> {
        self.0.iter_mut().try_for_each(|node| node.send(order))?;
        self.0.iter_mut().map(Node::receive).collect()
    }

    /// The same work on the first `nodes` nodes at once.
    pub fn work(&mut self, nodes: usize, work: Work) -> Result<Vec<Done>> {
        let first = &mut self.0[..nodes];
        first.iter_mut().try_for_each(|node| node.send(&Order::Work(work)))?;
        first.iter_mut().map(Node::done).collect()
    }

    pub fn tallies(&mut self) -> Result<Vec<Tally>> {
        self.all(&Order::Tally)?.into_iter().map(tally).collect()
    }

    pub fn closed(&mut self) -> Result<Vec<Vec<Stamp>>> {
        let answers = self.all(&Order::Closed)?;
        answers
            .into_iter()
            .map(|answer| match answer {
                Answer::Closed(closed) => Ok(closed),
                other => Err(format!("a node answered {other:?}").into()),
            })
            .collect()
    }

    /// The CPU time of all nodes, in seconds.
    pub fn cpu(&self) -> Result<f64> {
        self.0.iter().map(|node| usage::cpu(node.pid())).sum()
    }
}

impl Node {
    pub fn start(urls: &str, prefix: &str, follows: bool) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["node", urls, prefix, if follows { "follows" } else { "alone" }]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = process.stdin.take().ok_or("no stdin")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        let mut node = Self { process, orders, answers };
        node.receive()?;
        Ok(node)
    }

    pub fn ask(&mut self, order: &Order) -> Result<Answer> {
        self.send(order)?;
        self.receive()
    }

    pub fn work(&mut self, work: Work) -> Result<Done> {
        self.send(&Order::Work(work))?;
        self.done()
    }

    pub fn send(&mut self, order: &Order) -> Result<()> {
        serde_json::to_writer(&mut self.orders, order)?;
        self.orders.write_all(b"\n")?;
        Ok(self.orders.flush()?)
    }

    pub fn receive(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    pub fn done(&mut self) -> Result<Done> {
        match self.receive()? {
            Answer::Done(done) => Ok(done),
            other => Err(format!("a node answered {other:?}").into()),
        }
    }

    pub fn tally(&mut self) -> Result<Tally> {
        tally(self.ask(&Order::Tally)?)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Stops or continues the process, by this signal.
    pub fn signal(&self, signal: &str) -> Result<()> {
        Command::new("kill").args([signal, &self.pid().to_string()]).status()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn tally(answer: Answer) -> Result<Tally> {
    match answer {
        Answer::Tally(tally) => Ok(tally),
        other => Err(format!("a node answered {other:?}").into()),
    }
}
