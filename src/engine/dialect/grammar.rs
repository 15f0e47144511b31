//! MySQL's grammar of expressions over sqlparser's parser: true precedences, and the operators and calls it lacks.
//!
//! It knows tokens and syntax trees; no statement but a query, no names, no types.
//!
//! sqlparser's own MySQL dialect binds `||`, `&&`, `DIV`, `XOR`, `^`, `->`, `BINARY` and others wrongly. All
//! binary operators are therefore read here. A chain of AND or OR becomes a balanced tree, and every other
//! chain has a limit, so that no later pass over the tree runs out of stack.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName, TimezoneInfo, TypedString,
    UnaryOperator, Value,
};
use sqlparser::dialect::{Dialect, MySqlDialect, Precedence};
use sqlparser::keywords::{self, Keyword};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

use super::Mode;

/// How deep parentheses, calls and subqueries may nest.
pub const DEPTH_MAX: usize = 300;
/// How many operators of one kind may follow each other, but for AND and OR.
const CHAIN_MAX: usize = 500;
/// How many postfix operators (IS NULL, IN, LIKE …) and links of chains a statement may have.
const LINKS_MAX: usize = 50_000;

// From loose to tight; https://dev.mysql.com/doc/refman/8.0/en/operator-precedence.html
const ASSIGN: u8 = 1;
const OR: u8 = 5;
const XOR: u8 = 6;
const AND: u8 = 10;
const NOT: u8 = 15;
const COMPARISON: u8 = 20;
const PREDICATE: u8 = 21;
const BIT_OR: u8 = 22;
const BIT_AND: u8 = 23;
const SHIFT: u8 = 24;
const SUM: u8 = 30;
const PRODUCT: u8 = 40;
const BIT_XOR: u8 = 45;
const UNARY: u8 = 48;
const BANG: u8 = 50;
const BINARY: u8 = 52;
const JSON: u8 = 60;
const PERIOD: u8 = 100;

/// The dialect for one statement; it counts the work, so that no text makes the parser run for long.
#[derive(Debug)]
pub struct LakeMySql {
    mysql: MySqlDialect,
    mode: Mode,
    prefixes_left: Cell<usize>,
    links_left: Cell<usize>,
    too_complex: Cell<bool>,
}

impl LakeMySql {
    /// The dialect for a statement of so many tokens. The parser tries some phrases twice, hence the allowance.
    pub fn new(mode: Mode, tokens: usize) -> Self {
        Self {
            mysql: MySqlDialect {},
            mode,
            prefixes_left: Cell::new(tokens * 64 + 4096),
            links_left: Cell::new(LINKS_MAX),
            too_complex: Cell::new(false),
        }
    }

    /// Whether a limit stopped the parser.
    pub fn too_complex(&self) -> bool {
        self.too_complex.get()
    }

    fn spend(&self, budget: &Cell<usize>) -> Result<(), ParserError> {
        match budget.get().checked_sub(1) {
            Some(left) => {
                budget.set(left);
                Ok(())
            }
            None => Err(self.refuse()),
        }
    }

    fn refuse(&self) -> ParserError {
        self.too_complex.set(true);
        ParserError::RecursionLimitExceeded
    }

