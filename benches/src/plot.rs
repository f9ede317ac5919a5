//! Rows as pictures: a bar for each ratio, a line for each cost that grows with the entries.
//!
//! Owns: the drawing, by hand, in one file of SVG each. Never: scales an axis so that a difference looks larger: ratios
//! and costs are drawn by their logarithm, and 1 is always there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::report::{Row, rounded};
use crate::{Failure, machine};

const WIDTH: f64 = 860.0;
/// Where the bars or the lines begin, and where they end.
const LEFT: f64 = 250.0;
const RIGHT: f64 = 760.0;
const LINE: f64 = 17.0;
const HEAD: f64 = 46.0;
/// Told apart on white and on black, by most eyes.
const COLOURS: [&str; 5] = ["#4477aa", "#cc6677", "#999933", "#aa4499", "#44aa99"];
/// The same picture in a light and in a dark page: no ground of its own, and grey for all that is text.
const STYLE: &str = "<style>text{font:12px sans-serif;fill:#808080}.t{font-weight:bold;font-size:14px}\
.g{stroke:#808080;stroke-opacity:.35}</style>";

/// Draws `rows` into files under `benches/plots`.
///
/// Errors: a sentence, when a file cannot be written.
pub fn draw(program: &str, rows: &[Row]) -> Result<Vec<PathBuf>, Failure> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("plots");
    fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut written = Vec::new();
    for (name, picture) in [
        (format!("{program}.svg"), bars(program, rows)),
        (format!("{program}_by_size.svg"), lines(program, rows)),
    ] {
        let Some(picture) = picture else { continue };
        let path = folder.join(name);
        fs::write(&path, picture)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

fn open(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">{STYLE}\n\
         <title>{title}</title><text class=\"t\" x=\"8\" y=\"20\">{title}</text>\n"
    )
}

fn text(picture: &mut String, (x, y): (f64, f64), anchor: &str, content: &str) {
    let _ = writeln!(picture, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>");
}

/// A bar for the ratio of each row, from 1 to the right where we are better, to the left where we are not. Nothing when
/// no row has one.
fn bars(program: &str, rows: &[Row]) -> Option<String> {
    let ratios: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, row.ratio()?))).collect();
    let most = ratios.iter().map(|(_, ratio)| ratio.log10().abs()).fold(1.0, f64::max);
    let (least, most) = (ratios.iter().map(|(_, ratio)| ratio.log10()).fold(-0.3, f64::min), most);
    let at = |ratio: f64| LEFT + (RIGHT - LEFT) * (ratio.log10() - least) / (most - least);
    ratios.first()?;
    let height = HEAD + LINE * ratios.len() as f64 + 12.0;
    let title = format!("{program}: how many times better we are, {} cores", machine::cores());
    let mut picture = open(&title, height);
    for power in least.ceil() as i32..=most.floor() as i32 {
        let (x, label) = (at(10_f64.powi(power)), 10_f64.powi(power));
        let _ = writeln!(
            picture,
            "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{height}\"/>"
        );
        text(&mut picture, (x, HEAD - 6.0), "middle", &format!("{label}"));
    }
    let mut peers: Vec<&str> = Vec::new();
    for (number, (row, ratio)) in ratios.iter().enumerate() {
        let place = peers.iter().position(|peer| *peer == row.peer).unwrap_or_else(|| {
            peers.push(&row.peer);
            peers.len() - 1
        });
        let (y, colour) = (HEAD + LINE * number as f64, COLOURS[place % COLOURS.len()]);
        let (from, to) = (at(1.0).min(at(*ratio)), at(1.0).max(at(*ratio)));
        let label = format!("{} \u{d7}{} {}", row.measure, row.threads, row.peer);
        text(&mut picture, (LEFT - 8.0, y + 12.0), "end", &label);
        let _ = writeln!(
            picture,
            "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" fill=\"{colour}\"/>",
            y + 2.0,
            (to - from).max(1.0)
        );
        text(&mut picture, (to + 5.0, y + 12.0), "start", &format!("{ratio:.2}"));
    }
    picture.push_str("</svg>\n");
    Some(picture)
}

/// A line for the cost of each measure of ours that was made with several numbers of entries. Nothing when there is none.
fn lines(program: &str, rows: &[Row]) -> Option<String> {
    let mut costs: BTreeMap<&str, BTreeMap<u64, f64>> = BTreeMap::new();
    for row in rows {
        if let Some(keys) = row.keys.filter(|&keys| keys > 0) {
            costs.entry(&row.measure).or_default().insert(keys, row.ours.median().max(1.0));
        }
    }
    costs.retain(|_, by_keys| by_keys.len() > 1);
    let points = || costs.values().flatten();
    let (least, most) =
        (*points().map(|(keys, _)| keys).min()? as f64, *points().map(|(keys, _)| keys).max()? as f64);
    let top = points().map(|(_, cost)| cost.log10()).fold(1.0, f64::max).ceil();
    let height = 360.0;
    let x = |keys: f64| 60.0 + (RIGHT - 130.0) * (keys / least).log10() / (most / least).log10();
    let y = |cost: f64| height - 30.0 - (height - 30.0 - HEAD) * cost.log10() / top;
    let title = format!("{program}: nanoseconds of ours by entries, {} cores", machine::cores());
    let mut picture = open(&title, height);
    for power in 0..=top as i32 {
        let (cost, right) = (10_f64.powi(power), RIGHT - 70.0);
        let _ = writeln!(
            picture,
            "<line class=\"g\" x1=\"60\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>",
            y(cost)
        );
        text(&mut picture, (54.0, y(cost) + 4.0), "end", &format!("{}", rounded(cost)));
    }
    let sizes: std::collections::BTreeSet<u64> = points().map(|(keys, _)| *keys).collect();
    for keys in sizes {
        text(&mut picture, (x(keys as f64), height - 12.0), "middle", &format!("{keys}"));
    }
    for (number, (measure, by_keys)) in costs.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let path: Vec<_> =
            by_keys.iter().map(|(&keys, &cost)| format!("{:.1},{:.1}", x(keys as f64), y(cost))).collect();
        let _ = writeln!(
            picture,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            path.join(" ")
        );
        if let Some((&keys, &cost)) = by_keys.last_key_value() {
            text(&mut picture, (x(keys as f64) + 6.0, y(cost) + 4.0), "start", measure);
        }
    }
    picture.push_str("</svg>\n");
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Better;
    use crate::samples::Samples;

    fn row(keys: u64, ours: f64) -> Row {
        Row {
            measure: "get".into(),
            keys: Some(keys),
            threads: 1,
            peer: "moka".into(),
            ours: Samples::from(vec![ours]),
            theirs: Samples::from(vec![100.0]),
            unit: "ns",
            better: Better::Lower,
        }
    }

    #[test]
    fn there_is_a_bar_for_each_row_and_a_line_for_each_measure_of_several_sizes() {
        let rows = [row(1_000, 10.0), row(10_000, 20.0), row(100_000, 0.0)];
        let picture = bars("scale", &rows).expect("two rows have a ratio");
        assert_eq!(picture.matches("<rect").count(), 2, "nothing by zero has no ratio");
        assert!(picture.contains(">10.00<") && picture.contains(">5.00<") && picture.ends_with("</svg>\n"));
        assert_eq!(lines("scale", &rows).expect("three sizes").matches("<polyline").count(), 1);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!((bars("peers", &[]), lines("peers", &[row(10, 1.0)])), (None, None));
    }
}
