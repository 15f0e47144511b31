//! The pages as HTML, without any script and without anything from elsewhere. It must not know how what they show came
//! to be known.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

use super::html::Html;
use super::overview::{Overview, ViewOverview};
use crate::engine::processes;
use crate::views::runs::{Run, State};
use crate::views::state::{SourceUnit, UnitState};

const STYLE: &str = include_str!("style.css");
/// Days of a row of the grid; the style knows it, too.
const DAYS: u64 = 60;
/// Seconds until a browser asks again.
const REFRESH_SECONDS: u32 = 30;
/// Days that the page of a view lists, newest first.
const DAYS_LISTED: usize = 400;
/// Characters of a statement that are shown.
const STATEMENT_CHARACTERS: usize = 300;
/// A scheduler that has been silent for longer needs somebody.
const SILENCE: TimeDelta = TimeDelta::minutes(3);
/// States of a unit, and what they mean.
const STATES: [(&str, &str); 6] = [
    ("fresh", "up to date"),
    ("running", "being refreshed"),
    ("stale", "what it was made from has changed"),
    ("waiting", "what it reads is not complete"),
    ("missing", "never published"),
    ("failed", "its refresh failed"),
];

/// One day of a row of the grid.
struct Cell<'a> {
    state: &'a str,
    told: String,
    link: Option<String>,
}

/// The front page: views, newest runs, source days, queries.
pub fn front(overview: &Overview, queries: &[processes::Row]) -> String {
    let mut html = Html::default();
    begin(&mut html, "Lakefront");
    header(&mut html, overview);
    html.raw("<main>");
    views(&mut html, overview);
    html.raw("<h2>Newest runs</h2>");
    runs(&mut html, &overview.runs, true);
    sources(&mut html, overview);
    running(&mut html, queries);
    end(&mut html, overview.now);
    html.finish()
}

/// The page of a view: what it says, its days, its runs.
pub fn view(overview: &ViewOverview, newest_runs: &[Arc<Run>], now: DateTime<Utc>) -> String {
    let view = &overview.view;
    let name = format!("{}.{}", view.database(), view.name());
    let mut html = Html::default();
    begin(&mut html, &format!("{name} - Lakefront"));
    html.raw("<header><h1><a href=\"/\">Lakefront</a> / ").text(&name).raw("</h1>");
    if let Ok(definition) = &view.definition {
        html.raw("<span class=\"quiet\">").text(&definition.comment).raw("</span>");
    }
    html.raw("</header><main>");
    match &overview.state {
        Err(problem) => {
            html.raw("<h2>It cannot be used</h2><div class=\"card\"><p class=\"bad\">").text(problem);
            html.raw("</p></div>");
        }
        Ok((state, units)) => {
            html.raw("<h2>Days</h2><p class=\"quiet\">");
            html.text(format_args!(
                "{} of {} up to date · {} rows · {}",
                state.units - state.units_not_fresh,
                state.units,
                grouped(state.rows),
                size(state.bytes)
            ));
            if let Some(next) = state.next {
                html.text(" · next refresh ").text(time(next));
            }
            html.raw("</p>");
            days(&mut html, units);
        }
    }
    html.raw("<h2>Newest runs</h2>");
    runs(&mut html, newest_runs, false);
    html.raw("<h2>Query</h2><div class=\"card\"><pre>");
    if let Ok(definition) = &view.definition {
        html.text(&definition.query);
    }
    html.raw("</pre></div><p class=\"quiet\">").text(&view.file).raw("</p>");
    end(&mut html, now);
    html.finish()
}

