//! A table file, `catalog/<database>/<table>.yaml`, as it is written. It must not know the files of the table.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::NaiveTime;
use chrono_tz::Tz;
use serde::de::{self, Deserialize, Deserializer, MapAccess};

use super::types;
use crate::config::Interval;
use crate::lake::partition;

/// What a table file says.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What people should know of the table.
    #[serde(default)]
    pub comment: String,
    /// Where the files are: a path, relative to the lake's root, or a URL.
    pub location: String,
    /// What the files are.
    pub format: Format,
    /// The columns whose values are in the names of folders, from the top.
    #[serde(default)]
    pub partition_by: Ordered<PartitionType>,
    /// Where a day of this table begins and ends.
    #[serde(default)]
    pub time_zone: TimeZone,
    /// When a day's files are complete.
    #[serde(default)]
    pub ready: Ready,
    /// Whether the first line of each csv file has the names of the columns.
    #[serde(default)]
    pub header: bool,
    /// The columns; without them, those of the files.
    pub columns: Option<Ordered<ColumnDefinition>>,
}

/// What the files of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Parquet files.
    Parquet,
    /// A Delta table.
    Delta,
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// A JSON object a line.
    Json,
    /// A table of a MySQL server.
    Mysql,
}

/// The type of a partition column.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionType(pub DataType);

/// A declared column: its type, or a map of type and comment.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    /// The Arrow type that holds its values.
    pub data_type: DataType,
    /// What people should know of it.
    pub comment: String,
}

/// A time zone by its IANA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(pub Tz);

/// When a day of the table is complete, so that views may be made from it.
#[derive(Clone, Debug, PartialEq)]
pub enum Ready {
    /// A file of this name lies in the day's folder.
    Marker(String),
    /// No file came or changed for so long.
    Quiet(Interval),
    /// At this time of the next day.
    After(NaiveTime),
}

/// A map that keeps the order in which it is written, without a name twice in any case.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordered<V>(pub Vec<(String, V)>);

impl Definition {
    /// Reads a table file. The error has the line and the field.
    pub fn parse(text: &str) -> Result<Self, String> {
        let definition: Self = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        definition.check()?;
        Ok(definition)
    }

    /// Checks what one field alone cannot tell.
    fn check(&self) -> Result<(), String> {
        let Self { format, partition_by, columns, header, .. } = self;
        match format {
            Format::Mysql => return Err("format: tables of format mysql cannot be read yet".into()),
            Format::Delta if columns.is_some() => {
                return Err("columns: a delta table names its columns itself".into());
            }
            Format::Delta if !partition_by.0.is_empty() => {
                return Err("partition_by: a delta table names its partition columns itself".into());
            }
            Format::Csv | Format::Tsv | Format::Json if columns.is_none() => {
                return Err(
                    "columns: csv, tsv and json tables declare their columns, because types are not guessed"
                        .into(),
                );
            }
            _ => {}
        }
        if *header && *format != Format::Csv {
            return Err("header: only csv files have a header".into());
        }
        for (name, PartitionType(data_type)) in &partition_by.0 {
            let declared = columns.iter().flat_map(|columns| &columns.0);
            let other = declared.filter(|(column, _)| column.to_lowercase() == name.to_lowercase());
            for (column, ColumnDefinition { data_type: other, .. }) in other {
                if other != data_type {
                    return Err(format!(
                        "columns.{column}: its type differs from the one under partition_by"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for PartitionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("a type such as date", |text| {
            let data_type = match types::parse(text)? {
                // A folder's time is read as it is written, to the microsecond.
                DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
                data_type => data_type,
            };
            let supported = partition::supports(&data_type).then_some(Self(data_type));
            supported.ok_or_else(|| {
                format!("a folder's value cannot be `{text}`; use date, int, bigint or string")
            })
        }))
    }
}

impl<'de> Deserialize<'de> for ColumnDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            r#type: TypeName,
            #[serde(default)]
            comment: String,
        }
        struct TypeName(DataType);

        impl<'de> Deserialize<'de> for TypeName {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Parsed("a type such as bigint", types::parse)).map(Self)
            }
        }

        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Full;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a type such as bigint, or a map of type and comment")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Full, E> {
                let data_type = types::parse(text).map_err(E::custom)?;
                Ok(Full { r#type: TypeName(data_type), comment: String::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Full, A::Error> {
                Full::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }

        let Full { r#type: TypeName(data_type), comment } = deserializer.deserialize_any(Visitor)?;
        Ok(Self { data_type, comment })
    }
}

/// Reads a text by a function: what is expected, and the function. Errors have the line of the text.
struct Parsed<T>(&'static str, fn(&str) -> Result<T, String>);

impl<T> de::Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed("a time zone such as Asia/Seoul", |name| {
            let unknown = |_| format!("time zone `{name}` is not known; use a name such as Asia/Seoul");
            name.parse().map(Self).map_err(unknown)
        }))
    }
}