    /// The operator at the parser's place and how tightly it binds.
    fn operator(&self, parser: &Parser) -> Option<(Operator, u8)> {
        use BinaryOperator as B;
        let operator = match &parser.peek_token_ref().token {
            Token::Assignment => (B::Assignment, ASSIGN),
            Token::StringConcat if self.mode.pipes_as_concat => (B::StringConcat, BIT_XOR),
            Token::StringConcat => (B::Or, OR),
            Token::Overlap => (B::And, AND),
            Token::Spaceship => (B::Spaceship, COMPARISON),
            Token::Eq => (B::Eq, COMPARISON),
            Token::Neq => (B::NotEq, COMPARISON),
            Token::Lt => (B::Lt, COMPARISON),
            Token::LtEq => (B::LtEq, COMPARISON),
            Token::Gt => (B::Gt, COMPARISON),
            Token::GtEq => (B::GtEq, COMPARISON),
            Token::Pipe => (B::BitwiseOr, BIT_OR),
            Token::Ampersand => (B::BitwiseAnd, BIT_AND),
            Token::ShiftLeft => (B::PGBitwiseShiftLeft, SHIFT),
            Token::ShiftRight => (B::PGBitwiseShiftRight, SHIFT),
            Token::Plus => (B::Plus, SUM),
            Token::Minus => (B::Minus, SUM),
            Token::Mul => (B::Multiply, PRODUCT),
            Token::Div => (B::Divide, PRODUCT),
            Token::Mod => (B::Modulo, PRODUCT),
            Token::Caret => (B::BitwiseXor, BIT_XOR),
            Token::Arrow => (B::Arrow, JSON),
            Token::LongArrow => (B::LongArrow, JSON),
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::OR => (B::Or, OR),
                Keyword::XOR => (B::Xor, XOR),
                Keyword::AND => (B::And, AND),
                Keyword::DIV => (B::MyIntegerDivide, PRODUCT),
                _ if is(word, "MOD") => (B::Modulo, PRODUCT),
                Keyword::REGEXP | Keyword::RLIKE => {
                    return Some((Operator::Regexp { negated: false }, PREDICATE));
                }
                Keyword::NOT
                    if matches!(&parser.peek_nth_token_ref(1).token,
                        Token::Word(next) if matches!(next.keyword, Keyword::REGEXP | Keyword::RLIKE)) =>
                {
                    return Some((Operator::Regexp { negated: true }, PREDICATE));
                }
                _ if is(word, "SOUNDS") => return Some((Operator::SoundsLike, PREDICATE)),
                _ if is(word, "MEMBER")
                    && matches!(&parser.peek_nth_token_ref(1).token, Token::Word(next) if is(next, "OF")) =>
                {
                    return Some((Operator::MemberOf, PREDICATE));
                }
                _ => return None,
            },
            _ => return None,
        };
        Some((Operator::Binary(operator.0), operator.1))
    }

    /// Reads the operators of one precedence and their right sides, from left to right.
    fn chain(&self, parser: &mut Parser, first: Expr, precedence: u8) -> Result<Expr, ParserError> {
        if precedence == AND || precedence == OR {
            let operator = if precedence == AND { BinaryOperator::And } else { BinaryOperator::Or };
            let mut operands = vec![first];
            while self.operator(parser).is_some_and(|(_, next)| next == precedence) {
                parser.advance_token();
                operands.push(parser.parse_subexpr(precedence)?);
            }
            return Ok(balanced(&operator, operands));
        }
        let mut left = first;
        for _ in 0..CHAIN_MAX {
            let Some((operator, _)) = self.operator(parser).filter(|(_, next)| *next == precedence) else {
                return Ok(left);
            };
            self.spend(&self.links_left)?;
            parser.advance_token();
            left = match operator {
                Operator::SoundsLike => {
                    parser.expect_keyword(Keyword::LIKE)?;
                    let right = parser.parse_subexpr(precedence)?;
                    binary(call("soundex", vec![left]), BinaryOperator::Eq, call("soundex", vec![right]))
                }
                Operator::MemberOf => {
                    parser.advance_token();
                    parser.expect_token(&Token::LParen)?;
                    let array = parser.parse_expr()?;
                    parser.expect_token(&Token::RParen)?;
                    call("mysql_member_of", vec![left, array])
                }
                Operator::Regexp { negated } => {
                    if negated {
                        parser.advance_token();
                    }
                    let matches = call("mysql_regexp", vec![left, parser.parse_subexpr(precedence)?]);
                    if negated { unary(UnaryOperator::Not, matches) } else { matches }
                }
                Operator::Binary(operator) => self.right_side(parser, left, operator, precedence)?,
            };
        }
        Err(self.refuse())
    }

    fn right_side(
        &self,
        parser: &mut Parser,
        left: Expr,
        operator: BinaryOperator,
        precedence: u8,
    ) -> Result<Expr, ParserError> {
        if precedence == COMPARISON
            && let Some(quantifier) =
                parser.parse_one_of_keywords(&[Keyword::ANY, Keyword::SOME, Keyword::ALL])
        {
            parser.expect_token(&Token::LParen)?;
            let query = parser.parse_query()?;
            parser.expect_token(&Token::RParen)?;
            let (left, right) = (Box::new(left), Box::new(Expr::Subquery(query)));
            return Ok(if quantifier == Keyword::ALL {
                Expr::AllOp { left, compare_op: operator, right }
            } else {
                Expr::AnyOp { left, compare_op: operator, right, is_some: false }
            });
        }
        // An assignment takes all that follows: `@a := @b := 1`.
        let right = parser.parse_subexpr(if precedence == ASSIGN { ASSIGN - 1 } else { precedence })?;
        Ok(binary(left, operator, right))
    }

    /// What begins an expression and sqlparser reads otherwise or not at all.
    fn prefix(&self, parser: &mut Parser) -> Result<Option<Expr>, ParserError> {
        self.spend(&self.prefixes_left)?;
        let token = parser.peek_token_ref().token.clone();
        let word = match token {
            Token::ExclamationMark => {
                parser.advance_token();
                return Ok(Some(unary(UnaryOperator::Not, parser.parse_subexpr(BANG)?)));
            }
            Token::Minus | Token::Plus | Token::Tilde => {
                parser.advance_token();
                let operator = match token {
                    Token::Minus => UnaryOperator::Minus,
                    Token::Plus => UnaryOperator::Plus,
                    _ => UnaryOperator::BitwiseNot,
                };
                return Ok(Some(unary(operator, parser.parse_subexpr(UNARY)?)));
            }
            Token::LBrace => return odbc_literal(parser),
            Token::Word(word) if word.quote_style.is_none() => word,
            _ => return Ok(None),
        };
        let called = parser.peek_nth_token_ref(1).token == Token::LParen;
        match word.value.to_ascii_uppercase().as_str() {
            "BINARY" => {
                parser.advance_token();
                Ok(Some(call("mysql_cast_binary", vec![parser.parse_subexpr(BINARY)?])))
            }
            "INTERVAL" => parser.maybe_parse(interval).and_then(|interval| match interval {
                Some(interval) => Ok(Some(interval)),
                None if called => function(parser, "interval").map(Some),
                None => Ok(None),
            }),
            "CAST" if called => cast(parser).map(Some),
            "CONVERT" if called => convert(parser).map(Some),
            "CHAR" if called => char_using(parser).map(Some),
            "EXTRACT" if called => extract(parser).map(Some),
            "ROW" if called => {
                parser.advance_token();
                parser.expect_token(&Token::LParen)?;
                let items = parser.parse_comma_separated(Parser::parse_expr)?;
                parser.expect_token(&Token::RParen)?;
                Ok(Some(Expr::Tuple(items)))
            }
            "JSON_VALUE" if called => json_value(parser).map(Some),
            "TRIM" if called => trim(parser).map(Some),
            "SUBSTRING" | "SUBSTR" | "MID" if called => substring(parser).map(Some),
            "CASE" => case(parser).map(Some),
            "NOT" => {
                parser.advance_token();
                Ok(Some(unary(UnaryOperator::Not, parser.parse_subexpr(NOT)?)))
            }
            // Names that sqlparser reads in a way of its own, and that are plain functions here.
            name @ ("LEFT" | "RIGHT" | "IF" | "REPLACE" | "INSERT" | "MOD" | "CEIL" | "CEILING" | "FLOOR"
            | "DATE" | "TIME" | "TIMESTAMP" | "YEAR" | "JSON_OBJECT" | "JSON_ARRAY" | "TRUNCATE"
            | "REPEAT" | "FORMAT" | "VALUES" | "SCHEMA" | "DATABASE" | "USER" | "MAP" | "STRUCT"
            | "ARRAY" | "LAMBDA")
                if called =>
            {
                function(parser, &name.to_ascii_lowercase()).map(Some)
            }
            _ if RESERVED.contains(&word.keyword) && !called => {
                parser.expected_ref("an expression", parser.peek_token_ref())
            }
            _ => Ok(None),
        }
    }
}

