//! Phrases of MySQL's that begin like a call and go on with words: CAST, CONVERT, EXTRACT, TRIM, INTERVAL and others.
//!
//! Each function stands at the phrase's first token and reads it to its end.

use sqlparser::ast::{
    CaseWhen, DataType, DateTimeField, Expr, Ident, Interval, ObjectName, TimezoneInfo, TypedString, Value,
};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::PREDICATE;
use super::build::{call, is, number, string};

/// A unit of an interval, in upper case.
fn unit(parser: &mut Parser) -> Result<String, ParserError> {
    const UNITS: [&str; 20] = [
        "MICROSECOND",
        "SECOND",
        "MINUTE",
        "HOUR",
        "DAY",
        "WEEK",
        "MONTH",
        "QUARTER",
        "YEAR",
        "SECOND_MICROSECOND",
        "MINUTE_MICROSECOND",
        "MINUTE_SECOND",
        "HOUR_MICROSECOND",
        "HOUR_SECOND",
        "HOUR_MINUTE",
        "DAY_MICROSECOND",
        "DAY_SECOND",
        "DAY_MINUTE",
        "DAY_HOUR",
        "YEAR_MONTH",
    ];
    if let Token::Word(word) = &parser.peek_token_ref().token {
        let name = word.value.to_ascii_uppercase();
        // Units may have the prefix of their ODBC names.
        let name = name.strip_prefix("SQL_TSI_").unwrap_or(&name).to_owned();
        if word.quote_style.is_none() && UNITS.contains(&name.as_str()) {
            parser.advance_token();
            return Ok(name);
        }
    }
    parser.expected_ref("a unit of time", parser.peek_token_ref())
}

