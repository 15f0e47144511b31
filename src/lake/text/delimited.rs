//! Records of csv and tsv files. It must not know types.
//!
//! csv: fields between commas; a field in double quotes may hold commas, line ends and, doubled, quotes.
//! Nothing else is special, so that a backslash is one. tsv: fields between tabs, with MySQL's escapes by
//! backslash, as `SELECT … INTO OUTFILE` and `mysqldump --tab` write them. In both, a bare `\N` is NULL.

/// The fields of one record.
#[derive(Debug, Default)]
pub struct Fields {
    /// All fields, one after the other, without quotes and escapes.
    text: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    /// Where its text ends; it begins where the one before ends.
    end: usize,
    is_null: bool,
}

impl Fields {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The text of a field that there is; none for NULL.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let field = &self.fields[index];
        let start = index.checked_sub(1).map_or(0, |before| self.fields[before].end);
        (!field.is_null).then(|| &self.text[start..field.end])
    }

    /// Whether the record is a blank line.
    pub fn is_blank(&self) -> bool {
        self.fields.len() == 1 && self.text.is_empty() && !self.fields[0].is_null
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    fn end_field(&mut self, is_null: bool) {
        self.fields.push(Field { end: self.text.len(), is_null });
    }
}

/// Reads the csv record at the beginning of `bytes` and tells its length; none if it goes on behind the
/// bytes. `is_last` says that nothing is behind them.
pub fn csv(bytes: &[u8], is_last: bool, fields: &mut Fields) -> Result<Option<usize>, String> {
    fields.clear();
    let mut at = 0;
    loop {
        let quoted = bytes.get(at) == Some(&b'"');
        if quoted {
            at += 1;
            // Every round takes the text up to a quote; a second one behind it is part of the text.
            loop {
                let Some(length) = bytes[at..].iter().position(|byte| *byte == b'"') else {
                    return if is_last { Err("a quoted field has no end".into()) } else { Ok(None) };
                };
                fields.text.extend_from_slice(&bytes[at..at + length]);
                at += length + 1;
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                fields.text.push(b'"');
                at += 1;
            }
        }

        // What follows up to the separator is the field, or nothing if the field was in quotes.
        let Some(length) = bytes[at..].iter().position(|byte| matches!(byte, b',' | b'\n')) else {
            if !is_last {
                return Ok(None);
            }
            end_csv_field(&bytes[at..], quoted, true, fields)?;
            return Ok(Some(bytes.len()));
        };
        let separator = bytes[at + length];
        end_csv_field(&bytes[at..at + length], quoted, separator == b'\n', fields)?;
        at += length + 1;
        if separator == b'\n' {
            return Ok(Some(at));
        }
    }
}

fn end_csv_field(rest: &[u8], quoted: bool, ends_line: bool, fields: &mut Fields) -> Result<(), String> {
    let rest = if ends_line { rest.strip_suffix(b"\r").unwrap_or(rest) } else { rest };
    match rest {
        [] => fields.end_field(false),
        rest if quoted => {
            let rest = String::from_utf8_lossy(&rest[..rest.len().min(20)]);
            return Err(format!("`{rest}` follows the closing quote of a field"));
        }
        br"\N" => fields.end_field(true),
        rest => {
            fields.text.extend_from_slice(rest);
            fields.end_field(false);
        }
    }
    Ok(())
}

