//! sqlx: text and binary protocol; it judges by the server's types which of Rust's a value can be, and sends typed values.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use futures::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode};
use sqlx::types::BigDecimal;
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Decode, Error, MySql, Row, Type, TypeInfo, ValueRef};

use crate::value::Value;
use crate::{Driver, Place, Problem};

pub struct Client(MySqlConnection);

impl Driver for Client {
    async fn connect(place: &Place, encrypted: bool, password: &str) -> Result<Self, Problem> {
        let mut options =
            MySqlConnectOptions::new().host("127.0.0.1").port(place.port).username("ann").password(password);
        options = if encrypted {
            options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca(&place.certificate)
        } else {
            options.ssl_mode(MySqlSslMode::Disabled)
        };
        Ok(Self(options.connect().await?))
    }

    async fn text(&mut self, statement: &str) -> Result<Vec<Vec<Value>>, Problem> {
        let rows = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(&mut self.0).await?;
        Ok(rows.iter().map(values).collect::<Result<_, _>>()?)
    }

    async fn prepared(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Problem> {
        let mut query = sqlx::query(AssertSqlSafe(statement.to_owned()));
        for value in parameters {
            query = match value.clone() {
                Value::Null => query.bind(None::<i64>),
                Value::Integer(number) => match i64::try_from(number) {
                    Ok(number) => query.bind(number),
                    Err(_) => query.bind(number as u64),
                },
                Value::Float(number) => query.bind(number),
                Value::Double(number) => query.bind(number),
                Value::Decimal(digits) => query.bind(digits.parse::<BigDecimal>().unwrap()),
                Value::Date(date) => query.bind(date),
                Value::DateTime(time) => query.bind(time),
                Value::Time(time) => query.bind(time),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        let rows = query.fetch_all(&mut self.0).await?;
        Ok(rows.iter().map(values).collect::<Result<_, _>>()?)
    }

    async fn streamed(&mut self, statement: &str) -> Result<(usize, usize), Problem> {
        let mut rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch(&mut self.0);
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.try_next().await? {
            count += 1;
            bytes += row.try_get::<&str, _>(0)?.len();
        }
        Ok((count, bytes))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>()) {
            Some(error) => {
                Self { number: error.number(), state: error.code().unwrap_or_default().into(), text }
            }
            None => Self { number: 0, state: String::new(), text },
        }
    }
}

fn values(row: &MySqlRow) -> Result<Vec<Value>, Error> {
    (0..row.len()).map(|at| value(row, at)).collect()
}

fn value(row: &MySqlRow, at: usize) -> Result<Value, Error> {
    if row.try_get_raw(at)?.is_null() {
        return Ok(Value::Null);
    }
    Ok(match row.column(at).type_info().name() {
        "BOOLEAN" => Value::Integer(get::<bool>(row, at)?.into()),
        name if name.ends_with("INT UNSIGNED") => Value::Integer(get::<u64>(row, at)?.into()),
        name if name.ends_with("INT") => Value::Integer(get::<i64>(row, at)?.into()),
        "FLOAT" => Value::Float(get(row, at)?),
        "DOUBLE" => Value::Double(get(row, at)?),
        "DECIMAL" => Value::Decimal(get::<BigDecimal>(row, at)?.to_plain_string()),
        "DATE" => Value::Date(get::<NaiveDate>(row, at)?),
        "DATETIME" => Value::DateTime(get::<NaiveDateTime>(row, at)?),
        // It sets the session's time zone to UTC.
        "TIMESTAMP" => Value::DateTime(get::<DateTime<Utc>>(row, at)?.naive_utc()),
        "TIME" => Value::Time(get::<NaiveTime>(row, at)?),
        "VARCHAR" | "CHAR" | "TEXT" => Value::Text(get(row, at)?),
        _ => Value::Bytes(get(row, at)?),
    })
}

fn get<'r, T: Decode<'r, MySql> + Type<MySql>>(row: &'r MySqlRow, at: usize) -> Result<T, Error> {
    row.try_get(at)
}