/// `INTERVAL expression unit`.
pub fn interval(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    let value = Box::new(parser.parse_expr()?);
    let unit = DateTimeField::Custom(Ident::new(unit(parser)?));
    Ok(Expr::Interval(Interval {
        value,
        leading_field: Some(unit),
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}

/// `EXTRACT(unit FROM expression)`.
pub fn extract(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let unit = unit(parser)?;
    parser.expect_keyword(Keyword::FROM)?;
    let value = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("mysql_extract", vec![string(unit), value]))
}

/// `TIMESTAMPADD(unit, amount, date)` and `TIMESTAMPDIFF(unit, from, to)`, whose units are single ones.
pub fn in_units(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let unit = match &parser.peek_token_ref().token {
        // Those of several fields have a `_` that is not of their prefix.
        Token::Word(word) if word.value.to_ascii_uppercase().trim_start_matches("SQL_TSI_").contains('_') => {
            return parser.expected_ref("a unit of time", parser.peek_token_ref());
        }
        _ => unit(parser)?,
    };
    let mut arguments = vec![string(unit)];
    for _ in 0..2 {
        parser.expect_token(&Token::Comma)?;
        arguments.push(parser.parse_expr()?);
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call(&name.to_ascii_lowercase(), arguments))
}

/// `DATE_ADD(date, INTERVAL amount unit)` and DATE_SUB.
pub fn move_date(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let date = parser.parse_expr()?;
    parser.expect_token(&Token::Comma)?;
    if !matches!(&parser.peek_token_ref().token, Token::Word(word) if is(word, "INTERVAL")) {
        return parser.expected_ref("INTERVAL", parser.peek_token_ref());
    }
    let interval = interval(parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(call(&name.to_ascii_lowercase(), vec![date, interval]))
}

/// `NOW([digits])` and its like, whose digits are written as a number.
pub fn clock(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let digits = match parser.peek_token_ref().token == Token::RParen {
        true => Vec::new(),
        false => vec![number(parser.parse_literal_uint()?)],
    };
    parser.expect_token(&Token::RParen)?;
    Ok(call(&name.to_ascii_lowercase(), digits))
}

/// `GET_FORMAT(DATE | TIME | DATETIME | TIMESTAMP, region)`.
pub fn get_format(parser: &mut Parser) -> Result<Expr, ParserError> {
    const KINDS: [&str; 4] = ["DATE", "TIME", "DATETIME", "TIMESTAMP"];
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let kind = match &parser.peek_token_ref().token {
        Token::Word(word) => KINDS.into_iter().find(|kind| is(word, kind)),
        _ => None,
    };
    let Some(kind) = kind else {
        return parser.expected_ref("DATE, TIME or DATETIME", parser.peek_token_ref());
    };
    parser.advance_token();
    parser.expect_token(&Token::Comma)?;
    let region = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("get_format", vec![string(kind), region]))
}

/// `POSITION(text IN other)`.
pub fn position(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let text = parser.parse_subexpr(PREDICATE)?;
    parser.expect_keyword(Keyword::IN)?;
    let other = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("locate", vec![text, other]))
}

/// `CHAR(65, 66 [USING charset])`.
pub fn char_using(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let codes = parser.parse_comma_separated(Parser::parse_expr)?;
    let bytes = call("char", codes);
    // With a character set the answer is text, not bytes.
    let converted = match parser.parse_keyword(Keyword::USING) {
        true => in_character_set(bytes, parser.parse_identifier()?.value),
        false => bytes,
    };
    parser.expect_token(&Token::RParen)?;
    Ok(converted)
}

/// `TRIM([BOTH | LEADING | TRAILING] [text] FROM expression)` and `TRIM(expression)`.
pub fn trim(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let side = parser.parse_one_of_keywords(&[Keyword::BOTH, Keyword::LEADING, Keyword::TRAILING]);
    let what =
        if side.is_some() && parser.peek_keyword(Keyword::FROM) { None } else { Some(parser.parse_expr()?) };
    let from = parser.parse_keyword(Keyword::FROM);
    let (what, value) = match what {
        what if from => (what, parser.parse_expr()?),
        Some(value) if side.is_none() => (None, value),
        _ => return parser.expected_ref("FROM", parser.peek_token_ref()),
    };
    parser.expect_token(&Token::RParen)?;
    let name = match side {
        Some(Keyword::LEADING) => "ltrim",
        Some(Keyword::TRAILING) => "rtrim",
        _ => "trim",
    };
    Ok(match what {
        None => call(name, vec![value]),
        Some(what) => call(name, vec![value, what]),
    })
}

/// `SUBSTRING(text FROM start [FOR length])` and with commas.
pub fn substring(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut arguments = vec![parser.parse_expr()?];
    if parser.parse_keyword(Keyword::FROM) {
        arguments.push(parser.parse_expr()?);
        if parser.parse_keyword(Keyword::FOR) {
            arguments.push(parser.parse_expr()?);
        }
    }
    while arguments.len() < 3 && parser.consume_token(&Token::Comma) {
        arguments.push(parser.parse_expr()?);
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call("substring", arguments))
}

/// ODBC's `{d '…'}`, `{t '…'}`, `{ts '…'}`; in other braces, as in `{fn f(x)}`, is any expression.
pub fn odbc(parser: &mut Parser) -> Result<Option<Expr>, ParserError> {
    let Token::Word(kind) = parser.peek_nth_token_ref(1).token.clone() else { return Ok(None) };
    let data_type = match kind.value.to_ascii_lowercase().as_str() {
        "d" | "date" => Some(DataType::Date),
        "t" | "time" => Some(DataType::Time(None, TimezoneInfo::None)),
        "ts" | "timestamp" => Some(DataType::Timestamp(None, TimezoneInfo::None)),
        _ => None,
    };
    parser.advance_token();
    parser.advance_token();
    let expression = match (data_type, parser.peek_token_ref().token.clone()) {
        (Some(data_type), Token::SingleQuotedString(text)) => {
            parser.advance_token();
            let value = Value::SingleQuotedString(text).into();
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: true })
        }
        _ => parser.parse_expr()?,
    };
    parser.expect_token(&Token::RBrace)?;
    Ok(Some(expression))
}

/// `CAST(expression AS type)`.
pub fn cast(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let value = parser.parse_expr()?;
    parser.expect_keyword(Keyword::AS)?;
    let cast = cast_to(parser, value)?;
    parser.expect_token(&Token::RParen)?;
    Ok(cast)
}

/// `CONVERT(expression, type)` and `CONVERT(expression USING charset)`.
pub fn convert(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let value = parser.parse_expr()?;
    let converted = if parser.parse_keyword(Keyword::USING) {
        in_character_set(value, parser.parse_identifier()?.value)
    } else {
        parser.expect_token(&Token::Comma)?;
        cast_to(parser, value)?
    };
    parser.expect_token(&Token::RParen)?;
    Ok(converted)
}