/// Reads the tsv record at the beginning of `bytes`, as [`csv`] does.
pub fn tsv(bytes: &[u8], is_last: bool, fields: &mut Fields) -> Result<Option<usize>, String> {
    fields.clear();
    let mut at = 0;
    let mut field_start = 0;
    loop {
        let plain = bytes[at..].iter().position(|byte| matches!(byte, b'\t' | b'\n' | b'\\'));
        let Some(length) = plain else {
            if !is_last {
                return Ok(None);
            }
            fields.text.extend_from_slice(&bytes[at..]);
            fields.end_field(&bytes[field_start..] == br"\N");
            return Ok(Some(bytes.len()));
        };
        fields.text.extend_from_slice(&bytes[at..at + length]);
        at += length;
        match bytes[at] {
            b'\\' => {
                let escaped = match bytes.get(at + 1) {
                    Some(escaped) => *escaped,
                    None if is_last => return Err("a backslash at the end escapes nothing".into()),
                    None => return Ok(None),
                };
                fields.text.push(match escaped {
                    b'0' => 0,
                    b'b' => 8,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'Z' => 26,
                    other => other,
                });
                at += 2;
            }
            separator => {
                let is_null = &bytes[field_start..at] == br"\N";
                fields.end_field(is_null);
                at += 1;
                field_start = at;
                if separator == b'\n' {
                    return Ok(Some(at));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = fn(&[u8], bool, &mut Fields) -> Result<Option<usize>, String>;

    /// Reads all records, fields joined by `|`, NULL as `NULL`; the same from any two pieces.
    fn check(read: Read, text: &str, expected: Result<&[&str], &str>) {
        let whole = records(read, text.as_bytes());
        let expected =
            expected.map(|lines| lines.iter().map(ToString::to_string).collect()).map_err(str::to_owned);
        assert_eq!(whole, expected, "{text:?}");
        for cut in 0..text.len() {
            // A record that ends before the cut is the same without what is behind it.
            let mut fields = Fields::default();
            if let Ok(Some(length)) = read(&text.as_bytes()[..cut], false, &mut fields) {
                let first = show(&fields);
                assert_eq!(read(text.as_bytes(), true, &mut fields), Ok(Some(length)), "{text:?} at {cut}");
                assert_eq!(show(&fields), first, "{text:?} at {cut}");
            }
        }
    }

    fn records(read: Read, mut bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut records = vec![];
        let mut fields = Fields::default();
        while !bytes.is_empty() {
            let length = read(bytes, true, &mut fields)?.expect("the last bytes are a record");
            records.push(show(&fields));
            bytes = &bytes[length..];
        }
        Ok(records)
    }

    fn show(fields: &Fields) -> String {
        let text = |index| fields.get(index).map_or("NULL".into(), String::from_utf8_lossy);
        (0..fields.len()).map(text).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn csv_records() {
        check(csv, "a,b\nc,d\n", Ok(&["a|b", "c|d"]));
        check(csv, "a,b\r\nc,d", Ok(&["a|b", "c|d"]));
        check(csv, "a,,\n", Ok(&["a||"]));
        check(csv, ",", Ok(&["|"]));
        check(csv, "\n\na\n", Ok(&["", "", "a"]));
        check(csv, "\"a,b\",\"c\"\"d\"\n", Ok(&["a,b|c\"d"]));
        check(csv, "\"a\nb\",\"\"\r\n", Ok(&["a\nb|"]));
        check(csv, "\"\"\"\"", Ok(&["\""]));
        check(csv, r#"\N,"\N",a\N,\n"#, Ok(&[r"NULL|\N|a\N|\n"]));
        check(csv, "a\"b,c", Ok(&["a\"b|c"]));
        check(csv, "a\rb,c\r\n", Ok(&["a\rb|c"]));
        check(csv, "\"a", Err("a quoted field has no end"));
        check(csv, "\"a\"b,c", Err("`b` follows the closing quote of a field"));
    }

    #[test]
    fn tsv_records() {
        check(tsv, "a\tb\nc\td\n", Ok(&["a|b", "c|d"]));
        check(tsv, "a\t\t", Ok(&["a||"]));
        check(tsv, "\\N\t\\\\N\tx\\N\n", Ok(&[r"NULL|\N|xN"]));
        check(tsv, "a\\tb\\n\\\\\\0\\Z\t\"q\"\n", Ok(&["a\tb\n\\\0\u{1a}|\"q\""]));
        check(tsv, "a\\\tb\\\nc\td\n", Ok(&["a\tb\nc|d"]));
        check(tsv, "a\r\n", Ok(&["a\r"]));
        check(tsv, "\\N", Ok(&["NULL"]));
        check(tsv, "a\\", Err("a backslash at the end escapes nothing"));
    }
}