fn begin(html: &mut Html, title: &str) {
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width\">");
    html.raw(&format!("<meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">"));
    html.element("title", title).raw("<style>").raw(STYLE).raw("</style></head><body>");
}

fn end(html: &mut Html, now: DateTime<Utc>) {
    html.raw("</main><footer><a href=\"/metrics\">metrics</a><a href=\"/healthz\">health</a>");
    html.text(format_args!("Lakefront {} · {}", env!("CARGO_PKG_VERSION"), time(now)));
    html.raw("</footer></body></html>\n");
}

fn header(html: &mut Html, overview: &Overview) {
    html.raw("<header><h1>Lakefront</h1><span class=\"quiet\">");
    let units =
        overview.views.iter().filter_map(|view| view.state.as_ref().ok()).flat_map(|(_, units)| units);
    let (mut all, mut fresh, mut failed) = (0_u64, 0_u64, 0_u64);
    for unit in units {
        all += 1;
        fresh += u64::from(unit.state == "fresh");
        failed += u64::from(unit.state == "failed");
    }
    let broken = overview.views.iter().filter(|view| view.state.is_err()).count() as u64 + failed;
    html.text(format_args!(
        "{} views · {} of {} days up to date",
        overview.views.len(),
        grouped(fresh),
        grouped(all)
    ));
    html.raw("</span>");
    if broken > 0 {
        html.raw("<span class=\"bad\">").text(format_args!("{broken} failed")).raw("</span>");
    }
    if overview.now - overview.heartbeat > SILENCE {
        html.raw("<span class=\"bad\">the scheduler is silent since ").text(time(overview.heartbeat));
        html.raw("</span>");
    }
    html.raw("</header>");
}

fn views(html: &mut Html, overview: &Overview) {
    html.raw("<h2>Views</h2>");
    if overview.views.is_empty() {
        html.raw("<p class=\"quiet\">There is no materialized view yet.</p>");
        return;
    }
    html.raw("<div class=\"card\"><table class=\"grid\">");
    let window = window(overview.last_day);
    months(html, &window);
    for view in &overview.views {
        let path = format!("/views/{}/{}", view.view.database(), view.view.name());
        html.raw("<tr><td class=\"name\"><a href=\"").text(&path).raw("\">");
        html.text(format_args!("{}.{}", view.view.database(), view.view.name())).raw("</a></td><td>");
        match &view.state {
            Err(problem) => {
                html.raw("<span class=\"bad\">").text(shortened(problem)).raw("</span></td><td>");
            }
            Ok((state, units)) => {
                match units.iter().find(|unit| unit.unit == "whole") {
                    Some(whole) => {
                        html.raw("<div class=\"days whole\">");
                        put(html, &cell_of(whole, &path));
                        html.raw("</div>");
                    }
                    None => {
                        let by_day = units
                            .iter()
                            .filter_map(|unit| Some((unit.unit.parse().ok()?, cell_of(unit, &path))));
                        row(html, &window, &by_day.collect());
                    }
                }
                html.raw("</td><td class=\"number quiet\">");
                html.text(format_args!("{} / {}", state.units - state.units_not_fresh, state.units));
            }
        }
        html.raw("</td></tr>");
    }
    html.raw("</table></div>");
    legend(html, &STATES);
}

fn sources(html: &mut Html, overview: &Overview) {
    html.raw("<h2>Source days</h2>");
    let tables = match &overview.sources {
        Ok(tables) if tables.is_empty() => {
            html.raw("<p class=\"quiet\">No view reads a table yet.</p>");
            return;
        }
        Ok(tables) => tables,
        Err(problem) => {
            html.raw("<p class=\"bad\">").text(problem).raw("</p>");
            return;
        }
    };
    html.raw("<div class=\"card\"><table class=\"grid\">");
    let window = window(overview.last_day);
    months(html, &window);
    for (table, units) in tables {
        html.raw("<tr><td class=\"name\">").text(table).raw("</td><td>");
        let cells: BTreeMap<NaiveDate, Cell<'_>> =
            units.iter().filter_map(|unit| Some((unit.day?, source_cell(unit)))).collect();
        match units.iter().find(|unit| unit.state == "failed") {
            Some(failed) => {
                html.raw("<span class=\"bad\">").text(shortened(&failed.reason)).raw("</span>");
            }
            None if cells.is_empty() => {
                html.raw("<span class=\"quiet\">without days</span>");
            }
            None => row(html, &window, &cells),
        }
        let files: u64 = units.iter().map(|unit| unit.files).sum();
        let bytes: u64 = units.iter().map(|unit| unit.bytes).sum();
        html.raw("</td><td class=\"number quiet\">");
        html.text(format_args!("{} files, {}", grouped(files), size(bytes))).raw("</td></tr>");
    }
    html.raw("</table></div>");
    legend(
        html,
        &[("ready", "complete"), ("arriving", "not complete yet"), ("missing", "nothing of it is there")],
    );
}

fn running(html: &mut Html, queries: &[processes::Row]) {
    html.raw("<h2>Statements that run</h2>");
    if queries.is_empty() {
        html.raw("<p class=\"quiet\">None.</p>");
        return;
    }
    html.raw("<div class=\"card\"><table><tr><th class=\"number\">Id<th>User<th>From<th>Database");
    html.raw("<th class=\"number\">Seconds<th>State<th>Statement</tr>");
    for query in queries {
        html.raw("<tr><td class=\"number\">").text(query.id).raw("</td>");
        html.element("td", &query.user).element("td", &query.host);
        html.element("td", query.database.as_deref().unwrap_or_default());
        html.raw("<td class=\"number\">").text(query.seconds).raw("</td>").element("td", query.state);
        let statement: String =
            query.info.iter().flat_map(|text| text.chars()).take(STATEMENT_CHARACTERS).collect();
        html.raw("<td class=\"words\"><code>").text(statement).raw("</code></td></tr>");
    }
    html.raw("</table></div>");
}

fn runs(html: &mut Html, runs: &[Arc<Run>], with_view: bool) {
    if runs.is_empty() {
        html.raw("<p class=\"quiet\">None yet.</p>");
        return;
    }
    html.raw("<div class=\"card\"><table><tr><th>Ended");
    html.raw(if with_view { "<th>View" } else { "" });
    html.raw("<th>Days<th>Why<th class=\"number\">Seconds<th class=\"number\">Rows<th class=\"number\">Memory<th>Result</tr>");
    for run in runs {
        html.raw("<tr><td class=\"time\">").text(time(run.finished_at)).raw("</td>");
        if with_view {
            html.raw("<td class=\"name\"><a href=\"");
            html.text(format_args!("/views/{}/{}", run.database, run.view)).raw("\">");
            html.text(format_args!("{}.{}", run.database, run.view)).raw("</a></td>");
        }
        let units = match run.units.as_slice() {
            [] => String::new(),
            [unit] => unit.clone(),
            [first, .., last] => {
                let (first, last) = (first.min(last), first.max(last));
                format!("{} days, {first} to {last}", run.units.len())
            }
        };
        html.raw("<td class=\"time\">").text(units).raw("</td>").element("td", &run.trigger);
        let seconds = (run.finished_at - run.started_at).as_seconds_f64();
        html.raw("<td class=\"number\">").text(format_args!("{seconds:.1}")).raw("</td>");
        html.raw("<td class=\"number\">").text(grouped(run.rows)).raw("</td>");
        html.raw("<td class=\"number\">").text(size(run.peak_memory)).raw("</td>");
        let (class, word) = match run.state {
            State::Success => ("fresh", "done"),
            State::Failed => ("failed", "failed"),
            State::Cancelled => ("missing", "cancelled"),
        };
        html.raw("<td class=\"words\"><span class=\"mark ").raw(class).raw("\"></span>").text(word);
        if !run.error.is_empty() {
            html.raw(" <span class=\"bad\">").text(&run.error).raw("</span>");
        }
        html.raw("</td></tr>");
    }
    html.raw("</table></div>");
}

/// The days of a view as a table, newest first.
fn days(html: &mut Html, units: &[UnitState]) {
    html.raw("<div class=\"card\"><table><tr><th>Day<th>State<th>Why<th class=\"number\">Rows<th class=\"number\">Size");
    html.raw("<th>Published<th class=\"number\">Version</tr>");
    for unit in units.iter().rev().take(DAYS_LISTED) {
        html.raw("<tr id=\"").text(&unit.unit).raw("\"><td class=\"time\">").text(&unit.unit).raw("</td>");
        html.raw("<td class=\"name\"><span class=\"mark ").text(&unit.state).raw("\"></span>");
        html.text(&unit.state).raw("</td><td class=\"words\">").text(&unit.reason);
        if !unit.error.is_empty() && !unit.reason.contains(&unit.error) {
            html.raw(" <span class=\"bad\">").text(&unit.error).raw("</span>");
        }
        html.raw("</td><td class=\"number\">").text(unit.rows.map(grouped).unwrap_or_default());
        html.raw("</td><td class=\"number\">").text(unit.bytes.map(size).unwrap_or_default());
        html.raw("</td><td class=\"time\">").text(unit.published_at.map(time).unwrap_or_default());
        html.raw("</td><td class=\"number\">");
        html.text(unit.version.map(|version| version.to_string()).unwrap_or_default()).raw("</td></tr>");
    }
    html.raw("</table></div>");
    if let Some(more) = units.len().checked_sub(DAYS_LISTED).filter(|more| *more > 0) {
        html.raw("<p class=\"quiet\">").text(format_args!("and {more} older days")).raw("</p>");
    }
}

fn cell_of<'a>(unit: &'a UnitState, path: &str) -> Cell<'a> {
    let mut told = format!("{}: {}", unit.unit, unit.state);
    match unit.rows {
        _ if !unit.reason.is_empty() => told = format!("{told}, {}", unit.reason),
        Some(rows) => told = format!("{told}, {} rows", grouped(rows)),
        None => {}
    }
    Cell { state: &unit.state, told, link: Some(format!("{path}#{}", unit.unit)) }
}

