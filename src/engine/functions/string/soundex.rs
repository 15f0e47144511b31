//! SOUNDEX, MySQL's. It must not know what is compared by it.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::engine::functions::signature::Call;

/// `SOUNDEX(text)`.
pub fn soundex(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.texts(|row, out| {
        write_soundex(text.at(row)?, out);
        Some(())
    })
}

/// `text SOUNDS LIKE text`.
pub fn sounds_like(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (call.text(0)?, call.text(1)?);
    let (mut one, mut other) = (String::new(), String::new());
    call.booleans(|row| {
        one.clear();
        other.clear();
        write_soundex(left.at(row)?, &mut one);
        write_soundex(right.at(row)?, &mut other);
        Some(one == other)
    })
}

/// MySQL's soundex: as long as the text needs, at least four characters.
fn write_soundex(text: &str, out: &mut String) {
    let code = |letter: char| match letter.to_ascii_uppercase() {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        // Other letters separate nothing: only a different code ends a run.
        _ => '0',
    };
    // From U+00C0 on MySQL takes all for letters.
    let mut letters = text.chars().filter(|letter| letter.is_ascii_alphabetic() || *letter >= '\u{C0}');
    let Some(first) = letters.next() else { return };
    out.push(first.to_ascii_uppercase());
    let mut last = code(first);
    for letter in letters {
        let code = code(letter);
        if code != '0' && code != last {
            out.push(code);
            last = code;
        }
    }
    let present = out.chars().count();
    out.extend(std::iter::repeat_n('0', 4_usize.saturating_sub(present)));
}