impl Default for Ready {
    fn default() -> Self {
        Self::Quiet(Interval(std::time::Duration::from_secs(15 * 60)))
    }
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            marker: Option<String>,
            quiet: Option<Interval>,
            after: Option<String>,
        }
        match Written::deserialize(deserializer)? {
            Written { marker: Some(name), quiet: None, after: None } => Ok(Self::Marker(name)),
            Written { marker: None, quiet: Some(interval), after: None } => Ok(Self::Quiet(interval)),
            Written { marker: None, quiet: None, after: Some(time) } => {
                let parsed = NaiveTime::parse_from_str(&time, "%H:%M");
                parsed
                    .map(Self::After)
                    .map_err(|_| de::Error::custom(format!("`{time}` is not a time such as 02:00")))
            }
            _ => Err(de::Error::custom("ready: it has one of marker, quiet and after")),
        }
    }
}

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> de::Visitor<'de> for Visitor<V> {
            type Value = Ordered<V>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of names to types")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, V)> = Vec::new();
                let mut names = HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, V>()? {
                    if name.is_empty() || !names.insert(name.to_lowercase()) {
                        return Err(de::Error::custom(format!("the name `{name}` is empty or there twice")));
                    }
                    entries.push((name, value));
                }
                Ok(Ordered(entries))
            }
        }

        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything() {
        let definition = Definition::parse(
            "comment: Logins.\nlocation: log/login\nformat: csv\npartition_by: { day: date, hour: int }\n\
             time_zone: Asia/Seoul\nready: { after: 02:00 }\nheader: true\n\
             columns:\n  user_id: bigint\n  Note: { type: varchar(20), comment: Free text. }\n",
        );
        let definition = definition.unwrap();
        let partitions: Vec<&str> = definition.partition_by.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(partitions, ["day", "hour"]);
        assert_eq!(definition.ready, Ready::After(NaiveTime::from_hms_opt(2, 0, 0).unwrap()));
        assert_eq!(definition.time_zone, TimeZone(Tz::Asia__Seoul));
        let columns = definition.columns.unwrap().0;
        assert_eq!(columns[1].0, "Note");
        assert_eq!(
            columns[1].1,
            ColumnDefinition { data_type: DataType::Utf8View, comment: "Free text.".into() }
        );
    }

    #[test]
    fn mistakes_name_line_and_field() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Definition::parse(text).unwrap_err(), expected, "{text}");
        };
        let base = "location: x\nformat: parquet\n";
        check("", "missing field `location`");
        check(
            &format!("{base}colums: {{}}\n"),
            "unknown field `colums`, expected one of `comment`, `location`, `format`, `partition_by`, `time_zone`, `ready`, `header`, `columns` at line 3 column 1",
        );
        check(
            &format!("{base}columns:\n  a: bigint\n  b: bigit\n"),
            "columns.b: type `bigit` is not known; use one of MySQL's, such as bigint or varchar(20) at line 5 column 6",
        );
        check(
            &format!("{base}columns:\n  a: {{ type: int, coment: x }}\n"),
            "columns.a: unknown field `coment`, expected `type` or `comment` at line 4 column 19",
        );
        check(
            &format!("{base}columns:\n  a: int\n  A: int\n"),
            "columns: the name `A` is empty or there twice at line 4 column 3",
        );
        check(
            &format!("{base}partition_by: {{ day: double }}\n"),
            "partition_by.day: a folder's value cannot be `double`; use date, int, bigint or string at line 3 column 22",
        );
        check(
            &format!("{base}time_zone: Mars/Olympus\n"),
            "time_zone: time zone `Mars/Olympus` is not known; use a name such as Asia/Seoul at line 3 column 12",
        );
        check(
            &format!("{base}ready: {{ marker: _SUCCESS, quiet: 3m }}\n"),
            "ready: it has one of marker, quiet and after",
        );
        check(
            "location: x\nformat: orc\n",
            "format: unknown variant `orc`, expected one of `parquet`, `delta`, `csv`, `tsv`, `json`, `mysql` at line 2 column 9",
        );
        check(
            "location: x\nformat: csv\n",
            "columns: csv, tsv and json tables declare their columns, because types are not guessed",
        );
        check(
            "location: x\nformat: csv\nheader: true\n",
            "columns: csv, tsv and json tables declare their columns, because types are not guessed",
        );
        check("location: x\nformat: mysql\n", "format: tables of format mysql cannot be read yet");
        check("location: [\n", "location: invalid type: sequence, expected a string at line 1 column 11");
    }
}