fn source_cell(unit: &SourceUnit) -> Cell<'_> {
    let day = unit.day.map(|day| day.to_string()).unwrap_or_default();
    let reason = match unit.reason.as_str() {
        "" => format!("{} files, {}", grouped(unit.files), size(unit.bytes)),
        reason => reason.to_owned(),
    };
    Cell { state: &unit.state, told: format!("{day}: {}, {reason}", unit.state), link: None }
}

/// The days of the grid, oldest first.
fn window(last: Option<NaiveDate>) -> Vec<NaiveDate> {
    let Some(first) = last.and_then(|last| last.checked_sub_days(Days::new(DAYS - 1))) else { return vec![] };
    first.iter_days().take(DAYS as usize).collect()
}

/// The first row of the grid: where months begin.
fn months(html: &mut Html, window: &[NaiveDate]) {
    html.raw("<tr><td></td><td><div class=\"days months\">");
    for (index, day) in window.iter().enumerate() {
        // The name of a month needs the place of some days.
        let is_named = day.day() == 1 || (index == 0 && day.day() < 25);
        html.raw("<span>")
            .text(if is_named { day.format("%b").to_string() } else { String::new() })
            .raw("</span>");
    }
    html.raw("</div></td><td></td></tr>");
}

fn row(html: &mut Html, window: &[NaiveDate], cells: &BTreeMap<NaiveDate, Cell<'_>>) {
    html.raw("<div class=\"days\">");
    for day in window {
        match cells.get(day) {
            Some(cell) => put(html, cell),
            None => {
                html.raw("<span class=\"day\"></span>");
            }
        }
    }
    html.raw("</div>");
}