enum Operator {
    Binary(BinaryOperator),
    SoundsLike,
    MemberOf,
    Regexp { negated: bool },
}

/// Words that cannot be names without quotes.
const RESERVED: &[Keyword] = &[
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::ORDER,
    Keyword::HAVING,
    Keyword::LIMIT,
    Keyword::UNION,
    Keyword::AND,
    Keyword::OR,
    Keyword::XOR,
    Keyword::ON,
    Keyword::JOIN,
    Keyword::INNER,
    Keyword::CROSS,
    Keyword::NATURAL,
    Keyword::USING,
    Keyword::AS,
    Keyword::BY,
    Keyword::IN,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::BETWEEN,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
    Keyword::DISTINCT,
    Keyword::INTO,
    Keyword::SET,
    Keyword::UPDATE,
    Keyword::DELETE,
    Keyword::CREATE,
    Keyword::DROP,
    Keyword::ALTER,
    Keyword::TABLE,
    Keyword::INDEX,
    Keyword::ASC,
    Keyword::DESC,
    Keyword::WITH,
    Keyword::FOR,
    Keyword::DIV,
    Keyword::REGEXP,
    Keyword::RLIKE,
    Keyword::EXCEPT,
];

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
fn interval(parser: &mut Parser) -> Result<Expr, ParserError> {
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
fn extract(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let unit = unit(parser)?;
    parser.expect_keyword(Keyword::FROM)?;
    let value = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("mysql_extract", vec![string(unit), value]))
}