/// The cast function for the type at the parser's place.
fn cast_to(parser: &mut Parser, value: Expr) -> Result<Expr, ParserError> {
    let Token::Word(word) = parser.next_token().token else {
        parser.prev_token();
        return parser.expected_ref("a type", parser.peek_token_ref());
    };
    let name = word.value.to_ascii_uppercase();
    let sizes = |parser: &mut Parser| -> Result<Vec<Expr>, ParserError> {
        if !parser.consume_token(&Token::LParen) {
            return Ok(Vec::new());
        }
        let sizes = parser.parse_comma_separated(|parser| parser.parse_literal_uint())?;
        parser.expect_token(&Token::RParen)?;
        Ok(sizes.into_iter().map(number).collect())
    };
    let with = |mut sizes: Vec<Expr>, defaults: &[u64]| {
        let given = sizes.len();
        sizes.extend(defaults.iter().skip(given).map(|size| number(*size)));
        [vec![value.clone()], sizes].concat()
    };
    let result = match name.as_str() {
        "SIGNED" | "UNSIGNED" => {
            if !parser.parse_keyword(Keyword::INTEGER) {
                let _ = parser.parse_keyword(Keyword::INT);
            }
            call(if name == "SIGNED" { "mysql_cast_signed" } else { "mysql_cast_unsigned" }, vec![value])
        }
        "INT" | "INTEGER" | "BIGINT" => call("mysql_cast_signed", vec![value]),
        "DOUBLE" | "REAL" => {
            let _ = parser.parse_keyword(Keyword::PRECISION);
            call("mysql_cast_double", vec![value])
        }
        "FLOAT" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_float", [vec![value], sizes].concat())
        }
        "DECIMAL" | "DEC" | "NUMERIC" | "FIXED" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_decimal", with(sizes, &[10, 0]))
        }
        "CHAR" | "CHARACTER" | "NCHAR" | "VARCHAR" => {
            let sizes = sizes(parser)?;
            // Characters are counted in the set that they are read in.
            match charset(parser)? {
                Some(charset) if !is_utf8(&charset) => {
                    let value = in_character_set(value, charset.clone());
                    in_character_set(call("mysql_cast_char", [vec![value], sizes].concat()), charset)
                }
                _ => call("mysql_cast_char", [vec![value], sizes].concat()),
            }
        }
        "BINARY" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_binary", [vec![value], sizes].concat())
        }
        "DATE" => call("mysql_cast_date", vec![value]),
        "DATETIME" | "TIMESTAMP" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_datetime", with(sizes, &[0]))
        }
        "TIME" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_time", with(sizes, &[0]))
        }
        "YEAR" => call("mysql_cast_year", vec![value]),
        "JSON" => call("mysql_cast_json", vec![value]),
        _ => {
            parser.prev_token();
            return parser.expected_ref("a type", parser.peek_token_ref());
        }
    };
    Ok(result)
}

/// `CHARACTER SET x`, `CHARSET x`, `ASCII`, `UNICODE`.
fn charset(parser: &mut Parser) -> Result<Option<String>, ParserError> {
    let mut charset = None;
    if parser.parse_keywords(&[Keyword::CHARACTER, Keyword::SET]) || parser.parse_keyword(Keyword::CHARSET) {
        charset = Some(parser.parse_identifier()?.value);
    } else if let Token::Word(word) = &parser.peek_token_ref().token
        && (is(word, "ASCII") || is(word, "UNICODE"))
    {
        charset = Some(if is(word, "ASCII") { "ascii" } else { "ucs2" }.to_owned());
        parser.advance_token();
    }
    let _ = parser.parse_keyword(Keyword::BINARY);
    Ok(charset)
}

/// The character sets of MySQL, but for `binary`.
pub const CHARACTER_SETS: [&str; 41] = [
    "armscii8", "ascii", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932",
    "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2",
    "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7", "tis620",
    "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4",
];

/// Whether it is a name of the set that every text is in here.
fn is_utf8(charset: &str) -> bool {
    matches!(charset.to_ascii_lowercase().as_str(), "utf8mb4" | "utf8mb3" | "utf8")
}

/// A value in a character set: bytes, or text. The rewriter refuses the sets that there are not.
pub fn in_character_set(value: Expr, charset: String) -> Expr {
    match charset.to_ascii_lowercase().as_str() {
        "binary" => call("mysql_cast_binary", vec![value]),
        utf8 if is_utf8(utf8) => call("mysql_cast_char", vec![value]),
        known if CHARACTER_SETS.contains(&known) => call("mysql_in_set", vec![value, string(known)]),
        _ => call("mysql_character_set", vec![value, string(charset)]),
    }
}

