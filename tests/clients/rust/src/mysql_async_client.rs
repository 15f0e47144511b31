//! mysql_async: text and binary protocol; its values are those of the protocol.

use std::path::PathBuf;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Error, OptsBuilder, Row, SslOpts, Value as Wire};

use crate::value::Value;
use crate::{Driver, Place, Problem};

pub struct Client(Conn);

impl Driver for Client {
    async fn connect(place: &Place, encrypted: bool, password: &str) -> Result<Self, Problem> {
        let tls = || {
            let roots = vec![PathBuf::from(&place.certificate).into()];
            SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true)
        };
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(place.port)
            .user(Some("ann"))
            .pass(Some(password))
            .prefer_socket(false)
            .ssl_opts(encrypted.then(tls));
        Ok(Self(Conn::new(options).await?))
    }

    async fn text(&mut self, statement: &str) -> Result<Vec<Vec<Value>>, Problem> {
        let rows: Vec<Row> = self.0.query(statement).await?;
        Ok(rows.into_iter().map(values).collect())
    }

    async fn prepared(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Problem> {
        let parameters: Vec<Wire> = parameters.iter().map(sent).collect();
        let rows: Vec<Row> = self.0.exec(statement, parameters).await?;
        Ok(rows.into_iter().map(values).collect())
    }

    async fn streamed(&mut self, statement: &str) -> Result<(usize, usize), Problem> {
        let mut rows = self.0.query_iter(statement).await?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next().await? {
            let Some(Wire::Bytes(text)) = row.as_ref(0) else { panic!("{row:?}") };
            count += 1;
            bytes += text.len();
        }
        Ok((count, bytes))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) => Self { number: error.code, state: error.state, text: error.message },
            other => Self { number: 0, state: String::new(), text: other.to_string() },
        }
    }
}

fn values(row: Row) -> Vec<Value> {
    let columns = row.columns();
    row.unwrap().into_iter().zip(columns.iter()).map(|(value, column)| read(value, column)).collect()
}

/// Texts are of the column's type, as the text protocol has all values but NULL.
fn read(value: Wire, column: &Column) -> Value {
    let bytes = match value {
        Wire::NULL => return Value::Null,
        Wire::Int(number) => return Value::Integer(number.into()),
        Wire::UInt(number) => return Value::Integer(number.into()),
        Wire::Float(number) => return Value::Float(number),
        Wire::Double(number) => return Value::Double(number),
        Wire::Date(year, month, day, hour, minute, second, micro) => {
            let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).unwrap();
            return match column.column_type() {
                ColumnType::MYSQL_TYPE_DATE => Value::Date(date),
                _ => Value::DateTime(
                    date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micro).unwrap(),
                ),
            };
        }
        Wire::Time(negative, days, hour, minute, second, micro) => {
            assert!(!negative && days == 0, "a time of day");
            return Value::Time(
                NaiveTime::from_hms_micro_opt(hour.into(), minute.into(), second.into(), micro).unwrap(),
            );
        }
        Wire::Bytes(bytes) => bytes,
    };
    const BINARY: u16 = 63;
    let text = || std::str::from_utf8(&bytes).unwrap();
    match column.column_type() {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG => Value::Integer(text().parse().unwrap()),
        ColumnType::MYSQL_TYPE_FLOAT => Value::Float(text().parse().unwrap()),
        ColumnType::MYSQL_TYPE_DOUBLE => Value::Double(text().parse().unwrap()),
        ColumnType::MYSQL_TYPE_NEWDECIMAL => Value::Decimal(text().to_owned()),
        ColumnType::MYSQL_TYPE_DATE => Value::Date(text().parse().unwrap()),
        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_TIMESTAMP => {
            Value::DateTime(NaiveDateTime::parse_from_str(text(), "%F %T%.f").unwrap())
        }
        ColumnType::MYSQL_TYPE_TIME => Value::Time(NaiveTime::parse_from_str(text(), "%T%.f").unwrap()),
        _ if column.character_set() == BINARY => Value::Bytes(bytes),
        _ => Value::Text(text().to_owned()),
    }
}

fn sent(value: &Value) -> Wire {
    use chrono::{Datelike, Timelike};
    let date_time = |date: NaiveDate, time: NaiveTime| {
        let [month, day, hour, minute, second] =
            [date.month(), date.day(), time.hour(), time.minute(), time.second()].map(|part| part as u8);
        Wire::Date(date.year() as u16, month, day, hour, minute, second, time.nanosecond() / 1_000)
    };
    match value {
        Value::Null => Wire::NULL,
        Value::Integer(number) => {
            i64::try_from(*number).map_or_else(|_| Wire::UInt(*number as u64), Wire::Int)
        }
        Value::Float(number) => Wire::Float(*number),
        Value::Double(number) => Wire::Double(*number),
        Value::Decimal(text) | Value::Text(text) => Wire::Bytes(text.clone().into()),
        Value::Bytes(bytes) => Wire::Bytes(bytes.clone()),
        Value::Date(date) => date_time(*date, NaiveTime::MIN),
        Value::DateTime(time) => date_time(time.date(), time.time()),
        Value::Time(time) => Wire::Time(
            false,
            0,
            time.hour() as u8,
            time.minute() as u8,
            time.second() as u8,
            time.nanosecond() / 1_000,
        ),
    }
}
