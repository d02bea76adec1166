//! HTTP as bars: one plot for each algorithm.

use std::{error::Error, path::Path};

use plotters::prelude::*;

use crate::{figures::Spread, format::number, http, plots, results::Results};

const WIDTH: u32 = 800;
const ROW: i32 = 26;
/// Where the bars begin, and the longest ends.
const LEFT: i32 = 250;
const RIGHT: i32 = 720;

/// Draws the medians into `http-hs256.svg` and so on.
pub fn draw(results: &Results, folder: &Path) -> Result<(), Box<dyn Error>> {
    for algorithm in http::ALGORITHMS {
        let sides = http::sides(results, "http", algorithm);
        let medians: Vec<_> = sides.iter().filter_map(|line| Some((line, Spread::of(&line.values)?.median))).collect();
        let Some((_, most)) = medians.first() else { continue };
        let path = folder.join(file(algorithm));
        let root = SVGBackend::new(&path, (WIDTH, ROW as u32 * medians.len() as u32 + 30)).into_drawing_area();
        root.draw(&Text::new("requests/s", (LEFT, 4), plots::text(14)))?;
        for (at, (line, median)) in medians.iter().enumerate() {
            let (top, end) = (24 + ROW * at as i32, LEFT + ((RIGHT - LEFT) as f64 * median / most) as i32);
            let color = if line.name.starts_with("ours") { plots::COLORS[0] } else { plots::COLORS[1] };
            root.draw(&Rectangle::new([(LEFT, top), (end, top + ROW - 8)], color.filled()))?;
            root.draw(&Text::new(http::short_name(line, algorithm), (12, top + 2), plots::text(14)))?;
            root.draw(&Text::new(number(*median), (end + 8, top + 2), plots::text(14)))?;
        }
        root.present()?;
    }
    Ok(())
}

pub fn file(algorithm: &str) -> String {
    format!("http-{}.svg", algorithm.to_lowercase())
}