/// `JSON_VALUE(document, path [RETURNING type] [… ON EMPTY] [… ON ERROR])`.
pub fn json_value(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let document = parser.parse_expr()?;
    parser.expect_token(&Token::Comma)?;
    let path = parser.parse_expr()?;
    let none = Expr::Value(Value::Null.into());
    let returning = match parser.parse_keyword(Keyword::RETURNING) {
        true => cast_to(parser, none)?,
        false => call("mysql_cast_char", vec![none, number(512)]),
    };
    // What stands in for a value is NULL, the text ERROR, or an array that holds the default.
    let [mut on_empty, mut on_error] = [None, None];
    while parser.peek_token_ref().token != Token::RParen {
        let otherwise = match parser.next_token().token {
            Token::Word(word) if is(&word, "NULL") => Expr::Value(Value::Null.into()),
            Token::Word(word) if is(&word, "ERROR") => string("ERROR"),
            Token::Word(word) if is(&word, "DEFAULT") => Expr::Tuple(vec![parser.parse_expr()?]),
            _ => {
                parser.prev_token();
                return parser.expected_ref("NULL, ERROR or DEFAULT", parser.peek_token_ref());
            }
        };
        parser.expect_keyword(Keyword::ON)?;
        match parser.next_token().token {
            Token::Word(word) if is(&word, "EMPTY") && on_empty.is_none() && on_error.is_none() => {
                on_empty = Some(otherwise);
            }
            Token::Word(word) if is(&word, "ERROR") && on_error.is_none() => on_error = Some(otherwise),
            _ => {
                parser.prev_token();
                return parser.expected_ref("EMPTY before ERROR, each once", parser.peek_token_ref());
            }
        }
    }
    parser.expect_token(&Token::RParen)?;
    let [on_empty, on_error] =
        [on_empty, on_error].map(|said| said.unwrap_or_else(|| Expr::Value(Value::Null.into())));
    Ok(call("mysql_json_value", vec![document, path, returning, on_empty, on_error]))
}

/// `WEIGHT_STRING(text [AS CHAR(n) | AS BINARY(n)])`.
pub fn weight_string(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut text = parser.parse_expr()?;
    if parser.parse_keyword(Keyword::AS) {
        let chars = parser.parse_keyword(Keyword::CHAR);
        if !chars {
            parser.expect_keyword(Keyword::BINARY)?;
        }
        parser.expect_token(&Token::LParen)?;
        let length = number(parser.parse_literal_uint()?);
        parser.expect_token(&Token::RParen)?;
        text = match chars {
            true => call("rpad", vec![text, length, string(" ")]),
            false => call("mysql_cast_binary", vec![text, length]),
        };
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call("weight_string", vec![text]))
}

/// CASE; sqlparser would read it a second time as a column when something inside is wrong.
pub fn case(parser: &mut Parser) -> Result<Expr, ParserError> {
    let case_token = parser.next_token().into();
    let operand =
        if parser.peek_keyword(Keyword::WHEN) { None } else { Some(Box::new(parser.parse_expr()?)) };
    let mut conditions = Vec::new();
    while parser.parse_keyword(Keyword::WHEN) {
        let condition = parser.parse_expr()?;
        parser.expect_keyword(Keyword::THEN)?;
        conditions.push(CaseWhen { condition, result: parser.parse_expr()? });
    }
    if conditions.is_empty() {
        return parser.expected_ref("WHEN", parser.peek_token_ref());
    }
    let else_result =
        if parser.parse_keyword(Keyword::ELSE) { Some(Box::new(parser.parse_expr()?)) } else { None };
    parser.expect_keyword(Keyword::END)?;
    let end_token = parser.get_current_token().clone().into();
    Ok(Expr::Case { case_token, end_token, operand, conditions, else_result })
}

/// A call whose name sqlparser would take for something else.
pub fn function(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.parse_function(ObjectName::from(vec![Ident::new(name)]))
}

/// A call that MySQL's grammar knows by its number of arguments: with another it is no call.
pub fn counted(parser: &mut Parser, name: &str, count: usize) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut arguments = vec![parser.parse_expr()?];
    while arguments.len() < count {
        parser.expect_token(&Token::Comma)?;
        arguments.push(parser.parse_expr()?);
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call(&name.to_ascii_lowercase(), arguments))
}

/// What follows LIKE: the pattern and its escape, of which any constant may be made.
pub fn like(parser: &mut Parser, operand: Expr, negated: bool, precedence: u8) -> Result<Expr, ParserError> {
    let mut pattern = parser.parse_subexpr(precedence)?;
    let mut escape_char = None;
    if parser.parse_keyword(Keyword::ESCAPE) {
        match parser.parse_subexpr(precedence)? {
            Expr::Value(value) => escape_char = Some(value),
            escape => pattern = call("mysql_like_pattern", vec![pattern, escape]),
        }
    }
    let (expr, pattern) = (Box::new(operand), Box::new(pattern));
    Ok(Expr::Like { negated, any: false, expr, pattern, escape_char })
}

/// What follows BETWEEN. The upper bound may itself hold a predicate.
pub fn between(
    parser: &mut Parser,
    operand: Expr,
    negated: bool,
    precedence: u8,
) -> Result<Expr, ParserError> {
    let low = parser.parse_subexpr(precedence)?;
    parser.expect_keyword(Keyword::AND)?;
    let high = parser.parse_subexpr(precedence - 1)?;
    Ok(Expr::Between { expr: Box::new(operand), negated, low: Box::new(low), high: Box::new(high) })
}