fn put(html: &mut Html, cell: &Cell<'_>) {
    let name = if cell.link.is_some() { "a" } else { "span" };
    html.raw("<").raw(name).raw(" class=\"day ").text(cell.state).raw("\"");
    if let Some(link) = &cell.link {
        html.raw(" href=\"").text(link).raw("\"");
    }
    html.raw(" title=\"").text(&cell.told).raw("\" aria-label=\"").text(&cell.told).raw("\"></");
    html.raw(name).raw(">");
}

fn legend(html: &mut Html, states: &[(&str, &str)]) {
    html.raw("<p class=\"legend\">");
    for (state, meaning) in states {
        html.raw("<span><i class=\"").raw(state).raw("\"></i>").text(format_args!("{state}: {meaning}"));
        html.raw("</span>");
    }
    html.raw("</p>");
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(STATEMENT_CHARACTERS) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// A number with a thin space between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{2009}');
        }
        grouped.push(digit);
    }
    grouped
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let check = |number: u64, expected: (&str, &str)| {
            assert_eq!((grouped(number).replace('\u{2009}', " ").as_str(), size(number).as_str()), expected);
        };
        check(0, ("0", "0 B"));
        check(999, ("999", "999 B"));
        check(1_536, ("1 536", "1.5 KiB"));
        check(12_345_678, ("12 345 678", "11.8 MiB"));
    }
}
