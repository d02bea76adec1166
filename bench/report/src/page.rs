use crate::{
    figures::{Figure, Spread},
    format, goals, http,
    machine::Run,
    plots::Plot,
    results::{Line, Results},
    table::Table,
    websocket,
};

/// The whole page.
pub fn page(results: &Results, plots: &[Plot], notes: &str) -> String {
    let mut text = include_str!("page/head.md").to_owned();
    text += &results.run().map_or_else(|| "The machine was not recorded.\n\n".to_owned(), Run::table);
    text += "## Goals\n\n";
    text += include_str!("page/goals.md");
    text += "\n";
    text += &goals::table(results, plots);
    text += notes.trim();
    text += "\n\n## The chain without a server\n\n";
    text += include_str!("page/micro.md");
    text += "\n";
    text += &micro(results, "micro");
    text += &informed(micro(results, "micro, INFO"));
    text += "## In process, behind axum\n\n";
    text += include_str!("page/service.md");
    text += "\n";
    text += &service(results, "service");
    text += &informed(service(results, "service, INFO"));
    text += "## Behind a login, in memory\n\n";
    text += include_str!("page/session.md");
    text += "\n";
    text += &micro(results, "session");
    text += "## HTTP over loopback\n\n";
    text += include_str!("page/http.md");
    text += "\n";
    for line in results.part("left out") {
        text += &format!("Left out, since a check of its answers failed: {}.\n\n", line.name);
    }
    text += &http::tables(results, "http", "http CPU");
    text += &informed(http::tables(results, "http, INFO", "http CPU, INFO"));
    text += "## WebSocket\n\n";
    text += include_str!("page/websocket.md");
    text += "\n";
    text += &websocket::table(results);
    text += "## Cost against size\n\n";
    text += include_str!("page/size.md");
    text += "\n";
    for plot in plots {
        text += &plot.markdown();
    }
    text.trim_end().to_owned() + "\n"
}

fn informed(tables: String) -> String {
    if tables.is_empty() { tables } else { format!("The same with a subscriber at INFO on every side:\n\n{tables}") }
}

/// Empty if the part was not measured.
fn micro(results: &Results, part: &str) -> String {
    let lines = results.part(part);
    if lines.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["", "time", "allocations", "bytes", "beside"]);
    for line in lines {
        let ratio = |beside: &String| {
            let spread = Figure::Ratio { name: &line.name, beside }.spread(results, part)?;
            Some(format!("{} of *{beside}*", format::spread(spread, "")))
        };
        let beside: Vec<_> = line.beside.iter().filter_map(ratio).collect();
        table.row(&[name(line), time(line), count(line.allocations), count(line.bytes), beside.join("; ")]);
    }
    table.text()
}

/// Empty if the part was not measured.
fn service(results: &Results, part: &str) -> String {
    let lines = results.part(part);
    if lines.is_empty() {
        return String::new();
    }
    let head = ["", "time", "over bare", "beside what the tight verifier adds", "allocations", "bytes", "instructions"];
    let mut table = Table::new(&head);
    for line in lines {
        let figure = |figure: Figure<'_>, unit| {
            let spread = (line.name != "bare").then(|| figure.spread(results, part)).flatten();
            spread.map_or_else(String::new, |spread| format::spread(spread, unit))
        };
        let (side, base) = (line.name.as_str(), "bare");
        table.row(&[
            name(line),
            time(line),
            figure(Figure::Over { name: side, base }, "ns"),
            figure(Figure::Added { name: side, beside: "tight verifier", base }, ""),
            count(line.allocations),
            count(line.bytes),
            count(line.instructions),
        ]);
    }
    table.text()
}

fn name(line: &Line) -> String {
    if line.name.starts_with("ours") { format!("**{}**", line.name) } else { line.name.clone() }
}

fn time(line: &Line) -> String {
    Spread::of(&line.values).map_or_else(String::new, |spread| format::spread(spread, &line.unit))
}

fn count(count: Option<u64>) -> String {
    count.map_or_else(String::new, format::count)
}
