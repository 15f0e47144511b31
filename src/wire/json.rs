//! Nested values as JSON text, spelled as MySQL spells JSON: a blank after each colon and comma, exact numbers.
//!
//! Keys keep the order of their struct or map. It must not know rows or packets.

use std::io::Write;

use super::cells::{Cells, Values, other};
use super::number::{put_decimal, put_double, put_integer, put_long_decimal, put_shortest_float};
use super::temporal::{Date, Time, date_time};

/// MySQL's JSON shows times with all digits.
const FRACTION: u8 = 6;

/// Appends a row's value as JSON.
pub fn put(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize) {
    if cells.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match &cells.values {
        Values::Null => out.extend_from_slice(b"null"),
        Values::Boolean(array) | Values::Truth(array) => {
            out.extend_from_slice(if array.value(row) { b"true" } else { b"false" })
        }
        Values::Int8(values) => put_signed(out, values[row].into()),
        Values::Int16(values) => put_signed(out, values[row].into()),
        Values::Int32(values) => put_signed(out, values[row].into()),
        Values::Int64(values) => put_signed(out, values[row]),
        Values::UInt8(values) => put_integer(out, values[row].into()),
        Values::UInt16(values) => put_integer(out, values[row].into()),
        Values::UInt32(values) => put_integer(out, values[row].into()),
        Values::UInt64(values) => put_integer(out, values[row]),
        Values::Float16(values) => put_single(out, values[row].to_f32()),
        Values::Float32(values) => put_single(out, values[row]),
        Values::Float64(values) => {
            put_finite(out, values[row].is_finite(), |out| put_double(out, values[row]))
        }
        Values::Decimal32(values, scale) => put_decimal(out, values[row].into(), *scale),
        Values::Decimal64(values, scale) => put_decimal(out, values[row].into(), *scale),
        Values::Decimal128(values, scale) => put_decimal(out, values[row], *scale),
        Values::Decimal256(values, scale) => put_long_decimal(out, values[row], *scale),
        Values::Date32(days) => put_date(out, Date::from_days(days[row].into())),
        Values::Date64(millis) => put_date(out, Date::from_millis(millis[row])),
        Values::DateTime(counts, unit, zone) => match date_time(counts[row], *unit, zone.as_ref()) {
            Some((date, time)) => quoted(out, |out| {
                out.extend_from_slice(&date.text());
                out.push(b' ');
                time.put(out, FRACTION);
            }),
            None => out.extend_from_slice(b"null"),
        },
        Values::Time32(counts, unit) => put_time(out, Time::of_day(counts[row].into(), *unit)),
        Values::Time64(counts, unit) => put_time(out, Time::of_day(counts[row], *unit)),
        Values::Duration(counts, unit) => put_time(out, Time::length(counts[row], *unit)),
        Values::Utf8(array) => put_string(out, array.value(row)),
        Values::LargeUtf8(array) => put_string(out, array.value(row)),
        Values::Utf8View(array) => put_string(out, array.value(row)),
        Values::Binary(array) => put_binary(out, array.value(row)),
        Values::LargeBinary(array) => put_binary(out, array.value(row)),
        Values::BinaryView(array) => put_binary(out, array.value(row)),
        Values::FixedSizeBinary(array) => put_binary(out, array.value(row)),
        Values::Dictionary(places, shared) => put(out, shared, places[row]),
        Values::List(ranges, items) => {
            out.push(b'[');
            for (count, item) in ranges.of(row).enumerate() {
                separate(out, count);
                put(out, items, item);
            }
            out.push(b']');
        }
        Values::Struct(fields) => {
            out.push(b'{');
            for (count, (key, values)) in fields.iter().enumerate() {
                separate(out, count);
                out.extend_from_slice(key);
                out.extend_from_slice(b": ");
                put(out, values, row);
            }
            out.push(b'}');
        }
        Values::Map(ranges, keys, values) => {
            out.push(b'{');
            for (count, item) in ranges.of(row).enumerate() {
                separate(out, count);
                put_key(out, keys, item);
                out.extend_from_slice(b": ");
                put(out, values, item);
            }
            out.push(b'}');
        }
        Values::Other(array) => put_string(out, &other(*array, row)),
    }
}

/// Appends a string with its quotes; only what JSON cannot hold is escaped.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    quoted(out, |out| {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)) {
            out.extend_from_slice(&rest[..at]);
            match rest[at] {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                0x08 => out.extend_from_slice(b"\\b"),
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\n' => out.extend_from_slice(b"\\n"),
                0x0C => out.extend_from_slice(b"\\f"),
                b'\r' => out.extend_from_slice(b"\\r"),
                control => {
                    let written = write!(out, "\\u{control:04x}");
                    debug_assert!(written.is_ok(), "a buffer in memory takes everything");
                }
            }
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
    });
}

/// A map's key: a string as it is, anything else as a string of its JSON.
fn put_key(out: &mut Vec<u8>, keys: &Cells<'_>, row: usize) {
    let mut key = Vec::new();
    put(&mut key, keys, row);
    if key.first() == Some(&b'"') {
        out.extend_from_slice(&key);
    } else {
        put_string(out, &String::from_utf8_lossy(&key));
    }
}

/// Bytes that are text are shown as text; others as MySQL shows a BLOB in JSON.
fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return put_string(out, text);
    }
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    quoted(out, |out| {
        out.extend_from_slice(b"base64:type252:");
        for chunk in bytes.chunks(3) {
            let group =
                chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let digit = DIGITS[(group >> (18 - 6 * place) & 63) as usize];
                out.push(if place <= chunk.len() { digit } else { b'=' });
            }
        }
    });
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    put_integer(out, number.unsigned_abs());
}

/// A float in its own shortest text: as a double it would show digits that nobody wrote.
fn put_single(out: &mut Vec<u8>, number: f32) {
    put_finite(out, number.is_finite(), |out| put_shortest_float(out, number));
}

/// A double is told from an integer by its point.
fn put_finite(out: &mut Vec<u8>, finite: bool, write: impl FnOnce(&mut Vec<u8>)) {
    if !finite {
        return out.extend_from_slice(b"null");
    }
    let at = out.len();
    write(out);
    if !out[at..].iter().any(|byte| matches!(byte, b'.' | b'e')) {
        out.extend_from_slice(b".0");
    }
}

fn put_date(out: &mut Vec<u8>, date: Option<Date>) {
    match date {
        Some(date) => quoted(out, |out| out.extend_from_slice(&date.text())),
        None => out.extend_from_slice(b"null"),
    }
}

fn put_time(out: &mut Vec<u8>, time: Time) {
    quoted(out, |out| time.put(out, FRACTION));
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn separate(out: &mut Vec<u8>, items_before: usize) {
    if items_before > 0 {
        out.extend_from_slice(b", ");
    }
}
