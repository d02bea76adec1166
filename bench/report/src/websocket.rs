use crate::{
    figures::{Figure, Spread},
    format,
    results::Results,
    table::Table,
};

const SMALL: &str = "bare axum, 4 KiB buffers";

pub fn table(results: &Results) -> String {
    let mut table = Table::new(&[
        "",
        "open, echo, close/s",
        "ratio",
        "echoes/s",
        "ratio",
        "memory of an idle socket",
        "CPU of 10,000 idle sockets",
    ]);
    for name in ["bare axum", SMALL, "ours, no pings", "ours"] {
        let spread = |part, unit| {
            let spread = results.side(part, name).and_then(|line| Spread::of(&line.values));
            spread.map_or_else(String::new, |spread| format::spread(spread, unit))
        };
        let ratio = |part| {
            let spread = Figure::Ratio { name, beside: SMALL }.spread(results, part);
            spread.map_or_else(String::new, |spread| format::spread(spread, ""))
        };
        let idle = results.side("websocket idle", name).and_then(|line| Spread::of(&line.values));
        table.row(&[
            name.to_owned(),
            spread("websocket handshakes", "/s"),
            ratio("websocket handshakes"),
            spread("websocket echoes", "/s"),
            ratio("websocket echoes"),
            spread("websocket memory", "bytes"),
            idle.map_or_else(String::new, |spread| format!("{} ms/s", format::number(spread.median))),
        ]);
    }
    table.text()
}
