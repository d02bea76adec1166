//! Cost against size, one plot for each x axis and unit.
//!
//! The plots have no background, and colors that can be read on white and on black.

use std::{collections::BTreeMap, error::Error, ops::Range, path::Path};

use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    prelude::*,
};

use crate::{
    figures::Spread,
    format::{number, quantity, short},
    results::Results,
};

/// The points of one series, with the spread of each.
type Series = Vec<(f64, Spread)>;

/// One plot in its file.
pub struct Plot {
    title: String,
    file: String,
    unit: String,
    series: BTreeMap<String, Series>,
}

/// How the cost of one series grows.
pub struct Growth<'a> {
    pub plot: &'a str,
    pub name: &'a str,
    /// Size and cost.
    pub first: (f64, f64),
    middle: (f64, f64),
    pub last: (f64, f64),
}

impl Growth<'_> {
    /// How many times the size grew.
    pub fn size(&self) -> f64 {
        self.last.0 / self.first.0
    }

    /// How many times the cost grew.
    pub fn cost(&self) -> f64 {
        self.last.1 / self.first.1
    }

    /// Whether the cost grows from the middle to the end at most as from the start to the middle: the ends alone would let a
    /// quadratic pass. Noise may add to what that foresees by `tolerance`.
    pub fn is_at_most_linear(&self, tolerance: f64) -> bool {
        let [(x0, c0), (xm, cm), (x1, c1)] = [self.first, self.middle, self.last];
        let foreseen = c0 + (cm - c0) * (x1 - x0) / (xm - x0);
        c1 <= tolerance * foreseen.max(cm)
    }
}

const SIZE: (u32, u32) = (800, 440);
/// The height of the legend.
const LEGEND: u32 = 36;
const GRAY: RGBColor = RGBColor(128, 128, 128);
pub const COLORS: [RGBColor; 6] = [
    RGBColor(217, 105, 0),
    RGBColor(64, 132, 235),
    RGBColor(38, 150, 75),
    RGBColor(170, 85, 220),
    RGBColor(214, 60, 90),
    RGBColor(0, 150, 160),
];

/// Draws all plots into this folder.
pub fn draw(results: &Results, folder: &Path) -> Result<Vec<Plot>, Box<dyn Error>> {
    let plots = collect(results);
    for plot in &plots {
        plot.draw(&folder.join(&plot.file))?;
    }
    Ok(plots)
}

