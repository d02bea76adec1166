//! Writes `benchmarks.md` and the plots beside it: `report RESULTS DOCS NOTES`. `report begin RESULTS MODE PARTS` begins the
//! results of a run with the date, the machine and the compiler.
//!
//! `RESULTS` holds one JSON object a line, as the programs of the benchmark append them. `NOTES` is text that people write; it
//! goes into the page as it is.

mod bars;
mod figures;
mod format;
mod goals;
mod http;
mod machine;
mod page;
mod plots;
mod results;
mod table;
mod websocket;

use std::{env, error::Error, fs, path::Path};

use self::results::Results;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    if let [begin, results, mode, parts] = &args[..]
        && begin == "begin"
    {
        let run = machine::begin(mode, parts)?;
        return Ok(fs::write(results, serde_json::to_string(&run)? + "\n")?);
    }
    let [results, docs, notes] = &args[..] else { return Err("usage: report RESULTS DOCS NOTES".into()) };
    let results = Results::read(Path::new(results))?;
    let docs = Path::new(docs);
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder)?;
    bars::draw(&results, &folder)?;
    let plots = plots::draw(&results, &folder)?;
    let page = page::page(&results, &plots, &fs::read_to_string(notes)?);
    fs::write(docs.join("benchmarks.md"), page)?;
    Ok(())
}