/// `CHAR(65, 66 [USING charset])`.
fn char_using(parser: &mut Parser) -> Result<Expr, ParserError> {
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
fn trim(parser: &mut Parser) -> Result<Expr, ParserError> {
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
fn substring(parser: &mut Parser) -> Result<Expr, ParserError> {
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

/// `{d '…'}`, `{t '…'}`, `{ts '…'}`; other braces are the parser's.
fn odbc_literal(parser: &mut Parser) -> Result<Option<Expr>, ParserError> {
    let (Token::Word(kind), Token::SingleQuotedString(text)) =
        (parser.peek_nth_token_ref(1).token.clone(), parser.peek_nth_token_ref(2).token.clone())
    else {
        return Ok(None);
    };
    let data_type = match kind.value.to_ascii_lowercase().as_str() {
        "d" | "date" => DataType::Date,
        "t" | "time" => DataType::Time(None, TimezoneInfo::None),
        "ts" | "timestamp" => DataType::Timestamp(None, TimezoneInfo::None),
        _ => return Ok(None),
    };
    for _ in 0..3 {
        parser.advance_token();
    }
    parser.expect_token(&Token::RBrace)?;
    let value = Value::SingleQuotedString(text).into();
    Ok(Some(Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })))
}

/// `CAST(expression AS type)`.
fn cast(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let value = parser.parse_expr()?;
    parser.expect_keyword(Keyword::AS)?;
    let cast = cast_to(parser, value)?;
    parser.expect_token(&Token::RParen)?;
    Ok(cast)
}

/// `CONVERT(expression, type)` and `CONVERT(expression USING charset)`.
fn convert(parser: &mut Parser) -> Result<Expr, ParserError> {
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
            sizes(parser)?;
            call("mysql_cast_float", vec![value])
        }
        "DECIMAL" | "DEC" | "NUMERIC" | "FIXED" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_decimal", with(sizes, &[10, 0]))
        }
        "CHAR" | "CHARACTER" | "NCHAR" | "VARCHAR" => {
            let sizes = sizes(parser)?;
            let cast = call("mysql_cast_char", with(sizes, &[]));
            match charset(parser)?.map(|charset| charset.to_ascii_lowercase()) {
                // A text is the same text in every set.
                Some(known) if known != "binary" && CHARACTER_SETS.contains(&known.as_str()) => cast,
                Some(charset) => in_character_set(cast, charset),
                None => cast,
            }
        }
        "BINARY" => {
            let sizes = sizes(parser)?;
            call("mysql_cast_binary", with(sizes, &[]))
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

/// A value in a character set: bytes, or text. Text stays the same text in every set, and its bytes are those of
/// UTF-8. The rewriter refuses the sets that there are not.
pub fn in_character_set(value: Expr, charset: String) -> Expr {
    match charset.to_ascii_lowercase().as_str() {
        "binary" => call("mysql_cast_binary", vec![value]),
        known if CHARACTER_SETS.contains(&known) => call("mysql_cast_char", vec![value]),
        _ => call("mysql_character_set", vec![value, string(charset)]),
    }
}

/// `JSON_VALUE(document, path [RETURNING type])`.
fn json_value(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let document = parser.parse_expr()?;
    parser.expect_token(&Token::Comma)?;
    let path = parser.parse_expr()?;
    let value = call("json_value", vec![document, path]);
    let value = if parser.parse_keyword(Keyword::RETURNING) { cast_to(parser, value)? } else { value };
    parser.expect_token(&Token::RParen)?;
    Ok(value)
}

/// CASE; sqlparser would read it a second time as a column when something inside is wrong.
fn case(parser: &mut Parser) -> Result<Expr, ParserError> {
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
fn function(parser: &mut Parser, name: &str) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.parse_function(ObjectName::from(vec![Ident::new(name)]))
}

/// A tree of small depth for operands in their order.
fn balanced(operator: &BinaryOperator, mut operands: Vec<Expr>) -> Expr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => binary(left, operator.clone(), right),
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or(Expr::Value(Value::Null.into()))
}