fn collect(results: &Results) -> Vec<Plot> {
    let mut plots: Vec<Plot> = Vec::new();
    for line in results.lines() {
        let (Some(title), Some(x), Some(spread)) = (&line.plot, line.x, Spread::of(&line.values)) else { continue };
        let at = plots.iter().position(|plot| plot.title == *title && plot.unit == line.unit);
        let at = at.unwrap_or_else(|| {
            plots.push(Plot::new(title, &line.unit));
            plots.len() - 1
        });
        plots[at].series.entry(line.name.clone()).or_default().push((x, spread));
    }
    for series in plots.iter_mut().flat_map(|plot| plot.series.values_mut()) {
        series.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    plots
}

impl Plot {
    fn new(title: &str, unit: &str) -> Self {
        let words: Vec<_> = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        Self {
            title: title.to_owned(),
            file: format!("{}.svg", words.join("-").to_lowercase()),
            unit: unit.to_owned(),
            series: BTreeMap::new(),
        }
    }

    /// The image, and how each series grows.
    pub fn markdown(&self) -> String {
        let mut text = format!("![Cost against {}](benchmarks/{})\n\n", self.title, self.file);
        for growth in self.growth() {
            let Growth { name, first: (few, least), last: (many, most), .. } = &growth;
            let [least, most] = [least, most].map(|cost| quantity(*cost, &self.unit));
            text += &format!("- {name}: {least} at {}, {most} at {}\n", short(&number(*few)), short(&number(*many)));
        }
        text + "\n"
    }

    /// From the smallest size to the largest.
    pub fn growth(&self) -> Vec<Growth<'_>> {
        let mut all = Vec::new();
        for (name, series) in &self.series {
            if let [_, .., _] = &series[..] {
                let at = |index: usize| (series[index].0, series[index].1.median);
                let [first, middle, last] = [0, series.len() / 2, series.len() - 1].map(at);
                all.push(Growth { plot: &self.title, name, first, middle, last });
            }
        }
        all
    }

    fn draw(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        let points: Vec<_> = self.series.values().flatten().collect();
        let x = range(points.iter().map(|point| point.0));
        let y = range(points.iter().flat_map(|point| [point.1.low, point.1.high]));
        // Sizes over several powers of ten need logarithms. A cost that varies little shows from zero.
        self.draw_legend(&root)?;
        match (x.end / x.start > 30.0, y.end / y.start > 30.0) {
            (true, true) => self.draw_on(&root, widened(x).log_scale(), widened(y).log_scale()),
            (true, false) => self.draw_on(&root, widened(x).log_scale(), 0.0..y.end * 1.1),
            (false, true) => self.draw_on(&root, 0.0..x.end * 1.05, widened(y).log_scale()),
            (false, false) => self.draw_on(&root, 0.0..x.end * 1.05, 0.0..y.end * 1.1),
        }?;
        Ok(root.present()?)
    }

    /// Above the plot, where no line crosses it.
    fn draw_legend(&self, root: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
        let mut left = 88;
        for (name, color) in self.series.keys().zip(COLORS.iter().cycle()) {
            root.draw(&Rectangle::new([(left, 14), (left + 18, 18)], color.filled()))?;
            root.draw(&Text::new(name.clone(), (left + 26, 9), text(14)))?;
            left += 60 + 7 * name.len() as i32;
        }
        Ok(())
    }

    fn draw_on<'a, X, Y>(&self, root: &DrawingArea<SVGBackend<'a>, Shift>, x: X, y: Y) -> Result<(), Box<dyn Error>>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(root)
            .margin(12)
            .margin_top(LEGEND)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d(x, y)
            .map_err(|error| error.to_string())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRAY.mix(0.3))
            .axis_style(GRAY)
            .label_style(text(14))
            .axis_desc_style(text(15))
            .x_desc(&self.title)
            .x_label_formatter(&|x| short(&number(*x)))
            .y_label_formatter(&|y| short(&quantity(*y, &self.unit)))
            .draw()
            .map_err(|error| error.to_string())?;
        for (series, color) in self.series.values().zip(COLORS.iter().cycle()) {
            let line = series.iter().map(|(x, spread)| (*x, spread.median));
            let drawn = LineSeries::new(line.clone(), color.stroke_width(2));
            chart.draw_series(drawn).map_err(|error| error.to_string())?;
            let dots = line.map(|point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots).map_err(|error| error.to_string())?;
            let spreads = series.iter().map(|(x, spread)| {
                PathElement::new(vec![(*x, spread.low), (*x, spread.high)], color.mix(0.6).stroke_width(1))
            });
            chart.draw_series(spreads).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

pub fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&GRAY)
}

fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    least.max(f64::MIN_POSITIVE)..most
}

fn widened(range: Range<f64>) -> Range<f64> {
    range.start / 1.3..range.end * 1.6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadratic_is_worse_than_linear_and_a_line_with_a_base_is_not() {
        let growth = |cost: fn(f64) -> f64| {
            let [first, middle, last] = [1.0, 8.0, 64.0].map(|x| (x, cost(x)));
            Growth { plot: "keys", name: "ours", first, middle, last }
        };
        assert!(growth(|x| 500.0 + 10.0 * x).is_at_most_linear(1.1));
        assert!(growth(f64::sqrt).is_at_most_linear(1.1));
        assert!(growth(|_| 100.0).is_at_most_linear(1.1));
        assert!(!growth(|x| 5000.0 + x * x).is_at_most_linear(1.1));
    }
}
