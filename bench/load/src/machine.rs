use std::{
    error::Error,
    fs, thread,
    time::{Duration, Instant},
};

/// What the processors have done since the machine started, in hundredths of a second.
#[derive(Clone, Copy)]
pub struct Busy {
    /// Time of CPU 0, by all processes.
    pub first: u64,
    /// All processors.
    all: u64,
    /// What the host took away from all processors.
    pub stolen: u64,
}

impl Busy {
    pub fn now() -> Result<Self, Box<dyn Error>> {
        let mut busy = Self { first: 0, all: 0, stolen: 0 };
        let text = fs::read_to_string("/proc/stat")?;
        for (at, line) in text.lines().skip(1).take_while(|line| line.starts_with("cpu")).enumerate() {
            // user, nice, system, idle, iowait, irq, softirq, steal
            let fields: Vec<u64> = line.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
            let [user, nice, system, _, _, irq, soft, stolen, ..] = fields[..] else { return Err("/proc/stat".into()) };
            let used = user + nice + system + irq + soft;
            busy.all += used;
            busy.stolen += stolen;
            if at == 0 {
                busy.first = used;
            }
        }
        Ok(busy)
    }
}

/// Waits until nobody else uses the machine, or until this time has passed.
pub fn wait_until_quiet(limit: Duration) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        let before = Busy::now()?;
        thread::sleep(Duration::from_millis(300));
        if Busy::now()?.all - before.all < 4 {
            break;
        }
    }
    Ok(())
}

pub fn first_number(text: &str) -> Result<u64, Box<dyn Error>> {
    Ok(text.split_whitespace().next().ok_or("no number")?.parse()?)
}
