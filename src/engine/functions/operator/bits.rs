//! Operators on 64 bits: `| & ^ << >> ~`. Whatever the operands are, they are taken as BIGINT UNSIGNED.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::super::signature::{Call, Function, returns};

pub fn functions() -> Vec<Function> {
    // A shift by the whole width or more leaves nothing.
    vec![
        Function::new("mysql_bit_or", 2..=2, returns::uint, |call| bitwise(call, |left, right| left | right)),
        Function::new("mysql_bit_and", 2..=2, returns::uint, |call| {
            bitwise(call, |left, right| left & right)
        }),
        Function::new("mysql_bit_xor", 2..=2, returns::uint, |call| {
            bitwise(call, |left, right| left ^ right)
        }),
        Function::new("mysql_shift_left", 2..=2, returns::uint, |call| {
            bitwise(call, |left, right| if right < 64 { left << right } else { 0 })
        }),
        Function::new("mysql_shift_right", 2..=2, returns::uint, |call| {
            bitwise(call, |left, right| if right < 64 { left >> right } else { 0 })
        }),
        Function::new("mysql_bit_not", 1..=1, returns::uint, |call| {
            let value = call.bits(0)?;
            call.uints(|row| value.at(row).map(|value| !value))
        }),
    ]
}

fn bitwise(call: &Call<'_>, operator: fn(u64, u64) -> u64) -> Result<ArrayRef> {
    let (left, right) = (call.bits(0)?, call.bits(1)?);
    call.uints(|row| Some(operator(left.at(row)?, right.at(row)?)))
}
