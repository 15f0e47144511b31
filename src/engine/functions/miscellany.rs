//! What fits nowhere else: what a value is, waiting, and locks by name.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Float64Type};
use async_trait::async_trait;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::charset;
use super::control::as_type;
use super::convert::LONGEST;
use super::error::Error;
use super::signature::{Call, Function, digits, is_binary, is_text, returns};

/// The functions of this file.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("charset", 1..=1, returns::text, |call| named(call, charset::name_of(call.field(0)))),
        Function::new("collation", 1..=1, returns::text, |call| named(call, "utf8mb4_bin")),
        // How strongly the argument holds to its collation, as its form says; numbers do not at all.
        Function::new("coercibility", 2..=2, returns::int, |call| {
            let level = call.int(1)?;
            let text = is_text(call.kind(0)) || is_binary(call.kind(0));
            let null = call.kind(0).is_null();
            call.ints(|row| {
                if null {
                    Some(6)
                } else if text {
                    level.at(row)
                } else {
                    Some(5)
                }
            })
        }),
        Function::new("mysql_assign", 2..=2, |types| Ok(types.of(1).clone()), assign)
            .digits(|types| digits::widest(types.fields.iter().skip(1)))
            .volatile(),
        Function::new("name_const", 2..=2, |types| Ok(types.of(1).clone()), second),
        Function::new("random_bytes", 1..=1, returns::blob, random_bytes).volatile(),
        Function::new("format_bytes", 1..=1, returns::text, format_bytes),
        Function::new("format_pico_time", 1..=1, returns::text, format_pico_time),
        // The one that MySQL has its regular expressions from.
        Function::new("icu_version", 0..=0, returns::text, |call| call.slices(|_| Some("73.1"))),
        // Nobody may read the server's own files.
        Function::new("load_file", 1..=1, returns::blob, |call| call.blobs(|_, _| None)),
    ]
}

/// `SLEEP(seconds)`: waits without holding a thread, for each row, and ends with the statement.
pub fn sleep() -> Arc<ScalarUDF> {
    Arc::new(
        AsyncScalarUDF::new(Arc::new(Sleep { signature: Signature::any(1, Volatility::Volatile) }))
            .into_scalar_udf(),
    )
}

/// The longest wait of one call.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sleep {
    signature: Signature,
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &str {
        "sleep"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("SLEEP is asynchronous")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Sleep {
    async fn invoke_async_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let seconds = arguments.args[0].to_array(rows)?;
        let seconds = arrow::compute::cast(&seconds, &DataType::Float64)?;
        for seconds in seconds.as_primitive::<Float64Type>().iter() {
            // NULL and negative numbers are refused, as by MySQL in its strict mode.
            let Some(wait) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else {
                return Err(Error::Arguments { function: "sleep".to_owned() }.into());
            };
            tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from_value(0, rows))))
    }
}

/// A character set or collation: binary for what is no text.
fn named(call: &Call<'_>, name: &str) -> Result<ArrayRef> {
    let name = if is_text(call.kind(0)) { name } else { "binary" };
    call.slices(|_| Some(name))
}

fn second(call: &Call<'_>) -> Result<ArrayRef> {
    let values = call.raw(1)?.map(|array| as_type(array, call.field(1), call.returns, call))?;
    let picks: Vec<(usize, usize)> = (0..call.rows).map(|row| (0, values.index(row))).collect();
    Ok(arrow::compute::interleave(&[&**values.array() as &dyn Array], &picks)?)
}

/// `mysql_assign('v', x)`: x, and the user variable has the last one.
fn assign(call: &Call<'_>) -> Result<ArrayRef> {
    let (name, values) = (call.text(0)?, call.raw(1)?);
    if let Some(last) = call.rows.checked_sub(1)
        && let (Some(context), Some(name)) = (call.context(), name.at(last))
    {
        context.assigned.put(name, ScalarValue::try_from_array(values.array(), values.index(last))?);
    }
    call.spread(&values)
}

fn random_bytes(call: &Call<'_>) -> Result<ArrayRef> {
    let length = call.int(0)?;
    for row in 0..call.rows {
        if length.at(row).is_some_and(|length| !(1..=1024).contains(&length)) {
            return Err(Error::OutOfRange { kind: "length", expression: "random_bytes".to_owned() }.into());
        }
    }
    call.blobs(|row, out| {
        out.extend((0..length.at(row)?.clamp(0, LONGEST as i64)).map(|_| rand::random::<u8>()));
        Some(())
    })
}

/// Picoseconds with a unit, as `3.50 ns`.
fn format_pico_time(call: &Call<'_>) -> Result<ArrayRef> {
    const UNITS: [(f64, &str); 7] = [
        (86_400e12, "d"),
        (3_600e12, "h"),
        (60e12, "min"),
        (1e12, "s"),
        (1e9, "ms"),
        (1e6, "us"),
        (1e3, "ns"),
    ];
    let value = call.double(0)?;
    call.texts(|row, out| {
        let value = value.at(row)?;
        match UNITS.iter().find(|(unit, _)| value.abs() >= *unit) {
            Some((unit, name)) => out.push_str(&format!("{:4.2} {name}", value / unit)),
            None => out.push_str(&format!("{value:3.0} ps")),
        }
        Some(())
    })
}

/// A number of bytes with a unit, as `1.50 KiB`.
fn format_bytes(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.texts(|row, out| {
        let mut value = value.at(row)?;
        let mut units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].iter();
        let mut unit = units.next()?;
        while value.abs() >= 1024.0 {
            let Some(next) = units.next() else { break };
            (value, unit) = (value / 1024.0, next);
        }
        match *unit {
            "bytes" => out.push_str(&format!("{value:4.0} bytes")),
            unit => out.push_str(&format!("{value:4.2} {unit}")),
        }
        Some(())
    })
}
