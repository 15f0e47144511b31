//! Operators on 64 bits, and on binary strings of equal length.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::error::Error;
use super::signature::{Call, Function, Types, is_binary, returns};

/// The operators `& | ^ ~ << >>`.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("mysql_bit_and", 2..=2, pair_type, |call| pair(call, |left, right| left & right)),
        Function::new("mysql_bit_or", 2..=2, pair_type, |call| pair(call, |left, right| left | right)),
        Function::new("mysql_bit_xor", 2..=2, pair_type, |call| pair(call, |left, right| left ^ right)),
        Function::new("mysql_bit_not", 1..=1, one_type, not),
        Function::new("mysql_shift_left", 2..=2, returns::uint, |call| shift(call, u64::checked_shl)),
        Function::new("mysql_shift_right", 2..=2, returns::uint, |call| shift(call, u64::checked_shr)),
        Function::new("mysql_bits", 1..=1, one_type, bits),
    ]
}

/// Two binary strings give a binary string, all else numbers.
fn pair_type(types: &Types<'_>) -> Result<DataType> {
    Ok(if is_binary(types.of(0)) && is_binary(types.of(1)) { DataType::BinaryView } else { DataType::UInt64 })
}

fn one_type(types: &Types<'_>) -> Result<DataType> {
    Ok(if is_binary(types.of(0)) { DataType::BinaryView } else { DataType::UInt64 })
}

fn pair(call: &Call<'_>, of: fn(u64, u64) -> u64) -> Result<ArrayRef> {
    if is_binary(call.returns) {
        let (left, right) = (call.bytes(0)?, call.bytes(1)?);
        for row in 0..call.rows {
            if let (Some(left), Some(right)) = (left.at(row), right.at(row))
                && left.len() != right.len()
            {
                return Err(Error::BitLengths.into());
            }
        }
        return call.blobs(|row, out| {
            let pairs = left.at(row)?.iter().zip(right.at(row)?);
            out.extend(pairs.map(|(left, right)| of((*left).into(), (*right).into()) as u8));
            Some(())
        });
    }
    let (left, right) = (call.bits(0)?, call.bits(1)?);
    call.uints(|row| Some(of(left.at(row)?, right.at(row)?)))
}

/// What a bit aggregate puts together.
fn bits(call: &Call<'_>) -> Result<ArrayRef> {
    if is_binary(call.returns) {
        let bytes = call.bytes(0)?;
        return call.blobs(|row, out| {
            out.extend(bytes.at(row)?);
            Some(())
        });
    }
    let value = call.bits(0)?;
    call.uints(|row| value.at(row))
}

fn not(call: &Call<'_>) -> Result<ArrayRef> {
    if is_binary(call.returns) {
        let bytes = call.bytes(0)?;
        return call.blobs(|row, out| {
            out.extend(bytes.at(row)?.iter().map(|byte| !byte));
            Some(())
        });
    }
    let value = call.bits(0)?;
    call.uints(|row| Some(!value.at(row)?))
}

/// Bits that are shifted out are gone; a shift by 64 or more is zero.
fn shift(call: &Call<'_>, of: fn(u64, u32) -> Option<u64>) -> Result<ArrayRef> {
    let (value, by) = (call.bits(0)?, call.bits(1)?);
    call.uints(|row| {
        let (value, by) = (value.at(row)?, by.at(row)?);
        Some(u32::try_from(by).ok().and_then(|by| of(value, by)).unwrap_or(0))
    })
}
