use std::{error::Error, fs, path::Path};

use serde::Deserialize;

use crate::machine::Run;

/// One measured side, as the programs write it.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    pub part: String,
    pub name: String,
    pub unit: String,
    /// One per round. The values of two sides of a run are pairs.
    #[serde(default)]
    pub values: Vec<f64>,
    /// The sides of the same part to compare with.
    #[serde(default)]
    pub beside: Vec<String>,
    #[serde(default)]
    pub allocations: Option<u64>,
    #[serde(default)]
    pub bytes: Option<u64>,
    #[serde(default)]
    pub instructions: Option<u64>,
    /// The plot that the line is a point of, by the name of its x axis.
    #[serde(default)]
    pub plot: Option<String>,
    #[serde(default)]
    pub x: Option<f64>,
}

pub struct Results {
    run: Option<Run>,
    lines: Vec<Line>,
}

impl Results {
    /// A later line of the same side adds what the first one lacks.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (mut run, mut lines): (_, Vec<Line>) = (None, Vec::new());
        for text in text.lines().filter(|text| !text.is_empty()) {
            if text.starts_with(r#"{"run":"#) {
                run = Some(serde_json::from_str(text)?);
                continue;
            }
            let line: Line = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
            match lines.iter_mut().find(|other| other.is_same_side(&line)) {
                Some(first) => first.complete(line),
                None => lines.push(line),
            }
        }
        Ok(Self { run, lines })
    }

    /// What was recorded when the run began.
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The sides of a part, without the points of plots.
    pub fn part(&self, part: &str) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.part == part && line.plot.is_none()).collect()
    }

    pub fn side(&self, part: &str, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.part == part && line.name == name && !line.values.is_empty())
    }
}

impl Line {
    fn is_same_side(&self, other: &Self) -> bool {
        (&self.part, &self.name, &self.plot, self.x) == (&other.part, &other.name, &other.plot, other.x)
    }

    fn complete(&mut self, later: Self) {
        if self.values.is_empty() {
            (self.values, self.unit) = (later.values, later.unit);
        }
        self.allocations = self.allocations.or(later.allocations);
        self.bytes = self.bytes.or(later.bytes);
        self.instructions = self.instructions.or(later.instructions);
    }
}