/// `left operator right`.
pub fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `operator operand`.
pub fn unary(op: UnaryOperator, operand: Expr) -> Expr {
    Expr::UnaryOp { op, expr: Box::new(operand) }
}

/// A call of a function with plain arguments.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A string literal.
pub fn string(text: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).into())
}

/// An integer literal.
pub fn number(number: u64) -> Expr {
    Expr::Value(Value::Number(number.to_string(), false).into())
}

/// Whether a word without quotes is this one, in any case.
pub fn is(word: &Word, name: &str) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name)
}

impl Dialect for LakeMySql {
    // sqlparser asks for its own dialect's type where it reads MySQL's phrases.
    fn dialect(&self) -> TypeId {
        TypeId::of::<MySqlDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.mysql.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.mysql.is_identifier_part(ch)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        self.prefix(parser).transpose()
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        match self.operator(parser) {
            // The clone is of what stands left of a whole chain, not of each link.
            Some((_, operator)) => {
                debug_assert_eq!(operator, precedence, "the parser asked for this operator's precedence");
                Some(self.chain(parser, expr.clone(), operator))
            }
            None => self.spend(&self.links_left).err().map(Err),
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        if let Some((_, precedence)) = self.operator(parser) {
            return Some(Ok(precedence));
        }
        let precedence = match &parser.peek_token_ref().token {
            Token::Period => PERIOD,
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::IS => COMPARISON,
                Keyword::IN | Keyword::BETWEEN | Keyword::LIKE | Keyword::REGEXP | Keyword::RLIKE => {
                    PREDICATE
                }
                Keyword::MEMBER => PREDICATE,
                Keyword::NOT => match &parser.peek_nth_token_ref(1).token {
                    Token::Word(next)
                        if matches!(
                            next.keyword,
                            Keyword::IN | Keyword::BETWEEN | Keyword::LIKE | Keyword::REGEXP | Keyword::RLIKE
                        ) =>
                    {
                        PREDICATE
                    }
                    _ => 0,
                },
                _ => 0,
            },
            _ => 0,
        };
        Some(Ok(precedence))
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => PERIOD,
            Precedence::DoubleColon => BINARY,
            Precedence::MulDivModOp => PRODUCT,
            Precedence::PlusMinus => SUM,
            Precedence::Xor => XOR,
            Precedence::Ampersand => BIT_AND,
            Precedence::Caret => BIT_XOR,
            Precedence::Pipe => BIT_OR,
            // A pattern or a bound takes no further predicate, `a LIKE b LIKE c` is `(a LIKE b) LIKE c`.
            Precedence::Like | Precedence::Between => PREDICATE,
            Precedence::Eq | Precedence::Is => COMPARISON,
            Precedence::PgOther | Precedence::AtTz | Precedence::Colon => JSON,
            Precedence::UnaryNot => NOT,
            Precedence::And => AND,
            Precedence::Or => OR,
        }
    }

    fn is_table_factor_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.mysql.is_table_factor_alias(explicit, keyword, parser)
            && (explicit
                || !matches!(keyword, Keyword::LOCK | Keyword::FOR | Keyword::INTO | Keyword::PROCEDURE))
    }

    fn is_column_alias(&self, keyword: &Keyword, _parser: &mut Parser) -> bool {
        !keywords::RESERVED_FOR_COLUMN_ALIAS.contains(keyword)
            && !RESERVED.contains(keyword)
            && !matches!(keyword, Keyword::FOR | Keyword::LOCK | Keyword::WINDOW | Keyword::PROCEDURE)
    }

    // What MySQL's dialect answers, and what only ours does: ROLLUP, parentheses around tables, LATERAL.
    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }
    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }
    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }
    fn supports_string_literal_concatenation(&self) -> bool {
        true
    }
    fn ignores_wildcard_escapes(&self) -> bool {
        true
    }
    fn supports_numeric_prefix(&self) -> bool {
        true
    }
    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }
    fn require_interval_qualifier(&self) -> bool {
        true
    }
    fn supports_limit_comma(&self) -> bool {
        true
    }
    fn supports_table_hints(&self) -> bool {
        true
    }
    fn supports_match_against(&self) -> bool {
        true
    }
    fn supports_select_modifiers(&self) -> bool {
        true
    }
    fn supports_cross_join_constraint(&self) -> bool {
        true
    }
    fn supports_double_ampersand_operator(&self) -> bool {
        true
    }
    fn supports_data_type_signed_suffix(&self) -> bool {
        true
    }
    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }
}
