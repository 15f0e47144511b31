//! Events as texts for people, and as JSON for programs. It must not know who reads them.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Event, Summary};

/// Most characters of an error that a message shows.
const ERROR_CHARACTERS_MAX: usize = 500;
/// Most lines of what is not up to date.
const LINES_MAX: usize = 20;

/// A message in Slack's way of writing. `&`, `<` and `>` have a meaning there, so texts of others have them escaped.
pub fn slack(event: &Event) -> Value {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = match event {
        Event::Failed { view, unit, error } => {
            let (view, what, error) = (escape(view), escape(&what_failed(unit)), escape(&shortened(error)));
            format!(
                ":red_circle: *{view}* {what}\n> {}\nWhat is published stays; it is tried again by itself.",
                error.replace('\n', "\n> ")
            )
        }
        Event::Recovered { view, failed_since } => {
            format!(
                ":large_green_circle: *{}* is well again; it had failed since {}",
                escape(view),
                time(*failed_since)
            )
        }
        Event::Late { view, unit, due, reason } => {
            let (view, unit) = (escape(view), escape(unit));
            let reason = if reason.is_empty() { String::new() } else { format!("\n> {}", escape(reason)) };
            format!(":large_yellow_circle: *{view}* is late: {unit} was due at {}{reason}", time(*due))
        }
        Event::Summary(summary) => {
            let mut text = format!("*{}*: {}", summary.day, escape(&counts(summary)));
            for line in summary.not_fresh.iter().take(LINES_MAX) {
                write!(text, "\n• {}", escape(line)).expect("a text takes all that is written");
            }
            if let Some(more) = summary.not_fresh.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
                write!(text, "\n• and {more} more").expect("a text takes all that is written");
            }
            text
        }
        Event::SchedulerDead { heartbeat } => format!(
            ":red_circle: the scheduler has not looked at its jobs since {}: no view is refreshed by itself",
            time(*heartbeat)
        ),
        Event::ServerSilent { server, seen_at } => format!(
            ":red_circle: *{}* has not been seen since {}: other servers do its work",
            escape(server),
            time(*seen_at)
        ),
        Event::Test => ":wave: a test message: Lakefront can reach you here".to_owned(),
    };
    json!({ "text": text })
}

/// An event for a program: its kind, when it was, what it is about, and a sentence. A letter's number tells whether it
/// came before.
pub fn webhook(id: &str, event: &Event, at: DateTime<Utc>) -> Value {
    let mut document = match event {
        Event::Failed { view, unit, error } => {
            json!({ "view": view, "unit": unit, "error": error, "text": format!("{view} {}: {error}", what_failed(unit)) })
        }
        Event::Recovered { view, failed_since } => {
            json!({ "view": view, "failed_since": failed_since.to_rfc3339(), "text": format!("{view} is well again") })
        }
        Event::Late { view, unit, due, reason } => json!({
            "view": view,
            "unit": unit,
            "due": due.to_rfc3339(),
            "reason": reason,
            "text": format!("{view} is late: {unit} was due at {}", time(*due)),
        }),
        Event::Summary(summary) => json!({
            "day": summary.day.to_string(),
            "views": summary.views,
            "published": summary.published,
            "rows": summary.rows,
            "bytes": summary.bytes,
            "failures": summary.failures,
            "not_fresh": summary.not_fresh,
            "text": counts(summary),
        }),
        Event::SchedulerDead { heartbeat } => json!({
            "heartbeat": heartbeat.to_rfc3339(),
            "text": format!("the scheduler has not looked at its jobs since {}", time(*heartbeat)),
        }),
        Event::ServerSilent { server, seen_at } => json!({
            "server": server,
            "seen_at": seen_at.to_rfc3339(),
            "text": format!("{server} has not been seen since {}", time(*seen_at)),
        }),
        Event::Test => json!({ "text": "a test message" }),
    };
    if !id.is_empty() {
        document["id"] = id.into();
    }
    document["event"] = event.kind().name().into();
    document["at"] = at.to_rfc3339().into();
    document
}

fn what_failed(unit: &str) -> String {
    match unit {
        "" => "cannot be refreshed".to_owned(),
        "whole" => "failed".to_owned(),
        day => format!("failed for {day}"),
    }
}

fn counts(summary: &Summary) -> String {
    let Summary { views, published, rows, bytes, failures, not_fresh, .. } = summary;
    let fresh = match not_fresh.len() {
        0 => "all views are up to date".to_owned(),
        count => format!("{count} of {views} views are not up to date"),
    };
    let megabytes = *bytes as f64 / 1e6;
    format!("{published} days published ({rows} rows, {megabytes:.1} MB), {failures} failures; {fresh}")
}

fn shortened(error: &str) -> String {
    match error.char_indices().nth(ERROR_CHARACTERS_MAX) {
        Some((end, _)) => format!("{} …", &error[..end]),
        None => error.to_owned(),
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let at: DateTime<Utc> = "2026-09-02T05:07:00Z".parse().unwrap();
        let check = |event: Event, expected: &str| assert_eq!(slack(&event)["text"], expected);
        check(
            Event::Failed {
                view: "mart.a".into(),
                unit: "2026-09-01".into(),
                error: "x < y & z\nsecond".into(),
            },
            ":red_circle: *mart.a* failed for 2026-09-01\n> x &lt; y &amp; z\n> second\n\
             What is published stays; it is tried again by itself.",
        );
        check(
            Event::Failed { view: "mart.a".into(), unit: String::new(), error: "a.sql:2: no".into() },
            ":red_circle: *mart.a* cannot be refreshed\n> a.sql:2: no\n\
             What is published stays; it is tried again by itself.",
        );
        check(
            Event::Recovered { view: "mart.a".into(), failed_since: at },
            ":large_green_circle: *mart.a* is well again; it had failed since 2026-09-02 05:07 UTC",
        );
        check(
            Event::Late { view: "v".into(), unit: "2026-09-01".into(), due: at, reason: String::new() },
            ":large_yellow_circle: *v* is late: 2026-09-01 was due at 2026-09-02 05:07 UTC",
        );
        let mut summary = Summary { day: at.date_naive(), views: 30, published: 12, ..Summary::default() };
        check(
            Event::Summary(summary.clone()),
            "*2026-09-02*: 12 days published (0 rows, 0.0 MB), 0 failures; all views are up to date",
        );
        summary.not_fresh = (0..22).map(|view| format!("v{view}")).collect();
        let text = slack(&Event::Summary(summary))["text"].as_str().unwrap().to_owned();
        assert!(text.contains("22 of 30 views are not up to date\n• v0\n"), "{text}");
        assert!(text.ends_with("• v19\n• and 2 more"), "{text}");

        let long = Event::Failed { view: "v".into(), unit: "whole".into(), error: "é".repeat(2_000) };
        assert!(slack(&long).to_string().chars().count() < 700);
        let document = webhook("7", &long, at);
        assert_eq!((&document["id"], &document["event"]), (&json!("7"), &json!("failed")));
        assert_eq!(document["at"], "2026-09-02T05:07:00+00:00");
        assert_eq!(document["unit"], "whole");
    }
}
